package wireguard

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/netstack"
)

var gatewayIP = gatewayOf(network).Addr()

func TestPageInsideTheTunnel(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	serve(t, d, 80)
	for range 2 {
		s, p := connect(t, d)
		got, err := p.get("http://10.99.0.1/", patience)
		if err != nil || got != s.Address.String() {
			t.Fatalf("the page says %q (%v), want %s", got, err, s.Address)
		}
	}
	if d.link.mode() != ModeNetstack || d.Forwards() || !d.Available() || d.Port() == 0 {
		t.Errorf("mode %s, forwards %v, available %v, port %d", d.link.mode(), d.Forwards(), d.Available(), d.Port())
	}
}

func TestPing(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	s, key := reserve(t, d), newKey(t)
	w := startRaw(t, key, up(t, d, s, key.public()))
	w.send(t, ping(gatewayIP, s.Address, 8))
	if !w.answered(patience) {
		t.Fatal("the gateway does not answer a ping")
	}
}

// TestNothingElseInsideTheTunnel: a netstack tunnel reaches only the listeners of the gateway, no other ports,
// addresses or people.
func TestNothingElseInsideTheTunnel(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	serve(t, d, 80)
	other, _ := connect(t, d)
	_, p := connect(t, d)
	if _, err := p.get("http://10.99.0.1/", patience); err != nil {
		t.Fatal(err)
	}
	outside, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer outside.Close()
	for _, a := range []string{"10.99.0.1:81", outside.Addr().String(), netip.AddrPortFrom(other.Address, 80).String(), "10.99.0.255:80"} {
		if _, err := p.get("http://"+a+"/", silence); err == nil {
			t.Errorf("%s was reached", a)
		}
	}
}

func TestReleaseRemovesThePeer(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	s, key := reserve(t, d), newKey(t)
	w := startRaw(t, key, up(t, d, s, key.public()))
	echo := ping(gatewayIP, s.Address, 8)
	if w.send(t, echo); !w.answered(patience) {
		t.Fatal("the gateway does not answer a ping")
	}
	d.Release(context.Background(), s)
	for range 5 {
		w.send(t, echo)
	}
	if w.answered(silence) {
		t.Error("the tunnel outlived its session")
	}
	if state, err := d.link.dump(); err != nil || len(state.peers) != 0 {
		t.Errorf("peers %v (%v), want none", state.peers, err)
	}
	d.Release(context.Background(), s) // does nothing
	if _, ok := d.Traffic()[s.ID]; ok {
		t.Error("a session without a peer has traffic")
	}
}

func TestForgedSource(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	victim, _ := connect(t, d)
	s, key := reserve(t, d), newKey(t)
	w := startRaw(t, key, up(t, d, s, key.public()))
	own := ping(gatewayIP, s.Address, 8)
	if w.send(t, own); !w.answered(patience) {
		t.Fatal("the gateway does not answer a ping")
	}
	before := d.stack().Received()
	for _, source := range []netip.Addr{victim.Address, gatewayIP, netip.MustParseAddr("10.99.0.77"), loopback} {
		w.send(t, ping(gatewayIP, source, 8))
	}
	if w.send(t, own); !w.answered(patience) { // the packets sent before have arrived by now
		t.Fatal("the gateway does not answer any more")
	}
	if got := d.stack().Received() - before; got != 1 {
		t.Errorf("%d packets came out of the tunnel, want only the one with the session's own address", got)
	}
}

func (d *Device) stack() *netstack.TUN { return d.link.(*netstackLink).stack }

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	serve(t, d, 80)
	victim, p := connect(t, d)
	taken := d.peers[victim.ID].key
	attacker := reserve(t, d)
	high := taken
	high[31] |= 0x80
	low := agent.Key{1}
	prime := agent.Key{0xed}
	for i := 1; i < 31; i++ {
		prime[i] = 0xff
	}
	prime[31] = 0x7f
	for name, key := range map[string]agent.Key{"another session's": taken, "the gateway's": d.PublicKey(), "zero": {},
		"of a low order": low, "another encoding of another session's": high, "the prime": prime} {
		t.Run(name, func(t *testing.T) {
			_, err := d.Up(context.Background(), attacker, key)
			wantCode(t, err, agent.CodeBadMessage)
		})
	}
	if got, err := p.get("http://10.99.0.1/", patience); err != nil || got != victim.Address.String() {
		t.Errorf("the victim's page says %q (%v)", got, err)
	}
	if _, ok := d.Traffic()[attacker.ID]; ok {
		t.Error("the attacker has a peer")
	}
}

