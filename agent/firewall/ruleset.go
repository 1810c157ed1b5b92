package firewall

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
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

// holders are the sets that sessions put addresses into.
var holders = []*memberSet{lan4, lan6, routed4, routed6, back4, back6, vpn4}

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

// rule is a line of a chain.
type rule struct {
	terms   []term
	comment string // at most 127 bytes of plain ASCII
}

// hook is where the kernel asks a chain.
type hook struct {
	kind     nftables.ChainType
	point    *nftables.ChainHook
	priority *nftables.ChainPriority
	text     string
}

// The hooks. Their policy is to accept: whatever no rule here speaks of is for the administrator's rules to judge.
var (
	atForward = &hook{nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityFilter,
		"type filter hook forward priority filter; policy accept;"}
	atInput = &hook{nftables.ChainTypeFilter, nftables.ChainHookInput, nftables.ChainPriorityFilter,
		"type filter hook input priority filter; policy accept;"}
	atMangle = &hook{nftables.ChainTypeFilter, nftables.ChainHookForward, nftables.ChainPriorityMangle,
		"type filter hook forward priority mangle; policy accept;"}
	atPrerouting = &hook{nftables.ChainTypeNAT, nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest,
		"type nat hook prerouting priority dstnat; policy accept;"}
	atPostrouting = &hook{nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource,
		"type nat hook postrouting priority srcnat; policy accept;"}
)

// chain is a list of rules. All chains are always there, some without rules.
type chain struct {
	name  string
	hook  *hook // nil: only jumped to
	rules []rule
}

func (c *chain) add(comment string, terms ...term) {
	c.rules = append(c.rules, rule{terms, comment})
}

// refuse has hosts told that nothing passes, so that programs give up at once instead of waiting. An answer to a source
// that only somebody beyond the WAN can have would carry there what was refused, which it quotes; such a one gets none.
func (p Plan) refuse() *chain {
	c := &chain{name: "refuse"}
	for _, s := range []side{saddr4, saddr6} {
		if len(ofFamily(p.local(), s.v6)) > 0 {
			c.add("", s.among(p.local()), jump("tell"))
		}
	}
	c.add("", drop)
	return c
}

func (p Plan) tell() *chain {
	c := &chain{name: "tell"}
	c.add("", tcp, resetTCP)
	c.add("", prohibit)
	return c
}

// chains describes the rules of a plan. Chains come before those that jump to them.
func (p Plan) chains() []*chain {
	return []*chain{p.dns(), p.open(), p.tell(), p.refuse(), p.fromLAN(), p.toLAN(), p.lan(), p.wan(), p.fromTunnel(), p.toTunnel(),
		p.toGateway(), p.page(), p.signIn(), p.gateway(), p.forward(), p.input(), p.clamp(), p.prerouting(), p.postrouting()}
}

func (p Plan) forward() *chain {
	c := &chain{name: "forward", hook: atForward}
	for _, name := range namesOf(p.LAN) {
		c.add("", in(name), jump("lan"))
	}
	for _, name := range namesOf(p.WAN) {
		c.add("", in(name), jump("wan"))
	}
	if p.Tunnel != "" {
		c.add("", in(p.Tunnel), jump("from_tunnel"))
		c.add("", out(p.Tunnel), jump("to_tunnel"))
	}
	return c
}

func (p Plan) lan() *chain {
	c := &chain{name: "lan"}
	for _, name := range namesOf(p.WAN) {
		c.add("", out(name), jump("from_lan"))
	}
	return c
}

func (p Plan) wan() *chain {
	c := &chain{name: "wan"}
	for _, name := range namesOf(p.LAN) {
		c.add("", out(name), jump("to_lan"))
	}
	return c
}

func (p Plan) input() *chain {
	c := &chain{name: "input", hook: atInput}
	nets := p.neverOutside()
	for _, name := range namesOf(p.WAN) {
		for _, s := range []side{saddr4, saddr6} {
			if len(ofFamily(nets, s.v6)) > 0 {
				c.add("borrowed addresses", in(name), original, s.among(nets), drop)
			}
		}
	}
	if p.Tunnel != "" {
		c.add("", in(p.Tunnel), jump("to_gateway"))
	}
	return c
}

