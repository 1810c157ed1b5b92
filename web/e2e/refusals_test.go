package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// wire is an agent connection on which the test sends each frame itself.
type wire struct {
	t    testing.TB
	conn *websocket.Conn
}

// dial connects to the agent endpoint from an address of loopback, with extra headers.
func (g *gateway) dial(from string, header http.Header) (*wire, *http.Response, error) {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	client := g.client(netip.MustParseAddr(from))
	client.Timeout = 0
	host := header.Get("Host")
	conn, response, err := websocket.Dial(ctx, "wss://"+g.where.Agents[0]+"/connect",
		&websocket.DialOptions{HTTPClient: client, HTTPHeader: header, Host: host})
	if err != nil {
		return nil, response, err
	}
	g.t.Cleanup(func() { _ = conn.CloseNow() })
	return &wire{g.t, conn}, response, nil
}

func (g *gateway) wire(from string) *wire {
	g.t.Helper()
	w, _, err := g.dial(from, http.Header{})
	if err != nil {
		g.t.Fatal(err)
	}
	return w
}

func (w *wire) send(frame string) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.conn.Write(ctx, websocket.MessageText, []byte(frame)); err != nil {
		w.t.Fatal(err)
	}
}

// reply is any message of the gateway.
type reply struct {
	Type       string `json:"type"`
	Authorized bool   `json:"authorized"`
	NeedTunnel bool   `json:"need_tunnel"`
	Timeout    int    `json:"timeout"`
	Code       string `json:"code"`
	Message    string `json:"message"`
	Reason     string `json:"reason"`
	Session    string `json:"session"`
	Resume     string `json:"resume"`
	Expires    string `json:"expires"`
	NeedUpdate *bool  `json:"need_update"`
}

func (w *wire) receive() (reply, error) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, frame, err := w.conn.Read(ctx)
	if err != nil {
		return reply{}, err
	}
	var r reply
	if err := json.Unmarshal(frame, &r); err != nil {
		w.t.Fatalf("%v in %s", err, frame)
	}
	return r, nil
}

func (w *wire) ask(frame string) reply {
	w.t.Helper()
	w.send(frame)
	r, err := w.receive()
	if err != nil {
		w.t.Fatalf("after %.80s: %v", frame, err)
	}
	return r
}

func authorize(login, password, device string) string {
	b, _ := json.Marshal(map[string]any{"type": "authorize", "login": login, "password": password,
		"device": map[string]string{"id": device, "name": "PC-" + device, "os": "windows"}})
	return string(b)
}

// TestRefusals: each refusal has its own code and text.
func TestRefusals(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	if r := g.wire("127.0.0.2").ask(authorize("ivanov", userPassword, "d")); r.Code != "agent_disabled" {
		t.Errorf("agent off: %+v", r)
	}
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{
		"local_networks": []string{"127.0.0.0/25", "::1"}, "devices_per_user": 5, "device_policy": "refuse"}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	admin.user(map[string]any{"login": "petrov"})
	admin.user(map[string]any{"login": "remote", "remote_access": true})
	admin.user(map[string]any{"login": "off", "enabled": false})

	for i := range 5 {
		w := g.wire(fmt.Sprintf("127.0.0.%d", 10+i))
		if r := w.ask(authorize("ivanov", userPassword, fmt.Sprint("device-", i))); !r.Authorized || r.Session == "" {
			t.Fatalf("device %d: %+v", i, r)
		}
	}
	for _, c := range []struct {
		name, from, frame, kind, code, says string
	}{
		{"wrong password", "127.0.0.3", authorize("petrov", "wrong", "d"), "auth_state", "bad_credentials", "Неверный логин или пароль"},
		{"unknown user", "127.0.0.3", authorize("nobody", "wrong", "d"), "auth_state", "bad_credentials", "Неверный логин или пароль"},
		{"disabled user", "127.0.0.3", authorize("off", userPassword, "d"), "auth_state", "account_disabled", "Учётная запись отключена"},
		{"disabled user, wrong password", "127.0.0.3", authorize("off", "wrong", "d"), "auth_state", "bad_credentials", "Неверный логин"},
		{"empty password", "127.0.0.3", authorize("petrov", "", "d"), "auth_state", "bad_credentials", "Неверный логин или пароль"},
		{"sixth device", "127.0.0.3", authorize("ivanov", userPassword, "device-6"), "auth_state", "device_limit", "Достигнуто число"},
		{"second person", "127.0.0.10", authorize("petrov", userPassword, "d"), "auth_state", "address_busy", "(127.0.0.10) сейчас занят"},
		{"outside without the right", "127.0.0.200", authorize("petrov", userPassword, "d"), "auth_state", "vpn_not_allowed", "не разрешён доступ извне"},
		{"outside, no tunnel here", "127.0.0.200", authorize("remote", userPassword, "d"), "auth_state", "vpn_unavailable", "VPN на шлюзе выключен"},
		{"a forged token", "127.0.0.3", `{"type":"authorize","resume":"AAAA","device":{"id":"d"}}`, "auth_state", "session_over", "Войдите снова"},
		{"broken JSON", "127.0.0.3", `{"type":"authorize"`, "error", "bad_message", "не поняли друг друга"},
		{"not an object", "127.0.0.3", `7`, "error", "bad_message", "не поняли друг друга"},
		{"wrong field type", "127.0.0.3", `{"type":"authorize","login":7}`, "error", "bad_message", "не поняли друг друга"},
		{"unknown type", "127.0.0.3", `{"type":"ztna"}`, "error", "bad_message", "не поняли друг друга"},
		{"tunnel without a session", "127.0.0.3", `{"type":"tunnel_wg","public_key":"x"}`, "error", "bad_message", "не поняли друг друга"},
	} {
		r := g.wire(c.from).ask(c.frame)
		if r.Type != c.kind || r.Code != c.code || r.Authorized || !strings.Contains(r.Message, c.says) {
			t.Errorf("%s: %+v", c.name, r)
		}
	}

	w := g.wire("127.0.0.3")
	if r := w.ask(`{"type":"unauthorize"}`); r.Type != "auth_state" || r.Authorized {
		t.Errorf("unauthorize without a session: %+v", r)
	}
	if r := w.ask(`{"type":"version","major":0,"minor":9,"build":1,"os":"linux"}`); r.Type != "update" || r.NeedUpdate == nil || *r.NeedUpdate {
		t.Errorf("version: %+v", r)
	}

	w.send(`{"type":"authorize","login":"` + strings.Repeat("x", 64<<10) + `"}`)
	if r, err := w.receive(); err != nil || r.Code != "bad_message" {
		t.Errorf("oversize frame: %+v, %v", r, err)
	}
	if _, err := w.receive(); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("after an oversize frame: %v", err)
	}
}

