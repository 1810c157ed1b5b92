package handlers

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent/protocol"
)

// changingRoot is a root with an announced change, which a test sets.
type changingRoot struct {
	fixedRoot
	mu   sync.Mutex
	next map[string]string // by pin
}

var changesAt = time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)

func (r *changingRoot) Successor(pin string) (string, time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next[pin], changesAt
}

func (r *changingRoot) announce(pin, next string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next = map[string]string{pin: next}
}

// Sign returns what is signed instead of a signature.
func (r *changingRoot) Sign(pin string, text []byte) (string, error) {
	return pin + " signs " + string(text), nil
}

// pinnedConn is a connection of a client that got a root with a pin.
type pinnedConn struct {
	countedConn
	pin string
}

func (c *pinnedConn) Pin() string { return c.pin }

// dialPinned connects an agent that got a root with a pin; empty = an agent without pins.
func dialPinned(t *testing.T, s *Site, pin string) *websocket.Conn {
	t.Helper()
	server := httptest.NewUnstartedServer(s.AgentHandler())
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		return ConnContext(ctx, &pinnedConn{countedConn{Conn: conn}, pin})
	}
	server.Start()
	t.Cleanup(server.Close)
	return dialServer(t, server)
}

// nextTrust reads the next message, which must be trust.
func nextTrust(t *testing.T, conn *websocket.Conn) protocol.Trust {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, frame, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var m protocol.Trust
	if err := json.Unmarshal(frame, &m); err != nil || m.Type != protocol.TypeTrust {
		t.Fatalf("%s, want trust", frame)
	}
	return m
}

// TestTrustIsTold: an agent with a pin is told the domain and the next root after update and when they change, and nothing twice.
func TestTrustIsTold(t *testing.T) {
	s := newSite(t)
	root := &changingRoot{}
	s.Root = root
	set := s.Settings.(*fixedSettings)
	plain, pinned, other := dialPinned(t, s, ""), dialPinned(t, s, "old"), dialPinned(t, s, "older")
	wants := func(conn *websocket.Conn, pin, domain, next string) {
		t.Helper()
		want := protocol.Trust{Type: protocol.TypeTrust, Domain: domain, PinNext: next}
		if next != "" {
			want.NotBefore = "2030-01-02T03:04:05Z"
		}
		want.Signature = pin + " signs " + string(want.TrustText())
		if got := nextTrust(t, conn); got != want {
			t.Errorf("told %+v, want %+v", got, want)
		}
	}
	// changed waits until all are told, because a test must not change the settings meanwhile.
	changed := func() {
		s.TrustChanged()
		s.agents.messages.Wait()
	}
	set.now.Domain = "" // then they are told the name by which they came
	changed()           // before version nobody is told anything
	for _, conn := range []*websocket.Conn{plain, pinned, other} {
		if m := askAgent(t, conn, []byte(`{"type":"version"}`)); m["type"] != protocol.TypeUpdate {
			t.Fatalf("version is answered with %v", m)
		}
	}
	wants(pinned, "old", "gw.example.test", "")
	wants(other, "older", "gw.example.test", "")
	changed() // nothing is new
	set.now.Domain = "saved.example.test"
	changed()
	wants(pinned, "old", "saved.example.test", "")
	wants(other, "older", "saved.example.test", "")
	root.announce("old", "next")
	changed()
	wants(pinned, "old", "saved.example.test", "next")
	root.announce("old", "")
	set.now.Domain = "new.example.test"
	changed()
	wants(pinned, "old", "new.example.test", "")
	wants(other, "older", "new.example.test", "")
	for _, conn := range []*websocket.Conn{plain, pinned, other} {
		if m := askAgent(t, conn, []byte(`{"type":"unauthorize"}`)); m["type"] != protocol.TypeAuthState {
			t.Errorf("an agent without a pin, or one that knows all, is told %v", m)
		}
	}
}