func TestSecondKeyReplacesThePeer(t *testing.T) {
	t.Parallel()
	d := open(t, Config{poll: 50 * time.Millisecond})
	s, first := reserve(t, d), newKey(t)
	one := up(t, d, s, first.public())
	old := startRaw(t, first, one)
	echo := ping(gatewayIP, s.Address, 8)
	if old.send(t, echo); !old.answered(patience) {
		t.Fatal("the first peer got no answer")
	}
	netlab.Eventually(t, "the first peer is counted", func() bool { return d.Traffic()[s.ID].Rx > 0 })
	before := d.Traffic()[s.ID]

	second := newKey(t)
	two := up(t, d, s, second.public())
	if one.PresharedKey == two.PresharedKey || two.PresharedKey.IsZero() || one.Address != two.Address {
		t.Errorf("config %+v after %+v", redacted(two), redacted(one))
	}
	if old.send(t, echo); old.answered(silence) {
		t.Error("the first peer is still there")
	}
	fresh := startRaw(t, second, two)
	if fresh.send(t, echo); !fresh.answered(patience) {
		t.Fatal("the second peer got no answer")
	}
	netlab.Eventually(t, "both peers are added up", func() bool {
		now := d.Traffic()[s.ID]
		return now.Rx > before.Rx && now.Tx > before.Tx && !now.Handshake.Before(before.Handshake)
	})
	if state, err := d.link.dump(); err != nil || len(state.peers) != 1 {
		t.Errorf("peers %v (%v), want the second", state.peers, err)
	}
	third := reserve(t, d)
	up(t, d, third, first.public()) // the replaced key is free again
}

func redacted(c agent.TunnelConfig) agent.TunnelConfig {
	c.PresharedKey = agent.Key{}
	return c
}

func TestUpNeedsAReservation(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	s := agent.Session{ID: "no reservation", Address: netip.MustParseAddr("10.99.0.2")}
	if _, err := d.Up(context.Background(), s, newKey(t).public()); err == nil {
		t.Error("a peer without a reserved address")
	}
	s = reserve(t, d)
	s.Address = s.Address.Next()
	if _, err := d.Up(context.Background(), s, newKey(t).public()); err == nil {
		t.Error("a peer on another address than the reserved one")
	}
	config := up(t, d, reserve(t, d), newKey(t).public())
	if config.MTU != 1420 || config.Keepalive != 25*time.Second || config.Address.Bits() != 32 ||
		config.ServerPort != int(d.Port()) || config.PublicKey != d.PublicKey() {
		t.Errorf("config %+v", redacted(config))
	}
}

func TestRxIsFromThePerson(t *testing.T) {
	t.Parallel()
	d := open(t, Config{poll: 50 * time.Millisecond})
	connect(t, d)
	s, key := reserve(t, d), newKey(t)
	w := startRaw(t, key, up(t, d, s, key.public()))
	if got := d.Traffic()[s.ID]; got != (agent.Traffic{}) {
		t.Errorf("traffic %+v before any", got)
	}
	// Nobody has the address, so the person sends much and gets only keepalives.
	for range 100 {
		w.send(t, ping(netip.MustParseAddr("10.99.0.200"), s.Address, 1000))
	}
	netlab.Eventually(t, "what the person sent is counted", func() bool { return d.Traffic()[s.ID].Rx > 2000 })
	got := d.Traffic()[s.ID]
	if got.Tx > got.Rx/4 || time.Since(got.Handshake) > patience {
		t.Errorf("traffic %+v, want much from the person and a handshake just now", got)
	}
}

