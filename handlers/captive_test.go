package handlers

import (
	"bufio"
	"context"
	"encoding/json"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
)

// TestBlockedInBrowserNetwork: in a network with browser sign-in, probes of a blocked host are redirected to the gateway's own page by its
// address. All other requests get a page that leads to the sign-in page, with the requested URL.
func TestBlockedInBrowserNetwork(t *testing.T) {
	s := browserSite(t)
	server := from(t, s.HTTPHandler(), inLAN)
	own := "http://" + server.Listener.Addr().String() + "/sign-in"
	long := strings.Repeat("x", maxOrigin)
	for _, c := range []struct{ request, host, location, origin string }{
		{"GET /generate_204", "connectivitycheck.gstatic.com", own, ""},
		{"HEAD /gen_204", "www.google.com", own, ""},
		{"GET /hotspot-detect.html", "captive.apple.com", own, ""},
		{"GET /library/test/success.html", "www.apple.com", own, ""},
		{"GET /connecttest.txt", "www.msftconnecttest.com", own, ""},
		{"GET /redirect", "www.msftconnecttest.com", own, ""},
		{"GET /ncsi.txt", "www.msftncsi.com", own, ""},
		{"GET /success.txt?ipv4", "detectportal.firefox.com", own, ""},
		{"GET /canonical.html", "detectportal.firefox.com", own, ""},
		{"GET /generate_204", "gw.example.test", own, ""},
		{"GET http://captive.apple.com/hotspot-detect.html", "evil.example", own, ""},
		{"POST /generate_204", "connectivitycheck.gstatic.com", "", ""},
		{"GET /generate_204/x", "example.org", "", "http://example.org/generate_204/x"},
		{"GET /", "example.org", "", "http://example.org/"},
		{"GET /a?b=%22%3E%3Cscript%3E", "example.org:8080", "", "http://example.org:8080/a?b=%22%3E%3Cscript%3E"},
		{"GET /a?b=\"><script>", "example.org", "", "http://example.org/a?b=\"><script>"},
		{"GET http://example.org/x", "evil.example", "", "http://example.org/x"},
		{"GET /sign-in", "example.org", "", "http://example.org/sign-in"},
		{"HEAD /", "example.org", "", "http://example.org/"},
		{"POST /form", "example.org", "", ""},
		{"GET /", "gw.example.test", "", ""},
		{"GET /" + long, "example.org", "", ""},
		{"GET /", "", "", ""},
		{"BREW /pot", "example.org", "", ""},
	} {
		response, body := raw(t, server, c.request+" HTTP/1.1\r\nHost: "+c.host+"\r\nContent-Length: 0\r\nCookie: ideco_lang=en\r\n\r\n")
		if !response.Close || len(response.Header["Set-Cookie"]) > 0 || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s at %s: %v", c.request, c.host, response.Header)
		}
		if c.location != "" {
			if response.StatusCode != http.StatusFound || response.Header.Get("Location") != c.location {
				t.Errorf("%s at %s: %d %q", c.request, c.host, response.StatusCode, response.Header.Get("Location"))
			}
			continue
		}
		if response.StatusCode != http.StatusNetworkAuthenticationRequired || response.Header.Get("Location") != "" {
			t.Errorf("%s at %s: %d %v", c.request, c.host, response.StatusCode, response.Header)
		}
		if strings.HasPrefix(c.request, "HEAD") {
			continue
		}
		doc, err := goquery.NewDocumentFromReader(strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_, refresh, _ := strings.Cut(doc.Find("meta[http-equiv=refresh]").AttrOr("content", ""), "url=")
		link := doc.Find(".link a").AttrOr("href", "")
		to, err := url.Parse(refresh)
		if err != nil || link != refresh || to.Scheme != "https" || to.Host != "gw.example.test:8443" || to.Path != webAuthPath ||
			to.Query().Get("user_ip") != "192.168.7.20" || to.Query().Get("origin") != c.origin {
			t.Errorf("%s at %s leads to %q and %q, %v", c.request, c.host, refresh, link, err)
		}
		if doc.Find("input, form, script").Length() > 0 || strings.Contains(html.UnescapeString(doc.Text()), "example.org") {
			t.Errorf("%s at %s: %s", c.request, c.host, body)
		}
	}
}

