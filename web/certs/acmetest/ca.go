// Package acmetest is a small certificate authority with ACME (RFC 8555) in memory. It keeps the limit of Let's Encrypt for failed
// validations, and it works in testing/synctest, because it is an http.RoundTripper and opens no socket.
package acmetest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/crypto/acme"
)

// MaxFailures is how many validations for a name may fail in an hour. The CA refuses orders after that.
const MaxFailures = 5

// CA is the authority. After the first request its exported fields may be changed by Set only.
type CA struct {
	Life  time.Duration     // of the certificates
	Terms string            // URL of the terms of service; empty = none
	EAB   map[string][]byte // external accounts and their keys; nil = none is needed
	Types []string          // of the challenges that are offered; nil = http-01, tls-alpn-01 and dns-01
	Down  func() bool       // whether connections are refused; nil = never
	// Hangs makes validations never end. As in step-ca, a problem of the step "validation" is shown all the same.
	Hangs bool

	// HTTP answers at port 80 of every name, and ALPN at port 443; nil = connections are refused.
	HTTP http.Handler
	ALPN func(*tls.ClientHelloInfo) *tls.Certificate
	// Refuse returns a problem for a request; nil = none. The step is a part of the URL: "directory", "account", "order", "authz",
	// "challenge-http-01", "finalize" or "certificate"; or it is "contact" for a change of an account. A problem of the step "validation"
	// makes a validation fail.
	Refuse func(step, name string) *Problem

	set sync.RWMutex // guards the exported fields; held while a request is answered

	mu          sync.Mutex // guards all below
	root, inter *authority
	nonces      map[string]bool
	serial      int64
	accounts    map[string]*account // by thumbprint
	orders      map[string]*order
	validations []Validation
}

// Problem is an error that the CA answers with.
type Problem struct {
	Status     int         `json:"status"`
	Type       string      `json:"type"`
	Detail     string      `json:"detail"`
	RetryAfter string      `json:"-"` // header
	Record     *ConnRecord `json:"-"` // for the step "validation"
}

// ConnRecord is where a validation connected to.
type ConnRecord struct {
	Address string `json:"addressUsed"`
	Port    string `json:"port"`
}

// Validation is a validation that has taken place.
type Validation struct {
	At         time.Time
	Name, Type string
	OK         bool
}

type account struct {
	id, thumbprint string
	key            *ecdsa.PublicKey
	contact        []string
	closed         *Problem // nil = the account is valid
	closedLate     bool     // newAccount returns the account all the same
}

type order struct {
	id, name, token string
	at              time.Time
	valid, invalid  bool
	problem         *Problem
	tried           string // type of the challenge
	certificate     []byte
	owner           *account
	deactivated     bool // the authorization
}

type authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// New returns a CA whose certificates live that long.
func New(life time.Duration) (*CA, error) {
	c := &CA{Life: life, nonces: map[string]bool{}, accounts: map[string]*account{}, orders: map[string]*order{}}
	var err error
	if c.root, err = newAuthority("acmetest root", nil); err != nil {
		return nil, err
	}
	c.inter, err = newAuthority("acmetest intermediate", c.root)
	return c, err
}

func newAuthority(name string, issuer *authority) (*authority, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	a := &authority{key, template}
	if issuer == nil {
		issuer = a
	}
	der, err := x509.CreateCertificate(rand.Reader, template, issuer.cert, key.Public(), issuer.key)
	if err != nil {
		return nil, err
	}
	a.cert, err = x509.ParseCertificate(der)
	return a, err
}

// Set calls f, which may change exported fields, while no request is answered.
func (c *CA) Set(f func()) {
	c.set.Lock()
	defer c.set.Unlock()
	f()
}

// Roots returns the root under which the certificates are.
func (c *CA) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(c.root.cert)
	return pool
}

// Orders returns the times of the orders for a name.
func (c *CA) Orders(name string) []time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	var times []time.Time
	for _, o := range c.orders {
		if o.name == name {
			times = append(times, o.at)
		}
	}
	slices.SortFunc(times, time.Time.Compare)
	return times
}

// Validations returns the validations until now.
func (c *CA) Validations() []Validation {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.validations)
}

// Close makes the CA answer requests of the present accounts with a problem. If late, newAccount still returns them.
func (c *CA) Close(p *Problem, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.accounts {
		a.closed, a.closedLate = p, late
	}
}

// Accounts returns the contacts of the accounts.
func (c *CA) Accounts() [][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var list [][]string
	for _, a := range c.accounts {
		list = append(list, a.contact)
	}
	return list
}

