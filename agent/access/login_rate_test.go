package access

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"ideco-agent/agent"
)

// lanHost returns the address of a LAN host by number.
func lanHost(i int) string {
	return netip.AddrFrom4([4]byte{192, 168, byte(100 + i/250), byte(1 + i%250)}).String()
}

func (g *gateway) logInOut(a Attempt) {
	g.t.Helper()
	e := g.begin(a)
	g.Logout(e.Session.ID, e.Connection)
}

// TestLoginRate: repeated logins write a limited number of sessions, whatever device ID is sent, and do not affect other
// people.
func TestLoginRate(t *testing.T) {
	for name, device := range map[string]func(int) string{
		"one device":             func(int) string { return "laptop" },
		"a new device each":      func(i int) string { return fmt.Sprint("device-", i) },
		"without a device":       func(int) string { return "" },
		"two devices in turns":   func(i int) string { return fmt.Sprint("device-", i%2) },
		"seven devices in turns": func(i int) string { return fmt.Sprint("phone-", i%7) },
	} {
		subtest(t, name, func(g *gateway) {
			let, refused := 0, 0
			for i := range 1000 {
				grant, err := g.Authorize(context.Background(), passwordAttempt("ivan", lanPeer, device(i)))
				if err == nil {
					let++
					g.Logout(grant.Session.ID, g.sessions[grant.Session.ID].connection)
					continue
				}
				refused++
				refusal := agent.AsError(err)
				if refusal.Code != agent.CodeTooManyAttempts || refusal.Wait <= 0 || refusal.Wait > loginsPerDevice.every {
					g.t.Fatalf("login %d: %v, wait %v", i, err, refusal.Wait)
				}
			}
			took := time.Duration(refused) * minRefusalDelay
			if most := loginsPerAccount.burst + int(took/loginsPerAccount.every) + 1; let > most {
				g.t.Errorf("%d logins in %v, want %d at most", let, took, most)
			}
			if len(g.memoryStore.sessions) != let {
				g.t.Errorf("%d logins, %d sessions in the journal", let, len(g.memoryStore.sessions))
			}
			if lines := len(g.events.find("login_too_often")); lines == 0 || lines > 1+int(took/logEvery) {
				g.t.Errorf("%d lines for %d refusals in %v", lines, refused, took)
			}
			if n := len(g.gate.logins.buckets); n > loginsPerAccount.burst+int(took/loginsPerAccount.every)+2 {
				g.t.Errorf("%d buckets", n)
			}
			g.logInOut(passwordAttempt("olga", lanPeer, "laptop")) // on the same computer, with the same device
			g.logInOut(passwordAttempt("petr", lanPeer, "device-1"))

			advance(time.Hour)
			g.logInOut(passwordAttempt("ivan", lanPeer, "laptop"))
			if n := len(g.gate.logins.buckets); n > 2 {
				g.t.Errorf("%d buckets an hour later", n)
			}
		})
	}
}

// TestLoginRateWait: after the time to wait, a login succeeds.
func TestLoginRateWait(t *testing.T) {
	subtest(t, "", func(g *gateway) {
		for range loginsPerDevice.burst {
			g.logInOut(passwordAttempt("ivan", lanPeer, "laptop"))
		}
		for range 3 {
			refusal := g.wantRefusal(passwordAttempt("ivan", lanPeer, "laptop"), agent.CodeTooManyAttempts)
			g.logInOut(passwordAttempt("ivan", lanPeer, "phone")) // another device of the person
			advance(refusal.Wait - minRefusalDelay)
			g.logInOut(passwordAttempt("ivan", lanPeer, "laptop"))
		}
	})
}

// TestLoginRateNormalUse: the limits do not affect normal use.
func TestLoginRateNormalUse(t *testing.T) {
	subtest(t, "somebody tries things: twenty logins a minute for ten minutes", func(g *gateway) {
		for range 200 {
			g.logInOut(passwordAttempt("ivan", lanPeer, "pc"))
			advance(3 * time.Second)
		}
	})
	subtest(t, "a hundred devices of one account come back at once by password, twice", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = agent.MaxDevices })
		for range 2 {
			for i := range agent.MaxDevices {
				g.begin(passwordAttempt("ivan", lanHost(i), fmt.Sprint("device-", i)))
			}
		}
	})
	subtest(t, "a hundred sessions come back by token after each of five restarts", func(g *gateway) {
		g.configure(func(s *agent.Settings) { s.DevicesPerUser = agent.MaxDevices })
		var all []testSession
		for i := range agent.MaxDevices {
			all = append(all, g.begin(passwordAttempt("ivan", lanHost(i), fmt.Sprint("device-", i))))
		}
		for range 5 {
			for i, e := range all {
				g.Lost(e.Session.ID, e.Connection)
				all[i] = g.back(e)
			}
		}
	})
	subtest(t, "a connection that breaks each two seconds for an hour", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", lanPeer, "pc"))
		for range 1800 {
			g.Lost(e.Session.ID, e.Connection)
			advance(2 * time.Second)
			e = g.back(e)
		}
	})
}

