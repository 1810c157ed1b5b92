package access

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

const (
	lanPeer     = "192.168.1.10"
	outsidePeer = "203.0.113.7"
)

// try signs in and returns the code of the refusal; empty for none.
func (g *gateway) try(login, password, peer, device string) agent.Code {
	_, err := g.gate.SignIn(context.Background(), SignIn{login, password, g.peer(netip.MustParseAddr(peer)), device})
	var refusal *agent.Error
	if errors.As(err, &refusal) {
		return refusal.Code
	}
	if err != nil {
		g.t.Errorf("sign-in of %s: %v", login, err)
	}
	return ""
}

func TestSignIn(t *testing.T) {
	for _, c := range []struct {
		name, login, password string
		prepare               func(*gateway)
		code                  agent.Code
		checks                int // how often the directory was asked
	}{
		{name: "right", login: "ivan", password: "right", checks: 1},
		{name: "another spelling", login: " IVAN ", password: "right", checks: 1},
		{name: "wrong password", login: "ivan", password: "wrong", code: agent.CodeBadCredentials, checks: 1},
		{name: "unknown login", login: "nobody", password: "right", code: agent.CodeBadCredentials, checks: 1},
		{name: "empty password", login: "ivan", code: agent.CodeBadCredentials},
		{name: "empty login", login: " ", password: "right", code: agent.CodeBadCredentials},
		{name: "endless login", login: strings.Repeat("i", agent.MaxLoginTyped+1), password: "right", code: agent.CodeBadCredentials},
		{name: "switched off", login: "ivan", password: "right", code: agent.CodeAccountDisabled, checks: 1,
			prepare: func(g *gateway) { g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false }) }},
		{name: "refused by its directory", login: "ivan", password: "right", code: agent.CodeNotPermitted, checks: 1,
			prepare: func(g *gateway) {
				g.memoryStore.change(ivan, func(u *agent.User) { u.Refused = agent.CodeNotPermitted })
			}},
		{name: "refused by its directory, wrong password", login: "ivan", password: "wrong", code: agent.CodeBadCredentials, checks: 1,
			prepare: func(g *gateway) {
				g.memoryStore.change(ivan, func(u *agent.User) { u.Refused = agent.CodeNotPermitted })
			}},
		{name: "switched off, wrong password", login: "ivan", password: "wrong", code: agent.CodeBadCredentials, checks: 1,
			prepare: func(g *gateway) { g.memoryStore.change(ivan, func(u *agent.User) { u.Enabled = false }) }},
		{name: "state told by the directory", login: "ivan", password: "right", code: agent.CodePasswordExpired, checks: 1,
			prepare: func(g *gateway) { g.memoryStore.refusal = agent.Refuse(agent.CodePasswordExpired) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t)
				if c.prepare != nil {
					c.prepare(g)
				}
				started := time.Now()
				if code := g.try(c.login, c.password, outsidePeer, ""); code != c.code {
					t.Errorf("code %q, want %q", code, c.code)
				}
				if at := g.memoryStore.account(ivan).LastLogin; (c.code == "") != at.Equal(started) {
					t.Errorf("the last sign-in is %v", at)
				}
				if len(g.memoryStore.checks) != c.checks {
					t.Errorf("the directory was asked %d times, want %d", len(g.memoryStore.checks), c.checks)
				}
				for _, check := range g.memoryStore.checks {
					if check.Peer != g.peer(netip.MustParseAddr(outsidePeer)) || check.Origin != agent.OriginStranger {
						t.Errorf("the directory was told %s from %v", check.Origin, check.Peer)
					}
				}
				if took := time.Since(started); c.code != "" && took != minRefusalDelay || c.code == "" && took != 0 {
					t.Errorf("took %v", took)
				}
			})
		})
	}
}

// TestSignInFailure: if a method of the store fails, the sign-in fails. RememberDevice and RememberLogin are the exceptions.
func TestSignInFailure(t *testing.T) {
	for method, in := range map[string]bool{"Knows": false, "KnowsDevice": false, "RememberDevice": true, "RememberLogin": true} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			g.memoryStore.failOn(method)
			_, err := g.gate.SignIn(context.Background(), SignIn{"ivan", "right", g.peer(netip.MustParseAddr(outsidePeer)), "laptop"})
			if in != (err == nil) || !in && !errors.Is(err, errFake) {
				t.Errorf("%s fails: %v", method, err)
			}
		})
	}
}

func TestThrottleAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.try("ivan", "right", "203.0.113.1", "laptop")
		for i := range accountLimit {
			if code := g.try("ivan", "wrong", fmt.Sprintf("198.51.100.%d", i), "thief"); code != agent.CodeBadCredentials {
				t.Fatalf("attempt %d: %s", i, code)
			}
			advance(time.Minute)
		}
		_, err := g.gate.SignIn(context.Background(), SignIn{"Ivan", "right", agent.Peer{Addr: netip.MustParseAddr("198.51.100.77")}, "thief"})
		var refusal *agent.Error
		if !errors.As(err, &refusal) || refusal.Code != agent.CodeTooManyAttempts {
			t.Fatalf("after %d wrong attempts: %v", accountLimit, err)
		}
		// 5 attempts with a minute and a refusal's 300 ms after each; the first counts from its check.
		if want := window - accountLimit*(time.Minute+minRefusalDelay); refusal.Wait != want {
			t.Errorf("wait %v, want %v", refusal.Wait, want)
		}
		for name, a := range map[string]SignIn{
			"known device": {"ivan", "right", agent.Peer{Addr: netip.MustParseAddr("198.51.100.1")}, "laptop"},
			"LAN":          {"ivan", "right", g.peer(netip.MustParseAddr(lanPeer)), "thief"},
		} {
			if _, err := g.gate.SignIn(context.Background(), a); err != nil {
				t.Errorf("strangers locked the known device: %s: %v", name, err)
			}
		}
		advance(refusal.Wait)
		if code := g.try("ivan", "right", "198.51.100.78", "other"); code != "" {
			t.Errorf("after the wait: %s", code)
		}
	})
}

// TestThrottleDevice: wrong attempts on one known device lock neither another one nor strangers.
func TestThrottleDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.try("ivan", "right", outsidePeer, "laptop")
		g.try("ivan", "right", outsidePeer, "tablet")
		for range accountLimit {
			g.try("ivan", "wrong", outsidePeer, "laptop")
		}
		if code := g.try("ivan", "right", outsidePeer, "laptop"); code != agent.CodeTooManyAttempts {
			t.Errorf("laptop: %q", code)
		}
		if code := g.try("ivan", "right", outsidePeer, "tablet"); code != "" {
			t.Errorf("tablet: %q", code)
		}
		if code := g.try("ivan", "right", outsidePeer, ""); code != "" {
			t.Errorf("browser: %q", code)
		}
		origins := []agent.Origin{}
		for _, c := range g.memoryStore.checks {
			origins = append(origins, c.Origin)
		}
		if n := len(origins); origins[0] != agent.OriginStranger || origins[2] != agent.OriginDevice ||
			origins[n-2] != agent.OriginDevice || origins[n-1] != agent.OriginStranger {
			t.Errorf("origins: %v", origins)
		}
	})
}

func TestThrottleUnknownLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for i := range accountLimit {
			g.try("S3cret-Password ", "wrong", fmt.Sprintf("198.51.100.%d", i), "")
		}
		if code := g.try("s3cret-password", "wrong", outsidePeer, ""); code != agent.CodeTooManyAttempts {
			t.Errorf("an unknown login is not throttled as a known one is: %q", code)
		}
		if strings.Contains(strings.ToLower(g.events.all()), "s3cret") {
			t.Errorf("the log has what a person typed in place of a login:\n%s", g.events.all())
		}
		if failed := g.events.find("login_failed"); len(failed) != accountLimit || failed[0]["account"] != "***" ||
			failed[0]["code"] != string(agent.CodeBadCredentials) || failed[0]["peer"] != "198.51.100.0" {
			t.Errorf("events: %v", failed)
		}
		if n := len(g.events.find("login_throttled")); n != 1 {
			t.Errorf("%d throttled events", n)
		}
	})
}

func TestThrottleSuccessClears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for range 3 {
			for range accountLimit - 1 {
				if code := g.try("ivan", "wrong", outsidePeer, ""); code != agent.CodeBadCredentials {
					t.Fatal(code)
				}
			}
			if code := g.try("ivan", "right", outsidePeer, ""); code != "" {
				t.Fatal(code)
			}
		}
	})
}

// TestThrottleOtherRefusals: only a wrong password counts.
func TestThrottleOtherRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.memoryStore.refusal = agent.Refuse(agent.CodeAccountLocked)
		for range 2 * addressLimit {
			if code := g.try("ivan", "right", outsidePeer, ""); code != agent.CodeAccountLocked {
				t.Fatal(code)
			}
			if code := g.try("ivan", "", outsidePeer, ""); code != agent.CodeBadCredentials {
				t.Fatal(code)
			}
		}
	})
}

