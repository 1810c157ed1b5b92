package pipe

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
	"ideco-agent/agent/protocol"
)

// fakeTickets are those of ivanov. token makes the tokens.
type fakeTickets struct {
	token func(ctx context.Context, service string) ([]byte, error)
}

func (fakeTickets) Person() string { return "ivanov@COMPANY.RU" }

func (f fakeTickets) Token(ctx context.Context, service string) ([]byte, error) {
	return f.token(ctx, service)
}

// newSSOService returns a service with a real manager, and a gateway gw.company.ru that offers SSO. serve is called after the
// answer to version.
func newSSOService(t *testing.T, serve func(n int, c *gatewaytest.Conn)) *service {
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, func(c *x509.Certificate) { c.DNSNames = []string{"gw.company.ru"} })
	g := gatewaytest.Start(t, root, leaf, func(n int, c *gatewaytest.Conn) {
		c.AnswerVersion("company.ru")
		serve(n, c)
	})
	manager := session.New(session.Config{Roots: g.Root.Pool(), Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, net.JoinHostPort(g.Host, fmt.Sprint(g.Port)))
	}})
	t.Cleanup(manager.Close)
	s := newService(t, manager)
	s.choose = func() (settings.Gateway, error) {
		return settings.Gateway{Host: "gw.company.ru", Port: agent.DefaultAgentPort}, nil
	}
	return s
}

// admit asks for a token and gives access with a resume token. It reports a token other than want.
func admit(c *gatewaytest.Conn, want string) error {
	m := c.Challenge("s1")
	if m == nil {
		return fmt.Errorf("no answer to the challenge")
	}
	token, err := base64.StdEncoding.DecodeString(*m.Token)
	if err != nil || string(token) != want {
		return fmt.Errorf("the token is %.100q, %v", token, err)
	}
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "10.0.0.5", Resume: "r", Grace: 30})
	return nil
}

func (s *service) openWith(who Caller, tickets client.Tickets) *testWindow {
	return newWindow(s.t, s.logText, RemoteConfig{Lang: locale.English, Tickets: tickets,
		Dial: func(context.Context) (net.Conn, error) { return s.connect(who), nil }})
}

// The service logs in with the tickets of the window's person, of the largest size, also when it reconnects.
func TestLoginSSO(t *testing.T) {
	huge := strings.Repeat("x", 65535)
	g := newSSOService(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 1:
			if err := admit(c, huge); err != nil {
				t.Error(err)
			}
			c.Drop()
			return
		case 2:
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(agent.CodeSessionOver), Message: "Over."})
			if err := admit(c, huge); err != nil {
				t.Error(err)
			}
		}
		c.Wait()
	})
	services := make(chan string, 8)
	a := g.openWith(ivanov, fakeTickets{func(_ context.Context, service string) ([]byte, error) {
		services <- service
		return []byte(huge), nil
	}})
	b := g.openWith(petrov, fakeTickets{func(context.Context, string) ([]byte, error) {
		t.Error("the other person's window was asked")
		return nil, nil
	}})
	a.Probe()
	if v := a.waitFor(session.Ready, session.Nobody); !v.OffersSSO("ivanov@COMPANY.RU") {
		t.Errorf("%+v", v)
	}
	a.LoginSSO()
	a.waitUntil("access", func(v session.Status) bool {
		return v.HasAccess() && v.BySSO && v.Login == "ivanov@COMPANY.RU" && v.Holder == session.You
	})
	if v := b.waitFor(session.Idle, session.Other); v.BySSO || v.Login != "" || v.SSO != nil {
		t.Errorf("the other person sees %+v", v)
	}
	for i := 0; i < 2; i++ {
		select {
		case service := <-services:
			if service != "HTTP/gw.company.ru" {
				t.Error(service)
			}
		case <-time.After(testTimeout):
			t.Fatal("no token was asked for")
		}
	}
	a.waitFor(client.Authorized, session.You)
	for _, secret := range []string{"COMPANY.RU", huge[:90], base64.StdEncoding.EncodeToString([]byte(huge[:90]))} {
		if strings.Contains(g.logText(), secret) {
			t.Errorf("the log has %.20s", secret)
		}
	}
}

