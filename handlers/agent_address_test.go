package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/protocol"
)

// openFirewall grants everything, except that other is another computer's address.
type openFirewall struct{ other netip.Addr }

func (openFirewall) Grant(context.Context, agent.Session) error        { return nil }
func (openFirewall) Readmit(context.Context, agent.Session) error      { return nil }
func (openFirewall) Revoke(context.Context, agent.Session)             {}
func (openFirewall) RevokeAddress(context.Context, string, netip.Addr) {}
func (w openFirewall) GrantAddress(_ context.Context, _ string, a netip.Addr) error {
	if a == w.other {
		return agent.Refuse(agent.CodeAddressRefused)
	}
	return nil
}

func (openFirewall) BrowserSessionOf(context.Context, netip.Addr) (string, error) { return "", nil }
func (openFirewall) ChangedMACs(context.Context) []agent.MACChange                { return nil }
func (openFirewall) ChangeMAC(context.Context, agent.MACChange) error             { return nil }
func (openFirewall) ProveMAC(context.Context, agent.MACChange, func(context.Context) error) (bool, error) {
	return false, nil
}

func (openFirewall) Traffic() map[string]agent.Traffic { return nil }
func (openFirewall) Recount(context.Context, []string) {}
func (openFirewall) MACs() map[string]net.HardwareAddr { return nil }

// The addresses of one computer, and one of another.
var (
	further   = netip.MustParseAddr("fd00::20")
	elsewhere = netip.MustParseAddr("fd00::30")
)

// lockedLog is a log that goroutines write to.
type lockedLog struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lockedLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lockedLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// withFirewall returns a site with a firewall, and its log.
func withFirewall(t testing.TB) (*Site, *lockedLog) {
	s, log := newSite(t), &lockedLog{}
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("fd00::/64"))
	s.Log = slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	s.Sessions = access.NewManager(access.Config{Gate: s.Gate, Store: s.Accounts.(accounts).Store, Firewall: openFirewall{elsewhere},
		Settings: set.Current, Log: s.Log})
	return s, log
}

// proof sends a request that proves an address, and returns the status and code of the answer.
func proof(s *Site, token string, peer netip.Addr, change func(*http.Request)) (int, string) {
	r := httptest.NewRequest("POST", "https://gw.example.test"+protocol.AddressPath, strings.NewReader("{}"))
	r.RemoteAddr = netip.AddrPortFrom(peer, 40000).String()
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	if change != nil {
		change(r)
	}
	w := httptest.NewRecorder()
	s.AgentHandler().ServeHTTP(w, r)
	var answer protocol.Error
	_ = json.Unmarshal(w.Body.Bytes(), &answer)
	return w.Code, answer.Code
}

// hear reads the next message.
func hear(t *testing.T, conn *websocket.Conn) map[string]any {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var m map[string]any
	_, b, err := conn.Read(ctx)
	if err != nil || json.Unmarshal(b, &m) != nil {
		t.Fatalf("%s, %v", b, err)
	}
	return m
}

// TestProveAgain: an agent answers a ping, and gets an address token that it did not ask for, when its addresses must be proved
// again.
func TestProveAgain(t *testing.T) {
	s, _ := withFirewall(t)
	conn := dialAgent(t, s)
	m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`","device":{"id":"d"}}`))
	id, _ := m["session"].(string)
	first := hear(t, conn)
	s.agents.mu.Lock()
	var served *agentConn
	for a := range s.agents.open {
		served = a
	}
	s.agents.mu.Unlock()
	pinged := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		pinged <- served.Ping(ctx)
		served.ProveAgain(id)
	}()
	again := hear(t, conn)
	if err := <-pinged; err != nil {
		t.Errorf("ping: %v", err)
	}
	token, _ := again["token"].(string)
	if again["type"] != "address_token" || token == first["token"] {
		t.Errorf("%v after %v", again, first)
	}
	if code, why := proof(s, token, further, nil); code != http.StatusOK {
		t.Errorf("%d %s", code, why)
	}
}