func TestThrottleAddress(t *testing.T) {
	for _, c := range []struct {
		name, first, second string
		together            bool
	}{
		{"one IPv4 address", "203.0.113.7", "203.0.113.7", true},
		{"mapped", "203.0.113.7", "::ffff:203.0.113.7", true},
		{"two IPv4 addresses", "203.0.113.7", "203.0.113.8", false},
		{"one IPv6 network", "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", true},
		{"two IPv6 networks", "2001:db8:0:1::1", "2001:db8:0:2::1", false},
		{"two hosts in the LAN", "192.168.1.10", "192.168.1.11", false},
		{"the gateway itself", "127.0.0.1", "127.7.7.7", true},
		{"the gateway itself, IPv6", "127.0.0.1", "::1", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g := newGateway(t)
				for i := range addressLimit {
					if code := g.try(fmt.Sprint("guess", i), "wrong", c.first, ""); code != agent.CodeBadCredentials {
						t.Fatalf("attempt %d: %s", i, code)
					}
					g.try("olga", "right", c.first, "") // a right password does not clear the count
				}
				want := agent.Code("")
				if c.together {
					want = agent.CodeTooManyAttempts
				}
				if code := g.try("ivan", "right", c.second, ""); code != want {
					t.Errorf("code %q, want %q", code, want)
				}
				if n := len(g.gate.throttle.accounts.byKey); n != 0 {
					t.Errorf("%d accounts still have a count", n)
				}
			})
		})
	}
}

// TestThrottleCustomer: attempts from many /64 of one /56 share a limit.
func TestThrottleCustomer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for i := range customerLimit {
			if code := g.try(fmt.Sprint("guess", i), "wrong", fmt.Sprintf("2001:db8:0:%x::1", i), ""); code != agent.CodeBadCredentials {
				t.Fatalf("attempt %d: %s", i, code)
			}
		}
		if code := g.try("ivan", "right", "2001:db8:0:ff::1", ""); code != agent.CodeTooManyAttempts {
			t.Errorf("another network of the customer's: %q", code)
		}
		if code := g.try("ivan", "right", "2001:db8:0:100::1", ""); code != "" {
			t.Errorf("another customer: %q", code)
		}
	})
}

// TestThrottleOrganisation: attempts from one /48 share a limit. It does not apply to known devices in that network, to the
// LAN and to the gateway itself.
func TestThrottleOrganisation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.try("olga", "right", "fd00:0:0:ff00::1", "laptop")
		for i := range organisationLimit {
			if code := g.try(fmt.Sprint("guess", i), "wrong", fmt.Sprintf("fd00:0:0:%x0::1", 1+i), ""); code != agent.CodeBadCredentials {
				t.Fatalf("attempt %d: %s", i, code)
			}
		}
		for from, want := range map[string]agent.Code{
			"fd00:0:0:ff00::1": agent.CodeTooManyAttempts,
			"fd00:0:1::1":      "",
			outsidePeer:        "",
			"fd00::10":         "", // in the LAN
			"::1":              "",
		} {
			if code := g.try("ivan", "right", from, ""); code != want {
				t.Errorf("from %s: %q, want %q", from, code, want)
			}
		}
		if code := g.try("olga", "right", "fd00:0:0:ff00::1", "laptop"); code != "" {
			t.Errorf("a known device: %q", code)
		}
	})
}

// TestThrottleLAN: wrong passwords in the LAN or on the gateway lock no known device, and those in the LAN do not lock the
// gateway.
func TestThrottleLAN(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.try("ivan", "right", "192.168.1.20", "laptop")
		for _, from := range []string{lanPeer, "127.0.0.1"} {
			for range accountLimit {
				g.try("ivan", "wrong", from, "")
			}
			if code := g.try("ivan", "right", from, ""); code != agent.CodeTooManyAttempts {
				t.Errorf("from %s: %q", from, code)
			}
			if code := g.try("ivan", "right", "192.168.1.20", "laptop"); code != "" {
				t.Errorf("a known device, after wrong passwords from %s: %q", from, code)
			}
			if from == lanPeer {
				if code := g.try("ivan", "right", "127.0.0.1", ""); code != "" {
					t.Errorf("on the gateway: %q", code)
				}
			}
		}
	})
}

