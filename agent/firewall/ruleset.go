package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
)

// Table is the name of the table, in the family inet. Nothing else is ever touched.
const Table = "ideco_agent"

// memberSet is a named set. Sets outlive changes of the rules, so what a name means must never change: a set of another
// shape takes another name.
type memberSet struct {
	name         string
	hasInterface bool
	hasMAC       bool
	v6           bool
	anyAddress   bool // the key ends with the MAC
	dynamic      bool // filled by packets, not by us
}

// The sets of the table.
var (
	lan4    = &memberSet{name: "lan4", hasInterface: true, hasMAC: true}                                     // attached hosts: interface, MAC, address
	lan6    = &memberSet{name: "lan6", hasInterface: true, hasMAC: true, v6: true}                           //
	routed4 = &memberSet{name: "routed4", hasInterface: true}                                                // hosts behind a router: interface, address
	routed6 = &memberSet{name: "routed6", hasInterface: true, v6: true}                                      //
	back4   = &memberSet{name: "back4", hasInterface: true}                                                  // where answers to both may go
	back6   = &memberSet{name: "back6", hasInterface: true, v6: true}                                        //
	vpn4    = &memberSet{name: "vpn4"}                                                                       // addresses in the tunnel
	dnsMAC  = &memberSet{name: "dns_mac", hasInterface: true, hasMAC: true, anyAddress: true, dynamic: true} // who asks DNS without a session, and how often
	dnsMAC4 = &memberSet{name: "dns_mac4", hasInterface: true, hasMAC: true, dynamic: true}                  //
	dnsMAC6 = &memberSet{name: "dns_mac6", hasInterface: true, hasMAC: true, v6: true, dynamic: true}        //
	dns4    = &memberSet{name: "dns4", hasInterface: true, dynamic: true}                                    // the same on interfaces without MACs
	dns6    = &memberSet{name: "dns6", hasInterface: true, v6: true, dynamic: true}                          //
	allSets = []*memberSet{lan4, lan6, routed4, routed6, back4, back6, vpn4, dnsMAC, dnsMAC4, dnsMAC6, dns4, dns6}
)

// sessionSets are those that sessions put addresses into.
var sessionSets = []*memberSet{lan4, lan6, routed4, routed6, back4, back6, vpn4}

// Hosts that ask DNS without a session.
const (
	dnsRate    = 20   // packets per second from an address
	dnsMACRate = 1000 // from all addresses of a MAC, which may be a router's
	dnsHosts   = 65535
	dnsMemory  = 5 * time.Second // more than the second after which a host may send as much as at first
)

func (s *memberSet) types() []nftables.SetDatatype {
	var list []nftables.SetDatatype
	if s.hasInterface {
		list = append(list, nftables.TypeIFName)
	}
	if s.hasMAC {
		list = append(list, nftables.TypeEtherAddr)
	}
	switch {
	case s.anyAddress:
		return list
	case s.v6:
		return append(list, nftables.TypeIP6Addr)
	}
	return append(list, nftables.TypeIPAddr)
}

// definition is the set's body as nft prints it.
func (s *memberSet) definition() []string {
	var names []string
	for _, t := range s.types() {
		names = append(names, t.Name)
	}
	lines := []string{"type " + strings.Join(names, " . ")}
	if s.dynamic {
		return append(lines, "size 65535", "flags dynamic,timeout", "timeout 5s")
	}
	return append(lines, "counter", "timeout 1m")
}

// chain is a list of rules, each as nft prints it. All chains are always there, some without rules.
type chain struct {
	name  string
	hook  string // where the kernel asks it; empty: only jumped to
	rules []string
}

// The hooks. Their policy is to accept: whatever no rule here speaks of is for the administrator's rules to judge.
const (
	atForward     = "type filter hook forward priority filter; policy accept;"
	atInput       = "type filter hook input priority filter; policy accept;"
	atMangle      = "type filter hook forward priority mangle; policy accept;"
	atPrerouting  = "type nat hook prerouting priority dstnat; policy accept;"
	atPostrouting = "type nat hook postrouting priority srcnat; policy accept;"
)

// What rules match.
const (
	saddr4 = "ip saddr"
	saddr6 = "ip6 saddr"
	daddr4 = "ip daddr"
	daddr6 = "ip6 daddr"

	reply      = "ct direction reply"
	original   = "ct direction original"
	answers    = "ct direction reply ct state established,related"
	noEthernet = "meta iiftype != ether"
	vpnUser    = "ip saddr @vpn4"
)

// add adds a rule made of words, which are as of fmt.Sprintf.
func (c *chain) add(format string, words ...any) {
	c.rules = append(c.rules, fmt.Sprintf(format, words...))
}

