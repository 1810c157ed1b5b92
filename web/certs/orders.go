package certs

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"log/slog"
	"net/http"
	"time"

	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
)

// OrdersConfig configures Orders. All functions may be called from several goroutines; none may call a method of Orders.
type OrdersConfig struct {
	Dir      string // data directory; everything is in its subdirectory acme
	Settings func() OrderSettings
	Names    func() []string        // the domain, then the former domains, as agent.ParseDomain returns them
	Covered  func(name string) bool // whether an uploaded certificate is served for the name, so that none is ordered
	// ALPNLeadsHere reports whether port 443 of the name is known to lead to this gateway.
	ALPNLeadsHere func(ctx context.Context, name string) bool
	// Check finds out what the problem with a name may be; nil = nothing is found out.
	Check func(ctx context.Context, name string) []agent.NameCheck
	Event func(agent.CertificateEvent)
	Log   *slog.Logger
}

// OrderSettings say where and how certificates are ordered.
type OrderSettings struct {
	Directory string         // URL of the CA's directory (https); empty = nothing is ordered
	Roots     *x509.CertPool // that may have signed the certificate of Directory; nil = those of the system
	Email     string         // may be empty
	EAB       *acme.ExternalAccountBinding
	EABLost   bool   // there is an external account binding, but its key cannot be decrypted
	Terms     string // agent.ACMESettings.Terms
}

// Orders orders certificates by ACME and renews them. Its methods may be called from several goroutines.
type Orders struct {
	config OrdersConfig
}

// OpenOrders reads the certificates that were ordered before. Nothing is ordered before Run is called.
func OpenOrders(config OrdersConfig) (*Orders, error) { return &Orders{config: config}, nil }

// Run orders and renews until ctx ends. It returns nil then.
func (o *Orders) Run(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Certificate returns the ordered certificate for a name; nil if there is none that is valid now.
func (o *Orders) Certificate(name string) *tls.Certificate { return nil }

// Changed must be called after the settings, the names or the uploaded certificates have changed. It does not block.
func (o *Orders) Changed() {}

// TryNow starts a try for each name whose last one failed, as far as the limits of the CA permit one now. If they permit none,
// ok is false, and notBefore is when they will.
func (o *Orders) TryNow() (notBefore time.Time, ok bool) { return time.Time{}, true }

// State returns the state of each name, in the order of OrdersConfig.Names.
func (o *Orders) State() []agent.CertificateOrder {
	var list []agent.CertificateOrder
	for _, name := range o.config.Names() {
		list = append(list, agent.CertificateOrder{Name: name, State: agent.OrderOff})
	}
	return list
}

// ServeChallenge answers a request of the CA at port 80 (HTTP-01). It returns false without an answer if r is none, or if no
// challenge waits for it.
func (o *Orders) ServeChallenge(w http.ResponseWriter, r *http.Request) bool { return false }

// ChallengeCertificate returns the certificate that a CA asks for by the ALPN protocol acme.ALPNProto (TLS-ALPN-01); nil if no
// challenge waits for it.
func (o *Orders) ChallengeCertificate(hello *tls.ClientHelloInfo) *tls.Certificate { return nil }

// Terms asks a directory for the URL of its terms of service; agent.TermsNone if it has none. Errors: *agent.CertificateProblem.
func Terms(ctx context.Context, directory string, roots *x509.CertPool) (string, error) {
	return agent.TermsNone, nil
}