// TestResumeRate: an agent that reconnects all the time is refused but keeps its token. Other devices of the person and other
// people are not affected.
func TestResumeRate(t *testing.T) {
	subtest(t, "", func(g *gateway) {
		e, olga := g.begin(passwordAttempt("ivan", lanPeer, "pc")), g.begin(passwordAttempt("olga", "192.168.1.99", "pc"))
		other := g.begin(passwordAttempt("ivan", "192.168.1.98", "phone"))
		for range resumesPerDevice.burst {
			e = g.back(e)
		}
		for range 500 {
			if refusal := g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeTooManyAttempts); refusal.Wait <= 0 || refusal.Wait > resumesPerDevice.every {
				g.t.Fatalf("wait %v", refusal.Wait)
			}
			if g.gate.resumes.buckets[rateKey{ivan, "pc"}].TokensAt(time.Now()) >= 1 {
				break // there is a token again
			}
		}
		g.wantLive(e, olga, other)
		g.back(olga)
		g.back(other)
		advance(resumesPerDevice.every)
		g.back(e)
		if lines := len(g.events.find("resume_refused")); lines != 1 {
			g.t.Errorf("%d lines", lines)
		}
	})
}

// TestLogLimiter: of a repeated event the log has the first and then one a minute with the number left out. Other events are
// not affected, all wrong passwords for accounts are logged, and the memory is limited.
func TestLogLimiter(t *testing.T) {
	subtest(t, "a token of a session that is over", func(g *gateway) {
		e := g.begin(passwordAttempt("ivan", outsidePeer, "pc"))
		g.Logout(e.Session.ID, e.Connection)
		for range 1000 { // 300 ms each
			g.wantRefusal(e.withToken(e.ResumeToken), agent.CodeSessionOver)
		}
		lines := g.events.find("resume_refused")
		if len(lines) != 5 || lines[1]["left_out"] != 199.0 {
			g.t.Errorf("%d lines: %v", len(lines), lines)
		}
	})
	subtest(t, "addresses from outside", func(g *gateway) {
		for range 1000 {
			_ = g.ProveAddress(context.Background(), "token", netip.MustParseAddr(outsidePeer))
		}
		_ = g.ProveAddress(context.Background(), "token", netip.MustParseAddr("203.0.113.8"))
		if lines := g.events.find("address_refused"); len(lines) != 2 {
			g.t.Errorf("%d lines", len(lines))
		}
	})
	subtest(t, "wrong passwords", func(g *gateway) {
		for range 100 {
			_ = g.try("ivan", "wrong", outsidePeer, "")
		}
		if failed, throttled := g.events.find("login_failed"), g.events.find("login_throttled"); len(failed) != accountLimit || len(throttled) != 1 {
			g.t.Errorf("%d failed, %d throttled", len(failed), len(throttled))
		}
	})
	subtest(t, "wrong passwords for unknown logins, from many hosts of a provider", func(g *gateway) {
		for i := range 400 { // 300 ms each
			_ = g.try(fmt.Sprint("guess", i), "wrong", fmt.Sprintf("2001:db8:%x::1", i), "")
		}
		_ = g.try("guess", "wrong", outsidePeer, "")
		_ = g.try("ivan", "wrong", "2001:db8:ffff::1", "")
		lines := g.events.find("login_failed")
		if len(lines) != 4 || lines[1]["left_out"] != 199.0 || lines[2]["peer"] != outsidePeer || lines[3]["account"] != "ivan" {
			g.t.Errorf("%d lines: %v", len(lines), lines)
		}
	})
	subtest(t, "right password of a disabled account", func(g *gateway) {
		g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false })
		for range 100 {
			_ = g.try("ivan", "right", outsidePeer, "")
		}
		if failed := g.events.find("login_failed"); len(failed) != 1 {
			g.t.Errorf("%d lines", len(failed))
		}
	})
	subtest(t, "many networks", func(g *gateway) {
		written := 0
		for i := range 3 * maxLogKinds {
			key := logKey{event: "e", net: netip.PrefixFrom(netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}), 32)}
			if _, ok := g.gate.logLimiter.due(key, time.Now()); ok {
				written++
			}
		}
		if kinds := len(g.gate.logLimiter.kinds); written != maxLogKinds+1 || kinds != maxLogKinds+1 {
			g.t.Errorf("%d lines, %d kinds", written, kinds)
		}
		advance(logEvery)
		if left, ok := g.gate.logLimiter.due(logKey{event: "new"}, time.Now()); !ok || left != 0 || len(g.gate.logLimiter.kinds) != 1 {
			g.t.Errorf("%d left out, %v, %d kinds a minute later", left, ok, len(g.gate.logLimiter.kinds))
		}
	})
}
