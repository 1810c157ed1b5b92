package access

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// tryChange changes ivan's password and returns the refusal. Its code is empty if the password was changed.
func (g *gateway) tryChange(password, next string) *agent.Error {
	s := SignIn{Login: "ivan", Password: password, Peer: g.peer(netip.MustParseAddr(outsidePeer))}
	if _, err := g.gate.ChangePassword(context.Background(), PasswordChange{s, next}); err != nil {
		return agent.AsError(err)
	}
	return &agent.Error{}
}

// TestChangePasswordIsThrottled: a wrong password in a change is counted and refused after a delay, as in a login.
func TestChangePasswordIsThrottled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for _, next := range []string{"", "a\x00b", "a\xff", strings.Repeat("x", 2000)} {
			if r := g.tryChange("wrong", next); r.Code != agent.CodePasswordRejected {
				t.Errorf("%.10q: %v", next, r)
			}
		}
		if len(g.memoryStore.checks) != 0 {
			t.Errorf("%d passwords compared", len(g.memoryStore.checks))
		}
		for range accountLimit - 1 {
			began := time.Now()
			if r := g.tryChange("wrong", "new"); r.Code != agent.CodeBadCredentials || time.Since(began) < minRefusalDelay {
				t.Error(r, time.Since(began))
			}
		}
		if r := g.tryChange("right", "refused"); r.Code != agent.CodePasswordRejected {
			t.Error(r)
		}
		if r := g.tryChange("", "new"); r.Code != agent.CodeBadCredentials { // not counted
			t.Error(r)
		}
		if code := g.try("ivan", "wrong", outsidePeer, ""); code != agent.CodeBadCredentials {
			t.Error(code)
		}
		if r := g.tryChange("right", "new"); r.Code != agent.CodeTooManyAttempts {
			t.Errorf("after %d wrong passwords: %v", accountLimit, r)
		}
		g.gate.Unlock(g.memoryStore.account(ivan))
		if r := g.tryChange("right", "new"); r.Code != "" {
			t.Error(r)
		}
		if n := len(g.events.find("password_changed")); n != 1 {
			t.Errorf("%d events", n)
		}
		if code := g.try("ivan", "new", outsidePeer, ""); code != "" {
			t.Error(code)
		}
	})
}

// TestChangeGoesOnAfterDisconnect: a change goes on when the peer disconnects: a wrong password is counted, and a right one is reported.
func TestChangeGoesOnAfterDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		begin := func(password string) (disconnect func() error) {
			g.memoryStore.blockAuthenticate = make(chan struct{})
			ctx, cancel := context.WithCancel(t.Context())
			answer := make(chan error, 1)
			go func() {
				_, err := g.gate.ChangePassword(ctx, PasswordChange{SignIn{Login: "ivan", Password: password, Peer: g.peer(netip.MustParseAddr(outsidePeer))}, "new"})
				answer <- err
			}()
			synctest.Wait()
			return func() error {
				cancel()
				synctest.Wait()
				select {
				case g.memoryStore.blockAuthenticate <- struct{}{}:
				default:
				}
				g.memoryStore.blockAuthenticate = nil
				return <-answer
			}
		}
		if err := begin("right")(); err != nil || len(g.events.find("password_changed")) != 1 {
			t.Errorf("the right password: %v", err)
		}
		for range accountLimit {
			_ = begin("wrong")()
		}
		if code := g.try("ivan", "new", outsidePeer, ""); code != agent.CodeTooManyAttempts {
			t.Errorf("after %d wrong passwords: %q", accountLimit, code)
		}
	})
}

// TestChangesTooOften: a refusal because of too many logins leaves the password as it is.
func TestChangesTooOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		for range loginsPerAccount.burst {
			if code := g.try("ivan", "right", outsidePeer, ""); code != "" {
				t.Fatal(code)
			}
		}
		if r := g.tryChange("right", "new"); r.Code != agent.CodeTooManyAttempts || r.Wait <= 0 {
			t.Error(r)
		}
		<-time.After(loginsPerAccount.every)
		if code := g.try("ivan", "right", outsidePeer, ""); code != "" {
			t.Errorf("the old password: %s", code)
		}
	})
}

// TestMustChange: the right password of an account that must change it is refused, with MayChange.
func TestMustChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		g.memoryStore.change(ivan, func(u *agent.User) { u.MustChange = true })
		signIn := func(password string) *agent.Error {
			_, err := g.gate.SignIn(t.Context(), SignIn{Login: "ivan", Password: password, Peer: g.peer(netip.MustParseAddr(outsidePeer))})
			if err == nil {
				return &agent.Error{}
			}
			return agent.AsError(err)
		}
		for range accountLimit - 1 {
			if r := signIn("wrong"); r.Code != agent.CodeBadCredentials || r.MayChange {
				t.Errorf("%+v", r)
			}
		}
		for range 2 * accountLimit { // the right password clears the count
			if r := signIn("right"); r.Code != agent.CodePasswordMustChange || !r.MayChange || r.Policy == nil {
				t.Errorf("%+v", r)
			}
		}
		if r := g.tryChange("right", "new"); r.Code != "" {
			t.Error(r)
		}
		if r := signIn("new"); r.Code != "" {
			t.Errorf("%+v", r)
		}
	})
}

// TestPasswordElsewhere: CodePasswordElsewhere comes with the right password only.
func TestPasswordElsewhere(t *testing.T) {
	for refused, want := range map[agent.Code]agent.Code{"": agent.CodePasswordElsewhere, agent.CodePasswordExpired: agent.CodePasswordElsewhere,
		agent.CodePasswordMustChange: agent.CodePasswordElsewhere, agent.CodeAccountDisabled: agent.CodeAccountDisabled} {
		synctest.Test(t, func(t *testing.T) {
			g := newGateway(t)
			g.memoryStore.noChanges = true
			if refused != "" {
				g.memoryStore.refusal = agent.Refuse(refused)
			}
			if r := g.tryChange("wrong", "new"); r.Code != agent.CodeBadCredentials {
				t.Error(r)
			}
			if r := g.tryChange("right", "new"); r.Code != want {
				t.Errorf("%s: %v", refused, r)
			}
		})
	}
}

// TestGrantPasswordExpires: a grant has the time when the password expires.
func TestGrantPasswordExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGateway(t)
		at := time.Now().Add(72 * time.Hour)
		g.memoryStore.change(ivan, func(u *agent.User) { u.PasswordExpires = at })
		grant, err := g.Authorize(t.Context(), Attempt{Login: "ivan", Password: "right", Peer: agent.Peer{Addr: netip.MustParseAddr(lanPeer)},
			Device: agent.Device{ID: "d"}, Connection: &agentConnection{}})
		if err != nil || !grant.PasswordExpires.Equal(at) {
			t.Error(grant, err)
		}
	})
}