// A problem with the tickets is shown with the window's text.
func TestLoginSSOProblems(t *testing.T) {
	for name, c := range map[string]struct {
		tickets client.Tickets
		says    string
	}{
		"a problem": {fakeTickets{func(context.Context, string) ([]byte, error) {
			return nil, &client.TicketProblem{Key: locale.SSOBadCache, Value: "/tmp/x"}
		}}, "cannot be read: /tmp/x"},
		"another error": {fakeTickets{func(context.Context, string) ([]byte, error) { return nil, net.ErrClosed }}, "closed network connection"},
		"no token":      {fakeTickets{func(context.Context, string) ([]byte, error) { return nil, nil }}, "refused the login"},
	} {
		s := newSSOService(t, func(_ int, conn *gatewaytest.Conn) {
			conn.Challenge("s1")
			conn.Wait()
		})
		w := s.openWith(ivanov, c.tickets)
		w.LoginSSO()
		if v := w.waitFor(client.Failed, session.Nobody); v.Code != string(agent.CodeSSOUnavailable) || !strings.Contains(v.Message, c.says) {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// rawWindow is a window of a test that writes and reads lines itself.
type rawWindow struct {
	net.Conn
	t     *testing.T
	lines chan string
}

func (w rawWindow) write(lines ...string) {
	w.t.Helper()
	for _, line := range lines {
		if _, err := io.WriteString(w.Conn, line+"\n"); err != nil {
			w.t.Fatal(err)
		}
	}
}

// waitLine reads lines until one has the text.
func (w rawWindow) waitLine(text string) string {
	w.t.Helper()
	for deadline := time.After(testTimeout); ; {
		select {
		case line := <-w.lines:
			if strings.Contains(line, text) {
				return line
			}
		case <-deadline:
			w.t.Fatalf("no line with %q", text)
		}
	}
}

func (s *service) openRaw(who Caller) rawWindow {
	w := rawWindow{s.connect(who), s.t, make(chan string, 256)}
	s.t.Cleanup(func() { w.Close() })
	go func() {
		for in := bufio.NewScanner(w.Conn); in.Scan(); {
			w.lines <- in.Text()
		}
	}()
	return w
}

// Only the window that was asked can answer, once. The service waits no longer when that window has left.
func TestTicketQuestion(t *testing.T) {
	s := newSSOService(t, func(_ int, c *gatewaytest.Conn) {
		if err := admit(c, "right"); err != nil {
			t.Log(err) // after the window has left
		}
		c.Wait()
	})
	a, other := s.openRaw(ivanov), s.openRaw(petrov)
	answer := func(id int, token string) string {
		return fmt.Sprintf(`{"type":"ticket","id":%d,"token":%q}`, id, base64.StdEncoding.EncodeToString([]byte(token)))
	}
	ask := func() int {
		a.write(`{"type":"login_sso","login":"ivanov@COMPANY.RU"}`)
		var q question
		line := a.waitLine(`"type":"ticket"`)
		if err := json.Unmarshal([]byte(line), &q); err != nil || q.Service != "HTTP/gw.company.ru" || q.ID == 0 {
			t.Fatalf("%s, %v", line, err)
		}
		return q.ID
	}
	a.write(`{"type":"hello","lang":"en","tickets":true}`)
	other.write(`{"type":"hello","lang":"en","tickets":true}`)
	other.waitLine(`"status"`)
	id := ask()
	other.write(answer(id, "wrong"))
	other.waitLine(`"other"`)
	a.write(answer(id+1, "wrong"), answer(id, "right"), answer(id, "wrong"))
	a.waitLine(`"state":"authorized"`)

	a.write(`{"type":"logout"}`)
	a.waitLine(`"code":"logout"`)
	ask()
	a.Close()
	s.waitUntil(func() bool { return s.manager.Status().State == client.Failed })
	if got := s.manager.Status(); got.Code != string(agent.CodeSSOUnavailable) || !strings.Contains(got.Message, "window has to be open") {
		t.Errorf("%+v", got)
	}
}

// A window of an older version, which cannot answer, is not asked.
func TestTicketOfOlderWindow(t *testing.T) {
	s := newSSOService(t, func(_ int, c *gatewaytest.Conn) { c.Challenge("s1"); c.Wait() })
	a := s.openRaw(ivanov)
	a.write(`{"type":"hello","lang":"en"}`, `{"type":"login_sso","login":"i@COMPANY.RU"}`)
	a.waitLine("window has to be open")
}

// A window answers only for web services, and gives up when the domain does not answer in time.
func TestTokenForService(t *testing.T) {
	tickets := fakeTickets{func(ctx context.Context, service string) ([]byte, error) {
		if service == "HTTP/slow" {
			return nil, context.DeadlineExceeded
		}
		return []byte(service), nil
	}}
	r := &Remote{cfg: RemoteConfig{Tickets: tickets}}
	expired, cancel := context.WithTimeout(context.Background(), -1)
	defer cancel()
	if token, err := r.token(context.Background(), "HTTP/gw.company.ru"); string(token) != "HTTP/gw.company.ru" || err != nil {
		t.Errorf("%q, %v", token, err)
	}
	for _, service := range []string{"", "cifs/server", "krbtgt/COMPANY.RU", "ldap/dc HTTP/x"} {
		if token, err := r.token(context.Background(), service); token != nil || err == nil {
			t.Errorf("%q: %q", service, token)
		}
	}
	if _, err := r.token(expired, "HTTP/slow"); err == nil || !strings.HasPrefix(err.Error(), locale.SSONoDomain) {
		t.Error(err)
	}
	without := &Remote{}
	if _, err := without.token(context.Background(), "HTTP/gw.company.ru"); err == nil {
		t.Error("a window without tickets made a token")
	}
	without.LoginSSO()
	if len(without.queue) > 0 {
		t.Errorf("%+v", without.queue)
	}
}
