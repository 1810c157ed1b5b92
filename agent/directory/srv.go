package directory

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"ideco-agent/agent"
)

// resolver asks the DNS servers of a domain. The one that answered last is asked first.
type resolver struct {
	servers []netip.Addr  // empty = those of the gateway
	limit   time.Duration // of one server
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	first   atomic.Int32 // index in servers
}

// lookupSRV returns the SRV records of a name in the order of RFC 2782. A name without records is no error. Errors:
// *finding.
func (r *resolver) lookupSRV(ctx context.Context, name string) (records []*net.SRV, err error) {
	err = r.ask(ctx, func(ctx context.Context, at *net.Resolver) error {
		_, records, err = at.LookupSRV(ctx, "", "", absolute(name))
		if len(records) > 0 { // the error is about malformed ones besides
			return nil
		}
		return err
	})
	if isNotFound(err) {
		return nil, nil
	}
	return slices.DeleteFunc(records, func(r *net.SRV) bool { return r.Target == "." }), err
}

// lookupHost returns the addresses of a controller. Errors: *finding.
func (r *resolver) lookupHost(ctx context.Context, host string) (found []netip.Addr, err error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	err = r.ask(ctx, func(ctx context.Context, at *net.Resolver) error {
		found, err = at.LookupNetIP(ctx, "ip", absolute(host))
		return err
	})
	if isNotFound(err) {
		return nil, hostFinding(agent.FindingUnresolved, host, err)
	}
	return found, err
}

// ask calls lookup with one DNS server after the other until one answers. A single one is asked twice, because UDP loses
// packets. Errors: those of lookup for which isNotFound; *finding.
func (r *resolver) ask(ctx context.Context, lookup func(context.Context, *net.Resolver) error) error {
	if len(r.servers) == 0 {
		ctx, cancel := context.WithTimeout(ctx, 3*r.limit)
		defer cancel()
		return dnsFinding(lookup(ctx, &net.Resolver{PreferGo: true}), "")
	}
	var err error
	first := int(r.first.Load())
	for i := range max(2, len(r.servers)) {
		n := (first + i) % len(r.servers)
		if err = r.askOne(ctx, r.servers[n], lookup); err == nil || isNotFound(err) {
			r.first.Store(int32(n))
			return err
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	names := make([]string, len(r.servers))
	for i, s := range r.servers {
		names[i] = s.String()
	}
	return dnsFinding(err, strings.Join(names, ", "))
}

func (r *resolver) askOne(ctx context.Context, server netip.Addr, lookup func(context.Context, *net.Resolver) error) error {
	ctx, cancel := context.WithTimeout(ctx, r.limit)
	defer cancel()
	return lookup(ctx, &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return r.dial(ctx, network, netip.AddrPortFrom(server, 53).String())
	}})
}

func dnsFinding(err error, server string) error {
	if err == nil || isNotFound(err) {
		return err
	}
	return &finding{Finding: agent.FindingNoDNS, Args: map[string]string{"Server": server}, err: err}
}

func isNotFound(err error) bool {
	var dns *net.DNSError
	return errors.As(err, &dns) && dns.IsNotFound
}

// absolute ends a name with a dot, so that the resolver does not append search domains.
func absolute(name string) string { return strings.TrimSuffix(name, ".") + "." }

// bySRV returns the controllers of a domain, the preferred ones first.
func (s *servers) bySRV(ctx context.Context) ([]*controller, error) {
	domain := s.settings.Name
	names := []string{"_ldap._tcp." + domain}
	switch {
	case s.settings.Kind == agent.DirectoryAD:
		names = []string{"_ldap._tcp.dc._msdcs." + domain, "_ldap._tcp." + domain}
	case s.settings.Transport == agent.TransportLDAPS:
		names = []string{"_ldaps._tcp." + domain, "_ldap._tcp." + domain}
	}
	for _, name := range names {
		records, err := s.dns.lookupSRV(ctx, name)
		if err != nil {
			return nil, err
		}
		if len(records) == 0 {
			continue
		}
		var near []*net.SRV
		if s.settings.Kind == agent.DirectoryAD {
			near = s.ofSite(ctx, records)
		}
		return s.fromRecords(near, records, strings.HasPrefix(name, "_ldaps.")), nil
	}
	return nil, &finding{Finding: agent.FindingNoSRV, Args: map[string]string{"Name": names[0]}}
}

// ofSite returns the records of the controllers in the gateway's site; nil if the site is unknown.
func (s *servers) ofSite(ctx context.Context, records []*net.SRV) []*net.SRV {
	var hosts []string
	for _, r := range records[:min(3, len(records))] {
		hosts = append(hosts, strings.TrimSuffix(r.Target, "."))
	}
	site := s.site(ctx, hosts)
	if site == "" {
		return nil
	}
	near, err := s.dns.lookupSRV(ctx, "_ldap._tcp."+site+"._sites.dc._msdcs."+s.settings.Name)
	if err != nil {
		return nil
	}
	return near
}

// fromRecords makes controllers of SRV records. Those in near come first. Records of _ldap name the port for StartTLS.
func (s *servers) fromRecords(near, all []*net.SRV, ldaps bool) (list []*controller) {
	for i, r := range slices.Concat(near, all) {
		port := r.Port
		if s.settings.Transport == agent.TransportLDAPS && !ldaps {
			port = agent.DefaultLDAPSPort
		}
		c := newController(strings.ToLower(strings.TrimSuffix(r.Target, ".")), port)
		c.near, c.priority = i < len(near), r.Priority
		if !slices.ContainsFunc(list, func(o *controller) bool { return o.address == c.address }) {
			list = append(list, c)
		}
	}
	return list[:min(len(list), agent.MaxControllers)]
}

// sortByLatency orders controllers by priority, then by latency. It needs mu.
func sortByLatency(list []*controller) {
	slices.SortStableFunc(list, func(a, b *controller) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.measuredLatency(), b.measuredLatency()))
	})
}
