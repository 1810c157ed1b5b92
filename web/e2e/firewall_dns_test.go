//go:build gateway

package e2e

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/miekg/dns"

	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// TestFirewallDNSBeforeLogin: a new gateway proposes its own DNS server, which is on the Internet. With it, an agent finds the gateway
// by name before anybody has logged in. Without it no agent does, and the page and REST say so until the server is open again.
func TestFirewallDNSBeforeLogin(t *testing.T) {
	needs.Program(t, "nft", "nftables")
	const name = "office.example.org" // in no file of hosts
	asked := netip.AddrPortFrom(server2, 53)
	network := labNetwork
	network.Script += `
for place in gw one; do echo nameserver ` + server2.String() + ` >/etc/netns/$P-$place/resolv.conf; done
`
	network.Enter(t, func(t *testing.T, l *netlab.Lab) {
		w := lab{l}
		names := &dns.Server{PacketConn: w.UDP(t, inNet, asked), Handler: dns.HandlerFunc(func(to dns.ResponseWriter, question *dns.Msg) {
			answer := new(dns.Msg).SetReply(question)
			if q := question.Question[0]; q.Qtype == dns.TypeA && strings.EqualFold(q.Name, name+".") {
				answer.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: outer.AsSlice()}}
			}
			_ = to.WriteMsg(answer)
		})}
		go func() { _ = names.ActivateAndServe() }()
		t.Cleanup(func() { _ = names.Shutdown() })

		g := w.guard(t, map[string]any{"auth_domain": name, "lan_interfaces": []string{}, "wan_interfaces": []string{}})
		g.where.Agents = []string{name + ":" + agentPort}
		g.person("anna")
		admin := g.visitor(netip.Addr{})
		admin.signIn("boss", adminPassword)
		state := func(when string, closed bool) {
			t.Helper()
			var rest struct {
				State      string
				Conditions []struct{ Code, Severity string }
			}
			g.admin.must("GET", "/conditions", nil, &rest)
			bad := false
			for _, c := range rest.Conditions {
				bad = bad || c.Code == "dns" && c.Severity == "bad"
			}
			admin.open("/admin/gateway")
			shown := admin.says("#state.bad [data-condition=dns]", "по имени "+name+", а серверы DNS до входа закрыты")
			if bad != closed || (rest.State == "bad") != closed || shown != closed {
				t.Errorf("%s: REST %+v, page %v, want closed %v", when, rest, shown, closed)
			}
		}
		choose := func(more map[string]string) {
			t.Helper()
			admin.open("/admin/gateway")
			typed := admin.roles(map[string]string{"lan0": "lan", "lan1": "lan", "wan0": "wan"})
			for field, value := range more {
				typed[field] = value
			}
			admin.submit("/admin/gateway", typed)
			admin.open("/admin/gateway")
			admin.submit("/admin/gateway/keep", nil)
		}
		getsIn := func() {
			t.Helper()
			anna := g.loggedIn(inOne, "anna")
			g.admin.must("PUT", statePath, map[string]bool{"enabled": false}, nil)
			anna.waits("ended")
			g.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
		}

		admin.open("/admin/gateway")
		admin.sees("#open_before_login", asked.String())
		choose(nil)
		state("the proposal is saved", false)
		getsIn()

		choose(map[string]string{"open_before_login": ""})
		state("nothing is open", true)
		if e := g.agentIn(w.Name(inOne), "anna", userPassword, "lost").waits("error"); e.Code != "unreachable" {
			t.Errorf("without DNS: %+v", e)
		}

		own := w.UDP(t, "", netip.MustParseAddrPort("10.77.1.1:53"))
		state("the gateway answers itself", false)
		own.Close()
		state("it does not any more", true)
		admin.submit("/admin/gateway/dns", nil)
		state("the server is open again", false)
		getsIn()
	})
}
