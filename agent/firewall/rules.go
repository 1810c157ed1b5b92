package firewall

import (
	_ "embed"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"text/template"
)

// Table is the name of the table, in the family inet. No other table is changed.
const Table = "ideco_agent"

// Limits of DNS without a session.
const (
	dnsRate    = 20   // packets per second from an address
	dnsMACRate = 1000 // from all addresses of a MAC, which may be a router's
	dnsHosts   = 65535
)

// ruleset is the data of the template.
type ruleset struct {
	Plan
	LAN, WAN      []string
	members       map[string][]string
	Rate, MACRate int
}

//go:embed rules.nft.tmpl
var rulesetText string

var rulesetTemplate = template.Must(template.New("ruleset").Funcs(template.FuncMap{"among": among}).Parse(rulesetText))

// render prints the table; elements are printed as given, by the name of their set.
func (p Plan) render(elements map[string][]string) string {
	var b strings.Builder
	err := rulesetTemplate.Execute(&b, ruleset{p, namesOf(p.LAN), namesOf(p.WAN), elements, dnsRate, dnsMACRate})
	if err != nil {
		panic(err) // the template is wrong
	}
	return b.String()
}

func (r ruleset) Table() string { return Table }

// printedSet is a set as the template prints it.
type printedSet struct {
	Name, Type, Members string
	Dynamic             bool
	Size                int
}

func (r ruleset) Sets() (list []printedSet) {
	for _, s := range allSets {
		var types []string
		for _, t := range s.types() {
			types = append(types, t.Name)
		}
		list = append(list, printedSet{s.name, strings.Join(types, " . "), strings.Join(r.members[s.name], ",\n\t\t\t     "), s.dynamic, dnsHosts})
	}
	return list
}

// among returns a match of an address, such as "ip saddr", with those of the networks that are of its family; empty without
// any.
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

// dport returns a match of destination ports. Ports that are 0 are left out.
func dport(proto string, ports ...uint16) string {
	slices.Sort(ports)
	var words []string
	for _, p := range slices.Compact(ports) {
		if p != 0 {
			words = append(words, fmt.Sprint(p))
		}
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

// Local and NeverOutside return the plan's for the template.
func (r ruleset) Local() []netip.Prefix        { return r.local() }
func (r ruleset) NeverOutside() []netip.Prefix { return r.neverOutside() }

// VPN returns the network of the tunnel; empty if it has no IPv4.
func (r ruleset) VPN() string {
	if r.Tunnel == "" || !r.VPNNetwork.IsValid() || !r.VPNNetwork.Addr().Is4() {
		return ""
	}
	return r.VPNNetwork.Masked().String()
}

func (r ruleset) TunnelGateway() netip.Addr { return r.VPNNetwork.Masked().Addr().Next() }

// tunnelHTTPPort is the TCP port of plain HTTP in the tunnel. Outside the tunnel it may be another one.
const tunnelHTTPPort = 80

// TunnelPorts returns a match of the ports of plain HTTP, the portal and the agent endpoint in the tunnel.
func (r ruleset) TunnelPorts() string {
	return dport("tcp", tunnelHTTPPort, r.Redirect.PortalPort, r.Redirect.AgentPort)
}

// Narrow returns the interfaces that may have a smaller MTU than the LAN.
func (r ruleset) Narrow() []string {
	if r.Tunnel == "" {
		return r.WAN
	}
	return append(slices.Clone(r.WAN), r.Tunnel)
}

// Forwarded returns the rules that accept what VPN users with a session may reach.
func (r ruleset) Forwarded() (rules []string) {
	const who = "ip saddr @vpn4"
	if r.forwardsAll() {
		return []string{who + " accept"}
	}
	if nets := among("ip daddr", r.ForwardNets); nets != "" {
		rules = append(rules, who+" "+nets+" accept")
	}
	if servers := among("ip daddr", prefixesOf(r.DNS)); servers != "" {
		for _, proto := range []string{"udp", "tcp"} {
			rules = append(rules, fmt.Sprintf("%s %s %s dport 53 accept comment %q", who, servers, proto, "DNS of the VPN"))
		}
	}
	return rules
}

// opened returns OpenBeforeLogin by port, and the ports in order; 0 = the whole host.
func (p Plan) opened() (ports []uint16, servers map[uint16][]netip.Prefix) {
	servers = map[uint16][]netip.Prefix{}
	for _, o := range p.OpenBeforeLogin {
		servers[o.Port] = append(servers[o.Port], prefixesOf([]netip.Addr{o.Addr})...)
	}
	return slices.Sorted(maps.Keys(servers)), servers
}

// Open returns matches of the servers that are open before login: by address (saddr or daddr) and, if only a port is open,
// by that port (sport or dport) of UDP and TCP.
func (r ruleset) Open(addr, port string) (matches []string) {
	ports, servers := r.opened()
	for _, n := range ports {
		for _, family := range []string{"ip", "ip6"} {
			switch server := among(family+" "+addr, servers[n]); {
			case server == "":
			case n == 0:
				matches = append(matches, server)
			default:
				matches = append(matches, fmt.Sprintf("%s udp %s %d", server, port, n), fmt.Sprintf("%s tcp %s %d", server, port, n))
			}
		}
	}
	return matches
}

// WithoutPage returns the destinations that are not redirected to the page: local networks, and servers whose TCP 80 is open
// before login.
func (r ruleset) WithoutPage() []netip.Prefix {
	_, servers := r.opened()
	return slices.Concat(r.local(), servers[0], servers[80])
}

// Outer returns matches of the gateway's outer addresses.
func (r ruleset) Outer() (matches []string) {
	addrs := prefixesOf(r.Redirect.GatewayAddrs)
	return withoutEmpty(among("ip daddr", addrs), among("ip6 daddr", addrs))
}

// OuterPorts returns matches of the ports that are redirected to the gateway there.
func (r ruleset) OuterPorts() []string {
	return withoutEmpty(dport("tcp", r.Redirect.PortalPort, r.Redirect.AgentPort), dport("udp", r.Redirect.WireGuardPort))
}

func withoutEmpty(matches ...string) []string {
	return slices.DeleteFunc(matches, func(m string) bool { return m == "" })
}
