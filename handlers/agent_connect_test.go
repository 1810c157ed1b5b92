package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync/atomic"
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
	return dialServer(t, server)
}

func dialServer(t testing.TB, server *httptest.Server) *websocket.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, server.URL+"/connect", &websocket.DialOptions{Host: "gw.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

// askAgent sends a frame and returns the gateway's answer; nil if it closed the connection.
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

// FuzzAgentMessage: any message before login gets a valid answer and no session.
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

// TestConnectIsNoPage: a browser at /connect is told that the address is for agents.
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

// TestMostAgents: MaxAgents limits the connections, and a closed one frees its place.
func TestMostAgents(t *testing.T) {
	var a agentConns
	one, two := &agentConn{}, &agentConn{}
	if !a.enter(one, 1) || a.enter(two, 1) {
		t.Error("want one connection and no second one")
	}
	a.leave(one)
	if !a.enter(two, 1) {
		t.Error("a connection that left makes no room")
	}
	a.leave(two)
	if len(a.open) != 0 {
		t.Errorf("%d are open after all have left", len(a.open))
	}
}

// countedConn records whether it carries a session.
type countedConn struct {
	net.Conn
	carries atomic.Bool
}

func (c *countedConn) CarriesSession(yes bool) { c.carries.Store(yes) }
func (c *countedConn) Interface() string       { return "" }
func (c *countedConn) Pin() string             { return "" }

// TestCarriesSession: a connection carries a session from login to logout, or until the session is ended, even if the agent
// is silent.
func TestCarriesSession(t *testing.T) {
	s := newSite(t)
	conns := make(chan *countedConn, 1)
	server := httptest.NewUnstartedServer(s.AgentHandler())
	server.Config.ConnContext = func(ctx context.Context, conn net.Conn) context.Context {
		c := &countedConn{Conn: conn}
		conns <- c
		return ConnContext(ctx, c)
	}
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	server.Start()
	t.Cleanup(server.Close)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, server.URL+"/connect", &websocket.DialOptions{Host: "gw.example.test"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	c := <-conns
	for _, step := range []struct {
		message string
		carries bool
	}{
		{`{"type":"version"}`, false},
		{`{"type":"authorize","login":"ivanov","password":"wrong password"}`, false},
		{`{"type":"authorize","login":"ivanov","password":"` + password + `"}`, true},
		{`{"type":"unauthorize"}`, false},
	} {
		askAgent(t, conn, []byte(step.message))
		if got := c.carries.Load(); got != step.carries {
			t.Errorf("after %.30s: carries a session: %v", step.message, got)
		}
	}
	m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`))
	if id, _ := m["session"].(string); !c.carries.Load() || s.Sessions.End(ctx, id, agent.ReasonAdmin) != nil {
		t.Fatalf("a second session: %v", m)
	}
	if c.carries.Load() {
		t.Error("a session that was ended is still carried")
	}
}

// FuzzAgentSession: any messages in a live session are answered and give nobody else access.
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
