package web

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/store"
	"ideco-agent/agent/wireguard"
)

// vpnScene is a Manager with a real tunnel and a real firewall.
type vpnScene struct {
	*access.Manager
	t          *testing.T
	db         *store.Store
	controller *firewallController
	device     *wireguard.Device
	firewall   *observedFirewall
}

// observedFirewall calls the test at each Grant and Revoke.
type observedFirewall struct {
	access.Firewall
	impatient bool // the context of Grant is done at once
	revoked   func(agent.Session)
}

func (f *observedFirewall) Grant(ctx context.Context, s agent.Session) error {
	if f.impatient {
		var leave context.CancelFunc
		ctx, leave = context.WithCancel(ctx)
		ctx = impatient{ctx, leave}
	}
	return f.Firewall.Grant(ctx, s)
}

func (f *observedFirewall) Revoke(ctx context.Context, s agent.Session) {
	if f.revoked != nil {
		f.revoked(s)
	}
	f.Firewall.Revoke(ctx, s)
}

// impatient is a context that is done as soon as it is waited for.
type impatient struct {
	context.Context
	leave context.CancelFunc
}

func (i impatient) Done() <-chan struct{} {
	i.leave()
	return i.Context.Done()
}

type quietConnection struct{ _ int }

func (*quietConnection) Ended(agent.Reason)                {}
func (*quietConnection) Expiring(time.Duration, time.Time) {}
func (*quietConnection) Ping(context.Context) error        { return nil }
func (*quietConnection) ProveAgain(string)                 {}

const vpnPassword = "a long password of vpn"

func newVPNScene(t *testing.T) *vpnScene {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	s := gatewaySettings()
	s.Enabled = true
	controller := testFirewall(t, t.TempDir(), &s)
	controller.tunnel = controller.tunnelName
	controller.follow(t.Context())
	device, err := wireguard.Open(wireguard.Config{Mode: wireguard.ModeNetstack, Network: s.VPNNetwork,
		PrivateKeyFile: filepath.Join(t.TempDir(), "wireguard.key"), Log: log})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { device.Close() })
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ideco.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	hash, err := directory.Hash(t.Context(), vpnPassword)
	if err != nil {
		t.Fatal(err)
	}
	for _, login := range []string{"one", "two", "three"} {
		if _, err := db.CreateUser(t.Context(), agent.User{Login: login, Name: login, Directory: agent.LocalDirectory, Enabled: true, RemoteAccess: true}, hash); err != nil {
			t.Fatal(err)
		}
	}
	v := &vpnScene{t: t, db: db, controller: controller, device: device, firewall: &observedFirewall{Firewall: controller.forSessions()}}
	v.start(s, log)
	return v
}

func (v *vpnScene) start(s agent.Settings, log *slog.Logger) {
	v.Manager = access.NewManager(access.Config{Gate: access.NewGate(directory.NewLocal(v.db, log), v.db, log), Store: v.db,
		Firewall: v.firewall, Tunnel: tunnel{v.device}.forSessions(), Settings: func() agent.Settings { return s }, Log: log})
}

type vpnSession struct {
	agent.Session
	link access.Connection
}

// logIn starts a session from outside, which reserves an address.
func (v *vpnScene) logIn(login string) vpnSession {
	v.t.Helper()
	link := &quietConnection{}
	grant, err := v.Authorize(v.t.Context(), access.Attempt{Login: login, Password: vpnPassword, Connection: link,
		Device: agent.Device{ID: "device of " + login}, Peer: agent.Peer{Addr: netip.MustParseAddr("198.51.100.7")}})
	if err != nil || grant.Session.Kind != agent.KindVPN {
		v.t.Fatalf("%+v, %v", grant, err)
	}
	return vpnSession{grant.Session, link}
}

func (v *vpnScene) up(s vpnSession) error {
	config, err := v.TunnelUp(v.t.Context(), s.ID, s.link, somebodysKey(v.t))
	if err == nil && config.Address.Addr() != s.Address || err != nil && config.PublicKey != (agent.Key{}) {
		v.t.Errorf("%+v, %v", config, err)
	}
	return err
}

func (v *vpnScene) mustUp(s vpnSession) {
	v.t.Helper()
	if err := v.up(s); err != nil {
		v.t.Fatal(err)
	}
}

func (v *vpnScene) end(s vpnSession) {
	v.t.Helper()
	if err := v.End(v.t.Context(), s.ID, agent.ReasonAdmin); err != nil {
		v.t.Fatal(err)
	}
}

func somebodysKey(t *testing.T) agent.Key {
	t.Helper()
	secret, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return agent.Key(secret.PublicKey().Bytes())
}

func (v *vpnScene) hasPeer(id string) bool {
	_, has := v.device.Traffic()[id]
	return has
}