func (p Plan) fromLAN() *chain {
	c := &chain{name: "from_lan"}
	// What is meant for the tunnel takes the default route while the tunnel starts anew. Nobody outside may see it, and an
	// answer would end connections that only pause.
	if p.Tunnel != "" && p.VPNNetwork.IsValid() && p.VPNNetwork.Addr().Is4() {
		c.add("the tunnel is away", daddr4.among([]netip.Prefix{p.VPNNetwork}), drop)
	}
	c.add("", member(lan4, "iifname", saddr4), accept)
	c.add("", member(lan6, "iifname", saddr6), accept)
	c.add("", member(routed4, "iifname", saddr4), accept)
	c.add("", member(routed6, "iifname", saddr6), accept)
	c.add("answers of published services", reply, dnat, accept)
	for _, where := range p.whereOpen(daddr4, daddr6, func(proto string, n uint16) term { return port(proto, n) }) {
		c.add("open before login", append(where, jump("open"))...)
	}
	c.add("", jump("refuse"))
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

// whereOpen matches the servers that are open, with a rule for each list of terms: a server by its address and, where only
// a port of it is open, by that port of UDP and TCP.
func (p Plan) whereOpen(v4, v6 side, ofPort func(proto string, n uint16) term) (rules [][]term) {
	for _, o := range p.opened() {
		for _, s := range []side{v4, v6} {
			switch {
			case len(ofFamily(o.servers, s.v6)) == 0:
			case o.port == 0:
				rules = append(rules, []term{s.among(o.servers)})
			default:
				rules = append(rules, []term{s.among(o.servers), ofPort("udp", o.port)}, []term{s.among(o.servers), ofPort("tcp", o.port)})
			}
		}
	}
	return rules
}

func (p Plan) open() *chain {
	c := &chain{name: "open"}
	c.add("", port("udp", 53), jump("dns"))
	c.add("", port("tcp", 53), jump("dns"))
	c.add("", accept)
	return c
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
	c.add("", exceeds(dnsMAC, side{}, dnsMACRate), drop)
	c.add("", exceeds(dnsMAC4, saddr4, dnsRate), drop)
	c.add("", exceeds(dnsMAC6, saddr6, dnsRate), drop)
	c.add("", noEthernet, exceeds(dns4, saddr4, dnsRate), drop)
	c.add("", noEthernet, exceeds(dns6, saddr6, dnsRate), drop)
	c.add("", accept)
	return c
}

func (p Plan) toLAN() *chain {
	c := &chain{name: "to_lan"}
	c.add("", reply, answers, member(back4, "oifname", daddr4), accept)
	c.add("", reply, answers, member(back6, "oifname", daddr6), accept)
	c.add("published services", original, dnat, accept)
	for _, where := range p.whereOpen(saddr4, saddr6, fromPort) {
		c.add("open before login", append(append([]term{reply, answers}, where...), accept)...)
	}
	c.add("", drop)
	return c
}

func (p Plan) fromTunnel() *chain {
	c := &chain{name: "from_tunnel"}
	if p.Tunnel == "" {
		return c
	}
	if p.VPNPeersMayTalk {
		c.add("", out(p.Tunnel), member(vpn4, "", saddr4), member(vpn4, "", daddr4), accept)
	}
	c.add("", out(p.Tunnel), jump("refuse"))
	p.forwarded(c)
	c.add("", jump("refuse"))
	return c
}

// forwarded accepts what VPN users with a session may reach.
func (p Plan) forwarded(c *chain) {
	if p.forwardsAll() {
		c.add("", member(vpn4, "", saddr4), accept)
		return
	}
	if len(ofFamily(p.ForwardNets, false)) > 0 {
		c.add("", member(vpn4, "", saddr4), daddr4.among(p.ForwardNets), accept)
	}
	if servers := prefixesOf(p.DNS); len(ofFamily(servers, false)) > 0 {
		for _, proto := range []string{"udp", "tcp"} {
			c.add("DNS of the VPN", member(vpn4, "", saddr4), daddr4.among(servers), port(proto, 53), accept)
		}
	}
}

func (p Plan) toTunnel() *chain {
	c := &chain{name: "to_tunnel"}
	if p.Tunnel == "" {
		return c
	}
	c.add("", reply, answers, member(vpn4, "", daddr4), accept)
	for _, name := range namesOf(p.LAN) {
		c.add("", in(name), jump("refuse"))
	}
	c.add("", drop)
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
	who := member(vpn4, "", saddr4)
	c.add("", reply, answers, who, accept)
	if p.VPNNetwork.IsValid() && p.VPNNetwork.Addr().Is4() {
		inside := daddr4.among(prefixesOf([]netip.Addr{p.VPNNetwork.Masked().Addr().Next()}))
		c.add("", who, inside, port("tcp", nonZero(insidePort, p.Redirect.PortalPort, p.Redirect.AgentPort)...), accept)
		c.add("", who, inside, echoRequest, accept)
	}
	p.forwarded(c)
	c.add("", jump("refuse"))
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
		c.add("", in(name), beginning, clampToMTU)
		c.add("", out(name), beginning, clampToMTU)
	}
	return c
}