// among matches an address in one of some networks of its family. Without such networks it is empty, and there is no rule.
func among(addr string, nets []netip.Prefix) string {
	list := ofFamily(nets, strings.HasPrefix(addr, "ip6"))
	words := make([]string, len(list))
	for i, n := range list {
		if words[i] = n.String(); n.IsSingleIP() {
			words[i] = n.Addr().String()
		}
	}
	return oneOf(addr, words)
}

// port matches destination ports.
func port(proto string, ports ...uint16) string {
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = fmt.Sprint(p)
	}
	return oneOf(proto+" dport", words)
}

func oneOf(what string, words []string) string {
	switch len(words) {
	case 0:
		return ""
	case 1:
		return what + " " + words[0]
	}
	return what + " { " + strings.Join(words, ", ") + " }"
}

// chains describes the rules of a plan. Chains come before those that jump to them.
func (p Plan) chains() []*chain {
	return []*chain{p.dns(), p.open(), p.tell(), p.refuse(), p.fromLAN(), p.toLAN(), p.lan(), p.wan(), p.fromTunnel(), p.toTunnel(),
		p.toGateway(), p.page(), p.signIn(), p.gateway(), p.forward(), p.input(), p.clamp(), p.prerouting(), p.postrouting()}
}

// refuse has hosts told that nothing passes, so that programs give up at once instead of waiting. An answer to a source
// that only somebody beyond the WAN can have would carry there what was refused, which it quotes; such a one gets none.
func (p Plan) refuse() *chain {
	c := &chain{name: "refuse"}
	for _, saddr := range []string{saddr4, saddr6} {
		if local := among(saddr, p.local()); local != "" {
			c.add("%s jump tell", local)
		}
	}
	c.add("drop")
	return c
}

func (p Plan) tell() *chain {
	return &chain{name: "tell", rules: []string{"meta l4proto tcp reject with tcp reset", "reject with icmpx admin-prohibited"}}
}

func (p Plan) forward() *chain {
	c := &chain{name: "forward", hook: atForward}
	for _, name := range namesOf(p.LAN) {
		c.add("iifname %q jump lan", name)
	}
	for _, name := range namesOf(p.WAN) {
		c.add("iifname %q jump wan", name)
	}
	if p.Tunnel != "" {
		c.add("iifname %q jump from_tunnel", p.Tunnel)
		c.add("oifname %q jump to_tunnel", p.Tunnel)
	}
	return c
}

func (p Plan) lan() *chain {
	c := &chain{name: "lan"}
	for _, name := range namesOf(p.WAN) {
		c.add("oifname %q jump from_lan", name)
	}
	return c
}

func (p Plan) wan() *chain {
	c := &chain{name: "wan"}
	for _, name := range namesOf(p.LAN) {
		c.add("oifname %q jump to_lan", name)
	}
	return c
}

func (p Plan) input() *chain {
	c := &chain{name: "input", hook: atInput}
	nets := p.neverOutside()
	for _, name := range namesOf(p.WAN) {
		for _, saddr := range []string{saddr4, saddr6} {
			if borrowed := among(saddr, nets); borrowed != "" {
				c.add("iifname %q %s %s drop comment %q", name, original, borrowed, "borrowed addresses")
			}
		}
	}
	if p.Tunnel != "" {
		c.add("iifname %q jump to_gateway", p.Tunnel)
	}
	return c
}

func (p Plan) fromLAN() *chain {
	c := &chain{name: "from_lan"}
	// What is meant for the tunnel takes the default route while the tunnel starts anew. Nobody outside may see it, and an
	// answer would end connections that only pause.
	if p.Tunnel != "" && p.VPNNetwork.IsValid() && p.VPNNetwork.Addr().Is4() {
		c.add("%s drop comment %q", among(daddr4, []netip.Prefix{p.VPNNetwork}), "the tunnel is away")
	}
	c.add("iifname . ether saddr . ip saddr @lan4 accept")
	c.add("iifname . ether saddr . ip6 saddr @lan6 accept")
	c.add("iifname . ip saddr @routed4 accept")
	c.add("iifname . ip6 saddr @routed6 accept")
	c.add("%s ct status dnat accept comment %q", reply, "answers of published services")
	for _, where := range p.whereOpen(daddr4, daddr6, "dport") {
		c.add("%s jump open comment %q", where, "open before login")
	}
	c.add("jump refuse")
	return c
}

// opened are the servers that are open at a port.
type opened struct {
	port    uint16 // 0 = the whole host
	servers []netip.Prefix
}

