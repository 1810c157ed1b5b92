//go:build gateway

package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
)

const rulesPath = "/auth/rules"

// rule adds a rule by REST and returns its path.
func (g *guarded) rule(user int64, fields map[string]any) string {
	g.t.Helper()
	fields["user_id"] = user
	var made struct{ ID string }
	g.admin.must("POST", rulesPath, fields, &made)
	return rulesPath + "/" + made.ID
}

// byRules returns the sessions of rules, as login and address.
func (g *guarded) byRules() (list []string) {
	g.t.Helper()
	for _, s := range g.admin.sessions() {
		if s.Kind == "static" {
			list = append(list, s.Login+" "+s.Address)
		}
	}
	slices.Sort(list)
	return list
}

// soonOpen waits until a host has access.
func (w lab) soonOpen(t testing.TB, what, place string, from netip.Addr, to netip.AddrPort) {
	t.Helper()
	netlab.Eventually(t, what+" is open", func() bool {
		word, _ := w.Hears(place, from, to, netlab.Silence)
		return word != ""
	})
}

// TestFirewallRules: rules give access by address and by MAC, over IPv4 and IPv6. Access ends at once with the rule or the account, and
// outlives a new network card and a restart.
func TestFirewallRules(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		printers, cameras := g.person("printers"), g.person("cameras")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		to6 := w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Paced)
		w.refused(t, "before any rule", inTwo, two, to)

		always := g.rule(printers, map[string]any{"ip": two.String(), "always_logged": true})
		running := w.Download(t, "by a rule that is switched off", inTwo, two, to)
		event := time.Now()
		g.admin.must("PATCH", always, map[string]any{"enabled": false}, nil)
		stops(t, running, event, cutWithin)
		w.refused(t, "a rule that is off", inTwo, two, to)
		g.admin.must("PATCH", always, map[string]any{"enabled": true}, nil)
		running = w.Download(t, "by the rule of an address", inTwo, two, to)
		w.IP(t, inTwo, "link", "set", "eth0", "address", "02:00:00:00:00:77") // another network card
		w.IP(t, inTwo, "route", "replace", "default", "via", "10.77.1.1")
		netlab.Run(t, "ip", "neigh", "flush", "dev", "lan0") // otherwise the gateway sends to the former card for up to a minute
		running.Runs(t)

		mac := w.macAt(t, inOne)
		ofMAC := g.rule(cameras, map[string]any{"mac": mac})
		w.soonOpen(t, "the IPv4 address of a MAC", inOne, one, to)
		w.soonOpen(t, "the IPv6 address of a MAC", inOne, one6, to6)
		w.refused(t, "a second IPv4 address of the MAC", inOne, oneMore, to)
		camera := w.Download(t, "by the rule of a MAC", inOne, one6, to6)
		if got := g.byRules(); !slices.Equal(got, []string{"cameras " + one.String(), "cameras " + one6.String(), "printers " + two.String()}) {
			t.Errorf("sessions: %q", got)
		}

		g.set("local_networks", []string{lanOne, lanTwo, "fd77:1::/64", "172.30.0.0/16"})
		g.admin.must("PUT", statePath, map[string]bool{"enabled": false}, nil)
		running.Runs(t) // rules do not need the agent
		g.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)

		for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			g.kill(s)
			g.begin()
			g.admin = g.rest("boss", adminPassword)
		}
		waitUntil(t, time.Now().Add(12*time.Second)) // longer than the timeout of elements
		for _, d := range []*netlab.Download{running, camera} {
			d.Runs(t)
			if gap := d.Gap(); gap > cutWithin {
				t.Errorf("%s paused for %v", d, gap)
			}
		}

		event = time.Now()
		g.admin.must("PUT", fmt.Sprint("/user_backend/users/", printers), map[string]any{"enabled": false}, nil)
		stops(t, running, event, cutWithin)
		w.refused(t, "a disabled account", inTwo, two, to)
		g.admin.must("PUT", fmt.Sprint("/user_backend/users/", printers), map[string]any{"enabled": true}, nil)
		w.soonOpen(t, "an enabled account", inTwo, two, to)

		event = time.Now()
		g.admin.must("DELETE", ofMAC, nil, nil)
		stops(t, camera, event, cutWithin)
		g.rule(cameras, map[string]any{"ip": one.String(), "mac": "02:00:00:00:00:99", "always_logged": true})
		w.shut(t, "another MAC than that of the rule", inOne, one, to)
		w.IP(t, inOne, "link", "set", "eth0", "address", "02:00:00:00:00:99")
		w.IP(t, inOne, "route", "replace", "default", "via", "10.77.1.1")
		w.soonOpen(t, "the MAC of the rule", inOne, one, to)

		running = w.Download(t, "by the rule of an account that is deleted", inTwo, two, to)
		event = time.Now()
		g.admin.must("DELETE", fmt.Sprint("/user_backend/users/", printers), nil, nil)
		stops(t, running, event, cutWithin)
		w.refused(t, "a deleted account", inTwo, two, to)
	})
}

// TestFirewallRuleAndAgent: the agent of the rule's account takes the address over while a download runs. When it logs out, the rule gives
// access again. Another person's agent is told that the address is busy.
func TestFirewallRuleAndAgent(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, nil)
		anna := g.person("anna")
		g.person("boris")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		g.rule(anna, map[string]any{"ip": one.String()})
		w.soonOpen(t, "by the rule", inOne, one, to)
		running := w.Download(t, "the download", inOne, one, to)

		other := g.agentIn(g.Name(inOne), "boris", userPassword, "boris's computer")
		if e := other.waits("error"); e.Code != "address_busy" {
			t.Errorf("another person: %+v", e)
		}
		other.signal(syscall.SIGTERM)
		agent := g.loggedIn(inOne, "anna")
		if s := g.admin.sessions(); len(s) != 1 || s[0].Kind != "lan" {
			t.Errorf("with the agent: %+v", s)
		}
		running.Runs(t)
		if gap := running.Gap(); gap > cutWithin {
			t.Errorf("the download paused for %v", gap)
		}
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		stops(t, running, time.Now(), cutWithin) // the end of a session cuts its connections
		netlab.Eventually(t, "the rule gives access again", func() bool { return len(g.byRules()) == 1 })
		w.open(t, "by the rule again", inOne, one, to)
	})
}
