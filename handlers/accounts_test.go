package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
)

// quiet is a connection that ignores its notices.
type quiet struct{}

func (*quiet) Ended(agent.Reason)                {}
func (*quiet) Expiring(time.Duration, time.Time) {}
func (*quiet) Ping(context.Context) error        { return nil }
func (*quiet) ProveAgain(string)                 {}

// liveSession starts a session from the LAN.
func liveSession(t *testing.T, s *Site, login string) access.Grant {
	t.Helper()
	grant, err := s.Sessions.Authorize(context.Background(), access.Attempt{Login: login, Password: password,
		Peer: s.Addressing.Peer(netip.MustParseAddr("192.168.7.30"), ""), Device: agent.Device{ID: "laptop"}, Connection: &quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	return grant
}

// broken is a Browsers that fails to end sessions.
type broken struct{ Browsers }

func (broken) EndBrowserSessions(context.Context, agent.UserID, string) error {
	return errors.New("disk full")
}

// TestSwitchedOffIsOver: the agent sessions of a disabled account end even if its browsers cannot be signed out.
func TestSwitchedOffIsOver(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	liveSession(t, s, "ivanov")
	s.Browsers = broken{s.Browsers}
	if status, answer := c.call("PUT", "/user_backend/users/2", `{"enabled":false}`); status != http.StatusInternalServerError {
		t.Errorf("%d %v", status, answer)
	}
	if live := s.Sessions.Sessions(); len(live) != 0 {
		t.Errorf("live: %+v", live)
	}
}

// TestNewPasswordVoidsTheOldToken: a new password voids the resume tokens, also if the browser disconnects meanwhile.
func TestNewPasswordVoidsTheOldToken(t *testing.T) {
	s := newSite(t)
	h, cookies := s.PortalHandler(), signIn(t, s, "boss")
	grant := liveSession(t, s, "ivanov")
	ctx, cancel := context.WithCancel(context.Background())
	s.Accounts = leaving{s.Accounts, cancel}
	r := httptest.NewRequest("PUT", "https://gw.example.test/user_backend/change_password/2", strings.NewReader(`{"psw":"another one"}`)).WithContext(ctx)
	r.RemoteAddr = "192.168.7.20:40000"
	r.Header.Set("Content-Type", "application/json")
	for _, cookie := range cookies {
		r.AddCookie(cookie)
	}
	h.ServeHTTP(httptest.NewRecorder(), r)
	_, err := s.Sessions.Authorize(context.Background(), access.Attempt{Resume: grant.ResumeToken,
		Peer: s.Addressing.Peer(netip.MustParseAddr("192.168.7.30"), ""), Device: agent.Device{ID: "laptop"}, Connection: &quiet{}})
	if refused := (*agent.Error)(nil); !errors.As(err, &refused) || refused.Code != agent.CodeSessionOver {
		t.Errorf("the old token: %v", err)
	}
}

// leaving is an Accounts after whose answer the browser has disconnected.
type leaving struct {
	Accounts
	leave func()
}

func (l leaving) SetPassword(ctx context.Context, u agent.UserID, hash string) error {
	defer l.leave()
	return l.Accounts.SetPassword(ctx, u, hash)
}

// TestTakingTheRightAsks: the form of an account asks for confirmation before it ends VPN sessions.
func TestTakingTheRightAsks(t *testing.T) {
	s := newSite(t)
	u, err := s.Accounts.User(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	after := u
	u.RemoteAccess = true
	if _, asks := s.confirmUser(newContext(s), agent.GroupTree{}, u, after, templates.NewUserForm(after)); asks {
		t.Error("asks although nothing would end")
	}
	liveSession(t, s, "ivanov")
	off := u
	off.Enabled = false
	if question, asks := s.confirmUser(newContext(s), agent.GroupTree{}, u, off, templates.NewUserForm(off)); !asks || !strings.Contains(question.Text, "1 сессия") {
		t.Errorf("%v %+v", asks, question)
	}
}

// TestOutsideNothingIsThere: where administration does not answer, its paths are answered like unknown ones.
func TestOutsideNothingIsThere(t *testing.T) {
	h := gated(newSite(t))
	for _, c := range []struct{ method, path string }{
		{"POST", "/admin/agent/state"}, {"POST", "/admin/agent"}, {"PUT", "/agent_backend/wireguard/state"},
		{"DELETE", "/agent_backend/wireguard/state"}, {"GET", "/user_backend/change_password/1"}, {"POST", "/setup/x"},
	} {
		r := httptest.NewRequest(c.method, "https://gw.example.test"+c.path, nil)
		r.RemoteAddr = outside.String() + ":40000"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("outside, %s %s: %d", c.method, c.path, w.Code)
		}
	}
	r := httptest.NewRequest("PUT", "https://gw.example.test/agent_backend/wireguard/state", nil)
	r.RemoteAddr = inLAN.String() + ":40000"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("nobody in the LAN, no Content-Type: %d", w.Code)
	}
}