// TestThrottleNeighbours: wrong passwords of one host in the LAN do not lock the others in its IPv6 /64.
func TestThrottleNeighbours(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for i := range addressLimit {
			if code := g.try(fmt.Sprint("guess", i), "wrong", "fd00::bad", ""); code != agent.CodeBadCredentials {
				t.Fatalf("attempt %d: %s", i, code)
			}
		}
		if code := g.try("ivan", "right", "fd00::bad", ""); code != agent.CodeTooManyAttempts {
			t.Errorf("the host that guessed: %q", code)
		}
		if code := g.try("ivan", "right", "fd00::2", ""); code != "" {
			t.Errorf("its neighbour: %q", code)
		}
	})
}

// TestThrottleManyDevices: one person's known devices do not lock those of another behind the same address.
func TestThrottleManyDevices(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.try("olga", "right", outsidePeer, "tablet")
		for i := range addressLimit {
			device := fmt.Sprint("made-up", i)
			g.try("ivan", "right", outsidePeer, device)
			g.try("ivan", "wrong", outsidePeer, device)
		}
		if code := g.try("olga", "right", outsidePeer, "tablet"); code != "" {
			t.Errorf("another person's device behind the same address: %q", code)
		}
	})
}

// TestThrottleUnlock: Throttled returns the end of the throttle, and Unlock ends it for this account only.
func TestThrottleUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		if until := g.gate.Throttled(g.memoryStore.account(ivan)); !until.IsZero() {
			t.Errorf("before: %v", until)
		}
		began := time.Now()
		for range accountLimit {
			g.try("ivan", "wrong", lanPeer, "")
		}
		if until := g.gate.Throttled(g.memoryStore.account(ivan)); !until.Equal(began.Add(window)) {
			t.Errorf("throttled until %v, want %v", until, began.Add(window))
		}
		if until := g.gate.Throttled(g.memoryStore.account(olga)); !until.IsZero() {
			t.Errorf("another account: %v", until)
		}
		g.gate.Unlock(g.memoryStore.account(olga))
		if code := g.try("ivan", "right", lanPeer, ""); code != agent.CodeTooManyAttempts {
			t.Errorf("after another account was unlocked: %q", code)
		}
		g.gate.Unlock(g.memoryStore.account(ivan))
		if code := g.try("ivan", "right", lanPeer, ""); code != "" || !g.gate.Throttled(g.memoryStore.account(ivan)).IsZero() {
			t.Errorf("after the unlock: %q, throttled until %v", code, g.gate.Throttled(g.memoryStore.account(ivan)))
		}
	})
}

// TestThrottleUnlockAddress: Unlock also forgets the account's wrong passwords in the counts of addresses. Those for other
// accounts still count there.
func TestThrottleUnlockAddress(t *testing.T) {
	for name, c := range map[string]struct {
		limit int
		from  func(int) string
	}{
		"LAN":      {addressLimit, func(int) string { return lanPeer }},
		"outside":  {addressLimit, func(int) string { return outsidePeer }},
		"IPv6 /56": {customerLimit, func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i) }},
		"IPv6 /48": {organisationLimit, func(i int) string { return fmt.Sprintf("2001:db8:0:%x0::1", i) }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, from := newGateway(t), c.from
				for i := range c.limit - 1 {
					g.try(fmt.Sprint("guess", i), "wrong", from(i), "")
				}
				g.try("ivan", "wrong", from(0), "")
				if code := g.try("ivan", "right", from(0), ""); code != agent.CodeTooManyAttempts {
					t.Errorf("before the unlock: %q", code)
				}
				g.gate.Unlock(g.memoryStore.account(olga))
				if code := g.try("ivan", "right", from(0), ""); code != agent.CodeTooManyAttempts {
					t.Errorf("after another account was unlocked: %q", code)
				}
				g.gate.Unlock(g.memoryStore.account(ivan))
				if code := g.try("ivan", "right", from(0), ""); code != "" {
					t.Errorf("after the unlock: %q", code)
				}
				g.try("guess", "wrong", from(0), "")
				if code := g.try("ivan", "right", from(0), ""); code != agent.CodeTooManyAttempts {
					t.Errorf("wrong passwords for others are forgotten: %q", code)
				}
			})
		})
	}
}