// RoundTrip implements http.RoundTripper. The CA answers at every host; its directory is at the path /directory.
func (c *CA) RoundTrip(r *http.Request) (*http.Response, error) {
	c.set.RLock()
	defer c.set.RUnlock()
	if c.Down != nil && c.Down() {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED}
	}
	w := httptest.NewRecorder()
	if p := c.serve(w, r); p != nil {
		w = httptest.NewRecorder()
		w.Header().Set("Content-Type", "application/problem+json")
		if p.RetryAfter != "" {
			w.Header().Set("Retry-After", p.RetryAfter)
		}
		w.Header().Set("Replay-Nonce", c.nonce())
		w.WriteHeader(p.Status)
		writeJSON(w, p)
	}
	answer := w.Result()
	answer.Request = r
	return answer, nil
}

func problem(status int, kind, format string, args ...any) *Problem {
	return &Problem{Status: status, Type: "urn:ietf:params:acme:error:" + kind, Detail: fmt.Sprintf(format, args...)}
}

func writeJSON(w io.Writer, v any) {
	if err := json.NewEncoder(w).Encode(v); err != nil {
		panic(err)
	}
}

func (c *CA) nonce() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	nonce := rand.Text()
	c.nonces[nonce] = true
	return nonce
}

// serve answers a request, or returns the problem to answer with.
func (c *CA) serve(w *httptest.ResponseRecorder, r *http.Request) *Problem {
	base := "https://" + r.URL.Host
	step, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	w.Header().Set("Replay-Nonce", c.nonce())
	switch step {
	case "directory":
		if p := c.refuse(step, ""); p != nil {
			return p
		}
		meta := map[string]any{"externalAccountRequired": c.EAB != nil}
		if c.Terms != "" {
			meta["termsOfService"] = c.Terms
		}
		writeJSON(w, map[string]any{"newNonce": base + "/nonce", "newAccount": base + "/account", "newOrder": base + "/order",
			"revokeCert": base + "/revoke", "keyChange": base + "/rollover", "meta": meta})
		return nil
	case "nonce":
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return problem(400, "malformed", "%v", err)
	}
	jws, h, err := open(body)
	if err != nil {
		return problem(400, "malformed", "%v", err)
	}
	c.mu.Lock()
	known := c.nonces[h.Nonce]
	delete(c.nonces, h.Nonce)
	c.mu.Unlock()
	if !known || h.URL != r.URL.String() {
		return problem(400, "badNonce", "unknown nonce")
	}
	if step == "account" && id == "" {
		return c.newAccount(w, base, jws, h)
	}
	a := c.accountOf(h.KID)
	if a == nil {
		return problem(400, "accountDoesNotExist", "no account %s", h.KID)
	}
	if err := jws.verify(a.key); err != nil {
		return problem(400, "malformed", "%v", err)
	}
	if a.closed != nil {
		return a.closed
	}
	return c.serveOrder(w, base, step, id, a, decode(jws.Payload))
}

// accountOf returns the account with a URL; nil = none.
func (c *CA) accountOf(kid string) *account {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.accounts {
		if strings.HasSuffix(kid, "/account/"+a.id) {
			return a
		}
	}
	return nil
}