// TestSignInPageByAddress: the page to which probes lead asks for no password and shows the portal's address. It redirects to the portal
// if its certificate is publicly trusted.
func TestSignInPageByAddress(t *testing.T) {
	s := browserSite(t)
	server := from(t, s.HTTPHandler(), inLAN)
	get := func() (*http.Response, string) {
		return raw(t, server, "GET /sign-in HTTP/1.1\r\nHost: gw.example.test\r\n\r\n")
	}
	response, body := get()
	for _, want := range []string{`href="https://gw.example.test:8443/"`, "обычный браузер", "Ideco агент"} {
		if response.StatusCode != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%d: %q is not in %s", response.StatusCode, want, body)
		}
	}
	for _, forbidden := range []string{"<input", "<form", "http-equiv", ".msi", "root."} {
		if strings.Contains(body, forbidden) {
			t.Errorf("the page has %s", forbidden)
		}
	}
	s.Portal = func(netip.Addr) string { return "" }
	if response, body := get(); response.StatusCode != http.StatusOK || strings.Contains(body, "href") || !strings.Contains(body, "спросите у администратора") {
		t.Errorf("without a known address: %d %s", response.StatusCode, body)
	}
	s.Portal, s.PubliclyTrusted = func(netip.Addr) string { return "https://gw.example.test/" }, func() bool { return true }
	if response, _ := get(); response.StatusCode != http.StatusFound || response.Header.Get("Location") != "https://gw.example.test"+webAuthPath {
		t.Errorf("%d %q", response.StatusCode, response.Header.Get("Location"))
	}
	beginWebSession(t, s, inLAN)
	if response, body := get(); response.StatusCode != http.StatusOK || !strings.Contains(body, "Вы в сети") {
		t.Errorf("after sign-in: %d %s", response.StatusCode, body)
	}
}

// TestLocalSignInURL: the URL has the address and the port of the connection, unless the port is 80.
func TestLocalSignInURL(t *testing.T) {
	for local, want := range map[string]string{
		"10.77.1.1:80": "http://10.77.1.1/sign-in", "10.77.1.1:8080": "http://10.77.1.1:8080/sign-in",
		"[fd00::1]:80": "http://[fd00::1]/sign-in", "[::ffff:10.77.1.1]:80": "http://10.77.1.1/sign-in",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r = r.WithContext(context.WithValue(r.Context(), http.LocalAddrContextKey, net.Addr(net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local)))))
		if got := localSignInURL(r); got != want {
			t.Errorf("%s: %s, want %s", local, got, want)
		}
	}
}

// TestWindowsProbes: where people log in with the agent, the probes of Windows get the answers for being online. All other requests get
// the page.
func TestWindowsProbes(t *testing.T) {
	s := browserSite(t)
	server := from(t, s.HTTPHandler(), netip.MustParseAddr("10.1.2.3"))
	for request, want := range map[string]string{
		"GET /connecttest.txt HTTP/1.1\r\nHost: www.msftconnecttest.com":         "Microsoft Connect Test",
		"GET /connecttest.txt?n=1 HTTP/1.1\r\nHost: WWW.MSFTCONNECTTEST.COM.:80": "Microsoft Connect Test",
		"GET /connecttest.txt HTTP/1.1\r\nHost: ipv6.msftconnecttest.com":        "Microsoft Connect Test",
		"GET /ncsi.txt HTTP/1.1\r\nHost: www.msftncsi.com":                       "Microsoft NCSI",
		"GET /ncsi.txt HTTP/1.1\r\nHost: ipv6.msftncsi.com":                      "Microsoft NCSI",
		"GET /ncsi.txt HTTP/1.1\r\nHost: www.msftconnecttest.com":                "",
		"GET /connecttest.txt HTTP/1.1\r\nHost: www.msftconnecttest.com.evil.ru": "",
		"GET /connecttest.txt HTTP/1.1\r\nHost: evil.example":                    "",
		"POST /connecttest.txt HTTP/1.1\r\nHost: www.msftconnecttest.com":        "",
		"GET /redirect HTTP/1.1\r\nHost: www.msftconnecttest.com":                "",
		"GET /generate_204 HTTP/1.1\r\nHost: connectivitycheck.gstatic.com":      "",
		"GET /hotspot-detect.html HTTP/1.1\r\nHost: captive.apple.com":           "",
		"GET /sign-in HTTP/1.1\r\nHost: gw.example.test":                         "",
	} {
		response, body := raw(t, server, request+"\r\nContent-Length: 0\r\n\r\n")
		told := response.StatusCode == http.StatusOK && body == want
		page := response.StatusCode == http.StatusNetworkAuthenticationRequired && strings.Contains(body, "Запустите Ideco агент")
		if want != "" && !told || want == "" && !page || !response.Close {
			t.Errorf("%s: %d %s", request, response.StatusCode, body)
		}
	}
}

