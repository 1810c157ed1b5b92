package client

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

var (
	gatewayAddr = netip.MustParseAddr("203.0.113.1")
	ownKey      = agent.Key{1}
	gatewayKey  = agent.Key{2}
	preshared   = agent.Key{3}
)

func fullReply() protocol.TunnelReply {
	return protocol.TunnelReply{Type: protocol.TypeTunnelWG, ServerPort: 3051, PublicKey: gatewayKey.String(),
		ClientTunnelIPv4: "10.128.0.7/16", DNSIPv4: "10.0.0.53, 192.0.2.53", ForwardNets: []string{"10.1.2.3/8", "172.16.0.0/12"},
		DNSSuffix: "company.ru,.Corp.Local", PresharedKey: preshared.String(), MTU: 1400, Keepalive: 20}
}

func prefixes(list ...string) []netip.Prefix {
	var all []netip.Prefix
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}

func TestReadSetup(t *testing.T) {
	s, leftOut, err := readSetup(gatewayAddr, ownKey, fullReply())
	want := TunnelSetup{
		Endpoint:     netip.MustParseAddrPort("203.0.113.1:3051"),
		PublicKey:    gatewayKey,
		PresharedKey: preshared,
		Address:      netip.MustParseAddr("10.128.0.7"),
		Nets:         prefixes("10.0.0.0/8", "172.16.0.0/12", "192.0.2.53/32"),
		DNS:          []netip.Addr{netip.MustParseAddr("10.0.0.53"), netip.MustParseAddr("192.0.2.53")},
		Suffixes:     []string{"company.ru", "corp.local"},
		MTU:          1400,
		Keepalive:    20 * time.Second,
	}
	if err != nil || len(leftOut) != 0 || !reflect.DeepEqual(s, want) {
		t.Errorf("%+v\n%q %v, want\n%+v", s, leftOut, err, want)
	}
}

// Missing values become defaults, and values outside the limits the nearest limit.
func TestReadSetupBounds(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*protocol.TunnelReply)
		right  func(TunnelSetup) bool
	}{
		"no preshared key": {func(r *protocol.TunnelReply) { r.PresharedKey = "" }, func(s TunnelSetup) bool { return s.PresharedKey.IsZero() }},
		"no MTU":           {func(r *protocol.TunnelReply) { r.MTU = 0 }, func(s TunnelSetup) bool { return s.MTU == 1420 }},
		"MTU low":          {func(r *protocol.TunnelReply) { r.MTU = 100 }, func(s TunnelSetup) bool { return s.MTU == 1280 }},
		"MTU negative":     {func(r *protocol.TunnelReply) { r.MTU = -1 }, func(s TunnelSetup) bool { return s.MTU == 1280 }},
		"MTU high":         {func(r *protocol.TunnelReply) { r.MTU = 1 << 40 }, func(s TunnelSetup) bool { return s.MTU == 1500 }},
		"no keepalive":     {func(r *protocol.TunnelReply) { r.Keepalive = 0 }, func(s TunnelSetup) bool { return s.Keepalive == 25*time.Second }},
		"keepalive low":    {func(r *protocol.TunnelReply) { r.Keepalive = -5 }, func(s TunnelSetup) bool { return s.Keepalive == 5*time.Second }},
		"keepalive high":   {func(r *protocol.TunnelReply) { r.Keepalive = 1 << 40 }, func(s TunnelSetup) bool { return s.Keepalive == 2*time.Minute }},
		"no DNS":           {func(r *protocol.TunnelReply) { r.DNSIPv4 = "" }, func(s TunnelSetup) bool { return len(s.DNS) == 0 && len(s.Nets) == 2 }},
		"some DNS servers unusable": {func(r *protocol.TunnelReply) { r.DNSIPv4 = "127.0.0.53,fd00::53,10.0.0.53" },
			func(s TunnelSetup) bool { return len(s.DNS) == 1 && s.DNS[0].String() == "10.0.0.53" }},
		"suffixes of an old domain": {func(r *protocol.TunnelReply) { r.DNSSuffix = "Old_AD.local,_msdcs.company.ru" }, func(s TunnelSetup) bool { return fmt.Sprint(s.Suffixes) == "[old_ad.local _msdcs.company.ru]" }},
		"no suffix":                 {func(r *protocol.TunnelReply) { r.DNSSuffix = " , " }, func(s TunnelSetup) bool { return len(s.Suffixes) == 0 }},
		"everything":                {func(r *protocol.TunnelReply) { r.ForwardNets = []string{"10.0.0.0/8", "0.0.0.0/0", "::/0"} }, nets("0.0.0.0/0")},
		"no network":                {func(r *protocol.TunnelReply) { r.ForwardNets, r.DNSIPv4 = nil, "" }, nets("10.128.0.0/16")},
		"not routable": {func(r *protocol.TunnelReply) {
			r.DNSIPv4 = ""
			r.ForwardNets = []string{"127.0.0.0/8", "127.1.2.3/32", "0.0.0.0/8", "0.0.0.0/32", "169.254.0.0/16", "169.254.169.254/32",
				"224.0.0.0/4", "239.1.2.3/32", "240.0.0.0/4", "255.255.255.255/32", "224.0.0.0/3", "fe80::/10", "2000::/3", "::ffff:10.0.0.0/104"}
		}, nets("10.128.0.0/16")},
		"the same twice": {func(r *protocol.TunnelReply) {
			r.DNSIPv4 = ""
			r.ForwardNets = []string{"192.168.1.0/24", "192.168.1.7/24", "10.128.0.0/16", "10.128.9.0/24"}
		}, nets("10.128.0.0/16", "192.168.1.0/24")},
		"around the gateway": {func(r *protocol.TunnelReply) { r.DNSIPv4, r.ForwardNets = "", []string{"203.0.113.0/24"} }, nets("10.128.0.0/16", "203.0.113.0/24")},
	} {
		answer := fullReply()
		c.change(&answer)
		if s, _, err := readSetup(gatewayAddr, ownKey, answer); err != nil || !c.right(s) {
			t.Errorf("%s: %+v %v", name, s, err)
		}
	}
}

