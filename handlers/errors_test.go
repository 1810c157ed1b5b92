package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// lost is a ResponseWriter whose client disconnects, upon which net/http cancels the request's context.
type lost struct {
	*httptest.ResponseRecorder
	end context.CancelFunc
}

func (l lost) Write([]byte) (int, error) {
	l.end()
	return 0, os.ErrDeadlineExceeded
}

// TestNoLinesForLostConnections: connections that clients cut or do not read cause no warnings in the log.
func TestNoLinesForLostConnections(t *testing.T) {
	s, log := withFirewall(t)
	h := s.PortalHandler()
	for _, early := range []bool{true, false} { // cut before the handler runs, or before its answer
		for _, path := range []string{"GET /login", "POST /login", "GET /cabinet", "GET /healthz", "POST /web/auth/login", "GET /agent_backend/wireguard/state", "GET /not/there"} {
			ctx, end := context.WithCancel(t.Context())
			if early {
				end()
			}
			method, path, _ := strings.Cut(path, " ")
			r := httptest.NewRequestWithContext(ctx, method, "https://gw.example.test"+path, strings.NewReader(templates.CSRFField+"=token&login=x&password=x"))
			r.RemoteAddr = "192.168.7.20:40000"
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
			r.AddCookie(&http.Cookie{Name: browserCookie, Value: "forged"})
			h.ServeHTTP(lost{httptest.NewRecorder(), end}, r)
			end()
		}
	}
	if strings.Contains(log.String(), "level=WARN") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("%s", log)
	}
}

// TestStatuses: each refusal has a status, and only a wrong password is 401.
func TestStatuses(t *testing.T) {
	want := map[agent.Code]int{agent.CodeBadCredentials: 401, agent.CodeTooManyAttempts: 429, agent.CodeDirectoryUnreachable: 503,
		agent.CodeStoreUnavailable: 503, agent.CodeBadMessage: 400, agent.CodeInternal: 500}
	for _, code := range agent.Codes {
		status, ok := want[code]
		if !ok {
			status = http.StatusForbidden
		}
		if got := statusOf(code); got != status {
			t.Errorf("%s: %d, want %d", code, got, status)
		}
	}
}

// TestBrokenPage: a page that fails to render is logged.
func TestBrokenPage(t *testing.T) {
	s, log := withFirewall(t)
	c := newContext(s)
	broken := templ.ComponentFunc(func(context.Context, io.Writer) error { return errors.New("broken page") })
	s.answerError(s.render(c, http.StatusOK, broken), c)
	s.answerError(errors.New("late"), c)
	for _, want := range []string{`level=ERROR msg="request failed"`, "broken page", `level=WARN msg="answer failed"`, "late"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no %s in %s", want, log)
		}
	}
}

// TestErrorTitles: the heading of an error page fits its text, also if other errors share its status.
func TestErrorTitles(t *testing.T) {
	s := newSite(t)
	boss := signIn(t, s, "boss")
	s.Settings.(*fixedSettings).now.Enabled = false
	request := func(method, path string) *http.Request {
		r := httptest.NewRequest(method, "https://gw.example.test"+path, nil)
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Accept-Language", "en")
		for _, c := range boss {
			r.AddCookie(c)
		}
		return r
	}
	foreign := request("POST", "/admin/agent/state")
	foreign.Header.Set("Sec-Fetch-Site", "cross-site")
	for title, r := range map[string]*http.Request{
		"This page is out of date": request("POST", "/admin/agent/state"), // without a form token
		"Request refused":          foreign,
		"Nothing to download":      request("GET", "/download/IdecoAgent.msi"),
		"Page not found":           request("GET", "/nowhere"),
	} {
		w := httptest.NewRecorder()
		s.PortalHandler().ServeHTTP(w, r)
		page, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.TrimSpace(page.Find("h1").Text()); got != title {
			t.Errorf("%s: the heading is %q, want %q", r.URL.Path, got, title)
		}
	}
}

// TestHealthLines: a fault is logged when it is new and at most once a minute, however often clients ask.
func TestHealthLines(t *testing.T) {
	s, log := withFirewall(t)
	s.Health = func(context.Context) error { return errors.New("the tunnel is gone") }
	for range 3 {
		ask(s.PortalHandler(), "GET", "/healthz", plain, outside, nil)
	}
	if n := strings.Count(log.String(), "msg=health"); n != 1 {
		t.Errorf("%d lines", n)
	}
	now := time.Now()
	for _, c := range []struct {
		text  string
		after time.Duration
		want  bool
	}{{"a", 0, true}, {"a", 59 * time.Second, false}, {"b", 59 * time.Second, true}, {"b", 2 * time.Minute, true}} {
		if got := s.healthFaults.due(c.text, now.Add(c.after)); got != c.want {
			t.Errorf("%s after %s: %v", c.text, c.after, got)
		}
	}
}