// opened is OpenBeforeLogin by port.
func (p Plan) opened() (list []opened) {
	for _, o := range p.OpenBeforeLogin {
		i := slices.IndexFunc(list, func(other opened) bool { return other.port == o.Port })
		if i < 0 {
			i, list = len(list), append(list, opened{port: o.Port})
		}
		list[i].servers = append(list[i].servers, prefixesOf([]netip.Addr{o.Addr})...)
	}
	slices.SortFunc(list, func(a, b opened) int { return int(a.port) - int(b.port) })
	return list
}

// whereOpen matches the servers that are open, in several rules: a server by its address and, where only a port of it is
// open, by that port of UDP and TCP.
func (p Plan) whereOpen(addr4, addr6, whichPort string) (matches []string) {
	for _, o := range p.opened() {
		for _, addr := range []string{addr4, addr6} {
			switch server := among(addr, o.servers); {
			case server == "":
			case o.port == 0:
				matches = append(matches, server)
			default:
				matches = append(matches, fmt.Sprintf("%s udp %s %d", server, whichPort, o.port), fmt.Sprintf("%s tcp %s %d", server, whichPort, o.port))
			}
		}
	}
	return matches
}

func (p Plan) open() *chain {
	return &chain{name: "open", rules: []string{"udp dport 53 jump dns", "tcp dport 53 jump dns", "accept"}}
}

// dns limits how much each host asks without a session. A LAN host can send under addresses and MACs that it makes up, and
// these rules keep it from locking other hosts out:
//
//   - Addresses are counted together with the MAC: packets under another host's address do not use up that host's share.
//   - All addresses of one MAC together have a limit. It is below what it takes to fill a set of 65,535 hosts that lasts 5
//     seconds, or the 64,000 ports that masquerading has for the questions of 30 seconds to one server.
//   - A packet that finds no place in a full set is accepted. Who makes up MACs too can fill a set, and would stop everybody
//     else if such packets were dropped. It costs nothing: with as many addresses there is no limit to speak of anyway.
//
// There is no limit for all hosts together, because made-up addresses would use it up.
func (p Plan) dns() *chain {
	c := &chain{name: "dns"}
	exceeds := func(match, set, key string, rate int) {
		c.add("%supdate @%s { %s limit rate over %d/second burst %d packets } drop", match, set, key, rate, rate)
	}
	exceeds("", "dns_mac", "iifname . ether saddr", dnsMACRate)
	exceeds("", "dns_mac4", "iifname . ether saddr . ip saddr", dnsRate)
	exceeds("", "dns_mac6", "iifname . ether saddr . ip6 saddr", dnsRate)
	exceeds(noEthernet+" ", "dns4", "iifname . ip saddr", dnsRate)
	exceeds(noEthernet+" ", "dns6", "iifname . ip6 saddr", dnsRate)
	c.add("accept")
	return c
}

func (p Plan) toLAN() *chain {
	c := &chain{name: "to_lan"}
	c.add("%s oifname . ip daddr @back4 accept", answers)
	c.add("%s oifname . ip6 daddr @back6 accept", answers)
	c.add("%s ct status dnat accept comment %q", original, "published services")
	for _, where := range p.whereOpen(saddr4, saddr6, "sport") {
		c.add("%s %s accept comment %q", answers, where, "open before login")
	}
	c.add("drop")
	return c
}

func (p Plan) fromTunnel() *chain {
	c := &chain{name: "from_tunnel"}
	if p.Tunnel == "" {
		return c
	}
	if p.VPNPeersMayTalk {
		c.add("oifname %q %s ip daddr @vpn4 accept", p.Tunnel, vpnUser)
	}
	c.add("oifname %q jump refuse", p.Tunnel)
	p.forwarded(c)
	c.add("jump refuse")
	return c
}

// forwarded accepts what VPN users with a session may reach.
func (p Plan) forwarded(c *chain) {
	if p.forwardsAll() {
		c.add("%s accept", vpnUser)
		return
	}
	if nets := among(daddr4, p.ForwardNets); nets != "" {
		c.add("%s %s accept", vpnUser, nets)
	}
	if servers := among(daddr4, prefixesOf(p.DNS)); servers != "" {
		for _, proto := range []string{"udp", "tcp"} {
			c.add("%s %s %s dport 53 accept comment %q", vpnUser, servers, proto, "DNS of the VPN")
		}
	}
}

func (p Plan) toTunnel() *chain {
	c := &chain{name: "to_tunnel"}
	if p.Tunnel == "" {
		return c
	}
	c.add("%s ip daddr @vpn4 accept", answers)
	for _, name := range namesOf(p.LAN) {
		c.add("iifname %q jump refuse", name)
	}
	c.add("drop")
	return c
}