func (c *CA) newAccount(w *httptest.ResponseRecorder, base string, jws signed, h header) *Problem {
	if p := c.refuse("account", ""); p != nil {
		return p
	}
	key, err := parseKey(h.JWK)
	if err == nil {
		err = jws.verify(key)
	}
	if err != nil {
		return problem(400, "malformed", "%v", err)
	}
	thumbprint, err := acme.JWKThumbprint(key)
	if err != nil {
		return problem(400, "badPublicKey", "%v", err)
	}
	var wanted struct {
		TermsOfServiceAgreed, OnlyReturnExisting bool
		Contact                                  []string
		ExternalAccountBinding                   json.RawMessage
	}
	if err := json.Unmarshal(decode(jws.Payload), &wanted); err != nil {
		return problem(400, "malformed", "%v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	status, a := http.StatusOK, c.accounts[thumbprint]
	if a == nil {
		switch {
		case wanted.OnlyReturnExisting:
			return problem(400, "accountDoesNotExist", "no such account")
		case c.Terms != "" && !wanted.TermsOfServiceAgreed:
			return problem(400, "malformed", "must agree to terms of service")
		}
		if p := c.bound(wanted.ExternalAccountBinding); p != nil {
			return p
		}
		c.serial++
		a = &account{id: strconv.FormatInt(c.serial, 10), thumbprint: thumbprint, key: key, contact: wanted.Contact}
		c.accounts[thumbprint] = a
		status = http.StatusCreated
	}
	if a.closed != nil && !a.closedLate {
		return a.closed
	}
	w.Header().Set("Location", base+"/account/"+a.id)
	w.WriteHeader(status)
	writeJSON(w, map[string]any{"status": "valid", "contact": a.contact})
	return nil
}

// bound checks an external account binding.
func (c *CA) bound(text json.RawMessage) *Problem {
	if c.EAB == nil {
		return nil
	}
	if len(text) == 0 {
		return problem(403, "externalAccountRequired", "the account must be bound to an external one")
	}
	jws, h, err := open(text)
	if err != nil {
		return problem(400, "malformed", "%v", err)
	}
	if key, ok := c.EAB[h.KID]; !ok || !jws.verifyMAC(key) {
		return problem(403, "unauthorized", "the external account binding is wrong")
	}
	return nil
}

func (c *CA) refuse(step, name string) *Problem {
	if c.Refuse == nil {
		return nil
	}
	return c.Refuse(step, name)
}

// serveOrder answers a request of an account, whose signature is verified.
func (c *CA) serveOrder(w *httptest.ResponseRecorder, base, step, id string, a *account, payload []byte) *Problem {
	if step == "account" {
		var change struct{ Contact []string }
		if json.Unmarshal(payload, &change) == nil && change.Contact != nil {
			if p := c.refuse("contact", ""); p != nil {
				return p
			}
			c.mu.Lock()
			a.contact = change.Contact
			c.mu.Unlock()
		}
		writeJSON(w, map[string]any{"status": "valid"})
		return nil
	}
	if step == "order" && id == "" {
		return c.newOrder(w, base, a, payload)
	}
	c.mu.Lock()
	o := c.orders[id]
	c.mu.Unlock()
	if o == nil || o.owner != a {
		return problem(404, "malformed", "no %s %s", step, id)
	}
	if p := c.refuse(step, o.name); p != nil {
		return p
	}
	switch step {
	case "order":
		writeJSON(w, o.object(base))
	case "authz":
		writeJSON(w, c.authorization(base, o, bytes.Contains(payload, []byte("deactivated"))))
	case "challenge-http-01", "challenge-tls-alpn-01", "challenge-dns-01":
		typ := strings.TrimPrefix(step, "challenge-")
		c.validate(o, typ)
		writeJSON(w, map[string]any{"type": typ, "status": "processing", "url": base + "/" + step + "/" + id, "token": o.token})
	case "finalize":
		return c.finalize(w, base, o, payload)
	case "certificate":
		w.Header().Set("Content-Type", "application/pem-certificate-chain")
		_, _ = w.Write(o.certificate)
	default:
		return problem(404, "malformed", "no %s", step)
	}
	return nil
}

func (o *order) object(base string) map[string]any {
	status := "pending"
	switch {
	case o.certificate != nil:
		status = "valid"
	case o.invalid:
		status = "invalid"
	case o.valid:
		status = "ready"
	}
	object := map[string]any{"status": status, "identifiers": []any{map[string]string{"type": "dns", "value": o.name}},
		"authorizations": []string{base + "/authz/" + o.id}, "finalize": base + "/finalize/" + o.id}
	if o.certificate != nil {
		object["certificate"] = base + "/certificate/" + o.id
	}
	return object
}

func (c *CA) newOrder(w *httptest.ResponseRecorder, base string, a *account, payload []byte) *Problem {
	var wanted struct{ Identifiers []struct{ Value string } }
	if err := json.Unmarshal(payload, &wanted); err != nil || len(wanted.Identifiers) != 1 {
		return problem(400, "malformed", "one name is needed")
	}
	name := wanted.Identifiers[0].Value
	if p := c.refuse("order", name); p != nil {
		return p
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	failures := 0
	for _, v := range c.validations {
		if v.Name == name && !v.OK && time.Since(v.At) < time.Hour {
			failures++
		}
	}
	if failures >= MaxFailures {
		p := problem(429, "rateLimited", "too many failed authorizations (%d) for %q in the last 1h0m0s", failures, name)
		p.RetryAfter = "3600"
		return p
	}
	c.serial++
	o := &order{id: strconv.FormatInt(c.serial, 10), name: name, token: rand.Text(), at: time.Now(), owner: a}
	c.orders[o.id] = o
	w.Header().Set("Location", base+"/order/"+o.id)
	w.WriteHeader(http.StatusCreated)
	writeJSON(w, o.object(base))
	return nil
}

func (c *CA) authorization(base string, o *order, deactivate bool) map[string]any {
	c.mu.Lock()
	defer c.mu.Unlock()
	o.deactivated = o.deactivated || deactivate
	status := "pending"
	switch {
	case o.deactivated:
		status = "deactivated"
	case o.invalid:
		status = "invalid"
	case o.valid:
		status = "valid"
	}
	types := c.Types
	if types == nil {
		types = []string{"dns-01", "http-01", "tls-alpn-01"}
	}
	var challenges []any
	for _, typ := range types {
		challenge := map[string]any{"type": typ, "status": status, "url": base + "/challenge-" + typ + "/" + o.id, "token": o.token}
		if typ == o.tried && o.problem != nil {
			challenge["error"] = o.problem
			if o.problem.Record != nil {
				challenge["validationRecord"] = []any{o.problem.Record}
			}
		}
		challenges = append(challenges, challenge)
	}
	return map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": o.name}, "challenges": challenges}
}

// validate validates a challenge at once.
func (c *CA) validate(o *order, typ string) {
	p := c.refuse("validation", o.name)
	switch {
	case p != nil, c.Hangs:
	case typ == "http-01":
		p = c.validateHTTP(o)
	case typ == "tls-alpn-01":
		p = c.validateALPN(o)
	default:
		p = problem(400, "malformed", "%s is not validated", typ)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if o.tried, o.problem = typ, p; c.Hangs {
		return
	}
	o.valid, o.invalid = p == nil, p != nil
	c.validations = append(c.validations, Validation{time.Now(), o.name, typ, o.valid})
}

func (c *CA) validateHTTP(o *order) *Problem {
	if c.HTTP == nil {
		return problem(400, "connection", "203.0.113.7: Fetching http://%s/.well-known/acme-challenge/%s: Connection refused", o.name, o.token)
	}
	w := httptest.NewRecorder()
	c.HTTP.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "http://"+o.name+":80/.well-known/acme-challenge/"+o.token, nil))
	if got := strings.TrimSpace(w.Body.String()); w.Code != http.StatusOK || got != o.token+"."+o.owner.thumbprint {
		return problem(403, "unauthorized", "203.0.113.7: Invalid response from http://%s/: %d", o.name, w.Code)
	}
	return nil
}

// acmeIdentifier is the extension of RFC 8737.
var acmeIdentifier = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}

func (c *CA) validateALPN(o *order) *Problem {
	if c.ALPN == nil {
		return problem(400, "connection", "203.0.113.7: Connection refused")
	}
	sum := sha256.Sum256([]byte(o.token + "." + o.owner.thumbprint))
	if got := c.ALPN(&tls.ClientHelloInfo{ServerName: o.name, SupportedProtos: []string{acme.ALPNProto}}); got != nil {
		leaf, err := x509.ParseCertificate(got.Certificate[0])
		if err != nil {
			return problem(400, "tls", "%v", err)
		}
		for _, e := range leaf.Extensions {
			var value []byte
			if _, err := asn1.Unmarshal(e.Value, &value); e.Id.Equal(acmeIdentifier) && err == nil && bytes.Equal(value, sum[:]) {
				return nil
			}
		}
	}
	return problem(403, "unauthorized", "Incorrect validation certificate for tls-alpn-01 challenge")
}

func (c *CA) finalize(w io.Writer, base string, o *order, payload []byte) *Problem {
	var wanted struct{ CSR string }
	if err := json.Unmarshal(payload, &wanted); err != nil {
		return problem(400, "malformed", "%v", err)
	}
	csr, err := x509.ParseCertificateRequest(decode(wanted.CSR))
	if err != nil || !o.valid || !slices.Equal(csr.DNSNames, []string{o.name}) {
		return problem(403, "orderNotReady", "the request does not fit the order: %v", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.serial++
	now := time.Now()
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(c.serial), DNSNames: csr.DNSNames,
		NotBefore: now.Add(-time.Second), NotAfter: now.Add(c.Life - 2*time.Second), KeyUsage: x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}, c.inter.cert, csr.PublicKey, c.inter.key)
	if err != nil {
		return problem(500, "serverInternal", "%v", err)
	}
	for _, der := range [][]byte{der, c.inter.cert.Raw} {
		o.certificate = append(o.certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	writeJSON(w, o.object(base))
	return nil
}
