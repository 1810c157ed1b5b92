package directory

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// secure makes a TLS connection of a TCP connection to a controller. It returns the certificates that were sent also with an
// error. Errors: *finding.
func (s *servers) secure(ctx context.Context, raw net.Conn, name string) (*tls.Conn, []agent.DirectoryCertificate, error) {
	if s.settings.Transport == agent.TransportStartTLS {
		if err := startTLS(ctx, raw); err != nil {
			return nil, nil, tlsFinding(ctx, name, err)
		}
	}
	var sent []agent.DirectoryCertificate
	var refused error // the handshake may return a network error instead, when it sends the alert
	conn := tls.Client(raw, &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         s.serverName(name),
		InsecureSkipVerify: true, // VerifyConnection verifies
		VerifyConnection: func(state tls.ConnectionState) error {
			refused = s.verify(state.PeerCertificates, name)
			sent = describe(state.PeerCertificates, refused == nil)
			return refused
		},
	})
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, sent, tlsFinding(ctx, name, cmp.Or(refused, err))
	}
	return conn, sent, nil
}

// serverName returns the name that the certificate of a controller must have.
func (s *servers) serverName(name string) string {
	if s.settings.TLSName != "" {
		return s.settings.TLSName
	}
	return name
}

// errNoStartTLS is a server's refusal to begin TLS.
var errNoStartTLS = errors.New("StartTLS refused")

// startTLS asks for TLS on a plain connection. Nothing is read beyond the answer.
func startTLS(ctx context.Context, raw net.Conn) error {
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	request := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationExtendedRequest, nil, "")
	request.AppendChild(ber.NewString(ber.ClassContext, ber.TypePrimitive, 0, "1.3.6.1.4.1.1466.20037", ""))
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, 1, ""))
	message.AppendChild(request)
	if _, err := raw.Write(message.Bytes()); err != nil {
		return err
	}
	answer, err := ber.ReadPacket(io.LimitReader(raw, 16<<10))
	if err != nil {
		return err
	}
	if err := ldap.GetLDAPError(answer); err != nil {
		if ldap.IsErrorWithCode(err, ldap.LDAPResultBusy) {
			return err
		}
		return fmt.Errorf("%w: %w", errNoStartTLS, err)
	}
	return nil
}

// tlsFinding classifies an error of startTLS or of a handshake.
func tlsFinding(ctx context.Context, name string, err error) error {
	var f *finding
	var timeout net.Error
	switch {
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil, errors.As(err, &timeout) && timeout.Timeout():
		return hostFinding(agent.FindingNoAnswer, name, err)
	// A controller of Active Directory without a certificate closes the connection when the handshake begins.
	case errors.Is(err, errNoStartTLS), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE):
		return hostFinding(agent.FindingNoTLS, name, err)
	}
	f = hostFinding(agent.FindingTLSFailed, name, err)
	f.Args["Error"] = err.Error()
	return f
}

// verify checks the certificates that a controller sent, its own first. A controller's own certificate in the settings is
// trusted for every name. Errors: *finding.
func (s *servers) verify(chain []*x509.Certificate, name string) error {
	leaf := chain[0]
	now := time.Now()
	if now.After(leaf.NotAfter) {
		f := hostFinding(agent.FindingExpiredCert, name, x509.CertificateInvalidError{Cert: leaf, Reason: x509.Expired})
		f.Args["Until"] = leaf.NotAfter.Format(time.DateOnly)
		return f
	}
	if slices.ContainsFunc(s.trusted, leaf.Equal) {
		return nil
	}
	options := x509.VerifyOptions{Intermediates: x509.NewCertPool(), CurrentTime: now}
	for _, c := range chain[1:] {
		options.Intermediates.AddCert(c)
	}
	if s.settings.CA != "" {
		options.Roots = x509.NewCertPool()
		for _, c := range s.trusted {
			options.Roots.AddCert(c)
		}
	}
	if _, err := leaf.Verify(options); err != nil {
		return chainFinding(chain, name, err)
	}
	wanted := s.serverName(name)
	if err := leaf.VerifyHostname(wanted); err != nil {
		if len(namesOf(leaf)) == 0 {
			return hostFinding(agent.FindingNoSAN, name, err)
		}
		f := hostFinding(agent.FindingWrongName, name, err)
		f.Args["Host"], f.Args["Names"] = wanted, strings.Join(namesOf(leaf), ", ")
		return f
	}
	return nil
}

// chainFinding classifies an error of x509.Certificate.Verify without a name.
func chainFinding(chain []*x509.Certificate, name string, err error) *finding {
	leaf, top := chain[0], chain[len(chain)-1]
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		f := hostFinding(agent.FindingExpiredCert, name, err)
		f.Args["Until"] = invalid.Cert.NotAfter.Format(time.DateOnly)
		return f
	case slices.ContainsFunc(chain, signedWithSHA1): // crypto/x509 reports an unknown authority
		return hostFinding(agent.FindingSHA1, name, err)
	case !errors.As(err, new(x509.UnknownAuthorityError)):
		f := hostFinding(agent.FindingTLSFailed, name, err)
		f.Args["Error"] = err.Error()
		return f
	case selfSigned(leaf):
		return hostFinding(agent.FindingSelfSigned, name, err)
	}
	f := hostFinding(agent.FindingUnknownCA, name, err)
	f.Args["Issuer"] = title(top.Issuer.CommonName, top.Issuer.String())
	return f
}

// signedWithSHA1 reports whether a certificate's signature counts and is made with SHA-1.
func signedWithSHA1(c *x509.Certificate) bool {
	return !selfSigned(c) && (c.SignatureAlgorithm == x509.SHA1WithRSA || c.SignatureAlgorithm == x509.ECDSAWithSHA1)
}

func selfSigned(c *x509.Certificate) bool { return bytes.Equal(c.RawIssuer, c.RawSubject) }

// describe returns what a report shows of certificates.
func describe(chain []*x509.Certificate, trusted bool) (list []agent.DirectoryCertificate) {
	for _, c := range chain[:min(len(chain), 10)] {
		sum := sha256.Sum256(c.Raw)
		list = append(list, agent.DirectoryCertificate{
			Subject: title(c.Subject.CommonName, c.Subject.String()), Issuer: title(c.Issuer.CommonName, c.Issuer.String()),
			Names: namesOf(c), NotBefore: c.NotBefore, NotAfter: c.NotAfter,
			SHA256: hex.EncodeToString(sum[:]), CA: c.IsCA, Trusted: trusted,
			PEM: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})),
		})
	}
	return list
}

// title returns the common name of a subject or issuer, or the whole name where it has none.
func title(commonName, whole string) string {
	if commonName == "" {
		commonName = whole
	}
	return agent.Clean(commonName, 200)
}

// namesOf returns the subject alternative names of a certificate that can name a server.
func namesOf(c *x509.Certificate) (names []string) {
	for _, n := range c.DNSNames {
		names = append(names, agent.Clean(n, 255))
	}
	for _, a := range c.IPAddresses {
		names = append(names, a.String())
	}
	return names
}

// parseCertificates returns the certificates of a PEM text. What is no certificate is left out.
func parseCertificates(text string) (list []*x509.Certificate) {
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return list
		}
		if c, err := x509.ParseCertificate(block.Bytes); err == nil && block.Type == "CERTIFICATE" {
			list = append(list, c)
		}
	}
}
