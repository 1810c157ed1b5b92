package web

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"ideco-agent/agent"
)

// name checks where the saved domain leads.
func (d *doctor) name(ctx context.Context) []agent.Check {
	if d.settings == nil {
		return nil
	}
	domain := d.settings().Domain
	if domain == "" {
		return nil // there is a condition
	}
	addrs, err := d.lookUp(ctx, domain)
	if err != nil || len(addrs) == 0 {
		return []agent.Check{agent.NewCheck(agent.CheckNameUnresolved, args("Name", domain))}
	}
	own := interfaceAddresses()
	elsewhere := slices.DeleteFunc(slices.Clone(addrs), func(a netip.Addr) bool { return slices.Contains(own, a) })
	agents := tcpPort(d.start.AgentListen)
	about := args("Name", domain, "Addresses", joinAddrs(addrs), "Own", joinAddrs(withoutLoopback(own)), "Port", "TCP "+strconv.Itoa(int(agents)))
	if len(elsewhere) == 0 {
		return []agent.Check{agent.NewCheck(agent.CheckName, about)}
	}
	about["Addresses"] = joinAddrs(elsewhere)
	elsewhere = elsewhere[:min(len(elsewhere), maxProbed)]
	root, code := d.root(), agent.CheckNameForwarded
	for _, leads := range probeAll(elsewhere, func(a netip.Addr) leadsTo { return probeTLS(ctx, netip.AddrPortFrom(a, agents), root) }) {
		switch {
		case leads == leadsElsewhere:
			code = agent.CheckNameOther
		case leads == leadsNowhere && code == agent.CheckNameForwarded:
			code = agent.CheckNameElsewhere
		}
	}
	return []agent.Check{agent.NewCheck(code, about)}
}

// lookUp returns the addresses of a name, or the address that it is. Loopback is left out: Debian writes the computer's own name as
// 127.0.1.1 into /etc/hosts.
func (d *doctor) lookUp(ctx context.Context, name string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(name); err == nil {
		return []netip.Addr{a}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range found {
		found[i] = agent.Unmap(found[i])
	}
	slices.SortFunc(found, netip.Addr.Compare)
	return withoutLoopback(slices.Compact(found)), err
}

// certificate checks what the gateway serves for the saved domain, and its own root.
func (d *doctor) certificate(ctx context.Context) (list []agent.Check) {
	root := d.root()
	if d.settings != nil {
		if domain := d.settings().Domain; domain != "" {
			list = append(list, d.served(ctx, domain, root))
		}
	}
	if d.missing() {
		return list
	}
	return append(list, d.ownRoot(ctx, root))
}

// served judges the certificate for the domain as a browser gets it. By address the agents' port always serves that of the domain.
func (d *doctor) served(ctx context.Context, domain string, root *x509.Certificate) agent.Check {
	name, where := domain, d.start.PortalListen
	if _, err := netip.ParseAddr(domain); err == nil {
		name, where = "", d.start.AgentListen
	}
	chain := servedChain(ctx, here(where), name)
	if len(chain) == 0 {
		return agent.NewCheck(agent.CheckCertificateUnknown, args("Name", domain))
	}
	leaf, now := chain[0], time.Now()
	left := leaf.NotAfter.Sub(now)
	about := args("Name", domain, "Issuer", leaf.Issuer.CommonName, "Until", leaf.NotAfter.UTC().Format(time.RFC3339), "Days", int(left.Hours()/24))
	own := endsWith(chain, root)
	switch {
	case left <= 0:
		return agent.NewCheck(agent.CheckCertificateExpired, about)
	case !own && left < agent.EndNotice: // those of the own root renew themselves
		return agent.NewCheck(agent.CheckCertificateEnding, about)
	case !own && verifies(chain, domain, now) != nil:
		return agent.NewCheck(agent.CheckCertificateUntrusted, about)
	}
	return agent.NewCheck(agent.CheckCertificate, about)
}

// verifies returns why a computer without further roots does not trust a chain.
func verifies(chain []*x509.Certificate, name string, at time.Time) error {
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: between, CurrentTime: at})
	return err
}

// ownRoot checks that agents are shown the root whose pin is in their installers.
func (d *doctor) ownRoot(ctx context.Context, root *x509.Certificate) agent.Check {
	if root == nil {
		return agent.NewCheck(agent.CheckRootUnknown, nil)
	}
	sum := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	about := args("Pin", base64.StdEncoding.EncodeToString(sum[:]), "Until", root.NotAfter.UTC().Format(time.RFC3339))
	if chain := servedChain(ctx, here(d.start.AgentListen), "localhost"); d.pid != 0 && len(chain) > 0 && !endsWith(chain, root) {
		return agent.NewCheck(agent.CheckRootOther, about)
	}
	if time.Until(root.NotAfter) < agent.RootNotice {
		return agent.NewCheck(agent.CheckRootEnding, about)
	}
	return agent.NewCheck(agent.CheckRoot, about)
}

// here returns where this computer reaches the first of its listen addresses.
func here(where []string) netip.AddrPort {
	if len(where) == 0 {
		return netip.AddrPort{}
	}
	addresses, err := listening{}.parse(where[0])
	if err != nil {
		return netip.AddrPort{}
	}
	at := addresses[0]
	if at.Addr().IsUnspecified() {
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), at.Port())
	}
	return at
}
