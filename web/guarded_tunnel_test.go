package web

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/wireguard"
)

// guardedScene is a real tunnel behind a real firewall.
type guardedScene struct {
	*guardedTunnel
	t    *testing.T
	wall *wall
}

func newGuardedScene(t *testing.T) guardedScene {
	t.Helper()
	s := gatewaySettings()
	w := testWall(t, t.TempDir(), &s)
	w.tunnel = w.tunnelName
	w.follow(t.Context())
	d, err := wireguard.Open(wireguard.Config{Mode: wireguard.ModeNetstack, Network: s.VPNNetwork,
		PrivateKeyFile: filepath.Join(t.TempDir(), "wireguard.key"), Log: slog.New(slog.NewTextHandler(t.Output(), nil))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return guardedScene{tunnel{d}.guarded(w), t, w}
}

// session has reserved an address.
func (g guardedScene) session() agent.Session {
	g.t.Helper()
	s := agent.Session{ID: agent.NewSessionID(), Kind: agent.KindVPN}
	var err error
	if s.Address, err = g.Reserve(g.t.Context(), s); err != nil {
		g.t.Fatal(err)
	}
	return s
}

func (g guardedScene) up(s agent.Session) {
	g.t.Helper()
	config, err := g.Up(g.t.Context(), s, somebodysKey(g.t))
	if err != nil || config.Address.Addr() != s.Address {
		g.t.Fatalf("%+v, %v", config, err)
	}
}

// somebodysKey is a public key that nobody else has.
func somebodysKey(t *testing.T) agent.Key {
	t.Helper()
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return agent.Key(secret.PublicKey().Bytes())
}

func (g guardedScene) hasPeer(s agent.Session) bool {
	_, has := g.Device.Traffic()[s.ID]
	return has
}

// isOpen tells whether the kernel lets the session's address through.
func (g guardedScene) isOpen(s agent.Session) bool {
	g.t.Helper()
	text, loaded, err := firewall.Show(*g.wall.inForce)
	if err != nil || !loaded {
		g.t.Fatalf("%t, %v", loaded, err)
	}
	return strings.Contains(text, s.ID)
}

// is fails the test unless the address is open or closed; closing may take a moment.
func (g guardedScene) is(what string, s agent.Session, open, peer bool) {
	g.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(5 * time.Second); !open && g.isOpen(s); {
		select {
		case <-tick.C:
			continue
		case <-late:
		}
		break
	}
	if g.isOpen(s) != open || g.hasPeer(s) != peer {
		g.t.Errorf("%s: open %t, want %t; has a peer %t, want %t", what, g.isOpen(s), open, g.hasPeer(s), peer)
	}
}

// watched is the firewall with a look at the tunnel whenever an address is closed.
type watched struct {
	admissions
	revoked func(agent.Session)
}

func (w watched) Revoke(ctx context.Context, s agent.Session) {
	w.revoked(s)
	w.admissions.Revoke(ctx, s)
}

// TestGuardedTunnel: an address is open from when its session has a peer until the session gives it back, and closed
// before the peer goes.
func TestGuardedTunnel(t *testing.T) {
	inOwnNetwork(t, func(t *testing.T) {
		g := newGuardedScene(t)
		one, two := g.session(), g.session()
		g.is("reserved", one, false, false)
		g.up(one)
		g.is("up", one, true, true)
		g.is("up, but another session", two, false, false)
		g.up(one)
		g.is("another peer", one, true, true)
		g.up(two)

		revoked := 0
		g.firewall = watched{g.firewall, func(s agent.Session) {
			if revoked++; s.ID != one.ID || !g.hasPeer(one) {
				t.Errorf("closed is %s; the peer is there: %t", s.ID, g.hasPeer(s))
			}
		}}
		g.Release(t.Context(), one)
		g.is("released", one, false, false)
		g.is("another session was released", two, true, true)
		if revoked != 1 {
			t.Errorf("closed %d times", revoked)
		}
	})
}

// impatient goes away as soon as it waits for anything.
type impatient struct {
	context.Context
	leave context.CancelFunc
}

func (i impatient) Done() <-chan struct{} {
	i.leave()
	return i.Context.Done()
}

// TestGuardedTunnelFails: an address that the firewall does not open, or opens too late, is closed, and its session can
// ask again.
func TestGuardedTunnelFails(t *testing.T) {
	inOwnNetwork(t, func(t *testing.T) {
		g := newGuardedScene(t)
		s := g.session()
		for _, before := range []string{"at first", "in place of a peer"} {
			ctx, leave := context.WithCancel(t.Context())
			config, err := g.Up(impatient{ctx, leave}, s, somebodysKey(t))
			if !errors.Is(err, context.Canceled) || config.PublicKey != (agent.Key{}) {
				t.Fatalf("%s: %+v, %v", before, config, err)
			}
			other := g.session()
			g.up(other) // by now the firewall has done what it was asked for before
			g.is("nobody waited, "+before, s, false, true)
			g.is("another session, "+before, other, true, true)
			g.up(s)
			g.is("asked again, "+before, s, true, true)
		}

		var refused *agent.Error
		if _, err := g.Up(t.Context(), s, g.PublicKey()); !errors.As(err, &refused) || refused.Code != agent.CodeBadMessage {
			t.Errorf("the gateway's own key: %v", err)
		}
		g.is("a key that was refused changes nothing", s, true, true)

		last := g.session()
		if err := g.wall.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := g.Up(t.Context(), last, somebodysKey(t)); !errors.Is(err, firewall.ErrClosed) {
			t.Errorf("without a firewall: %v", err)
		}
		g.is("without a firewall", last, false, true)
		g.Release(t.Context(), last)
		g.is("released without a firewall", last, false, false)
	})
}

// TestGuardedTunnelRestores: sessions of the process before are let through before they have a peer; otherwise nobody is.
func TestGuardedTunnelRestores(t *testing.T) {
	inOwnNetwork(t, func(t *testing.T) {
		g := newGuardedScene(t)
		former := agent.Session{ID: agent.NewSessionID(), UserID: 1, Kind: agent.KindVPN, Address: addrs("10.128.0.77")[0]}
		taken := agent.Session{ID: agent.NewSessionID(), UserID: 2, Kind: agent.KindVPN, Address: former.Address}
		failed := errors.New("the store")
		err := g.restore(func() error {
			for _, s := range []agent.Session{former, taken} {
				got, err := g.Reserve(t.Context(), s)
				if err != nil || (got == s.Address) != (s.ID == former.ID) {
					t.Errorf("%s is given %s, %v", s.Address, got, err)
				}
			}
			return failed
		})
		if !errors.Is(err, failed) {
			t.Error(err)
		}
		g.is("restored", former, true, false)
		g.is("its address is another's now", taken, false, false)
		g.is("reserved afterwards", g.session(), false, false)
		g.up(former)
		g.is("the agent has come back", former, true, true)
		g.Release(t.Context(), former)
		g.is("released", former, false, false)

		var none *guardedTunnel
		if err := none.restore(func() error { return failed }); !errors.Is(err, failed) || none.forManager() != nil {
			t.Errorf("without a tunnel: %v, %v", err, none.forManager())
		}
	})
}
