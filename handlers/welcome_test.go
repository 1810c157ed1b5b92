package handlers

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// from serves a handler on a real connection and makes peer its remote address.
func from(t *testing.T, h http.Handler, peer netip.Addr) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.RemoteAddr = netip.AddrPortFrom(peer, 40000).String()
		h.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server
}

// raw sends a request verbatim and reads the answer.
func raw(t *testing.T, server *httptest.Server, request string) (*http.Response, string) {
	t.Helper()
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	method, _, _ := strings.Cut(request, " ")
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), &http.Request{Method: method})
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%q: %v", request, err)
	}
	return response, string(body)
}

// TestAskToStart: a host that the firewall blocks gets the same page for any name and path, and the page repeats nothing of
// the request.
func TestAskToStart(t *testing.T) {
	s := newSite(t)
	s.Portal = func(netip.Addr) string { return "https://gw.example.test:8443/" }
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	server := from(t, s.HTTPHandler(), inLAN)
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: gw.example.test\r\n\r\n",
		"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com\r\n\r\n",
		"GET /search?q=%22%3E%3Cscript%3E HTTP/1.1\r\nHost: evil.example:8080\r\n\r\n",
		"GET /../../etc/passwd HTTP/1.1\r\nHost: 198.51.100.7\r\n\r\n",
		"GET http://other.example/x HTTP/1.1\r\nHost: evil.example\r\n\r\n",
		"GET /admin/agent HTTP/1.0\r\n\r\n",
		"GET // HTTP/1.1\r\nHost:\r\n\r\n",
		"GET /%00%ff HTTP/1.1\r\nHost: [2001:db8::1]\r\n\r\n",
		"POST /form HTTP/1.1\r\nHost: evil.example\r\nOrigin: https://evil.example\r\nContent-Length: 3\r\n\r\na=b",
		"PUT /agent_backend/wireguard/state HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n\r\n",
		"BREW /pot HTTP/1.1\r\nHost: evil.example\r\nCookie: ideco_lang=en; ideco_toast=toast_saved\r\n\r\n",
	} {
		response, body := raw(t, server, request)
		h := response.Header
		if response.StatusCode != http.StatusNetworkAuthenticationRequired || !strings.Contains(body, "Запустите Ideco агент") || !strings.Contains(body, `href="https://gw.example.test:8443/"`) {
			t.Errorf("%q: %d %.80q", request, response.StatusCode, body)
		}
		if h.Get("Cache-Control") != "no-store" || !response.Close || h.Get("Location") != "" || len(h["Set-Cookie"]) > 0 || h.Get("Content-Security-Policy") == contentPolicy {
			t.Errorf("%q: %v", request, h)
		}
		for _, theirs := range []string{"evil.example", "other.example", "gstatic", "passwd", "q="} {
			if strings.Contains(body, theirs) {
				t.Errorf("%q: the page says %q", request, theirs)
			}
		}
	}

	response, body := raw(t, server, "HEAD /x HTTP/1.1\r\nHost: evil.example\r\n\r\n")
	if response.StatusCode != http.StatusNetworkAuthenticationRequired || body != "" {
		t.Errorf("HEAD: %d, %d bytes", response.StatusCode, len(body))
	}
	for accept, want := range map[string]string{"en-GB,en;q=0.9": "Start Ideco agent", "de": "Запустите Ideco агент", "ru": "Запустите Ideco агент"} {
		if _, body := raw(t, server, "GET / HTTP/1.1\r\nHost: evil.example\r\nAccept-Language: "+accept+"\r\n\r\n"); !strings.Contains(body, want) {
			t.Errorf("%s: %.400q", accept, body)
		}
	}
}

// TestWelcomeForOthers: hosts that the firewall does not block get the normal answers of port 80.
func TestWelcomeForOthers(t *testing.T) {
	on := func(s *Site) { s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn }
	for name, c := range map[string]struct {
		peer    netip.Addr
		prepare func(*Site)
	}{
		"nothing enforced":    {inLAN, func(s *Site) { s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementNoRights }},
		"from outside":        {outside, on},
		"from the VPN":        {inVPN, on},
		"the gateway itself":  {netip.MustParseAddr("127.0.0.1"), on},
		"with a live session": {netip.MustParseAddr("192.168.7.30"), func(s *Site) { on(s); liveSession(t, s, "ivanov") }},
	} {
		s := newSite(t)
		s.Settings.(*fixedSettings).now.LocalNetworks = append(s.Settings.Current().LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
		c.prepare(s)
		server := from(t, s.HTTPHandler(), c.peer)
		for request, want := range map[string]int{
			"GET / HTTP/1.1\r\nHost: gw.example.test\r\n\r\n":  http.StatusOK,
			"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n":     http.StatusMisdirectedRequest,
			"GET /x HTTP/1.1\r\nHost: gw.example.test\r\n\r\n": http.StatusNotFound,
		} {
			if response, _ := raw(t, server, request); response.StatusCode != want {
				t.Errorf("%s: %q: %d, want %d", name, request, response.StatusCode, want)
			}
		}
	}
}

// TestOtherListenersKnowTheirHosts: only port 80 answers unknown hosts.
func TestOtherListenersKnowTheirHosts(t *testing.T) {
	s := newSite(t)
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	for name, h := range map[string]http.Handler{"portal": s.PortalHandler(), "agents": s.AgentHandler()} {
		if response, _ := raw(t, from(t, h, inLAN), "GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n"); response.StatusCode != http.StatusMisdirectedRequest {
			t.Errorf("%s: %d", name, response.StatusCode)
		}
	}
}

// TestWelcomeBeforeSetup: while the agent is off and no domain is saved, the page says so and has the link to the portal at the
// address that the browser came to.
func TestWelcomeBeforeSetup(t *testing.T) {
	s := newSite(t)
	s.Settings.(*fixedSettings).now.Enabled = false
	s.Portal = func(arrival netip.Addr) string { return "https://" + arrival.String() + ":8443/" }
	_, body := raw(t, from(t, s.HTTPHandler(), inLAN), "GET / HTTP/1.1\r\nHost: gw.example.test\r\n\r\n")
	for _, want := range []string{"Вход через Ideco агент пока выключен", `href="https://127.0.0.1:8443/"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not in %s", want, body)
		}
	}
	if strings.Contains(body, "Запустите Ideco агент") {
		t.Error("the page asks to start an agent that cannot log in")
	}
}

// TestChallengeFirst: a CA gets its answer for any host, also one whose browsers the firewall sends to the page. Every other request
// is answered as before.
func TestChallengeFirst(t *testing.T) {
	s := newSite(t)
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	s.Challenge = func(w http.ResponseWriter, r *http.Request) bool {
		ours := r.URL.Path == "/.well-known/acme-challenge/token"
		if ours {
			_, _ = io.WriteString(w, "token.thumbprint")
		}
		return ours
	}
	for peer, otherwise := range map[netip.Addr]int{inLAN: http.StatusNetworkAuthenticationRequired, outside: http.StatusMisdirectedRequest} {
		server := from(t, s.HTTPHandler(), peer)
		if _, body := raw(t, server, "GET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: gw.example.test:8080\r\n\r\n"); body != "token.thumbprint" {
			t.Errorf("%s: %.80q", peer, body)
		}
		for _, path := range []string{"/.well-known/acme-challenge/other", "/"} {
			if response, _ := raw(t, server, "GET "+path+" HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n"); response.StatusCode != otherwise {
				t.Errorf("%s, %s: %d, want %d", peer, path, response.StatusCode, otherwise)
			}
		}
	}
}
