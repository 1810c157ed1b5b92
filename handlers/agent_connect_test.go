package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// dialAgent connects to the agent endpoint of a site.
func dialAgent(t testing.TB, s *Site) *websocket.Conn {
	t.Helper()
	server := httptest.NewServer(s.AgentHandler())
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, server.URL+"/connect", &websocket.DialOptions{Host: "gw.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// ask sends a frame and returns the gateway's answer; nil when it closed the connection instead.
func askAgent(t testing.TB, conn *websocket.Conn, frame []byte) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, frame); err != nil {
		t.Fatal(err)
	}
	_, b, err := conn.Read(ctx)
	if err != nil {
		if websocket.CloseStatus(err) == -1 {
			t.Fatalf("after %.80q: %v", frame, err)
		}
		return nil
	}
	var answer map[string]any
	if err := json.Unmarshal(b, &answer); err != nil {
		t.Fatalf("after %.80q: %v in %s", frame, err, b)
	}
	return answer
}

// FuzzAgentMessage: whatever a stranger sends is answered with a message of the protocol, and lets nobody in.
func FuzzAgentMessage(f *testing.F) {
	for _, seed := range []string{
		`{"type":"version","major":1,"minor":0,"build":0,"os":"windows"}`,
		`{"type":"version","major":-1,"minor":1e400}`,
		`{"type":"authorize","login":"ivanov","password":""}`,
		`{"type":"authorize","login":"ivanov","password":"x","device":{"id":"a","name":"b","os":"c"}}`,
		`{"type":"authorize","resume":"AAAA","device":{"id":"a"}}`,
		`{"type":"authorize","login":null,"password":null,"device":null}`,
		`{"type":"unauthorize"}`,
		`{"type":"tunnel_wg","public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}`,
		`{"type":"tunnel_wg","public_key":7}`,
		`{"type":"address_token"}`, `{"type":"address_token","token":7,"urls":{}}`,
		`{"type":"ztna"}`, `{"type":7}`, `{}`, `[]`, `null`, ``, `{`, "\x00", `{"type":"authorize","login":"` + "\u202e" + `","password":"x"}`,
	} {
		f.Add([]byte(seed))
	}
	s := newSite(f)
	known := []string{protocol.TypeUpdate, protocol.TypeAuthState, protocol.TypeError, protocol.TypeTunnelWG}
	f.Fuzz(func(t *testing.T, frame []byte) {
		answer := askAgent(t, dialAgent(t, s), frame)
		if answer == nil {
			return
		}
		if kind, _ := answer["type"].(string); !slices.Contains(known, kind) || kind == protocol.TypeTunnelWG {
			t.Errorf("%.80q is answered with %v", frame, answer)
		}
		if answer["authorized"] == true || len(s.Sessions.Sessions()) > 0 {
			t.Errorf("%.80q lets somebody in: %v", frame, answer)
		}
	})
}

// TestConnectIsNoPage: a browser that comes by is told where it is.
func TestConnectIsNoPage(t *testing.T) {
	s := newSite(t)
	r := httptest.NewRequest("GET", "https://gw.example.test/connect", nil)
	r.RemoteAddr = "192.168.7.20:40000"
	w := httptest.NewRecorder()
	s.AgentHandler().ServeHTTP(w, r)
	var answer restError
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusUpgradeRequired || answer.Message == "" {
		t.Errorf("%d %s, %v", w.Code, w.Body, err)
	}
}

// TestGuests: connections without a session are limited, and make room when they get one or leave.
func TestGuests(t *testing.T) {
	var a agentConns
	conns := make([]*agentConn, 0, maxGuestsAddress)
	for range maxGuestsAddress {
		c := &agentConn{peer: agent.Peer{Addr: inLAN}}
		if !a.enter(c) {
			t.Fatalf("guest %d is refused", len(conns)+1)
		}
		conns = append(conns, c)
	}
	one := &agentConn{peer: agent.Peer{Addr: inLAN}}
	if a.enter(one) {
		t.Error("one address holds too many connections without a session")
	}
	a.admit(conns[0])
	if !a.enter(one) {
		t.Error("a connection that got a session makes no room")
	}
	for _, c := range append(conns, one) {
		a.leave(c)
	}
	if a.waits[false] != 0 || len(a.guests) != 0 || len(a.open) != 0 {
		t.Errorf("after all have left: %v waiting, %v, %d open", a.waits, a.guests, len(a.open))
	}
}

// TestStrangersLeaveRoomForTheLAN: one host has one share, however many IPv6 addresses it has, and strangers cannot take
// the places of the local networks.
func TestStrangersLeaveRoomForTheLAN(t *testing.T) {
	var a agentConns
	stranger := netip.MustParseAddr("2001:db8::1")
	for range maxGuestsAddress {
		if !a.enter(&agentConn{peer: agent.Peer{Addr: stranger}}) {
			t.Fatal("a guest is refused")
		}
		stranger = stranger.Next()
	}
	if a.enter(&agentConn{peer: agent.Peer{Addr: stranger}}) {
		t.Error("one /64 has more than its share")
	}
	a.waits[false] = maxGuests
	if a.enter(&agentConn{peer: agent.Peer{Addr: outside}}) {
		t.Error("strangers have more places than there are")
	}
	if !a.enter(&agentConn{peer: agent.Peer{Addr: inLAN, Inside: true}}) {
		t.Error("strangers keep the LAN out")
	}
}

// FuzzAgentSession: whatever an agent sends on a live session, in any order, is answered, and gives nobody else access.
func FuzzAgentSession(f *testing.F) {
	for _, seed := range []string{
		`{"type":"tunnel_wg","public_key":"aGVsbG8gd29ybGQgaGVsbG8gd29ybGQgaGVsbG8gd28="}`,
		`{"type":"tunnel_wg"}` + "\n" + `{"type":"unauthorize"}` + "\n" + `{"type":"unauthorize"}`,
		`{"type":"authorize","login":"boss","password":"x"}`,
		`{"type":"authorize","resume":"AAAA"}` + "\n" + `{"type":"version"}`,
		`{"type":"unauthorize"}` + "\n" + `{"type":"tunnel_wg","public_key":""}`,
		`{"type":"address_token"}` + "\n" + `{"type":"address_token"}` + "\n" + `{"type":"tunnel_wg"}`,
		"\n\n", "{}", "\x00",
	} {
		f.Add([]byte(seed))
	}
	s := newSite(f)
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	login := []byte(`{"type":"authorize","login":"ivanov","password":"` + password + `","device":{"id":"fuzz"}}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		conn := dialAgent(t, s)
		if answer := askAgent(t, conn, login); answer["authorized"] != true {
			t.Fatalf("login: %v", answer)
		}
		frames := bytes.SplitN(data, []byte("\n"), 4)
		for _, frame := range frames {
			if answer := askAgent(t, conn, frame); answer == nil {
				break
			}
		}
		for _, live := range s.Sessions.Sessions() {
			if live.Login != "ivanov" {
				t.Errorf("%q gave access to %s", data, live.Login)
			}
		}
	})
}
