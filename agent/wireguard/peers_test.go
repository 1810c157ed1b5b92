package wireguard

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ideco-agent/agent"
)

// onFakeLink returns a device on a fakeLink, and its log.
func onFakeLink(t *testing.T, n string) (*Device, *fakeLink, *bytes.Buffer) {
	t.Helper()
	link, logged := newFakeLink(), new(bytes.Buffer)
	d, err := newDevice(Config{Network: netip.MustParsePrefix(n), Log: slog.New(slog.NewTextHandler(logged, nil))}, newKey(t), link)
	if err != nil {
		t.Fatal(err)
	}
	return d, link, logged
}

// pass advances the time inside a bubble of synctest.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestOneAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, _, _ := onFakeLink(t, "10.0.0.0/30") // one address
		defer d.Close()
		first := reserve(t, d)
		again, err := d.Reserve(t.Context(), first)
		if err != nil || again != first.Address {
			t.Errorf("the session holds %s and is given %s (%v)", first.Address, again, err)
		}
		next := agent.Session{ID: "next", Address: first.Address}
		_, err = d.Reserve(t.Context(), next)
		wantCode(t, err, agent.CodePoolExhausted)
		d.Release(t.Context(), first)
		if got, err := d.Reserve(t.Context(), next); err != nil || got != first.Address {
			t.Errorf("given %s (%v) after the release, want %s", got, err, first.Address)
		}
	})
}

// TestSamePersonGetsTheAddress: a person's next session gets the address of the session before at once, and the old
// peer is gone.
func TestSamePersonGetsTheAddress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/30") // one address
		defer d.Close()
		first := agent.Session{ID: "first", UserID: 1, Kind: agent.KindVPN}
		var err error
		if first.Address, err = d.Reserve(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		key := newKey(t).public()
		if _, err := d.Up(t.Context(), first, key); err != nil {
			t.Fatal(err)
		}
		d.Release(t.Context(), first)
		next := agent.Session{ID: "next", UserID: 1, Kind: agent.KindVPN, Address: first.Address}
		if got, err := d.Reserve(t.Context(), next); err != nil || got != first.Address || link.has(key) {
			t.Errorf("given %s (%v), want %s; the old key is there: %v", got, err, first.Address, link.has(key))
		}
	})
}

func TestStuckPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, logged := onFakeLink(t, "10.0.0.0/30")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		up(t, d, s, key)
		link.failures = 4
		d.Release(t.Context(), s)
		if !link.has(key) {
			t.Fatal("the link did not fail")
		}
		if _, ok := d.Traffic()[s.ID]; ok {
			t.Error("an ended session has traffic")
		}
		pass(time.Second) // 0.1, 0.2, 0.4 s
		if !link.has(key) {
			t.Error("it was tried too often")
		}
		_, err := d.Reserve(t.Context(), agent.Session{ID: "next"})
		wantCode(t, err, agent.CodePoolExhausted) // the stuck peer still has the address
		pass(time.Second)
		if link.has(key) || len(d.stuck) != 0 {
			t.Error("the peer is still there")
		}
		if _, err := d.Reserve(t.Context(), agent.Session{ID: "next"}); err != nil {
			t.Error(err)
		}
		for _, want := range []string{"was not removed", "was removed late"} {
			if !strings.Contains(logged.String(), want) {
				t.Errorf("the log does not say %q", want)
			}
		}
	})
}

// TestStuckKey: while a peer is stuck, no other session gets its key, and its session may come back.
func TestStuckKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		up(t, d, s, key)
		link.failures = 1
		d.Release(t.Context(), s)
		_, err := d.Up(t.Context(), reserve(t, d), key)
		wantCode(t, err, agent.CodeBadMessage)
		if a, err := d.Reserve(t.Context(), s); err != nil || a != s.Address {
			t.Errorf("the session comes back to %s (%v), want %s", a, err, s.Address)
		}
		pass(time.Second)
		if link.has(key) {
			t.Error("the peer is still there")
		}
		up(t, d, s, key) // its address was not given back
		link.failures = 1
		if _, err := d.Up(t.Context(), s, key); err == nil {
			t.Error("a peer was made that is about to be removed")
		}
		pass(time.Second)
		if _, ok := d.Traffic()[s.ID]; ok || link.has(key) {
			t.Error("the peer is still there")
		}
	})
}

func TestPresharedKeysAreSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, logged := onFakeLink(t, "10.0.0.0/24")
		s, key := reserve(t, d), newKey(t).public()
		config := up(t, d, s, key)
		p := link.peers[key]
		if agent.Key(*p.PresharedKey) != config.PresharedKey || p.ReplaceAllowedIPs != true || len(p.AllowedIPs) != 1 ||
			p.AllowedIPs[0].String() != s.Address.String()+"/32" {
			t.Errorf("the peer may have %v", p.AllowedIPs)
		}
		other := up(t, d, reserve(t, d), newKey(t).public())
		if other.PresharedKey == config.PresharedKey {
			t.Error("two sessions have one preshared key")
		}
		link.failures = 1
		d.Release(t.Context(), s)
		pass(time.Second)
		d.Close()
		everything := logged.String() + fmt.Sprintf("%+v", d.peers)
		for _, secret := range []string{config.PresharedKey.String(), fmt.Sprintf("%x", config.PresharedKey[:])} {
			if strings.Contains(everything, secret) {
				t.Error("the preshared key is kept or logged")
			}
		}
	})
}

func TestOneDumpAPoll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		link.dumps = 0
		pass(time.Minute)
		if link.dumps != 0 {
			t.Errorf("%d dumps without peers", link.dumps)
		}
		var sessions []agent.Session
		for range 3 {
			s, key := reserve(t, d), newKey(t).public()
			up(t, d, s, key)
			link.setCount(key, agent.Traffic{Rx: 7, Tx: 8, Handshake: time.Unix(9, 0)})
			sessions = append(sessions, s)
		}
		pass(time.Minute + time.Second)
		if link.dumps != 12 {
			t.Errorf("%d dumps in a minute, want 12", link.dumps)
		}
		if got := d.Traffic()[sessions[0].ID]; got != (agent.Traffic{Rx: 7, Tx: 8, Handshake: time.Unix(9, 0)}) {
			t.Errorf("traffic %+v", got)
		}
		for _, s := range sessions {
			d.Release(t.Context(), s)
		}
		pass(time.Minute)
		if link.dumps > 13 || d.polling {
			t.Errorf("%d dumps, polling %v without peers", link.dumps, d.polling)
		}
		up(t, d, reserve(t, d), newKey(t).public())
		pass(6 * time.Second)
		if !d.polling {
			t.Error("polling does not begin again")
		}
	})
}

func TestCountsOfReplacedPeers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		up(t, d, s, key)
		for i := range 3 {
			pass(6 * time.Second)
			link.setCount(key, agent.Traffic{Rx: 100, Tx: 10, Handshake: time.Unix(int64(i+1), 0)})
			up(t, d, s, key) // the same key: the new peer must not take over the old counts
			want := agent.Traffic{Rx: uint64(i+1) * 100, Tx: uint64(i+1) * 10, Handshake: time.Unix(int64(i+1), 0)}
			if got := d.Traffic()[s.ID]; got != want {
				t.Errorf("traffic %+v, want %+v", got, want)
			}
		}
	})
}

// TestCountsOfAnotherPeer: counts that were read before a key passed to another session are not the new peer's.
func TestCountsOfAnotherPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		up(t, d, s, key)
		link.setCount(key, agent.Traffic{Rx: 1000})
		next := reserve(t, d)
		link.whileDumping = func() { // between reading the counts and using them
			d.Release(t.Context(), s)
			up(t, d, next, key)
		}
		d.sample(0)
		if got := d.Traffic()[next.ID].Rx; got != 0 {
			t.Errorf("%d bytes, want 0: they are the former peer's", got)
		}
	})
}

func TestKernelInterfaceRemoved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		link.removed = true
		_, err := d.Up(t.Context(), s, key)
		wantCode(t, err, agent.CodeVPNUnavailable)
		if d.Release(t.Context(), s); len(d.stuck) != 0 {
			t.Error("peers of an interface that is gone are tried again")
		}
	})
}

func TestCanceledContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, link, _ := onFakeLink(t, "10.0.0.0/24")
		defer d.Close()
		s, key := reserve(t, d), newKey(t).public()
		up(t, d, s, key)
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := d.Reserve(gone, agent.Session{ID: "other"}); err != context.Canceled {
			t.Errorf("Reserve: %v", err)
		}
		if _, err := d.Up(gone, s, key); err != context.Canceled {
			t.Errorf("Up: %v", err)
		}
		if d.Release(gone, s); link.has(key) {
			t.Error("a peer stays because its caller has gone")
		}
	})
}