// TestThrottleParallelWrong: parallel attempts get no more tries than attempts one after the other.
func TestThrottleParallelWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.memoryStore.blockAuthenticate = make(chan struct{})
		codes := make(chan agent.Code, 50)
		for range 50 {
			go func() { codes <- g.try("ivan", "wrong", outsidePeer, "") }()
		}
		synctest.Wait()
		if n := len(g.memoryStore.checks); n != accountLimit {
			t.Errorf("%d checks at once, want %d", n, accountLimit)
		}
		close(g.memoryStore.blockAuthenticate)
		count := map[agent.Code]int{}
		for range 50 {
			count[<-codes]++
		}
		if count[agent.CodeBadCredentials] != accountLimit || count[agent.CodeTooManyAttempts] != 50-accountLimit {
			t.Errorf("answers: %v", count)
		}
	})
}

// TestThrottleParallelRight: if all devices of a person sign in at once, none is refused.
func TestThrottleParallelRight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for range accountLimit - 1 { // one more would fill the count
			g.try("ivan", "wrong", outsidePeer, "")
		}
		g.memoryStore.blockAuthenticate = make(chan struct{})
		codes := make(chan agent.Code, 20)
		for range 20 {
			go func() { codes <- g.try("ivan", "right", outsidePeer, "") }()
		}
		synctest.Wait()
		if n := len(g.memoryStore.checks); n != accountLimit {
			t.Errorf("%d checks, want one beside the earlier ones", n)
		}
		close(g.memoryStore.blockAuthenticate)
		for range 20 {
			if code := <-codes; code != "" {
				t.Errorf("refused: %s", code)
			}
		}
	})
}

// TestThrottleCancelled: an attempt that is cancelled while it waits or during the check is not counted.
func TestThrottleCancelled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.memoryStore.blockAuthenticate = make(chan struct{})
		ctx, leave := context.WithCancel(context.Background())
		errs := make(chan error, 20)
		for range 20 {
			go func() {
				_, err := g.gate.SignIn(ctx, SignIn{"ivan", "wrong", g.peer(netip.MustParseAddr(outsidePeer)), ""})
				errs <- err
			}()
		}
		synctest.Wait()
		leave()
		for range 20 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Errorf("%v", err)
			}
		}
		synctest.Wait()
		if n := len(g.gate.throttle.accounts.byKey) + len(g.gate.throttle.address.byKey); n != 0 {
			t.Errorf("%d empty counts are left", n)
		}
	})
}

// TestCountsGiveUp: an attempt that is let in and cancelled at the same time is not running afterwards.
func TestCountsGiveUp(t *testing.T) {
	c := newCounts[string](1, 0, time.Now)
	second := waiter{turn: make(chan error, 1)}
	first, err := c.enter(context.Background(), "a", "")
	if err != nil {
		t.Fatal(err)
	}
	c.byKey["a"].waiting = append(c.byKey["a"].waiting, second)
	c.leave("a", first, uncounted) // lets the second in
	c.giveUp("a", second)
	if len(c.byKey) != 0 {
		t.Errorf("left: %+v", c.byKey["a"])
	}
}

// TestCountsEviction: a flood of new keys does not exceed the limit of keys or evict full counts. It is forgotten after the
// window.
func TestCountsEviction(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const most = 1000
		c := newCounts[int](accountLimit, most, time.Now)
		guess := func(key int) error {
			e, err := c.enter(context.Background(), key, "")
			if err == nil {
				c.leave(key, e, wrong)
			}
			return err
		}
		held := []int{-1, -2, -3}
		for _, key := range slices.Repeat(held, accountLimit) {
			if err := guess(key); err != nil {
				t.Fatal(err)
			}
		}
		for key := range 20 * most {
			if err := guess(key); err != nil {
				t.Fatal(err)
			}
		}
		if len(c.byKey) > most {
			t.Errorf("%d keys, want at most %d", len(c.byKey), most)
		}
		for _, key := range held {
			if err := guess(key); err == nil {
				t.Errorf("the flood evicted %d", key)
			}
		}
		advance(window)
		if err := guess(0); err != nil || len(c.byKey) != 1 {
			t.Errorf("after the window: %v, %d keys", err, len(c.byKey))
		}
	})
}

// TestCountsFullOfRunning: keys that are all in use are never dropped.
func TestCountsFullOfRunning(t *testing.T) {
	c := newCounts[int](1, 2, time.Now)
	for key := range 4 {
		if _, err := c.enter(context.Background(), key, ""); err != nil {
			t.Fatal(err)
		}
	}
	for key := range 4 {
		c.leave(key, entry{}, right)
	}
	if len(c.byKey) != 0 {
		t.Errorf("%d keys left", len(c.byKey))
	}
}
