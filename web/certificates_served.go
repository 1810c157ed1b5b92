package web

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
	"ideco-agent/web/certs"
)

// maxServedAddresses limits the addresses for which Served tells the certificate.
const maxServedAddresses = 16

// Served lists what the ports serve for the domains and at the addresses of this computer.
func (c *certificates) Served() []agent.ServedCertificate {
	var list []agent.ServedCertificate
	now := c.settings.Current()
	for _, name := range now.Domains() {
		for _, port := range []agent.ServedPort{agent.PortPortal, agent.PortAgent} {
			list = c.appendServed(list, port, name, name)
		}
	}
	addresses := slices.DeleteFunc(slices.Clone(c.hosts.own.List()), func(a netip.Addr) bool { return a.IsLoopback() || now.HasDomain(a.String()) })
	for _, a := range addresses[:min(len(addresses), maxServedAddresses)] {
		for _, port := range []agent.ServedPort{agent.PortPortal, agent.PortAgent} {
			if portAt(c.ports[port], a) != 0 {
				list = c.appendServed(list, port, a.String(), certificateName(now, c.hosts.Own, "", a, port == agent.PortAgent))
			}
		}
	}
	return list
}

// appendServed adds the certificate that clients get at a port and a name or address; named is the name in it.
func (c *certificates) appendServed(list []agent.ServedCertificate, port agent.ServedPort, name, named string) []agent.ServedCertificate {
	best, err := c.choice.Serving(named)
	if err != nil {
		c.log.Error("there is no certificate for a name", "name", name, "error", err)
		return list
	}
	served := agent.ServedCertificate{Port: port, Name: name, Certificate: c.describe(best, named)}
	if port == agent.PortAgent && best.Source != agent.SourceOwnRoot {
		if own, err := c.choice.OwnRoot(named); err == nil {
			pinned := c.describe(certs.Sourced{Certificate: own, Source: agent.SourceOwnRoot}, named)
			served.Pinned = &pinned
		}
	}
	return append(list, served)
}

// describe returns what people see of a certificate for a name, with the time of its renewal.
func (c *certificates) describe(s certs.Sourced, name string) agent.Certificate {
	d := certs.Describe(s.Certificate, s.Source)
	switch s.Source {
	case agent.SourceOwnRoot:
		d.Renewal = certs.LeafRenewal(s.Certificate)
	case agent.SourceACME:
		if o, ok := c.orderOf(name); ok && o.State != agent.OrderOff {
			d.Renewal = o.Next
		}
	}
	return d
}

// orderOf returns the state of ordering for a name.
func (c *certificates) orderOf(name string) (agent.CertificateOrder, bool) {
	for _, o := range c.orders.State() {
		if o.Name == name {
			return o, true
		}
	}
	return agent.CertificateOrder{}, false
}

// Ending lists the certificates that end within agent.EndNotice and that nothing will renew, or whose renewal fails. Of the uploaded
// ones it also lists those that have ended, until they are removed or another certificate is served for the name.
func (c *certificates) Ending() []agent.CertificateEnd {
	var list []agent.CertificateEnd
	for _, name := range c.settings.Current().Domains() {
		end := agent.CertificateEnd{Name: name}
		best, err := c.choice.Serving(name)
		switch {
		case err != nil:
			continue
		case best.Source == agent.SourceOwnRoot:
			end.Source, end.NotAfter = agent.SourceUploaded, c.endedFor(name)
		default:
			end.Source, end.NotAfter = best.Source, best.Leaf.NotAfter
		}
		if end.NotAfter.IsZero() || time.Until(end.NotAfter) > agent.EndNotice {
			continue
		}
		if end.Order = c.follows(name); end.Order != agent.OrderDone && end.Order != agent.OrderRunning {
			list = append(list, end)
		}
	}
	return list
}

// follows returns the state of ordering a certificate for a name, as it is without the uploaded one.
func (c *certificates) follows(name string) agent.OrderState {
	order, ok := c.orderOf(name)
	switch {
	case !ok:
		return agent.OrderOff
	case order.State == agent.OrderUploaded:
		return order.Then
	}
	return order.State
}

// endedFor returns the latest end of the uploaded certificates for a name that have ended; zero if there is none.
func (c *certificates) endedFor(name string) (latest time.Time) {
	for _, up := range c.Uploaded() {
		end := up.Leaf().NotAfter
		if end.Before(time.Now()) && end.After(latest) && c.Covering(name, end) != nil {
			latest = end
		}
	}
	return latest
}

// warnEvery is how often the log says which certificates end.
const warnEvery = 24 * time.Hour

// warn logs the certificates that end and that nothing renews, at the start and once a day, until ctx is done.
func (c *certificates) warn(ctx context.Context) error {
	again := time.NewTicker(warnEvery)
	defer again.Stop()
	for {
		for _, end := range c.Ending() {
			c.log.Warn("a certificate expires soon or has expired, and was not renewed: after that the gateway serves a certificate of its own root, which browsers "+
				"do not trust by themselves; upload a new one, or see the page «Сертификат» for why none was issued", "name", end.Name, "source", end.Source, "order", end.Order, "ends", end.NotAfter.UTC().Format(time.RFC3339))
		}
		select {
		case <-ctx.Done():
			return nil
		case <-again.C:
		}
	}
}
