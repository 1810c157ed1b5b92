package web

import (
	"context"
	"crypto/tls"
	"log/slog"
	"net/http"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/web/certs"
)

// certificates implements handlers.Certificates.
type certificates struct {
	uploads
	rootChanges
	orders   orders
	choice   certs.Choice
	settings *settings
	hosts    *hosts
	ports    map[agent.ServedPort][]netip.AddrPort // where they listen
	store    *store.Store
	box      *secretbox.Box
	log      *slog.Logger
}

// orders gets certificates by ACME.
type orders interface {
	Run(ctx context.Context) error
	Certificate(name string) *tls.Certificate
	Changed() // the settings, the names or the uploaded certificates have changed
	TryNow() (notBefore time.Time, ok bool)
	State() []agent.CertificateOrder
	ServeChallenge(http.ResponseWriter, *http.Request) bool
	ChallengeCertificate(*tls.ClientHelloInfo) *tls.Certificate
}

// uploads has the uploaded certificates. The methods of handlers.Certificates have their comments there.
type uploads interface {
	// Covering returns a certificate that fits a name and is valid at a time; nil = none.
	Covering(name string, at time.Time) *tls.Certificate
	Uploaded() []handlers.Uploaded
	Upload(ctx context.Context, files [][]byte, password, by string) (handlers.Uploaded, error)
	RemoveUploaded(ctx context.Context, id agent.UploadedCertificateID, by string) error
}

// rootChanges changes the gateway's root. The methods are those of handlers.Certificates.
type rootChanges interface {
	Root() agent.RootCertificate
	RootChange() *agent.RootChange
	AnnounceRoot(ctx context.Context, by string) error
	CancelRoot(ctx context.Context, by string) error
}

func newCertificates(root *certs.Authority, s *settings, h *hosts, open *listeners, box *secretbox.Box, log *slog.Logger) *certificates {
	c := &certificates{uploads: noUploads{}, rootChanges: standingRoot{root}, orders: noOrders{}, settings: s, hosts: h, store: s.store, box: box, log: log}
	c.ports = map[agent.ServedPort][]netip.AddrPort{agent.PortPortal: addrPorts(open.portal), agent.PortAgent: addrPorts(open.agent)}
	c.choice = certs.Choice{
		Uploaded: func(name string) *tls.Certificate { return c.Covering(name, time.Now()) },
		Ordered:  c.orders.Certificate,
		Root:     root,
	}
	return c
}

// run returns when ctx is done.
func (c *certificates) run(ctx context.Context) error { return c.orders.Run(ctx) }

// Orders lists the state of ordering for each name of the gateway.
func (c *certificates) Orders() []agent.CertificateOrder { return c.orders.State() }

// Order starts a try now. Errors: agent.Problem with the time from which on a try is possible.
func (c *certificates) Order(context.Context) error {
	if at, ok := c.orders.TryNow(); !ok {
		return agent.Problem{Field: "acme", Code: "field_acme_too_soon", Value: at.UTC().Format(time.RFC3339)}
	}
	return nil
}

// historyLimit is how many events the page and REST show.
const historyLimit = 100

// History lists the newest events first.
func (c *certificates) History(ctx context.Context) ([]agent.CertificateEvent, error) {
	return c.store.CertificateEvents(ctx, historyLimit)
}
