package handlers

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
)

// TestLiftThrottle: the page of an account shows that sign-ins are throttled, and an administrator can lift that.
func TestLiftThrottle(t *testing.T) {
	t.Parallel() // it waits
	s := newSite(t)
	boss := signIn(t, s, "boss")
	h := s.PortalHandler()
	submit := func(path string, form url.Values) int {
		form.Set(templates.CSRFField, "token")
		r := httptest.NewRequest("POST", "https://gw.example.test"+path, strings.NewReader(form.Encode()))
		r.RemoteAddr = netip.AddrPortFrom(inLAN, 40000).String()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		for _, c := range boss {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	ivanov := func(password string) agent.Code {
		_, err := s.Gate.SignIn(context.Background(), access.SignIn{Login: "ivanov", Password: password, Peer: s.Addressing.Peer(inLAN, "")})
		if err == nil {
			return ""
		}
		return agent.AsError(err).Code
	}
	shown := func() bool {
		return strings.Contains(ask(h, "GET", "/admin/users/2", page, inLAN, boss).Body.String(), "/admin/users/2/lift")
	}
	if shown() {
		t.Error("the page offers to lift what is not there")
	}
	for _, lift := range []func() int{
		func() int { return submit("/admin/users/2/lift", url.Values{}) },
		func() int { return submit("/admin/users/2/password", url.Values{"psw": {password}}) },
	} {
		for range 5 {
			ivanov("wrong password")
		}
		if code := ivanov(password); code != agent.CodeTooManyAttempts || !shown() {
			t.Errorf("after wrong passwords: %q, on the page: %v", code, shown())
		}
		if status := lift(); status != http.StatusSeeOther {
			t.Errorf("status %d", status)
		}
		if code := ivanov(password); code != "" || shown() {
			t.Errorf("after the lift: %q, on the page: %v", code, shown())
		}
	}
}
