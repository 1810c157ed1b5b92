package client

import (
	"errors"
	"fmt"
	"net/netip"
	"sort"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// TunnelSetup is the gateway's description of the tunnel after validation: all addresses and networks can be routed, and
// all values are within limits.
type TunnelSetup struct {
	Endpoint     netip.AddrPort // UDP, at the gateway's address in the connection to it
	PublicKey    agent.Key      // the gateway's
	PresharedKey agent.Key      // zero = none
	Address      netip.Addr     // this computer's inside the tunnel; IPv4
	Nets         []netip.Prefix // routed into the tunnel, including the VPN network and the DNS servers; IPv4, not overlapping
	DNS          []netip.Addr   // IPv4; empty = leave DNS alone
	Suffixes     []string       // DNS names
	MTU          int            // bytes
	Keepalive    time.Duration  // whole seconds
}

// AllIPv4 is 0.0.0.0/0.
var AllIPv4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)

// Limits of the gateway's values. A value outside becomes the nearest limit, a missing one the default.
const (
	defaultMTU = 1420 // 1500 minus 80 bytes of WireGuard over IPv6
	minMTU     = 1280
	maxMTU     = 1500

	defaultKeepalive = 25 // seconds, less than the UDP timeout of most NATs
	minKeepalive     = 5
	maxKeepalive     = 120

	minVPNBits    = 8    // of the VPN network
	maxTunnelNets = 1024 // other gateways may send more than agent.MaxNets
)

func isTunnelAddr(a netip.Addr) bool {
	return a.Is4() && !agent.NotRoutable(netip.PrefixFrom(a, 32))
}

// readSetup validates the gateway's reply. own is the agent's public key, gateway the gateway's address in the connection
// to it. Entries that are valid but cannot be used are left out of the setup and described in leftOut, for the log.
func readSetup(gateway netip.Addr, own agent.Key, reply protocol.TunnelReply) (s TunnelSetup, leftOut []string, err error) {
	if s.Endpoint, err = readEndpoint(gateway, reply.ServerPort); err != nil {
		return s, nil, err
	}
	if err = s.readKeys(own, reply); err != nil {
		return s, nil, err
	}
	vpn, err := readAddress(reply.ClientTunnelIPv4, gateway)
	if err != nil {
		return s, nil, err
	}
	s.Address = vpn.Addr()
	nets, leftNets, err := readNets(reply.ForwardNets)
	if err != nil {
		return s, nil, err
	}
	var leftDNS []string
	if s.DNS, leftDNS, err = readDNS(reply.DNSIPv4); err != nil {
		return s, nil, err
	}
	if s.Suffixes, err = readSuffixes(reply.DNSSuffix); err != nil {
		return s, nil, err
	}
	for _, a := range s.DNS {
		nets = append(nets, netip.PrefixFrom(a, a.BitLen()))
	}
	s.Nets = dropContained(append(nets, vpn.Masked()))
	s.MTU = within(reply.MTU, defaultMTU, minMTU, maxMTU)
	s.Keepalive = time.Duration(within(reply.Keepalive, defaultKeepalive, minKeepalive, maxKeepalive)) * time.Second
	return s, append(leftNets, leftDNS...), nil
}

func readEndpoint(gateway netip.Addr, port int) (netip.AddrPort, error) {
	if !gateway.IsValid() || gateway.IsUnspecified() {
		return netip.AddrPort{}, errors.New("tunnel: the gateway's address is not known")
	}
	if port < 1 || port > 65535 {
		return netip.AddrPort{}, fmt.Errorf("tunnel: port %d", port)
	}
	return netip.AddrPortFrom(gateway, uint16(port)), nil
}

func (s *TunnelSetup) readKeys(own agent.Key, reply protocol.TunnelReply) error {
	var err error
	if s.PublicKey, err = agent.ParseKey(reply.PublicKey); err != nil || s.PublicKey == own {
		return errors.New("tunnel: invalid public key of the gateway")
	}
	if reply.PresharedKey == "" {
		return nil
	}
	if s.PresharedKey, err = agent.ParseKey(reply.PresharedKey); err != nil {
		return errors.New("tunnel: invalid preshared key") // without err, which would repeat it
	}
	return nil
}

// readAddress reads the address inside the tunnel with the VPN network.
func readAddress(text string, gateway netip.Addr) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("tunnel address: %w", err)
	case !isTunnelAddr(p.Addr()) || p.Addr() == gateway || p.Bits() < minVPNBits || agent.NotRoutable(p.Masked()):
		return p, fmt.Errorf("tunnel address: %s cannot be used", p)
	}
	return p, nil
}

// readNets leaves out networks that cannot be routed, such as loopback, and IPv6, which the tunnel does not carry.
func readNets(list []string) (nets []netip.Prefix, leftOut []string, err error) {
	if len(list) > maxTunnelNets {
		return nil, nil, fmt.Errorf("tunnel: %d networks", len(list))
	}
	for _, text := range list {
		n, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, nil, fmt.Errorf("tunnel network: %w", err)
		}
		if n = n.Masked(); !n.Addr().Is4() || agent.NotRoutable(n) && n != AllIPv4 {
			leftOut = append(leftOut, "network "+n.String()+" stays outside the tunnel")
			continue
		}
		nets = append(nets, n)
	}
	return nets, leftOut, nil
}

// readDNS leaves out servers that the tunnel cannot reach. It fails when none is left: names of the internal network
// would be sent to outside servers.
func readDNS(text string) (servers []netip.Addr, leftOut []string, err error) {
	fields := splitList(text)
	if len(fields) > agent.MaxDNS {
		return nil, nil, fmt.Errorf("tunnel: %d DNS servers", len(fields))
	}
	for _, field := range fields {
		a, err := netip.ParseAddr(field)
		if err != nil {
			return nil, nil, fmt.Errorf("tunnel DNS: %w", err)
		}
		if !isTunnelAddr(a) {
			leftOut = append(leftOut, "DNS server "+a.String()+" cannot be reached through the tunnel")
			continue
		}
		servers = append(servers, a)
	}
	if len(fields) > 0 && len(servers) == 0 {
		return nil, nil, errors.New("tunnel DNS: " + strings.Join(leftOut, "; "))
	}
	return servers, leftOut, nil
}

func readSuffixes(text string) ([]string, error) {
	fields := splitList(text)
	if len(fields) > agent.MaxSuffixes {
		return nil, fmt.Errorf("tunnel: %d DNS suffixes", len(fields))
	}
	names, p := agent.ParseSuffixes("dns_suffix", fields)
	if p.Code != "" {
		return nil, fmt.Errorf("tunnel DNS suffix %q", p.Value)
	}
	return names, nil
}

// splitList splits text at commas and spaces.
func splitList(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
}

// dropContained removes the networks that are inside another one.
func dropContained(nets []netip.Prefix) []netip.Prefix {
	sort.Slice(nets, func(i, j int) bool {
		if nets[i].Bits() != nets[j].Bits() {
			return nets[i].Bits() < nets[j].Bits()
		}
		return nets[i].Addr().Less(nets[j].Addr())
	})
	var kept []netip.Prefix
	for _, n := range nets {
		if !agent.InAny(kept, n.Addr()) {
			kept = append(kept, n)
		}
	}
	return kept
}

// Carries reports whether packets to the address go through the tunnel.
func (s TunnelSetup) Carries(a netip.Addr) bool { return agent.InAny(s.Nets, a) }

// within limits n to low … high; 0 becomes otherwise.
func within(n, otherwise, low, high int) int {
	switch {
	case n == 0:
		return otherwise
	case n < low:
		return low
	case n > high:
		return high
	}
	return n
}
