package certs

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"

	"ideco-agent/agent"
)

// maxNames bounds what a certificate names. Verifiers compare every name with every constraint, and some give up above a
// product of the two (the agent's Go 1.20 at 250 000); no gateway comes near it.
const maxNames = 256

// names are what the gateway answers to. Both lists are in order and without duplicates.
type names struct {
	dns []string
	ips []netip.Addr
}

// parseNames reads names in any order, in any spelling of an address and any case.
func parseNames(list []string) (names, error) {
	var n names
	for _, text := range list {
		if ip, err := netip.ParseAddr(text); err == nil {
			ip = ip.Unmap()
			if !agent.IsHost(ip.String()) {
				return names{}, fmt.Errorf("%q is not an address that a certificate can name: "+
					"leave out zones, unspecified and multicast addresses", text)
			}
			n.ips = append(n.ips, ip)
			continue
		}
		name := strings.ToLower(text)
		if !agent.IsHost(name) {
			return names{}, fmt.Errorf("%q is neither a DNS name in ASCII nor an IP address", agent.Clean(text, 80))
		}
		n.dns = append(n.dns, name)
	}
	slices.Sort(n.dns)
	slices.SortFunc(n.ips, netip.Addr.Compare)
	n.dns, n.ips = slices.Compact(n.dns), slices.Compact(n.ips)
	switch count := len(n.dns) + len(n.ips); {
	case count == 0:
		return names{}, errors.New("a certificate needs at least one name or address")
	case count > maxNames:
		return names{}, fmt.Errorf("%d names and addresses are too many for a certificate: at most %d", count, maxNames)
	}
	return n, nil
}

// namesOf reads back what constrain wrote. A root without constraints of this form has no names.
func namesOf(root *x509.Certificate) names {
	if root == nil {
		return names{}
	}
	list := slices.Clone(root.PermittedDNSDomains)
	for _, r := range root.PermittedIPRanges {
		if ones, bits := r.Mask.Size(); ones != bits {
			return names{}
		}
		list = append(list, r.IP.String())
	}
	n, err := parseNames(list)
	if err != nil {
		return names{}
	}
	return n
}

func (n names) empty() bool { return len(n.dns)+len(n.ips) == 0 }

func (n names) equal(o names) bool { return slices.Equal(n.dns, o.dns) && slices.Equal(n.ips, o.ips) }

// identifyIn writes the names into a certificate of the gateway.
func (n names) identifyIn(leaf *x509.Certificate) {
	leaf.DNSNames = n.dns
	for _, ip := range n.ips {
		leaf.IPAddresses = append(leaf.IPAddresses, ip.AsSlice())
	}
}

// constrain limits a root to the names. A kind of name without any permitted one is excluded as a whole, in the form
// that the CA/Browser Forum asks for: an empty DNS name, all of IPv4, all of IPv6.
func (n names) constrain(root *x509.Certificate) {
	root.PermittedDNSDomainsCritical = true
	root.PermittedDNSDomains = n.dns
	if len(n.dns) == 0 {
		root.ExcludedDNSDomains = []string{""}
	}
	var v4, v6 bool
	for _, ip := range n.ips {
		v4, v6 = v4 || ip.Is4(), v6 || ip.Is6()
		root.PermittedIPRanges = append(root.PermittedIPRanges, ipRange(netip.PrefixFrom(ip, ip.BitLen())))
	}
	if !v4 {
		root.ExcludedIPRanges = append(root.ExcludedIPRanges, ipRange(netip.MustParsePrefix("0.0.0.0/0")))
	}
	if !v6 {
		root.ExcludedIPRanges = append(root.ExcludedIPRanges, ipRange(netip.MustParsePrefix("::/0")))
	}
}

func ipRange(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