func (p Plan) prerouting() *chain {
	c := &chain{name: "prerouting", hook: atPrerouting}
	for _, name := range namesOf(p.LAN) {
		c.add("", in(name), jump("gateway"))
	}
	return c
}

// gateway takes what LAN hosts send to the gateway, or would be answered by it.
func (p Plan) gateway() *chain {
	c := &chain{name: "gateway"}
	r := p.Redirect
	gateways := prefixesOf(r.GatewayAddrs)
	for _, d := range []side{daddr4, daddr6} {
		if len(ofFamily(gateways, d.v6)) == 0 {
			continue
		}
		if ports := nonZero(r.PortalPort, r.AgentPort); len(ports) > 0 {
			c.add("the gateway by its outer address", d.among(gateways), notToUs, port("tcp", ports...), here)
		}
		if r.WireGuardPort != 0 {
			c.add("the gateway by its outer address", d.among(gateways), notToUs, port("udp", r.WireGuardPort), here)
		}
	}
	if r.HTTPPort != 0 {
		c.add("", port("tcp", 80), jump("sign_in"))
	}
	return c
}

// signIn leads browsers without a session to the page that says what to do. The first packet of a connection comes by here
// before it is judged, and is counted there.
func (p Plan) signIn() *chain {
	c := &chain{name: "sign_in"}
	if p.Redirect.HTTPPort == 0 {
		return c
	}
	for _, s := range []struct {
		attached, routed *memberSet
		addr             side
	}{{lan4, routed4, saddr4}, {lan6, routed6, saddr6}} {
		c.add("", stranger(s.attached, "iifname", s.addr), stranger(s.routed, "iifname", s.addr), jump("page"))
		c.add("", noEthernet, stranger(s.routed, "iifname", s.addr), jump("page"))
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
	for _, d := range []side{daddr4, daddr6} {
		if len(ofFamily(leftAlone, d.v6)) > 0 {
			c.add("", d.among(leftAlone), accept)
		}
	}
	for _, name := range namesOf(p.WAN) {
		c.add("hosts without a session", leadsTo(name), tcp, hereTo(p.Redirect.HTTPPort))
	}
	return c
}

func (p Plan) postrouting() *chain {
	c := &chain{name: "postrouting", hook: atPostrouting}
	if nets := p.local(); p.Masquerade && len(ofFamily(nets, false)) > 0 {
		for _, name := range namesOf(p.WAN) {
			c.add("", out(name), saddr4.among(nets), masq)
		}
	}
	return c
}

func nonZero(ports ...uint16) []uint16 {
	slices.Sort(ports)
	return slices.DeleteFunc(slices.Compact(ports), func(p uint16) bool { return p == 0 })
}

// exprsOf is a rule for the kernel, its anonymous sets named by those that add them.
func (r rule) exprsOf(name func(*anonymous) (string, uint32, error)) ([]expr.Any, error) {
	var list []expr.Any
	for _, t := range r.terms {
		exprs := slices.Clone(t.exprs)
		if t.set != nil {
			last := *exprs[len(exprs)-1].(*expr.Lookup)
			var err error
			if last.SetName, last.SetID, err = name(t.set); err != nil {
				return nil, err
			}
			exprs[len(exprs)-1] = &last
		}
		list = append(list, exprs...)
	}
	return list, nil
}