func nets(list ...string) func(TunnelSetup) bool {
	return func(s TunnelSetup) bool { return reflect.DeepEqual(s.Nets, prefixes(list...)) }
}

func TestReadSetupRefuses(t *testing.T) {
	many := make([]string, maxTunnelNets+1)
	for i := range many {
		many[i] = fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)
	}
	for name, change := range map[string]func(*protocol.TunnelReply){
		"port 0":                      func(r *protocol.TunnelReply) { r.ServerPort = 0 },
		"port negative":               func(r *protocol.TunnelReply) { r.ServerPort = -1 },
		"port too high":               func(r *protocol.TunnelReply) { r.ServerPort = 65536 },
		"no public key":               func(r *protocol.TunnelReply) { r.PublicKey = "" },
		"public key short":            func(r *protocol.TunnelReply) { r.PublicKey = r.PublicKey[:40] },
		"public key with a line more": func(r *protocol.TunnelReply) { r.PublicKey += "\nendpoint=192.0.2.1:1" },
		"public key zero":             func(r *protocol.TunnelReply) { r.PublicKey = agent.Key{}.String() },
		"public key ours":             func(r *protocol.TunnelReply) { r.PublicKey = ownKey.String() },
		"preshared key broken":        func(r *protocol.TunnelReply) { r.PresharedKey = "secret" },
		"no address":                  func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "" },
		"address without network":     func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "10.128.0.7" },
		"address IPv6":                func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "fd00::7/64" },
		"address mapped":              func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "::ffff:10.128.0.7/112" },
		"address loopback":            func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "127.0.0.1/8" },
		"address multicast":           func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "224.0.0.7/16" },
		"address broadcast":           func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "255.255.255.255/32" },
		"address unspecified":         func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "0.0.0.0/16" },
		"address of the gateway":      func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "203.0.113.1/24" },
		"VPN network too wide":        func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "10.128.0.7/7" },
		"VPN network of everything":   func(r *protocol.TunnelReply) { r.ClientTunnelIPv4 = "10.128.0.7/0" },
		"network broken":              func(r *protocol.TunnelReply) { r.ForwardNets = []string{"10.0.0.0/33"} },
		"network is a word":           func(r *protocol.TunnelReply) { r.ForwardNets = []string{"all"} },
		"networks too many":           func(r *protocol.TunnelReply) { r.ForwardNets = many },
		"DNS a name":                  func(r *protocol.TunnelReply) { r.DNSIPv4 = "dns.company.ru" },
		"DNS only outside":            func(r *protocol.TunnelReply) { r.DNSIPv4 = "127.0.0.53,fd00::53" },
		"DNS too many":                func(r *protocol.TunnelReply) { r.DNSIPv4 = strings.Repeat("10.0.0.53,", 9) },
		"suffix with a flag":          func(r *protocol.TunnelReply) { r.DNSSuffix = "--help" },
		"suffix with a route":         func(r *protocol.TunnelReply) { r.DNSSuffix = "~." },
		"suffix an address":           func(r *protocol.TunnelReply) { r.DNSSuffix = "10.0.0.1" },
		"suffixes too many":           func(r *protocol.TunnelReply) { r.DNSSuffix = strings.Repeat("a.ru,", 33) },
	} {
		answer := fullReply()
		change(&answer)
		if s, _, err := readSetup(gatewayAddr, ownKey, answer); err == nil {
			t.Errorf("%s: taken as %+v", name, s)
		} else if strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, gateway := range []netip.Addr{{}, netip.IPv4Unspecified()} {
		if _, _, err := readSetup(gateway, ownKey, fullReply()); err == nil {
			t.Errorf("a gateway at %s", gateway)
		}
	}
}

