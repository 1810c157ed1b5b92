package certs

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"ideco-agent/agent"
)

// maxNames limits what a root permits. Verifiers compare every name of a chain with every constraint, and some fail
// when the product of their numbers is too large (over 250,000 in the agent's Go 1.20).
const maxNames = 256

const localhost = "localhost"

// alwaysPermitted are the addresses that every root permits: no public site has them.
var alwaysPermitted = []netip.Prefix{
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("10.0.0.0/8"),
	netip.MustParsePrefix("172.16.0.0/12"),
	netip.MustParsePrefix("192.168.0.0/16"),
	netip.MustParsePrefix("::1/128"),
	netip.MustParsePrefix("fc00::/7"),
}

// names are the DNS names and addresses that a root permits besides localhost and alwaysPermitted. Both lists are
// sorted and without duplicates.
type names struct {
	dns []string
	ips []netip.Addr
}

// parseNames parses names in any order and case, and addresses in any notation.
func parseNames(list []string) (names, error) {
	var n names
	for _, text := range list {
		name := strings.ToLower(text)
		ip, err := netip.ParseAddr(text)
		if err == nil {
			ip = ip.Unmap()
			name = ip.String()
		}
		if !agent.IsHost(name) {
			return names{}, fmt.Errorf("%q is neither a DNS name in ASCII nor an IP address that a certificate can name",
				agent.Clean(text, 80))
		}
		n = n.with(name)
	}
	if count := len(n.dns) + len(n.ips); count > maxNames {
		return names{}, fmt.Errorf("%d names and addresses are too many for a root: at most %d", count, maxNames)
	}
	return n, nil
}

// with returns n with a canonical name or address added.
func (n names) with(name string) names {
	if n.permits(name) {
		return n
	}
	n = names{slices.Clone(n.dns), slices.Clone(n.ips)}
	if ip, err := netip.ParseAddr(name); err == nil {
		n.ips = append(n.ips, ip)
		slices.SortFunc(n.ips, netip.Addr.Compare)
	} else {
		n.dns = append(n.dns, name)
		slices.Sort(n.dns)
	}
	return n
}

// permits reports whether a root with these names permits a canonical name or address.
func (n names) permits(name string) bool {
	ip, err := netip.ParseAddr(name)
	if err != nil {
		return name == localhost || slices.Contains(n.dns, name)
	}
	return slices.Contains(n.ips, ip) || slices.ContainsFunc(alwaysPermitted, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// include reports whether n has all of o.
func (n names) include(o names) bool {
	for _, name := range o.texts() {
		if !n.permits(name) {
			return false
		}
	}
	return true
}

// texts returns the names in canonical form: DNS names, then addresses, each sorted.
func (n names) texts() []string {
	list := slices.Clone(n.dns)
	for _, ip := range n.ips {
		list = append(list, ip.String())
	}
	return list
}

// namesOf returns the names that constrain wrote into a root; false if the constraints have another form.
func namesOf(root *x509.Certificate) (names, bool) {
	list := slices.Clone(root.PermittedDNSDomains)
	for _, r := range root.PermittedIPRanges {
		ip, ok := netip.AddrFromSlice(r.IP)
		ones, bits := r.Mask.Size()
		switch {
		case !ok:
			return names{}, false
		case slices.Contains(alwaysPermitted, netip.PrefixFrom(ip, ones)):
		case ones == bits:
			list = append(list, ip.String())
		default:
			return names{}, false
		}
	}
	n, err := parseNames(list)
	return n, err == nil
}

// constrain limits a root to the names. Other kinds of names, such as e-mail addresses, need no constraint: a server's
// leaf does not have them.
func (n names) constrain(root *x509.Certificate) {
	root.PermittedDNSDomainsCritical = true
	root.PermittedDNSDomains = append([]string{localhost}, n.dns...)
	for _, p := range alwaysPermitted {
		root.PermittedIPRanges = append(root.PermittedIPRanges, ipRange(p))
	}
	for _, ip := range n.ips {
		root.PermittedIPRanges = append(root.PermittedIPRanges, ipRange(netip.PrefixFrom(ip, ip.BitLen())))
	}
}

func ipRange(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