func TestAddress(t *testing.T) {
	s, log := withFirewall(t)
	conn := dialAgent(t, s)
	login := []byte(`{"type":"authorize","login":"ivanov","password":"` + password + `","device":{"id":"d"}}`)
	if m := askAgent(t, conn, login); m["authorized"] != true {
		t.Fatalf("%v", m)
	}
	first := hear(t, conn)
	token, _ := first["token"].(string)
	urls, _ := json.Marshal(first["urls"])
	if first["type"] != "address_token" || len(token) < 40 || first["ttl"] != 60.0 ||
		string(urls) != `["https://192.168.7.1:14765/address","https://[fd00::1]:14765/address"]` {
		t.Fatalf("%v", first)
	}
	if code, why := proof(s, token, further, nil); code != http.StatusOK {
		t.Errorf("%d %s", code, why)
	}
	if code, why := proof(s, token, further.Next(), nil); code != http.StatusForbidden || why != "address_refused" {
		t.Errorf("a used token: %d %s", code, why)
	}
	live := s.Sessions.Sessions()
	if len(live) != 1 || len(live[0].FurtherAddresses) != 1 || live[0].FurtherAddresses[0] != further {
		t.Fatalf("%+v", live)
	}
	if j, _ := json.Marshal(jsonOfSession(live[0])); !strings.Contains(string(j), `"addresses":["127.0.0.1","fd00::20"]`) {
		t.Errorf("REST: %s", j)
	}

	again, _ := askAgent(t, conn, []byte(`{"type":"address_token"}`))["token"].(string)
	if code, why := proof(s, again, elsewhere, nil); code != http.StatusForbidden || why != "address_refused" {
		t.Errorf("another computer's address: %d %s", code, why)
	}
	if m := askAgent(t, conn, login); m["authorized"] != true { // extends
		t.Errorf("%v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"version"}`)); m["type"] != "update" {
		t.Errorf("an extended session gets %v", m)
	}
	var last map[string]any
	for range 20 {
		if last = askAgent(t, conn, []byte(`{"type":"address_token"}`)); last["type"] == "error" {
			break
		}
	}
	if last["code"] != "too_many_attempts" {
		t.Errorf("as many tokens as the agent likes: %v", last)
	}
	if m := askAgent(t, conn, []byte(`{"type":"unauthorize"}`)); m["authorized"] != false {
		t.Errorf("%v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"address_token"}`)); m["code"] != "bad_message" {
		t.Errorf("without a session: %v", m)
	}
	if text := log.String(); strings.Contains(text, token) || strings.Contains(text, again) {
		t.Errorf("the log holds a token:\n%s", text)
	}
}

func TestAddressRefuses(t *testing.T) {
	s, _ := withFirewall(t)
	for name, c := range map[string]struct {
		peer   netip.Addr
		change func(*http.Request)
		status int
		code   string
	}{
		"an unknown token":        {further, nil, http.StatusForbidden, "address_refused"},
		"from outside":            {outside, nil, http.StatusForbidden, "address_refused"},
		"without a token":         {further, func(r *http.Request) { r.Header.Del("Authorization") }, http.StatusForbidden, "address_refused"},
		"a page":                  {further, func(r *http.Request) { r.Header.Set("Origin", "https://gw.example.test") }, http.StatusForbidden, "cross_origin"},
		"a form":                  {further, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }, http.StatusUnsupportedMediaType, "wrong_content_type"},
		"a long body":             {further, func(r *http.Request) { r.ContentLength = maxProofBody + 1 }, http.StatusRequestEntityTooLarge, "too_large"},
		"a body without a length": {further, func(r *http.Request) { r.ContentLength = -1 }, http.StatusRequestEntityTooLarge, "too_large"},
		"a name of somebody else": {further, func(r *http.Request) { r.Host = "evil.example" }, http.StatusMisdirectedRequest, "misdirected"},
		"GET":                     {further, func(r *http.Request) { r.Method = "GET" }, http.StatusMethodNotAllowed, "not_found"},
	} {
		if status, code := proof(s, "guess", c.peer, c.change); status != c.status || code != c.code {
			t.Errorf("%s: %d %q, want %d %q", name, status, code, c.status, c.code)
		}
	}
	peer := further.Next()
	status := 0
	for range 100 {
		if status, _ = proof(s, "guess", peer, nil); status != http.StatusForbidden {
			break
		}
	}
	if status != http.StatusTooManyRequests {
		t.Errorf("a guesser hears %d", status)
	}
}

// TestNoAddressTokensBehindARouter: there are no address tokens if the gateway cannot see the agent's MAC.
func TestNoAddressTokensBehindARouter(t *testing.T) {
	s, _ := withFirewall(t)
	s.Addressing = farHosts{s.Addressing.(fixedHosts)}
	conn := dialAgent(t, s)
	if m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`)); m["authorized"] != true {
		t.Fatalf("%v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"address_token"}`)); m["code"] != "bad_message" {
		t.Errorf("%v", m)
	}
}

// farHosts is an Addressing whose peers are all behind a router.
type farHosts struct{ fixedHosts }

func (farHosts) AgentAddrsNear(netip.Addr) []netip.AddrPort { return nil }

// TestNoAddressTokens: there are no address tokens without a firewall.
func TestNoAddressTokens(t *testing.T) {
	s := newSite(t)
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	conn := dialAgent(t, s)
	if m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`)); m["authorized"] != true {
		t.Fatalf("%v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"address_token"}`)); m["code"] != "bad_message" {
		t.Errorf("%v", m)
	}
}