// TestAgentOffInBrowserNetwork: while the agent is off, nobody signs in, and the page says so.
func TestAgentOffInBrowserNetwork(t *testing.T) {
	s := browserSite(t)
	s.Settings.(*fixedSettings).now.Enabled = false
	server := from(t, s.HTTPHandler(), inLAN)
	for _, path := range []string{"/", "/generate_204", "/sign-in"} {
		response, body := raw(t, server, "GET "+path+" HTTP/1.1\r\nHost: gw.example.test\r\n\r\n")
		if response.StatusCode != http.StatusNetworkAuthenticationRequired || !strings.Contains(body, "Вход через Ideco агент пока выключен") {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
}

// TestAfterSignIn: requests to the gateway itself are answered as usual. A request for another host shows that the firewall blocks the
// host in spite of the session, because another computer has the address now. It is led to the page on which it can log out.
func TestAfterSignIn(t *testing.T) {
	s := browserSite(t)
	beginWebSession(t, s, inLAN)
	server := from(t, s.HTTPHandler(), inLAN)
	for request, want := range map[string]int{
		"GET / HTTP/1.1\r\nHost: gw.example.test\r\n\r\n":             http.StatusOK,
		"GET /x HTTP/1.1\r\nHost: gw.example.test\r\n\r\n":            http.StatusNotFound,
		"GET / HTTP/1.1\r\nHost: example.org\r\n\r\n":                 http.StatusNetworkAuthenticationRequired,
		"GET /generate_204 HTTP/1.1\r\nHost: www.gstatic.com\r\n\r\n": http.StatusFound,
	} {
		if response, body := raw(t, server, request); response.StatusCode != want {
			t.Errorf("%q: %d, want %d: %s", request, response.StatusCode, want, body)
		}
	}
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementNoRights
	if response, _ := raw(t, server, "GET / HTTP/1.1\r\nHost: example.org\r\n\r\n"); response.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("without a firewall: %d", response.StatusCode)
	}
}

// TestCaptiveAPI: the answers of RFC 8908. Without a publicly trusted certificate, and for peers that do not sign in by a browser, there
// is no such path.
func TestCaptiveAPI(t *testing.T) {
	s := browserSite(t)
	const path = "/captive-portal/api"
	get := func(addr netip.Addr) *httptest.ResponseRecorder {
		return host{t, s.PortalHandler(), addr}.send("GET", path, "", "")
	}
	if w := get(inLAN); w.Code != http.StatusNotFound {
		t.Errorf("without a public certificate: %d %s", w.Code, w.Body)
	}
	s.PubliclyTrusted = func() bool { return true }
	for _, addr := range []netip.Addr{outside, inVPN, netip.MustParseAddr("10.1.2.3")} {
		if w := get(addr); w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %s", addr, w.Code, w.Body)
		}
	}
	answer := func() map[string]any {
		t.Helper()
		w := get(inLAN)
		var got map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/captive+json" {
			t.Fatalf("%d %v %s, %v", w.Code, w.Header(), w.Body, err)
		}
		return got
	}
	portal := "https://gw.example.test:8443" + webAuthPath
	if got, want := answer(), (map[string]any{"captive": true, "user-portal-url": portal, "can-extend-session": false}); !reflect.DeepEqual(got, want) {
		t.Errorf("before sign-in %v, want %v", got, want)
	}
	beginWebSession(t, s, inLAN)
	got := answer()
	left, _ := got["seconds-remaining"].(float64)
	length := s.Settings.Current().Length(agent.KindWeb)
	if left > length.Seconds() || left < (length-time.Minute).Seconds() {
		t.Errorf("%v seconds remain", left)
	}
	delete(got, "seconds-remaining")
	if want := (map[string]any{"captive": false, "user-portal-url": portal, "can-extend-session": true}); !reflect.DeepEqual(got, want) {
		t.Errorf("after sign-in %v, want %v", got, want)
	}
}

// TestConnectionFromBeforeSignIn: a connection that was opened and redirected before sign-in is closed without an answer when it is used
// for another host afterwards. Browsers then repeat the request.
func TestConnectionFromBeforeSignIn(t *testing.T) {
	for kind, begin := range map[string]func(*Site) netip.Addr{
		"a browser": func(s *Site) netip.Addr { return beginWebSession(t, s, inLAN).Address },
		"an agent":  func(s *Site) netip.Addr { return liveSession(t, s, "ivanov").Session.Address },
	} {
		s := browserSite(t)
		opened := make(chan struct{}, 2)
		var peer netip.Addr
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r.RemoteAddr = netip.AddrPortFrom(peer, 40000).String()
			s.HTTPHandler().ServeHTTP(w, r)
		}))
		server.Config.ConnContext = ConnContext
		server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened <- struct{}{}
			}
		}
		server.Start()
		defer server.Close()
		connect := func() net.Conn {
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			<-opened
			return conn
		}
		ask := func(conn net.Conn, host string) (status int, err error) {
			defer conn.Close()
			if _, err := io.WriteString(conn, "GET /page HTTP/1.1\r\nHost: "+host+"\r\n\r\n"); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				return 0, err
			}
			response.Body.Close()
			return response.StatusCode, nil
		}
		early, own := connect(), connect()
		peer = begin(s)
		if status, err := ask(early, "shop.example"); err == nil {
			t.Errorf("%s: opened before: %d", kind, status)
		}
		if status, err := ask(own, "gw.example.test"); status != http.StatusNotFound {
			t.Errorf("%s: opened before, for the gateway: %d, %v", kind, status, err)
		}
		if status, err := ask(connect(), "shop.example"); status < 400 {
			t.Errorf("%s: opened after: %d, %v", kind, status, err)
		}
	}
}