// isOpen reports whether the kernel lets the session's address through.
func (v *vpnScene) isOpen(s vpnSession) bool {
	v.t.Helper()
	text, loaded, err := firewall.Show(*v.controller.inForce)
	if err != nil || !loaded {
		v.t.Fatalf("%t, %v", loaded, err)
	}
	return strings.Contains(text, s.ID)
}

// is fails the test unless the address is open or closed; closing may take a moment.
func (v *vpnScene) is(what string, s vpnSession, open, peer bool) {
	v.t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(5 * time.Second); !open && v.isOpen(s); {
		select {
		case <-tick.C:
			continue
		case <-late:
		}
		break
	}
	if v.isOpen(s) != open || v.hasPeer(s.ID) != peer {
		v.t.Errorf("%s: open %t, want %t; has a peer %t, want %t", what, v.isOpen(s), open, v.hasPeer(s.ID), peer)
	}
}

// TestVPNAccess: an address is open from the moment its session has a peer until the session ends. It is closed before the
// peer is removed.
func TestVPNAccess(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		v := newVPNScene(t)
		one, two := v.logIn("one"), v.logIn("two")
		v.is("reserved", one, false, false)
		v.mustUp(one)
		v.is("up", one, true, true)
		v.is("up, but another session", two, false, false)
		v.mustUp(one)
		v.is("another peer", one, true, true)
		v.mustUp(two)

		revoked := 0
		v.firewall.revoked = func(s agent.Session) {
			if revoked++; s.ID != one.ID || !v.hasPeer(one.ID) {
				t.Errorf("closed is %s; the peer is there: %t", s.ID, v.hasPeer(s.ID))
			}
		}
		v.end(one)
		v.is("ended", one, false, false)
		v.is("another session ended", two, true, true)
		if revoked != 1 {
			t.Errorf("closed %d times", revoked)
		}
	})
}

// TestVPNAccessFails: an address that the firewall does not open in time is closed, and its session can request it again.
func TestVPNAccessFails(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		v := newVPNScene(t)
		s, other := v.logIn("one"), v.logIn("two")
		for _, before := range []string{"at first", "in place of a peer"} {
			v.firewall.impatient = true
			if err := v.up(s); !errors.Is(err, context.Canceled) {
				t.Fatalf("%s: %v", before, err)
			}
			v.firewall.impatient = false
			v.mustUp(other) // the firewall has now finished the earlier request
			v.is("nobody waited, "+before, s, false, true)
			v.is("another session, "+before, other, true, true)
			v.mustUp(s)
			v.is("asked again, "+before, s, true, true)
		}

		var refused *agent.Error
		if _, err := v.TunnelUp(t.Context(), s.ID, s.link, v.device.PublicKey()); !errors.As(err, &refused) || refused.Code != agent.CodeBadMessage {
			t.Errorf("the gateway's own key: %v", err)
		}
		v.is("a key that was refused changes nothing", s, true, true)

		last := v.logIn("three")
		if err := v.controller.Close(); err != nil {
			t.Fatal(err)
		}
		if err := v.up(last); !errors.Is(err, firewall.ErrClosed) {
			t.Errorf("without a firewall: %v", err)
		}
		v.is("without a firewall", last, false, true)
		v.end(last)
		v.is("ended without a firewall", last, false, false)
	})
}

// TestVPNAccessRestores: only sessions of the previous process are let through before they have a peer.
func TestVPNAccessRestores(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		v := newVPNScene(t)
		former := v.logIn("one").Session
		taken := v.logIn("two").Session
		v.end(vpnSession{Session: former})
		v.end(vpnSession{Session: taken})
		former.Address, taken.Address = addrs("10.128.0.77")[0], addrs("10.128.0.77")[0]
		taken.Started = former.Started.Add(time.Second)
		for _, s := range []agent.Session{former, taken} {
			if err := v.db.SaveSession(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		s := gatewaySettings()
		s.Enabled = true
		v.start(s, slog.New(slog.NewTextHandler(t.Output(), nil)))
		if err := v.Restore(t.Context()); err != nil {
			t.Fatal(err)
		}
		v.is("restored", vpnSession{Session: former}, true, false)
		v.is("its address is another's now", vpnSession{Session: taken}, false, false)
		if live := v.Sessions(); len(live) != 1 || live[0].ID != former.ID {
			t.Errorf("restored are %+v", live)
		}
		v.is("reserved afterwards", v.logIn("three"), false, false)
		again := v.logIn("one") // replaces the session of the same device
		v.mustUp(again)
		v.is("replaced", vpnSession{Session: former}, false, false)
		v.is("the agent has come back", again, true, true)
		v.end(again)
		v.is("ended", again, false, false)
	})
	if (tunnel{}).forSessions() != nil {
		t.Error("there is a tunnel where none is")
	}
}