func TestSetNetwork(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	l := serve(t, d, 80)
	misfit, _ := connect(t, d)
	next := netip.MustParsePrefix("10.98.0.0/16")
	port, key := d.Port(), d.PublicKey()
	if err := d.SetNetwork(next); err != nil {
		t.Fatal(err)
	}
	if d.Port() != port || d.PublicKey() != key || l.Addr().String() != "10.98.0.1:80" {
		t.Errorf("port %d, key %s, listener %s", d.Port(), d.PublicKey(), l.Addr())
	}
	if state, err := d.link.dump(); err != nil || len(state.peers) != 0 || state.port != port {
		t.Errorf("state %+v (%v), want no peers", state, err)
	}
	d.Release(context.Background(), misfit)
	s, p := connect(t, d)
	if got, err := p.get("http://10.98.0.1/", patience); err != nil || got != s.Address.String() || !next.Contains(s.Address) {
		t.Errorf("the page says %q (%v), want %s", got, err, s.Address)
	}
	if err := d.SetNetwork(netip.MustParsePrefix("10.98.0.0/24")); err != nil {
		t.Fatal(err)
	}
	if got, err := p.get("http://10.98.0.1/", patience); err != nil || got != s.Address.String() {
		t.Errorf("a session that fits lost its tunnel: %q (%v)", got, err)
	}
	for _, bad := range []string{"10.0.0.0/8", "10.0.0.0/31", "10.0.0.1/24", "fd00::/24", "10.0.0.0/15"} {
		if d.SetNetwork(netip.MustParsePrefix(bad)) == nil {
			t.Errorf("%s was accepted", bad)
		}
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	l, err := d.Listen(0)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := connect(t, d)
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept: %v", err)
	}
	if d.Available() || d.Close() != nil {
		t.Error("it is still there")
	}
	d.Release(context.Background(), s)
	_, err = d.Reserve(context.Background(), agent.Session{ID: "late"})
	wantCode(t, err, agent.CodeVPNUnavailable)
	_, err = d.Up(context.Background(), s, newKey(t).public())
	wantCode(t, err, agent.CodeVPNUnavailable)
	if _, err := d.Listen(0); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Listen: %v", err)
	}
	conn, err := net.ListenPacket("udp", fmt.Sprintf(":%d", d.Port()))
	if err != nil {
		t.Errorf("the UDP port is still taken: %v", err)
	} else {
		conn.Close()
	}
}

// TestConcurrentUse is for the race detector: the Manager makes one call at a time, but Traffic, SetNetwork and Close
// come at any time.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	d := open(t, Config{poll: time.Millisecond})
	serve(t, d, 80)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 30 {
				s := agent.Session{ID: agent.NewSessionID()}
				var err error
				if s.Address, err = d.Reserve(context.Background(), s); err != nil {
					t.Error(err)
				}
				for range 2 { // fails if the network has changed since Reserve
					d.Up(context.Background(), s, newKey(t).public())
					d.Traffic()
				}
				d.Release(context.Background(), s)
			}
		})
	}
	all.Go(func() {
		for i := range 20 {
			if err := d.SetNetwork(netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/24", 90+i%3))); err != nil {
				t.Error(err)
			}
		}
	})
	all.Wait()
	if state, err := d.link.dump(); err != nil || len(state.peers) != 0 || len(d.owners) != 0 || len(d.pool.held) != 0 {
		t.Errorf("%d peers, %d owners, %d addresses (%v) are left", len(state.peers), len(d.owners), len(d.pool.held), err)
	}
}

func TestPortInUse(t *testing.T) {
	t.Parallel()
	d := open(t, Config{})
	_, err := Open(Config{Mode: ModeNetstack, Port: d.Port(), Network: network, PrivateKeyFile: t.TempDir() + "/key", Log: logOf(t)})
	if err == nil || !strings.Contains(err.Error(), "another program has the port") {
		t.Errorf("error %v, want one that says what to do", err)
	}
}
