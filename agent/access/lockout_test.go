package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// fakeDomain is a Directory that counts wrong passwords as Active Directory does: from 0 again after a right password, and when
// its window has passed since the last wrong one.
type fakeDomain struct {
	lockout   agent.Lockout
	delivery  time.Duration        // from Authenticate to the comparison
	answering func() time.Duration // from the comparison to the answer
	failure   error                // the answer to every attempt, unless nil; no password is compared

	mu            sync.Mutex
	finds         int // calls of Find
	binds         int
	bad           int // badPwdCount of ivan
	last          time.Time
	most          int       // highest bad
	counted       []attempt // the wrong passwords in bad
	mostStrangers int       // highest number of strangers in counted
}

type attempt struct{ stranger bool }

var corpForms = []string{"ivan", "IVAN", `CORP\ivan`, "ivan@corp.test", "corp.test/ivan", `corp.test\ivan`}

// name returns the login without its domain.
func (d *fakeDomain) name(login string) string {
	login = strings.ToLower(login)
	if _, after, ok := strings.Cut(strings.ReplaceAll(login, `\`, "/"), "/"); ok {
		login = after
	}
	login, _, _ = strings.Cut(login, "@")
	return login
}

func (d *fakeDomain) Find(_ context.Context, login string) (agent.Account, error) {
	d.mu.Lock()
	d.finds++
	d.mu.Unlock()
	name := d.name(login)
	known := name == "ivan"
	account := agent.Account{Key: "corp.test/" + name, Known: known, Lockout: d.lockout, Authenticate: d.authenticate}
	if known {
		account.Key, account.UserID = ivanOfCorp.AccountKey(), ivan
	}
	return account, nil
}

var ivanOfCorp = agent.User{ID: ivan, Login: "ivan", Directory: "corp.test", GUID: "4f9a", Enabled: true}

func (d *fakeDomain) Knows(_ context.Context, login string) (agent.UserID, bool, error) {
	return ivan, d.name(login) == "ivan", nil
}

func (d *fakeDomain) VerifyTicket(context.Context, []byte) (agent.User, error) {
	return ivanOfCorp, nil
}

func (d *fakeDomain) authenticate(ctx context.Context, c agent.Credentials) (agent.User, error) {
	if d.failure != nil {
		return agent.User{}, d.failure
	}
	wait(ctx, d.delivery)
	d.mu.Lock()
	d.binds++
	ok := c.Password == "right" && d.name(c.Login) == "ivan"
	if d.name(c.Login) == "ivan" {
		if d.bad > 0 && time.Since(d.last) >= d.lockout.Window {
			d.bad, d.counted = 0, nil
		}
		if ok {
			d.bad, d.counted = 0, nil
		} else {
			d.bad, d.last = d.bad+1, time.Now()
			d.counted = append(d.counted, attempt{c.Origin == agent.OriginStranger})
		}
		strangers := 0
		for _, a := range d.counted {
			if a.stranger {
				strangers++
			}
		}
		d.most, d.mostStrangers = max(d.most, d.bad), max(d.mostStrangers, strangers)
	}
	var answering time.Duration
	if d.answering != nil {
		answering = d.answering()
	}
	d.mu.Unlock()
	wait(ctx, answering)
	switch {
	case ctx.Err() != nil:
		return agent.User{}, ctx.Err()
	case !ok:
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	return ivanOfCorp, nil
}

func wait(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

func newDomainGateway(t tester, limit int) (*gateway, *fakeDomain) {
	g := newGateway(t)
	d := &fakeDomain{lockout: agent.Lockout{Limit: limit, Window: 30 * time.Minute}}
	g.gate = NewGate(d, g.memoryStore, slog.New(slog.NewJSONHandler(g.events, nil)))
	return g, d
}

// tryWait is try. It also returns the wait of the refusal.
func (g *gateway) tryWait(login, password, peer, device string) (agent.Code, time.Duration) {
	_, err := g.gate.SignIn(context.Background(), SignIn{login, password, g.peer(netip.MustParseAddr(peer)), device})
	var refusal *agent.Error
	if errors.As(err, &refusal) {
		return refusal.Code, refusal.Wait
	}
	return "", 0
}

// TestLockoutNeverReached: 600 wrong passwords in five hours, from outside, the LAN, the gateway itself, five devices and in every
// form of the login, never bring the domain's count of wrong passwords to its limit. Strangers get at most half of the attempts
// below the limit, but at least one.
func TestLockoutNeverReached(t *testing.T) {
	for _, limit := range []int{2, 3, 4, 5, 10} {
		synctest.Test(t, func(t *testing.T) {
			g, d := newDomainGateway(t, limit)
			for i := range 3 { // known devices
				if code := g.try("ivan", "right", outsidePeer, fmt.Sprint("device", i)); code != "" {
					t.Fatal(code)
				}
			}
			peers := []string{outsidePeer, lanPeer, "127.0.0.1", "198.51.100.9", "2001:db8::1", "192.168.1.77", "fd00::5"}
			throttled := 0
			for i := range 600 {
				form, peer, device := corpForms[i%len(corpForms)], peers[i%len(peers)], fmt.Sprint("device", i%5)
				if g.try(form, "wrong", peer, device) == agent.CodeTooManyAttempts {
					throttled++
				}
				// In the first 30 minutes the count of the domain does not expire.
				if i == 59 && d.binds != d.bad+3 {
					t.Errorf("limit %d: %d passwords compared, %d counted", limit, d.binds-3, d.bad)
				}
				advance(30*time.Second - minRefusalDelay)
			}
			if d.most != limit-1 || d.mostStrangers > max((limit-1)/2, 1) {
				t.Errorf("limit %d: the domain counted up to %d, strangers %d", limit, d.most, d.mostStrangers)
			}
			if throttled == 0 {
				t.Errorf("limit %d: no attempt was throttled", limit)
			}
		})
	}
}

// TestLockoutRandom: right and wrong passwords whose attempts overlap, are cancelled or take long never bring the domain's count to
// its limit either.
func TestLockoutRandom(t *testing.T) {
	for seed := range uint64(150) {
		synctest.Test(t, func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 1))
			limit := 2 + r.IntN(10)
			g, d := newDomainGateway(t, limit)
			if code := g.try("ivan", "right", outsidePeer, "device0"); code != "" {
				t.Fatal(code)
			}
			d.delivery = time.Duration(r.IntN(3)) * time.Second
			answers := rand.New(rand.NewPCG(seed, 2)) // used under d.mu
			d.answering = func() time.Duration { return time.Duration(answers.IntN(90)) * time.Second }
			var running sync.WaitGroup
			for range 400 {
				password := "wrong"
				if r.IntN(8) == 0 {
					password = "right"
				}
				peer, device, form := []string{outsidePeer, lanPeer, "198.51.100.9"}[r.IntN(3)], fmt.Sprint("device", r.IntN(3)), corpForms[r.IntN(len(corpForms))]
				ctx, cancel := context.WithCancel(context.Background())
				if r.IntN(4) == 0 {
					time.AfterFunc(time.Duration(r.IntN(60))*time.Second, cancel)
				}
				running.Go(func() {
					_, _ = g.gate.SignIn(ctx, SignIn{form, password, g.peer(netip.MustParseAddr(peer)), device})
					cancel()
				})
				if r.IntN(3) == 0 {
					advance(time.Duration(r.IntN(12)) * time.Minute)
				}
			}
			running.Wait()
			if d.most >= limit || d.mostStrangers > max((limit-1)/2, 1) {
				t.Errorf("seed %d, limit %d: the domain counted up to %d, strangers %d", seed, limit, d.most, d.mostStrangers)
			}
		})
	}
}

// TestLockoutStrangers: strangers who have used up their attempts do not keep the person out on a known device or in the LAN.
func TestLockoutStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 3)
		g.try("ivan", "right", outsidePeer, "laptop")
		for i := range 30 {
			g.try("ivan", "wrong", fmt.Sprintf("198.51.100.%d", i), "")
		}
		if d.bad != 1 {
			t.Errorf("strangers had %d attempts", d.bad)
		}
		for name, from := range map[string]SignIn{"known device": {Peer: g.peer(netip.MustParseAddr(outsidePeer)), DeviceID: "laptop"},
			"LAN": {Peer: g.peer(netip.MustParseAddr(lanPeer)), DeviceID: "new"}} {
			if code := g.try(`CORP\ivan`, "right", from.Peer.Addr.String(), from.DeviceID); code != "" {
				t.Errorf("%s: %s", name, code)
			}
			g.try("ivan", "wrong", "198.51.100.200", "") // uses up the strangers' attempt again, which the right password gave back
		}
		if code, wait := g.tryWait("ivan", "right", "198.51.100.201", "other"); code != agent.CodeTooManyAttempts || wait <= 25*time.Minute || wait > 30*time.Minute {
			t.Errorf("a stranger with the right password: %q, wait %v", code, wait)
		}
	})
}

// TestLockoutWindow: the count expires a window after the last wrong password, not after the first.
func TestLockoutWindow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newDomainGateway(t, 3)
		g.try("ivan", "wrong", lanPeer, "")
		advance(20 * time.Minute)
		g.try("ivan", "wrong", lanPeer, "")
		advance(20 * time.Minute)
		code, left := g.tryWait("ivan", "right", lanPeer, "")
		// The second wrong password was counted minRefusalDelay before its refusal.
		if want := 10*time.Minute - minRefusalDelay; code != agent.CodeTooManyAttempts || left != want {
			t.Errorf("%q, wait %v, want %v", code, left, want)
		}
		if until := g.gate.Throttled(ivanOfCorp); !until.Equal(time.Now().Add(left - minRefusalDelay)) {
			t.Errorf("throttled until %v", until)
		}
		advance(left - minRefusalDelay)
		if code := g.try("ivan", "right", lanPeer, ""); code != "" {
			t.Errorf("after the wait: %s", code)
		}
	})
}

// TestLockoutUnlock: Unlock and Throttled work for accounts of a directory.
func TestLockoutUnlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, _ := newDomainGateway(t, 3)
		if !g.gate.Throttled(ivanOfCorp).IsZero() {
			t.Error("throttled before")
		}
		for _, from := range []string{lanPeer, "127.0.0.1", outsidePeer} {
			g.try("ivan@corp.test", "wrong", from, "")
		}
		if g.gate.Throttled(ivanOfCorp).IsZero() {
			t.Error("not throttled")
		}
		other := ivanOfCorp
		other.GUID = "77"
		g.gate.Unlock(other)
		if code := g.try("ivan", "right", lanPeer, ""); code != agent.CodeTooManyAttempts {
			t.Errorf("after another account was unlocked: %q", code)
		}
		g.gate.Unlock(ivanOfCorp)
		if code := g.try("ivan", "right", lanPeer, ""); code != "" || !g.gate.Throttled(ivanOfCorp).IsZero() {
			t.Errorf("after the unlock: %q", code)
		}
	})
}

// TestLockoutUnknownLogin: answers and waits do not reveal whether a login exists.
func TestLockoutUnknownLogin(t *testing.T) {
	answers := func(name string) (list []string) {
		synctest.Test(t, func(t *testing.T) {
			g, _ := newDomainGateway(t, 5)
			peers := []string{outsidePeer, "198.51.100.9", lanPeer, "127.0.0.1"}
			for i := range 40 {
				login := strings.ReplaceAll(corpForms[i%len(corpForms)], "ivan", name)
				code, left := g.tryWait(strings.ReplaceAll(login, "IVAN", strings.ToUpper(name)), "wrong", peers[i%len(peers)], "")
				list = append(list, fmt.Sprint(code, left))
				advance(time.Duration(i) * time.Minute / 4)
			}
		})
		return list
	}
	known, unknown := answers("ivan"), answers("ghost")
	for i := range known {
		if known[i] != unknown[i] {
			t.Errorf("attempt %d: an existing login answers %s, an unknown one %s", i, known[i], unknown[i])
		}
	}
	if !strings.Contains(strings.Join(known, " "), string(agent.CodeTooManyAttempts)) {
		t.Error("no attempt was throttled")
	}
}

// TestLockoutFlood: an address that has used up its attempts causes no more searches in the directory, except from a known
// device.
func TestLockoutFlood(t *testing.T) {
	for _, from := range []func(int) string{
		func(int) string { return outsidePeer },
		func(int) string { return lanPeer },
		func(i int) string { return fmt.Sprintf("2001:db8:0:%x::1", i%200) }, // hosts of one /56
	} {
		synctest.Test(t, func(t *testing.T) {
			g, d := newDomainGateway(t, 5)
			g.try("ivan", "right", from(0), "laptop") // one search, allowed below as +1
			for i := range 400 {
				g.try(fmt.Sprint("guess", i), "wrong", from(i), fmt.Sprint("device", i))
			}
			oneAddress := from(1) == from(0)
			if d.finds > customerLimit+1 || d.finds > addressLimit+1 && oneAddress {
				t.Errorf("%d searches", d.finds)
			}
			if code := g.try("ivan", "right", from(0), "laptop"); code != "" {
				t.Errorf("a known device: %q", code)
			}
		})
	}
}

// TestLockoutFailures: an attempt counts if the directory may have counted a wrong password in it. It does not count if the password
// was not sent, or if the directory refused for another reason.
func TestLockoutFailures(t *testing.T) {
	unreachable := &agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: "corp.test"}
	for name, c := range map[string]struct {
		err    error
		counts bool
	}{
		"unreachable":                {unreachable, true},
		"another failure":            {errFake, true},
		"cancelled":                  {context.Canceled, true},
		"unreachable before sending": {&agent.Error{Code: agent.CodeDirectoryUnreachable, Err: agent.ErrPasswordNotSent}, false},
		"password expired":           {agent.Refuse(agent.CodePasswordExpired), false},
		"locked":                     {agent.Refuse(agent.CodeAccountLocked), false},
		"logon restricted":           {agent.Refuse(agent.CodeLogonRestricted), false},
	} {
		synctest.Test(t, func(t *testing.T) {
			g, d := newDomainGateway(t, 3)
			d.failure = c.err
			for range 2 {
				g.tryWait("ivan", "right", lanPeer, "")
			}
			d.failure = nil
			if code := g.try("ivan", "right", lanPeer, ""); (code == agent.CodeTooManyAttempts) != c.counts {
				t.Errorf("%s: afterwards %q", name, code)
			}
		})
	}
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 3)
		d.failure = unreachable
		if code, wait := g.tryWait("ivan", "right", lanPeer, ""); code != agent.CodeDirectoryUnreachable || wait != directoryRetry {
			t.Errorf("%q, wait %v: the agent would not try again", code, wait)
		}
		if unreachable.Wait != 0 {
			t.Error("the directory's error was changed")
		}
	})
}

// TestLockoutParallel: a right password does not clear wrong ones that the domain may have counted after it.
func TestLockoutParallel(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 3)
		d.answering = func() time.Duration { return time.Minute }
		codes := make(chan agent.Code, 2)
		go func() { codes <- g.try("ivan", "right", lanPeer, "") }()
		advance(10 * time.Second)
		d.answering = nil
		go func() { codes <- g.try("ivan", "wrong", lanPeer, "") }()
		advance(time.Minute)
		<-codes
		<-codes
		for range 2 {
			g.try("ivan", "wrong", lanPeer, "")
		}
		if d.most >= 3 {
			t.Errorf("the domain counted %d", d.most)
		}
	})
}

// TestLockoutOne: a domain that locks after one wrong password gets one attempt, because otherwise no login would be possible.
func TestLockoutOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 1)
		for range 5 {
			g.try("ivan", "wrong", lanPeer, "")
		}
		if d.bad != 1 {
			t.Errorf("%d attempts", d.bad)
		}
	})
}

// TestGateClock: the throttle goes by the clock that it was given.
func TestGateClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 3)
		now := time.Now()
		g.gate = NewGateWithClock(d, g.memoryStore, slog.New(slog.DiscardHandler), func() time.Time { return now })
		for range 3 {
			g.try("ivan", "wrong", lanPeer, "")
		}
		advance(time.Hour)
		if code := g.try("ivan", "right", lanPeer, ""); code != agent.CodeTooManyAttempts {
			t.Errorf("by the other clock no time has passed: %q", code)
		}
		now = now.Add(31 * time.Minute)
		if code := g.try("ivan", "right", lanPeer, ""); code != "" {
			t.Errorf("after the window: %q", code)
		}
	})
}

// TestLockoutSlowAnswer: while an attempt runs, earlier wrong ones do not expire: the domain may have counted the running one before
// their window was over.
func TestLockoutSlowAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, d := newDomainGateway(t, 3)
		g.try("ivan", "wrong", lanPeer, "")
		advance(29*time.Minute + 50*time.Second)
		d.answering = func() time.Duration { return 20 * time.Second }
		time.AfterFunc(15*time.Second, func() { g.gate.Throttled(ivanOfCorp) }) // drops expired attempts
		g.try("ivan", "wrong", lanPeer, "")
		for range 3 {
			g.try("ivan", "wrong", lanPeer, "")
		}
		if d.most >= 3 {
			t.Errorf("the domain counted %d", d.most)
		}
	})
}
