package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"ideco-agent/agent/atomicfile"
)

// Types of challenges (RFC 8555 section 8.3, RFC 8737).
const (
	challengeHTTP = "http-01"
	challengeALPN = "tls-alpn-01"
)

// attempt orders one certificate with one type of challenge. autocert starts a timer after a success that renews the certificate and
// cannot be stopped. So each attempt has its own autocert.Manager. Soon after the attempt its requests are refused, and its timer finds
// a certificate that does not end.
type attempt struct {
	name      string
	transport *caTransport
	manager   *autocert.Manager
	cache     *attemptCache
	terms     *termsPrompt
}

// attemptConfig configures an attempt.
type attemptConfig struct {
	name, challenge string
	settings        OrderSettings
	account         string // file with the key of the account
	base            http.RoundTripper
}

func newAttempt(ctx context.Context, c attemptConfig) *attempt {
	a := &attempt{
		name:      c.name,
		transport: &caTransport{base: c.base, ctx: ctx, directory: c.settings.Directory, challenge: c.challenge},
		cache:     &attemptCache{name: c.name, account: c.account, tokens: map[string][]byte{}},
		terms:     &termsPrompt{accepted: c.settings.Terms},
	}
	a.manager = &autocert.Manager{
		Prompt:     a.terms.ask,
		Cache:      a.cache,
		HostPolicy: autocert.HostWhitelist(c.name),
		Client:     newClient(c.settings.Directory, a.transport),
		Email:      c.settings.Email,
	}
	if eab := c.settings.EAB; eab != nil && len(eab.Key) > 0 {
		a.manager.ExternalAccountBinding = eab
	}
	if c.challenge == challengeHTTP {
		a.manager.HTTPHandler(nil) // permits this type
	}
	return a
}

// run orders a certificate. It returns it with its key in PEM, or an error that problem explains. It ends early with ctx; autocert
// then goes on in the background for five minutes at most, with its requests refused.
func (a *attempt) run(ctx context.Context) ([]byte, error) {
	done := make(chan error, 1)
	go func() {
		_, err := a.manager.GetCertificate(&tls.ClientHelloInfo{ServerName: a.name,
			CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}}) // an ECDSA key
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = ctx.Err()
	}
	a.transport.end()
	issued := a.cache.end()
	if err == nil && issued == nil {
		err = errors.New("autocert returned a certificate without its key")
	}
	return issued, err
}

// termsPrompt answers autocert whether the terms of service are accepted.
type termsPrompt struct {
	accepted string
	mu       sync.Mutex
	declined bool
}

func (p *termsPrompt) ask(url string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.declined = url != p.accepted
	return !p.declined
}

func (p *termsPrompt) isDeclined() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.declined
}

// storageError is an error of reading or writing a file.
type storageError struct{ err error }

func (e *storageError) Error() string { return e.err.Error() }
func (e *storageError) Unwrap() error { return e.err }

// Names that autocert gives to what it stores.
const (
	cachedAccount   = "acme_account+key"
	cachedHTTPToken = "+http-01" // the suffix
)

// attemptCache is the autocert.Cache of an attempt. Only the key of the account is in a file.
type attemptCache struct {
	name, account string

	mu     sync.Mutex
	over   bool
	issued []byte
	tokens map[string][]byte // of the challenges that wait
}

// end ends the attempt and returns the issued certificate with its key, or nil.
func (c *attemptCache) end() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	return c.issued
}

// Get implements autocert.Cache. There is no certificate during the attempt, so that autocert orders one.
func (c *attemptCache) Get(_ context.Context, key string) ([]byte, error) {
	if key == cachedAccount {
		return c.readAccount()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == c.name && c.over {
		return endless(c.name)
	}
	if found := c.tokens[key]; found != nil {
		return found, nil
	}
	return nil, autocert.ErrCacheMiss
}

// endless returns a certificate that is never served and does not end, with its key.
func endless(name string) ([]byte, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{DNSNames: []string{name}, NotBefore: time.Now().Add(-backdate),
		NotAfter: time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)}
	certificate, err := sign(template, template, key, key)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return append(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw})...), nil
}

// readAccount reads the key of the account. A damaged one is replaced: the CA then makes another account.
func (c *attemptCache) readAccount() ([]byte, error) {
	text, err := os.ReadFile(c.account)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, autocert.ErrCacheMiss
	}
	if err != nil {
		return nil, &storageError{fmt.Errorf("read the key of the account at the CA: %w", err)}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, autocert.ErrCacheMiss
	}
	if _, err := x509.ParseECPrivateKey(block.Bytes); err != nil {
		return nil, autocert.ErrCacheMiss
	}
	return text, nil
}

// Put implements autocert.Cache.
func (c *attemptCache) Put(_ context.Context, key string, data []byte) error {
	if key == cachedAccount {
		if err := atomicfile.Write(c.account, data, 0o600); err != nil {
			return &storageError{fmt.Errorf("write the key of the account at the CA: %w", err)}
		}
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if key == c.name {
		c.issued = data
	} else {
		c.tokens[key] = data
	}
	return nil
}

// Delete implements autocert.Cache.
func (c *attemptCache) Delete(_ context.Context, key string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.tokens, key)
	return nil
}

// httpToken returns the answer to an HTTP-01 challenge that waits, or nil.
func (c *attemptCache) httpToken(token string) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.tokens[token+cachedHTTPToken]
}

// waitsForALPN reports whether a TLS-ALPN-01 challenge waits.
func (c *attemptCache) waitsForALPN() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.tokens {
		if !strings.HasSuffix(key, cachedHTTPToken) {
			return true
		}
	}
	return false
}

// ChallengePath begins the path at which a CA asks for the answer to an HTTP-01 challenge (RFC 8555 section 8.3).
const ChallengePath = "/.well-known/acme-challenge/"

// serveHTTP answers an HTTP-01 request if its challenge waits.
func (a *attempt) serveHTTP(w http.ResponseWriter, r *http.Request) bool {
	token, ok := strings.CutPrefix(r.URL.Path, ChallengePath)
	if !ok || !strings.EqualFold(withoutPort(r.Host), a.name) || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	answer := a.cache.httpToken(token)
	if answer == nil {
		return false
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write(answer)
	return true
}

// challengeCertificate answers a TLS-ALPN-01 handshake if its challenge waits.
func (a *attempt) challengeCertificate(hello *tls.ClientHelloInfo) *tls.Certificate {
	if len(hello.SupportedProtos) != 1 || hello.SupportedProtos[0] != acme.ALPNProto ||
		!strings.EqualFold(hello.ServerName, a.name) || !a.cache.waitsForALPN() {
		return nil
	}
	certificate, err := a.manager.GetCertificate(hello)
	if err != nil {
		return nil
	}
	return certificate
}

// withoutPort removes the port from a Host header.
func withoutPort(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		return host[:i]
	}
	return host
}