// readSetup refuses a reply or returns a setup within the limits of checkSetup.
func FuzzReadSetup(f *testing.F) {
	for _, r := range []protocol.TunnelReply{fullReply(), reply("10.128.0.7/16"), {}} {
		b, err := json.Marshal(r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"type":"tunnel_wg","server_port":1,"forward_nets":["0.0.0.0/0","127.0.0.0/8","::/0"],"dns_suffix":"a,b c"}`))
	f.Fuzz(func(t *testing.T, frame []byte) {
		m, err := protocol.Parse(frame, protocol.FromGateway)
		answer, ok := m.(*protocol.TunnelReply)
		if err != nil || !ok {
			return
		}
		if s, _, err := readSetup(gatewayAddr, ownKey, *answer); err == nil {
			checkSetup(t, s)
		}
	})
}

// replyOf returns the reply of a gateway with these settings to its first agent.
func replyOf(s agent.Settings) protocol.TunnelReply {
	r := fullReply()
	r.ClientTunnelIPv4 = netip.PrefixFrom(s.VPNGateway().Next(), s.VPNNetwork.Bits()).String()
	var servers []string
	for _, a := range s.DNS {
		servers = append(servers, a.String())
	}
	r.DNSIPv4, r.DNSSuffix = strings.Join(servers, ","), strings.Join(s.DNSSuffixes, ",")
	if r.ForwardNets = nil; len(s.ForwardNets) == 0 {
		r.ForwardNets = []string{AllIPv4.String()}
	}
	for _, n := range s.ForwardNets {
		r.ForwardNets = append(r.ForwardNets, n.String())
	}
	return r
}

// checkAccepted checks that readSetup takes over all of the gateway's settings.
func checkAccepted(t *testing.T, s agent.Settings) {
	t.Helper()
	setup, leftOut, err := readSetup(gatewayAddr, ownKey, replyOf(s))
	if err != nil || len(leftOut) != 0 {
		t.Errorf("%+v: %q %v", s, leftOut, err)
		return
	}
	checkSetup(t, setup)
	if fmt.Sprint(setup.DNS) != fmt.Sprint(s.DNS) || fmt.Sprint(setup.Suffixes) != fmt.Sprint(s.DNSSuffixes) {
		t.Errorf("DNS %v for %v, suffixes %q for %q", setup.DNS, s.DNS, setup.Suffixes, s.DNSSuffixes)
	}
	for _, n := range s.ForwardNets {
		if !setup.Carries(n.Addr()) {
			t.Errorf("%s is not routed by %v", n, setup.Nets)
		}
	}
}

// settingsOf parses lists like the gateway's settings page, except for the suffixes.
func settingsOf(vpn, forward, dns, suffixes string) (agent.Settings, bool) {
	s := agent.DefaultSettings()
	var err error
	if s.VPNNetwork, err = netip.ParsePrefix(vpn); err != nil {
		return s, false
	}
	var p agent.Problem
	if s.ForwardNets, p = agent.ParseNetworks("forward_nets", forward); p.Code != "" {
		return s, false
	}
	for _, text := range strings.Fields(dns) {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return s, false
		}
		s.DNS = append(s.DNS, a)
	}
	s.DNSSuffixes = strings.Fields(suffixes)
	return s, len(s.Check()) == 0
}

func TestReadSetupAcceptsGatewaySettings(t *testing.T) {
	var names []string
	for i := 0; i < agent.MaxSuffixes; i++ {
		names = append(names, fmt.Sprintf("d%d.corp.local", i))
	}
	var servers []string
	for i := 0; i < agent.MaxDNS; i++ {
		servers = append(servers, fmt.Sprintf("10.0.0.%d", i))
	}
	for _, c := range [][4]string{
		{"10.128.0.0/16", "", "", ""},
		{"198.18.0.4/30", "0.0.0.0/0", "192.0.2.53", "xn--j1aidd.xn--p1ai"},
		{"10.128.0.7/16", "10.0.0.0/8 192.168.1.0/24 128.0.0.0/1", strings.Join(servers, " "), strings.Join(names, " ")},
	} {
		s, ok := settingsOf(c[0], c[1], c[2], c[3])
		if !ok {
			t.Errorf("%q is refused: %v", c, s.Check())
			continue
		}
		checkAccepted(t, s)
	}
}

func FuzzReadSetupAcceptsGatewaySettings(f *testing.F) {
	f.Add("10.128.0.0/16", "10.0.0.0/8", "10.0.0.53 127.0.0.53", "company.ru корп.рф")
	f.Add("169.254.0.0/16", "127.0.0.0/8,224.0.0.0/4", "0.0.0.0", "https://corp.local/x corp.local/,other")
	f.Add("0.0.0.0/16", "::/0", "::ffff:10.0.0.1", ".corp.local")
	f.Fuzz(func(t *testing.T, vpn, forward, dns, suffixes string) {
		if s, ok := settingsOf(vpn, forward, dns, suffixes); ok {
			checkAccepted(t, s)
		}
	})
}

func checkSetup(t *testing.T, s TunnelSetup) {
	if !isTunnelAddr(s.Address) || s.Address == gatewayAddr || s.PublicKey.IsZero() || s.Endpoint.Port() == 0 ||
		s.MTU < minMTU || s.MTU > maxMTU || s.Keepalive < 5*time.Second || s.Keepalive > 2*time.Minute {
		t.Errorf("%+v", s)
	}
	for i, n := range s.Nets {
		if !n.Addr().Is4() || n != n.Masked() || n != AllIPv4 && agent.NotRoutable(n) || agent.InAny(s.Nets[:i], n.Addr()) {
			t.Errorf("network %s of %v", n, s.Nets)
		}
	}
	for _, a := range s.DNS {
		if !isTunnelAddr(a) || !s.Carries(a) {
			t.Errorf("DNS server %s with %v", a, s.Nets)
		}
	}
	for _, name := range s.Suffixes {
		if !agent.IsHost(name) || strings.HasPrefix(name, "-") {
			t.Errorf("suffix %q", name)
		}
	}
}

// A client refuses an invalid reply and takes the tunnel down.
func TestInvalidTunnelReply(t *testing.T) {
	for _, invalid := range []string{
		`{"type":"tunnel_wg"}`,
		`{"type":"tunnel_wg","server_port":1e99}`,
		`{"type":"tunnel_wg","forward_nets":"all"}`,
		`{"type":"tunnel_wg","server_port":3051,"client_tunnel_ipv4":"10.128.0.7/16","public_key":"` + strings.Repeat("A", 43) + `="}`,
	} {
		tunnel := newFakeTunnel()
		g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true})
			c.Read()
			c.SendText(invalid)
			c.Wait()
		})
		start(t, g, func(c *Config) { c.Tunnel = tunnel }).waitEnd(Refused, "bad_message")
		tunnel.checkCalls(t, "down", "down") // after the refusal, and at the end
	}
}
