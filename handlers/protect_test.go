package handlers

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"ideco-agent/templates"
)

// impatient serves a handler with timeouts short enough for a test.
func impatient(t *testing.T, s *Site, h http.Handler, change func(*http.Server)) *httptest.Server {
	t.Helper()
	s.writeTimeoutInTests = 100 * time.Millisecond
	server := httptest.NewUnstartedServer(h)
	server.Config.WriteTimeout = s.writeTimeoutInTests
	change(server.Config)
	server.Start()
	t.Cleanup(server.Close)
	return server
}

// TestAnswersNobodyReads: a connection that does not read its answers is cut, without a warning in the log.
func TestAnswersNobodyReads(t *testing.T) {
	s, log := withFirewall(t)
	over := make(chan struct{})
	server := impatient(t, s, s.PortalHandler(), func(c *http.Server) {
		c.WriteTimeout = 0 // answerInTime alone
		c.ConnState = func(conn net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				_ = conn.(*net.TCPConn).SetWriteBuffer(4 << 10)
			case http.StateClosed:
				close(over)
			}
		}
	})
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
	go func() {
		for request := []byte("GET /login HTTP/1.1\r\nHost: gw.example.test\r\n\r\n"); err == nil; {
			_, err = conn.Write(request)
		}
	}()
	select {
	case <-over:
	case <-time.After(20 * time.Second):
		t.Error("the connection is kept")
	}
	if text := log.String(); !strings.Contains(text, `level=DEBUG msg="answer failed"`) || strings.Contains(text, "level=WARN") {
		t.Errorf("the log has %s", text)
	}
}

// TestNoFormWhileAnswering: the fields of a form are dropped when its answer begins.
func TestNoFormWhileAnswering(t *testing.T) {
	for _, token := range []string{"token", "wrong"} {
		r := httptest.NewRequest("POST", "https://gw.example.test/login", strings.NewReader(templates.CSRFField+"="+token))
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		newSite(t).PortalHandler().ServeHTTP(httptest.NewRecorder(), r)
		if r.Form != nil || r.PostForm != nil {
			t.Errorf("%s: %v, %v", token, r.Form, r.PostForm)
		}
	}
}

// TestSlowWork: the write timeout starts when the answer begins.
func TestSlowWork(t *testing.T) {
	s := newSite(t)
	s.Health = func(context.Context) error {
		<-time.After(3 * s.writeTimeoutInTests)
		return nil
	}
	server := impatient(t, s, s.PortalHandler(), func(*http.Server) {})
	r, _ := http.NewRequest("GET", server.URL+"/healthz", nil)
	r.Host = "gw.example.test"
	answer, err := http.DefaultClient.Do(r)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Errorf("%v, %v", answer, err)
	}
}

// TestAgentsOutliveTheTimeouts: the server's timeouts do not apply to an agent's WebSocket.
func TestAgentsOutliveTheTimeouts(t *testing.T) {
	s := newSite(t)
	server := impatient(t, s, s.AgentHandler(), func(c *http.Server) { c.ReadTimeout = 100 * time.Millisecond })
	conn := dialServer(t, server)
	<-time.After(3 * s.writeTimeoutInTests)
	if m := askAgent(t, conn, []byte(`{"type":"version"}`)); m["type"] != "update" {
		t.Errorf("%v", m)
	}
}

// TestReferrerPolicy: pages let browsers send their Origin with a form. With no-referrer it would be "null", which crossOrigin refuses
// in browsers that send no Sec-Fetch-Site, such as Safari before 16.4. Only the setup link, a secret, is kept out of Referer.
func TestReferrerPolicy(t *testing.T) {
	s := browserSite(t)
	h := s.PortalHandler()
	for path, want := range map[string]string{"/login": "same-origin", webAuthPath: "same-origin", "/cabinet": "same-origin", "/x": "same-origin", "/setup/the-token": "no-referrer"} {
		if got := ask(h, "GET", path, page, inLAN, nil).Header().Get("Referrer-Policy"); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}