// insidePort is where the page of the tunnel is, whatever port plain HTTP has outside.
const insidePort = 80

// toGateway lets people in the tunnel ask for the gateway's page, portal and agent endpoint, and see whether it answers.
// What else runs on this machine is theirs only where all networks are.
func (p Plan) toGateway() *chain {
	c := &chain{name: "to_gateway"}
	if p.Tunnel == "" {
		return c
	}
	c.add("%s %s accept", answers, vpnUser)
	if p.VPNNetwork.IsValid() && p.VPNNetwork.Addr().Is4() {
		gateway := p.VPNNetwork.Masked().Addr().Next()
		c.add("%s ip daddr %s %s accept", vpnUser, gateway, port("tcp", nonZero(insidePort, p.Redirect.PortalPort, p.Redirect.AgentPort)...))
		c.add("%s ip daddr %s icmp type echo-request accept", vpnUser, gateway)
	}
	p.forwarded(c)
	c.add("jump refuse")
	return c
}

// clamp holds TCP to what fits: a tunnel and many providers' lines carry less than the LAN.
func (p Plan) clamp() *chain {
	c := &chain{name: "clamp", hook: atMangle}
	names := namesOf(p.WAN)
	if p.Tunnel != "" {
		names = append(names, p.Tunnel)
	}
	for _, name := range names {
		for _, way := range []string{"iifname", "oifname"} {
			c.add("%s %q tcp flags syn / syn,rst tcp option maxseg size set rt mtu", way, name)
		}
	}
	return c
}

func (p Plan) prerouting() *chain {
	c := &chain{name: "prerouting", hook: atPrerouting}
	for _, name := range namesOf(p.LAN) {
		c.add("iifname %q jump gateway", name)
	}
	return c
}

// gateway takes what LAN hosts send to the gateway, or would be answered by it.
func (p Plan) gateway() *chain {
	c := &chain{name: "gateway"}
	r := p.Redirect
	for _, daddr := range []string{daddr4, daddr6} {
		outer := among(daddr, prefixesOf(r.GatewayAddrs))
		if outer == "" {
			continue
		}
		taken := func(ports string) {
			c.add("%s fib daddr type != local %s redirect comment %q", outer, ports, "the gateway by its outer address")
		}
		if ports := nonZero(r.PortalPort, r.AgentPort); len(ports) > 0 {
			taken(port("tcp", ports...))
		}
		if r.WireGuardPort != 0 {
			taken(port("udp", r.WireGuardPort))
		}
	}
	if r.HTTPPort != 0 {
		c.add("tcp dport 80 jump sign_in")
	}
	return c
}

// signIn leads browsers without a session to the page that says what to do. The first packet of a connection comes by here
// before it is judged, and is counted there: a set counts what @set finds, and nothing of != @set.
func (p Plan) signIn() *chain {
	c := &chain{name: "sign_in"}
	if p.Redirect.HTTPPort == 0 {
		return c
	}
	for _, v := range []struct{ addr, attached, routed string }{{saddr4, "lan4", "routed4"}, {saddr6, "lan6", "routed6"}} {
		c.add("iifname . ether saddr . %s != @%s iifname . %s != @%s jump page", v.addr, v.attached, v.addr, v.routed)
		c.add("%s iifname . %s != @%s jump page", noEthernet, v.addr, v.routed)
	}
	return c
}

// page takes what is on its way to the Internet.
func (p Plan) page() *chain {
	c := &chain{name: "page"}
	if p.Redirect.HTTPPort == 0 {
		return c
	}
	leftAlone := p.local()
	for _, o := range p.opened() {
		if o.port == 0 || o.port == 80 {
			leftAlone = append(leftAlone, o.servers...)
		}
	}
	for _, daddr := range []string{daddr4, daddr6} {
		if nets := among(daddr, leftAlone); nets != "" {
			c.add("%s accept", nets)
		}
	}
	for _, name := range namesOf(p.WAN) {
		c.add("fib daddr oifname %q meta l4proto tcp redirect to :%d comment %q", name, p.Redirect.HTTPPort, "hosts without a session")
	}
	return c
}

func (p Plan) postrouting() *chain {
	c := &chain{name: "postrouting", hook: atPostrouting}
	if nets := among(saddr4, p.local()); p.Masquerade && nets != "" {
		for _, name := range namesOf(p.WAN) {
			c.add("oifname %q %s masquerade", name, nets)
		}
	}
	return c
}

func nonZero(ports ...uint16) []uint16 {
	slices.Sort(ports)
	return slices.DeleteFunc(slices.Compact(ports), func(p uint16) bool { return p == 0 })
}
