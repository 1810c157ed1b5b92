package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// byRule returns a session of KindStatic.
func byRule(id int, a netip.Addr, mac string) agent.Session {
	s := session(id, a)
	s.Kind, s.MACStored = agent.KindStatic, mac
	return s
}

// TestRuleOfAddress: a rule without a MAC lets any computer at the address through, before the computer was seen and after its MAC has
// changed. The same person's agent takes the address over and the rule takes it back, without a cut.
func TestRuleOfAddress(t *testing.T) {
	for name, own := range map[string]netip.Addr{"IPv4": host, "IPv6": host6} {
		t.Run(name, func(t *testing.T) {
			onSwitch(t, func(t *testing.T, l lab) {
				f := open(t, labPlan(), Options{})
				s := grant(t, f, byRule(1, own, ""))
				to := server
				if own.Is6() {
					to = server6
				}
				running := l.Download(t, "a download", inLAN, own, l.listen(t, inWAN, to, 0, netlab.Paced))
				l.IP(t, inLAN, "link", "set", "eth0", "address", "02:00:00:00:00:77")
				l.IP(t, inLAN, "route", "replace", "default", "via", "10.77.1.1")
				l.IP(t, inLAN, "-6", "route", "replace", "default", "via", "fd77:1::1")
				l.learnMAC(t, inLAN, own)
				running.Runs(t)
				if list := f.ChangedMACs(t.Context()); len(list) > 0 {
					t.Errorf("changes that an agent must prove: %v", list)
				}
				agentOf := session(1, own)
				agentOf.ID = "agent"
				grant(t, f, agentOf)
				running.Runs(t)
				if f.MACs()[agentOf.ID].String() != "02:00:00:00:00:77" {
					t.Errorf("the agent is let through with the MAC %s", f.MACs()[agentOf.ID])
				}
				grant(t, f, s)
				running.Runs(t)
			})
		})
	}
}

// TestRestartOfBrowser: after a restart a browser's session with a stored MAC is granted to that computer only, also if its element has
// expired. A session without a MAC is then not readmitted.
func TestRestartOfBrowser(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		to := l.listen(t, inWAN, server, 0, netlab.Says("hello"))
		web := session(1, host)
		web.Kind = agent.KindWeb
		if err := f.Readmit(t.Context(), web); !errors.Is(err, ErrExpired) {
			t.Errorf("%v", err)
		}
		web.MACStored = "02:00:00:00:00:99"
		grant(t, f, web)
		if !l.noAnswer(t, inLAN, host, to) {
			t.Error("another computer is let through")
		}
		if list := f.ChangedMACs(t.Context()); len(list) != 1 || list[0].Session != web.ID || list[0].From.String() != web.MACStored {
			t.Errorf("changed MACs: %v", list)
		}
		web.MACStored = netlab.Run(t, "ip", "netns", "exec", l.Name(inLAN), "cat", "/sys/class/net/eth0/address")
		grant(t, f, web)
		l.wantOpen(t, "the computer of the session", inLAN, host, to)
		if list := f.ChangedMACs(t.Context()); len(list) > 0 {
			t.Errorf("changed MACs of the same computer: %v", list)
		}
		next := session(2, host)
		next.Kind = agent.KindWeb
		grant(t, f, next)
		l.wantOpen(t, "another person's session", inLAN, host, to)
		if err := f.Readmit(t.Context(), next); err != nil {
			t.Errorf("%v", err)
		}
	})
}

// TestRecount: Recount adds the bytes since the last sample.
func TestRecount(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		s := grant(t, f, session(1, host))
		to := l.listen(t, inWAN, server, 0, netlab.Says("hello"))
		for range 3 {
			before := f.Traffic()[s.ID]
			l.wantOpen(t, "the host", inLAN, host, to)
			f.Recount(t.Context(), []string{s.ID, "unknown"})
			if after := f.Traffic()[s.ID]; after.Rx <= before.Rx || after.Tx <= before.Tx {
				t.Errorf("%+v after %+v", after, before)
			}
		}
		var many []string
		for i := range 2 * maxSingleReads {
			many = append(many, fmt.Sprint("s", i))
		}
		before := f.Traffic()[s.ID]
		l.wantOpen(t, "the host", inLAN, host, to)
		f.Recount(t.Context(), many)
		if after := f.Traffic()[s.ID]; after.Rx <= before.Rx || after.Tx <= before.Tx {
			t.Errorf("of many: %+v after %+v", after, before)
		}
	})
}

// TestRuleOfMAC: a rule with a MAC lets only that computer through, whatever the neighbour table has. Behind a router, where the
// firewall cannot see MACs, it lets no computer through.
func TestRuleOfMAC(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		f := open(t, labPlan(), Options{})
		l.learnMAC(t, inLAN, host)
		to := l.listen(t, inWAN, server, 0, netlab.Says("hello"))
		grant(t, f, byRule(1, host, "02:00:00:00:00:99"))
		if !l.noAnswer(t, inLAN, host, to) {
			t.Error("another computer is let through")
		}
		if list := f.ChangedMACs(t.Context()); len(list) > 0 {
			t.Errorf("changed MACs of a rule: %v", list)
		}
		agentOf := session(1, host)
		agentOf.ID = "agent"
		grant(t, f, agentOf)
		l.wantOpen(t, "the same person's agent on another computer", inLAN, host, to)
		mac := netlab.Run(t, "ip", "netns", "exec", l.Name(inLAN), "cat", "/sys/class/net/eth0/address")
		grant(t, f, byRule(1, host, mac))
		l.wantOpen(t, "the computer of the rule", inLAN, host, to)
		if got := f.MACs()["s1"].String(); got != mac {
			t.Errorf("MAC %s instead of %s", got, mac)
		}
		grant(t, f, byRule(2, routed, mac))
		l.wantClosed(t, "behind a router", inLAN, routed, to)
		grant(t, f, byRule(2, routed, ""))
		l.wantOpen(t, "behind a router, without a MAC", inLAN, routed, to)
	})
}