// TestTooManyAttempts: after five wrong passwords no password is checked, not even the right one.
func TestTooManyAttempts(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	w := g.wire("127.0.0.3")
	for range 5 {
		if r := w.ask(authorize("ivanov", "wrong", "d")); r.Code != "bad_credentials" {
			t.Fatalf("wrong password: %+v", r)
		}
	}
	r := w.ask(authorize("IVANOV ", userPassword, "d"))
	if r.Code != "too_many_attempts" || r.Timeout <= 0 || r.Timeout > int(15*time.Minute/time.Second) || !strings.Contains(r.Message, "Повторите через") {
		t.Errorf("sixth attempt: %+v", r)
	}
	// The portal counts the same attempts.
	v := g.visitor(netip.MustParseAddr("127.0.0.4"))
	v.signIn("ivanov", userPassword)
	v.sees(".banner.bad", "Слишком много попыток")
	if v.status != http.StatusTooManyRequests || v.header.Get("Retry-After") == "" {
		t.Errorf("portal: %d, Retry-After %q", v.status, v.header.Get("Retry-After"))
	}
}

// TestForgedRequests: forwarding headers and foreign origins are not trusted.
func TestForgedRequests(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.0/25"}}, nil)
	admin.user(map[string]any{"login": "ivanov"})

	for name, c := range map[string]struct {
		header http.Header
		status int
	}{
		"an Origin":       {http.Header{"Origin": {"https://" + g.where.Agents[0]}}, http.StatusForbidden},
		"an unknown Host": {http.Header{"Host": {"evil.example"}}, http.StatusMisdirectedRequest},
	} {
		_, response, err := g.dial("127.0.0.3", c.header)
		if err == nil || response == nil || response.StatusCode != c.status {
			t.Errorf("%s: %v, %v", name, response, err)
		}
	}

	forged := http.Header{"X-Forwarded-For": {"127.0.0.5"}, "X-Real-Ip": {"127.0.0.5"}, "Forwarded": {"for=127.0.0.5"}}
	w, _, err := g.dial("127.0.0.200", forged)
	if err != nil {
		t.Fatal(err)
	}
	if r := w.ask(authorize("ivanov", userPassword, "d")); r.Code != "vpn_not_allowed" {
		t.Errorf("a forged X-Forwarded-For made an address local: %+v", r)
	}

	for name, where := range map[string]string{"portal": "https://" + g.where.Portal[0] + "/login",
		"agents": "https://" + g.where.Agents[0] + "/IdecoAgent.msi", "http": "http://" + g.where.HTTP[0] + "/"} {
		request, _ := http.NewRequest("GET", where, nil)
		request.Host = "evil.example"
		response, err := g.client(netip.Addr{}).Do(request)
		if err != nil {
			t.Fatal(err)
		}
		response.Body.Close()
		if response.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s answers an unknown Host with %d", name, response.StatusCode)
		}
	}
}
