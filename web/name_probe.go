package web

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/web/certs"
)

// probeTimeout is how long an address may take to answer.
const probeTimeout = 4 * time.Second

// leadsTo says who answers at an address and port.
type leadsTo int

const (
	leadsNowhere   leadsTo = iota // no connection, or no HTTP answer
	leadsElsewhere                // something accepts the connection and is not this process
	leadsHere                     // this process answers
)

// nameProbes finds out whether an address leads to this process: it connects to the address, and the port's server answers with
// something that only this process knows.
type nameProbes struct {
	dial        func(ctx context.Context, network, address string) (net.Conn, error)
	certificate tls.Certificate // that of this process

	mu      sync.Mutex
	waiting map[string]string // answers of running probes by path
	alpn    int               // running probes of port 443
}

func newNameProbes(dial func(ctx context.Context, network, address string) (net.Conn, error)) (*nameProbes, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	return &nameProbes{
		dial:        dial,
		certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key},
		waiting:     map[string]string{},
	}, nil
}

// http requests a path like that of a CA from port 80 of an address, because a server in front may treat such paths specially. It
// follows no redirect.
func (p *nameProbes) http(ctx context.Context, name string, a netip.Addr) leadsTo {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	path, answer := certs.ChallengePath+rand.Text(), rand.Text()
	p.expect(path, answer)
	defer p.forget(path)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+name+path, nil)
	if err != nil {
		return leadsNowhere
	}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return p.dial(ctx, network, netip.AddrPortFrom(a, 80).String())
	}}
	response, err := transport.RoundTrip(request)
	if err != nil {
		return leadsNowhere
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
	if string(body) != answer {
		return leadsElsewhere
	}
	return leadsHere
}

// expect makes serve answer requests for a path.
func (p *nameProbes) expect(path, answer string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waiting[path] = answer
}

func (p *nameProbes) forget(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.waiting, path)
}

// serve answers a probe of port 80. It returns false without an answer if r is none.
func (p *nameProbes) serve(w http.ResponseWriter, r *http.Request) bool {
	if !strings.HasPrefix(r.URL.Path, certs.ChallengePath) {
		return false
	}
	p.mu.Lock()
	answer, ok := p.waiting[r.URL.Path]
	p.mu.Unlock()
	if ok {
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, answer)
	}
	return ok
}

// tls asks port 443 of an address as a CA would that checks a name by TLS-ALPN-01.
func (p *nameProbes) tls(ctx context.Context, name string, a netip.Addr) leadsTo {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p.countALPN(1)
	defer p.countALPN(-1)
	raw, err := p.dial(ctx, "tcp", netip.AddrPortFrom(a, 443).String())
	if err != nil {
		return leadsNowhere
	}
	defer raw.Close()
	// Only the certificate itself is compared: it proves that the other end is this process.
	conn := tls.Client(raw, &tls.Config{ServerName: name, NextProtos: []string{acme.ALPNProto}, InsecureSkipVerify: true})
	if err := conn.HandshakeContext(ctx); err != nil {
		return leadsElsewhere
	}
	if !bytes.Equal(conn.ConnectionState().PeerCertificates[0].Raw, p.certificate.Certificate[0]) {
		return leadsElsewhere
	}
	return leadsHere
}

// countALPN changes the number of running probes of port 443.
func (p *nameProbes) countALPN(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.alpn += n
}

// certificateFor returns the certificate that answers a probe of port 443; nil if no probe runs or hello is none.
func (p *nameProbes) certificateFor(hello *tls.ClientHelloInfo) *tls.Certificate {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.alpn == 0 || !slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return nil
	}
	return &p.certificate
}
