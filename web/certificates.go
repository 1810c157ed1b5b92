package web

import (
	"context"
	"crypto/tls"
	"log/slog"
	"math"
	"net/netip"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

// certificates implements handlers.Certificates.
type certificates struct {
	uploads
	rootChange
	orders   *certs.Orders
	checks   *nameChecks
	choice   certs.Choice
	trust    *publicTrust
	settings *settings
	hosts    *hosts
	ports    map[agent.ServedPort][]netip.AddrPort // the addresses that each listens at
	store    *store.Store
	box      *secretbox.Box
	log      *slog.Logger
}

// uploads has the uploaded certificates. The methods of handlers.Certificates have their comments there.
type uploads interface {
	// Covering returns a certificate that fits a name and is valid at a time; nil = none.
	Covering(name string, at time.Time) *tls.Certificate
	Uploaded() []handlers.Uploaded
	Upload(ctx context.Context, files [][]byte, password, by string) (handlers.Uploaded, error)
	RemoveUploaded(ctx context.Context, id agent.UploadedCertificateID, by string) error
	reload(context.Context) error
}

func openCertificates(ctx context.Context, c Config, root *certs.Authority, s *settings, h *hosts, open *listeners, box *secretbox.Box) (*certificates, error) {
	all := &certificates{trust: newPublicTrust(), settings: s, hosts: h, store: s.store, box: box, log: c.Log,
		ports: map[agent.ServedPort][]netip.AddrPort{agent.PortPortal: addrPorts(open.portal), agent.PortAgent: addrPorts(open.agent)}}
	all.rootChange = rootChange{root: root, record: all.record, log: c.Log}
	var err error
	if all.uploads, err = openUploads(ctx, all); err != nil {
		return nil, err
	}
	if all.checks, err = newNameChecks(c.Internet, func() string { return s.Current().ACME.Directory }); err != nil {
		return nil, err
	}
	all.orders, err = certs.OpenOrders(certs.OrdersConfig{
		Dir:           c.Data,
		Settings:      all.orderSettings,
		Names:         func() []string { return s.Current().Domains() },
		Covered:       all.covered,
		ALPNLeadsHere: all.checks.ALPNLeadsHere,
		Check:         all.checks.Check,
		Event:         all.record,
		Log:           c.Log,
	})
	all.choice = certs.Choice{
		Uploaded: func(name string) *tls.Certificate { return all.Covering(name, time.Now()) },
		Ordered:  all.orders.Certificate,
		Root:     root,
	}
	return all, err
}

// covered reports whether an uploaded certificate serves a name, and will for long enough that none is ordered yet.
func (c *certificates) covered(name string) bool {
	now := time.Now()
	return c.Covering(name, now) != nil && c.Covering(name, now.Add(agent.EndNotice)) != nil
}

// recordTimeout limits the writing of an event.
const recordTimeout = 10 * time.Second

// record adds an event to the history, and what the gateway did by itself to the log. What administrators did is in the log already.
func (c *certificates) record(e agent.CertificateEvent) {
	switch {
	case e.By != "":
	case e.Source == agent.SourceOwnRoot:
		c.log.Info("root certificate", "event", string(e.Event), "detail", e.Detail)
	default:
		level := slog.LevelInfo
		if e.Event == agent.EventFailed {
			level = slog.LevelWarn
		}
		c.log.Log(context.Background(), level, "certificate", "event", "certificate_"+string(e.Event), "name", e.Name, "cause", e.Cause, "detail", e.Detail)
	}
	ctx, cancel := context.WithTimeout(context.Background(), recordTimeout)
	defer cancel()
	if err := c.store.AddCertificateEvent(ctx, e); err != nil {
		c.log.Error("the history of the certificates was not written", "error", err)
	}
}

// run returns when ctx is done.
func (c *certificates) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return c.orders.Run(ctx) })
	g.Go(func() error { return c.warn(ctx) })
	g.Go(func() error { return c.rootChange.run(ctx) })
	return g.Wait()
}

// Orders lists the state of ordering for each name of the gateway.
func (c *certificates) Orders() []agent.CertificateOrder { return c.orders.State() }

// Order starts a try now. Errors: agent.Problem if the limits of the CA do not permit one yet.
func (c *certificates) Order(context.Context) error {
	if at, ok := c.orders.TryNow(); !ok {
		return agent.Problem{Field: "acme", Code: locale.FieldOrderTooSoon, Value: strconv.Itoa(int(math.Ceil(time.Until(at).Minutes())))}
	}
	return nil
}

// historyLimit is how many events the page and REST show.
const historyLimit = 100

// History lists the newest events first.
func (c *certificates) History(ctx context.Context) ([]agent.CertificateEvent, error) {
	return c.store.CertificateEvents(ctx, historyLimit)
}
