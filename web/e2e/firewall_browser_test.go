//go:build gateway

package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent/netlab"
	"ideco-agent/web"
)

// handle starts a web server in a place.
func (w lab) handle(t testing.TB, place string, at netip.AddrPort, h http.Handler) {
	t.Helper()
	ln := w.Listen(t, place, at)
	web := &http.Server{Handler: h}
	t.Cleanup(func() { web.Close() })
	go func() { _ = web.Serve(ln) }()
}

// webClient is an HTTP client in a place, without cookies, that follows no redirects. Names lead to the server on the Internet, and the
// gateway's name to the router in front of it.
func (w lab) webClient(t testing.TB, place string, from netip.Addr, trust *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{
		TLSClientConfig: trust, DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			if host == domain {
				address = net.JoinHostPort(outer.String(), port)
			} else if _, err := netip.ParseAddr(host); err != nil {
				address = net.JoinHostPort(server.String(), port)
			}
			return w.Dial(ctx, place, network, from, address)
		},
	}
	return &http.Client{Transport: transport, Timeout: patience, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func (w lab) get(t testing.TB, client *http.Client, url string) answer {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return w.does(t, client, request)
}

func (w lab) does(t testing.TB, client *http.Client, request *http.Request) answer {
	t.Helper()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(b)}
}

// signInPath is the path of the vendor's web authentication.
const signInPath = "/web_authd/auth"

var refresh = regexp.MustCompile(`<meta\s+http-equiv="refresh"\s+content="\d+;\s*url=([^"]*)"`)

// vendorScript is a program on a host without cookies that signs in as the vendor's script does.
type vendorScript struct {
	g      *guarded
	client *http.Client
	at     string // host and port of the portal
}

func (g *guarded) script(place string, from netip.Addr, trust *tls.Config) *vendorScript {
	g.t.Helper()
	g.findsItsName()
	return &vendorScript{g, g.webClient(g.t, place, from, trust), net.JoinHostPort(domain, portalPort)}
}

// findsItsName waits until the gateway has looked up its name. Then hosts in the LAN reach it by the router's address.
func (g *guarded) findsItsName() {
	g.t.Helper()
	netlab.Eventually(g.t, "the gateway has looked up its name", func() bool {
		return strings.Contains(netlab.Run(g.t, "nft", "list", "chain", "inet", "ideco_agent", "gateway"), outer.String())
	})
}

// led opens a page on the Internet and returns the URL that the gateway's page leads to.
func (v *vendorScript) led(page string) *url.URL {
	v.g.t.Helper()
	got := v.g.get(v.g.t, v.client, page)
	found := refresh.FindStringSubmatch(got.body)
	if got.status != http.StatusNetworkAuthenticationRequired || found == nil {
		v.g.t.Fatalf("%s: %d %s", page, got.status, got.body)
	}
	to, err := url.Parse(html.UnescapeString(found[1]))
	if err != nil {
		v.g.t.Fatal(err)
	}
	return to
}

// asks requests a token and returns the parameters of the redirect.
func (v *vendorScript) asks(at string) url.Values {
	v.g.t.Helper()
	got := v.g.get(v.g.t, v.client, at)
	to, err := url.Parse(got.header.Get("Location"))
	if err != nil || got.status < 300 || got.status > 399 {
		v.g.t.Fatalf("%s: %d %q, %v: %s", at, got.status, got.header.Get("Location"), err, got.body)
	}
	return to.Query()
}

// sends posts the form as JSON of a content type and returns the answer.
func (v *vendorScript) sends(kind string, fields map[string]string) answer {
	v.g.t.Helper()
	b, err := json.Marshal(fields)
	if err != nil {
		v.g.t.Fatal(err)
	}
	request, err := http.NewRequest("POST", v.portal(signInPath), bytes.NewReader(b))
	if err != nil {
		v.g.t.Fatal(err)
	}
	if kind != "" {
		request.Header.Set("Content-Type", kind)
	}
	return v.g.does(v.g.t, v.client, request)
}

func (v *vendorScript) portal(path string) string {
	return "https://" + v.at + path
}

// begins makes the requests before the login and returns the fields of the form.
func (v *vendorScript) begins(page, login, password string) map[string]string {
	v.g.t.Helper()
	form := v.asks(v.led(page).String())
	return map[string]string{"login": login, "password": password,
		"user_ip": form.Get("user_ip"), "webauth_origin": form.Get("webauth_origin"), "token": form.Get("token")}
}

// signsIn signs a person in at a host as the vendor's script does.
func (g *guarded) signsIn(place string, from netip.Addr, login string) *vendorScript {
	g.t.Helper()
	return g.signsInTrusting(place, from, login, &tls.Config{RootCAs: g.roots()})
}

func (g *guarded) signsInTrusting(place string, from netip.Addr, login string, trust *tls.Config) *vendorScript {
	g.t.Helper()
	v := g.script(place, from, trust)
	if got := v.sends("application/json", v.begins("http://"+server.String()+"/", login, userPassword)); got.status >= 400 {
		g.t.Fatalf("%s signs in at %s: %d %s", login, from, got.status, got.body)
	}
	return v
}

// oneSession waits until there is exactly one session and is reports true for it, and returns it.
func (g *guarded) oneSession(what string, is func(session) bool) session {
	g.t.Helper()
	return g.admin.waitSessions(what, func(s []session) bool { return len(s) == 1 && is(s[0]) })[0]
}

func ofKind(kind string) func(session) bool {
	return func(s session) bool { return s.Kind == kind && s.State == "connected" }
}

// TestFirewallVendorScript: a program without cookies signs in by the vendor's web authentication, step by step. A forged request of
// any step is refused and gives no access.
func TestFirewallVendorScript(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		w.serveHTTP(t, inNet, netip.AddrPortFrom(server, 80), "a page")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world"))
		const page = "http://shop.example/some/page?a=1&b=%22%3E%3Cscript%3E"
		trust := &tls.Config{RootCAs: g.roots()}
		v := g.script(inOne, one, trust)

		// The steps.
		lead := v.led(page)
		if lead.Scheme != "https" || lead.Host != domain+":"+portalPort || lead.Path != signInPath || lead.Query().Get("user_ip") != one.String() || lead.Query().Get("origin") != page {
			t.Errorf("the page leads to %s", lead)
		}
		form := v.asks(lead.String())
		if form.Get("user_ip") != one.String() || form.Get("webauth_origin") != page || len(form.Get("token")) < 22 {
			t.Errorf("the redirect has %v", form)
		}
		fields := func(token string) map[string]string {
			return map[string]string{"login": "anna", "password": userPassword, "user_ip": one.String(), "webauth_origin": page, "token": token}
		}
		with := func(name, value string) map[string]string {
			f := fields(v.asks(lead.String()).Get("token"))
			f[name] = value
			return f
		}
		closed := func(what string, got answer, want ...int) {
			t.Helper()
			ok := false
			for _, status := range want {
				ok = ok || got.status == status
			}
			if !ok {
				t.Errorf("%s: %d %s, want %v", what, got.status, got.body, want)
			}
			if list := g.admin.sessions(); len(list) > 0 {
				t.Fatalf("%s has a session: %+v", what, list)
			}
		}
		const asJSON = "application/json"

		closed("a wrong password", v.sends(asJSON, with("password", "не тот")), http.StatusForbidden)
		closed("an unknown login", v.sends(asJSON, with("login", "nobody")), http.StatusForbidden)
		closed("without a token", v.sends(asJSON, fields("")), 400, 403, 542)
		closed("an unknown token", v.sends(asJSON, fields(strings.Repeat("A", 22))), 400, 403, 542)
		closed("another address in the form", v.sends(asJSON, with("user_ip", two.String())), 400, 403, 542)
		for _, kind := range []string{"text/plain", "multipart/form-data; boundary=x"} {
			closed(kind, v.sends(kind, with("token", form.Get("token"))), http.StatusUnsupportedMediaType, http.StatusForbidden)
		}

		// The token of another host, and a request of another host with this host's address.
		theirs := g.script(inTwo, two, trust)
		token := theirs.asks(theirs.led(page).String()).Get("token")
		closed("the token of another host", v.sends(asJSON, fields(token)), 400, 403, 542)
		if got := w.get(t, theirs.client, lead.String()); got.status < 400 {
			t.Errorf("a forged user_ip: %d %s", got.status, got.header.Get("Location"))
		}

		// An address has one token: a newer one voids the older.
		older := v.asks(lead.String()).Get("token")
		newer := v.asks(lead.String()).Get("token")
		if older == newer {
			t.Error("two requests have the same token")
		}
		closed("an older token", v.sends(asJSON, fields(older)), 400, 403, 542)

		// Origins that are no pages by HTTP or HTTPS.
		for _, origin := range []string{"javascript:alert(1)", "ftp://shop.example/", "file:///etc/passwd", "data:text/html,x", "//shop.example", "http:" + strings.Repeat("/", 5), "http://shop.example/" + strings.Repeat("x", 2001)} {
			query := url.Values{"user_ip": {one.String()}, "origin": {origin}}
			got := w.get(t, v.client, v.portal(signInPath)+"?"+query.Encode())
			to, _ := url.Parse(got.header.Get("Location"))
			if got.status < 400 && to.Query().Get("webauth_origin") != "" || strings.Contains(got.body, origin) {
				t.Errorf("origin %.40s: %d %q %s", origin, got.status, got.header.Get("Location"), got.body)
			}
		}

		// People who type the portal's address send no parameters.
		if token := v.asks(v.portal(signInPath)).Get("token"); len(token) < 22 {
			t.Errorf("without parameters the token is %q", token)
		}

		w.refused(t, "after refusals", inOne, one, to)
		last := with("login", "Anna")
		if got := v.sends("application/x-www-form-urlencoded", last); got.status >= 400 {
			t.Fatalf("signing in: %d %s", got.status, got.body)
		}
		w.open(t, "after sign-in", inOne, one, to)
		if got := w.get(t, v.client, page); got.status != 200 || got.body != "a page" {
			t.Errorf("the page after sign-in: %d %s", got.status, got.body)
		}
		w.refused(t, "another address of the same host", inOne, oneMore, to)
		w.refused(t, "another host", inTwo, two, to)
		s := g.oneSession("a web session", ofKind("web"))
		if s.Login != "anna" || s.Address != one.String() {
			t.Errorf("the session is %+v", s)
		}

		// A used token is refused, also after the session has ended.
		g.admin.must("DELETE", sessionsPath+s.ID, nil, nil)
		netlab.Eventually(t, "access is over", func() bool {
			_, err := w.Hears(inOne, one, to, soon)
			return err != nil
		})
		closed("a used token", v.sends(asJSON, last), 400, 403, 542)

		// In other networks and outside, browser sign-in is refused.
		elsewhere := g.script(inFar, far, trust)
		if got := w.get(t, elsewhere.client, elsewhere.portal(signInPath)+"?user_ip="+far.String()); got.status < 400 {
			t.Errorf("sign-in in a network with agents: %d", got.status)
		}
		got := w.get(t, w.webClient(t, inHome, home, trust), v.portal(signInPath)+"?user_ip="+home.String())
		if got.status < 400 {
			t.Errorf("sign-in from outside: %d", got.status)
		}

		// The journal has the session and the refusals. It masks the unknown login.
		var refusal journalEntry
		netlab.Eventually(t, "the journal has the refusal", func() bool {
			entries := g.journal("anna")
			refusal = entries[len(entries)-1]
			return refusal.Refused == "bad_credentials"
		})
		if refusal.Way != "browser" || refusal.IP != one.String() || refusal.Kind != "" {
			t.Errorf("the refusal is %+v", refusal)
		}
		if e := g.journal("***")[0]; e.Refused != "bad_credentials" || e.IP != one.String() {
			t.Errorf("the refusal of an unknown login is %+v", e)
		}
		if e := g.journal("anna")[0]; e.Kind != "web" || e.Way != "browser" || e.Reason != "admin" || e.MAC != w.macAt(t, inOne) || e.Ended == "" {
			t.Errorf("the session is %+v", e)
		}

		for _, secret := range []string{userPassword, last["token"], newer, "не тот"} {
			if strings.Contains(g.log.String(), secret) {
				t.Errorf("the log has %q", secret)
			}
		}
	})
}

// TestFirewallBrowserIPv6: a host whose page was blocked over IPv6 signs in over IPv4, because the portal's name has no IPv6 address.
// Then its IPv4 address has access. Once it opens a page over IPv6 again, its IPv6 address has access too, until the session ends.
func TestFirewallBrowserIPv6(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne, "fd77:1::/64"}})
		g.person("anna")
		g.person("boris")
		four, six := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Says("world")), w.Serve(t, inNet, netip.AddrPortFrom(server6, 0), netlab.Says("world"))
		w.serveHTTP(t, inNet, netip.AddrPortFrom(server6, 80), "a page")
		trust := &tls.Config{RootCAs: g.roots()}
		page := "http://[" + server6.String() + "]/page"
		probe := "http://[" + server6.String() + "]/generate_204"
		blocked := g.script(inOne, one6, trust)
		lead := blocked.led(page)
		v := g.script(inOne, one, trust)
		form := v.asks(lead.String())
		if form.Get("user_ip") != one.String() || form.Get("webauth_origin") != page {
			t.Errorf("%s leads to %v", lead, form)
		}
		fields := map[string]string{"login": "anna", "password": userPassword, "user_ip": form.Get("user_ip"), "token": form.Get("token")}
		if got := v.sends("application/json", fields); got.status >= 400 {
			t.Errorf("signing in over IPv4: %d %s", got.status, got.body)
		}
		w.open(t, "IPv4", inOne, one, four)
		w.refused(t, "IPv6 before its first page", inOne, one6, six)

		// The first probe gets no answer, but gives the IPv6 address access. The next one reaches the real host.
		netlab.Eventually(t, "the probe reaches the real host", func() bool {
			response, err := blocked.client.Get(probe)
			if err != nil {
				return false
			}
			defer response.Body.Close()
			return response.StatusCode == http.StatusOK
		})
		w.open(t, "IPv6", inOne, one6, six)
		if got := w.get(t, blocked.client, page); got.status != http.StatusOK || got.body != "a page" {
			t.Errorf("the page over IPv6: %d %s", got.status, got.body)
		}
		s := g.oneSession("a web session", ofKind("web"))
		var live []struct {
			Addresses []string `json:"addresses"`
		}
		g.admin.must("GET", "/monitor_backend/auth_sessions", nil, &live)
		if s.Address != one.String() || fmt.Sprint(live[0].Addresses) != fmt.Sprint([]netip.Addr{one, one6}) {
			t.Errorf("the session is %+v with %v", s, live)
		}
		w.refused(t, "another host", inTwo, two, four)

		// A page from a new privacy address is answered with a refresh. The address has access then.
		private := netip.MustParseAddr("fd77:1::7:7")
		w.IP(t, inOne, "addr", "add", private.String()+"/64", "dev", "eth0", "nodad")
		newer := g.script(inOne, private, trust)
		if got := w.get(t, newer.client, page); got.status != http.StatusNetworkAuthenticationRequired || got.header.Get("Refresh") == "" || strings.Contains(got.body, signInPath) {
			t.Errorf("the page from a new address: %d %v %s", got.status, got.header, got.body)
		}
		if got := w.get(t, newer.client, page); got.status != http.StatusOK || got.body != "a page" {
			t.Errorf("the page from a new address, again: %d %s", got.status, got.body)
		}

		// The end of the session closes all addresses.
		g.admin.must("DELETE", sessionsPath+s.ID, nil, nil)
		for _, a := range []netip.Addr{one6, private} {
			netlab.Eventually(t, "IPv6 is closed", func() bool {
				_, err := w.Hears(inOne, a, six, soon)
				return err != nil
			})
		}

		// A sign-in over the portal's IPv6 address gives access to the IPv6 address first.
		lead = blocked.led(page)
		lead.Host = net.JoinHostPort("fd77:1::1", portalPort)
		form = blocked.asks(lead.String())
		if form.Get("user_ip") != one6.String() {
			t.Errorf("%s leads to %v", lead, form)
		}
		fields["user_ip"], fields["token"] = form.Get("user_ip"), form.Get("token")
		blocked.at = lead.Host
		if got := blocked.sends("application/json", fields); got.status >= 400 {
			t.Errorf("signing in over IPv6: %d %s", got.status, got.body)
		}
		w.open(t, "IPv6 after sign-in", inOne, one6, six)
		w.refused(t, "IPv4 before its first page", inOne, one, four)
		if got := w.get(t, v.client, "http://"+server.String()+"/page"); got.status != http.StatusNetworkAuthenticationRequired || got.header.Get("Refresh") == "" {
			t.Errorf("a page over IPv4: %d %v", got.status, got.header)
		}
		w.open(t, "IPv4 after sign-in over IPv6", inOne, one, four)
	})
}

// TestFirewallBrowserSession: a browser's session ends when its person logs out, when the agent is switched off, when its network is
// removed from browser_sign_in_networks, and after the length of a session of the VPN. The same person's agent takes it over without
// a pause. Another person's agent is refused. A browser does not replace an agent.
func TestFirewallBrowserSession(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		g.person("boris")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		begin := func(what string) *netlab.Download {
			t.Helper()
			g.signsIn(inOne, one, "anna")
			return w.Download(t, "a download until "+what, inOne, one, to)
		}
		over := func(what string, d *netlab.Download, event time.Time) {
			t.Helper()
			stops(t, d, event, cutWithin)
			w.refused(t, "after "+what, inOne, one, to)
			g.nobody()
		}

		// The vendor's path for logoff scripts ends the caller's own session.
		running := begin("logging out")
		logout := func(place string, from, of netip.Addr) int {
			t.Helper()
			request, err := http.NewRequest("DELETE", "https://"+domain+":"+portalPort+"/monitor_backend/sessions/logout/"+of.String(), nil)
			if err != nil {
				t.Fatal(err)
			}
			return w.does(t, w.webClient(t, place, from, &tls.Config{RootCAs: g.roots()}), request).status
		}
		if status := logout(inTwo, two, one); status < 400 {
			t.Errorf("another host ends the session: %d", status)
		}
		running.Runs(t)
		event := time.Now()
		if status := logout(inOne, one, one); status != 200 {
			t.Errorf("logging out: %d", status)
		}
		over("logging out", running, event)

		running = begin("the agent is off")
		event = time.Now()
		g.admin.must("PUT", statePath, map[string]bool{"enabled": false}, nil)
		over("the agent is off", running, event)
		g.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)

		running = begin("its network is removed from the setting")
		event = time.Now()
		g.set("browser_sign_in_networks", []string{lanTwo})
		over("its network is removed from the setting", running, event)
		g.set("browser_sign_in_networks", []string{lanOne})

		g.set("session_hours_vpn", 0.001)
		began := time.Now()
		running = begin("its time is over")
		stops(t, running, began, 3600*time.Millisecond+2*cutWithin)
		if lasted := running.Last().Sub(began); lasted < 3*time.Second {
			t.Errorf("a session of 3.6 s was over after %v", lasted)
		}
		g.nobody()
		g.set("session_hours_vpn", 12)

		// Takeover.
		running = begin("the agent that took it over logs out")
		g.oneSession("of the browser", ofKind("web"))
		other := g.agentIn(g.Name(inOne), "boris", userPassword, "other")
		if e := other.waits("error"); e.Code != "address_busy" {
			t.Errorf("another person's agent: %+v", e)
		}
		other.exits(3)
		running.Runs(t)
		running.Gap()
		agent := g.loggedIn(inOne, "anna")
		s := g.oneSession("of the agent", ofKind("lan"))
		running.Runs(t)
		if gap := running.Gap(); gap > cutWithin {
			t.Errorf("the download paused for %v when the agent took over", gap)
		}
		script := g.script(inOne, one, &tls.Config{RootCAs: g.roots()})
		if got := w.get(t, script.client, script.portal(signInPath)+"?user_ip="+one.String()); got.status < 400 {
			if to, err := url.Parse(got.header.Get("Location")); err == nil && to.Query().Get("token") != "" {
				script.sends("application/json", map[string]string{"login": "boris", "password": userPassword, "user_ip": one.String(), "token": to.Query().Get("token")})
			}
		}
		if now := g.oneSession("still of the agent", ofKind("lan")); now.ID != s.ID || now.Login != "anna" {
			t.Errorf("after a browser's sign-in the session is %+v, it was %+v", now, s)
		}
		running.Runs(t)
		event = time.Now()
		agent.signal(syscall.SIGTERM)
		agent.exits(0)
		over("the agent has logged out", running, event)
	})
}

// TestFirewallBrowserRestart: a browser's session goes on after a restart. An ended one stays ended, also after kill -9.
func TestFirewallBrowserRestart(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		g.signsIn(inOne, one, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		running := w.Download(t, "the download", inOne, one, to)
		before := g.oneSession("before", ofKind("web"))
		for _, s := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM} {
			g.kill(s)
			running.Runs(t)
			g.begin()
			running.Runs(t)
			if now := g.oneSession("after a restart", ofKind("web")); now.ID != before.ID || now.Login != "anna" {
				t.Errorf("after %v the session is %+v, it was %+v", s, now, before)
			}
		}
		waitUntil(t, time.Now().Add(12*time.Second)) // longer than the timeout of the firewall's elements
		running.Runs(t)
		if gap := running.Gap(); gap > cutWithin {
			t.Errorf("the download paused for %v", gap)
		}
		g.admin.must("DELETE", sessionsPath+before.ID, nil, nil)
		stops(t, running, time.Now(), cutWithin)
		g.kill(syscall.SIGKILL)
		g.begin()
		w.refused(t, "ended before kill -9", inOne, one, to)
		g.nobody()
	})
}

// TestFirewallBrowserDies: when the gateway did not run for longer than the timeout of the firewall's elements, a browser's session whose
// MAC was not stored before is over, because another computer may have the address by then. The person signs in again.
func TestFirewallBrowserDies(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		g.signsIn(inOne, one, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		running := w.Download(t, "the download", inOne, one, to)
		g.oneSession("before", ofKind("web"))
		g.kill(syscall.SIGKILL)
		died := time.Now()
		stops(t, running, died, 10*time.Second+cutWithin)
		g.begin()
		g.nobody()
		w.refused(t, "after the restart", inOne, one, to)
		if e := g.journal("anna")[0]; e.Kind != "web" || e.Ended == "" || e.Reason == "" {
			t.Errorf("the journal has %+v", e)
		}
		g.signsIn(inOne, one, "anna")
		w.open(t, "signed in again", inOne, one, to)
	})
}

// TestFirewallBrowserIdle: a browser's session ends after Config.WebIdle without a byte, and not before. An agent's session stays.
func TestFirewallBrowserIdle(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		const idle, counters = 8 * time.Second, 5 * time.Second // counters: the interval of reading the firewall's counters
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		g.person("boris")
		g.kill(syscall.SIGTERM)
		g.where = listening{Portal: []string{":" + portalPort}, Agents: []string{":" + agentPort}, HTTP: []string{":80"}}
		g.startAs(web.Config{Tunnel: web.TunnelOff, Firewall: "nftables", WebIdle: idle})
		t.Cleanup(g.stopHere)
		g.where = listening{Portal: []string{"127.0.0.1:" + portalPort}, Agents: []string{domain + ":" + agentPort}}

		g.loggedIn(inFar, "boris")
		g.signsIn(inOne, one, "anna")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		used, err := w.Dial(t.Context(), inOne, "tcp", one, to.String())
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for b := make([]byte, 4096); time.Since(begun) < idle+counters; {
			_ = used.SetReadDeadline(time.Now().Add(patience))
			if _, err := used.Read(b); err != nil {
				t.Fatalf("the session in use ended after %v: %v", time.Since(begun), err)
			}
		}
		used.Close()
		closed := time.Now()
		g.hasSession("anna", "web")
		g.admin.waitSessions("only the agent's session is left", func(s []session) bool { return len(s) == 1 && s[0].Login == "boris" })
		if took := time.Since(closed); took < idle-counters || took > idle+3*counters {
			t.Errorf("the idle session ended after %v", took)
		}
		w.refused(t, "after the end", inOne, one, to)
		if entry := g.journal("anna")[0]; entry.Reason != "idle" || entry.Way != "browser" || entry.Rx+entry.Tx < 1000 || entry.MAC != w.macAt(t, inOne) {
			t.Errorf("the journal has %+v", entry)
		}
	})
}

// hasSession fails the test unless a person has a session of a kind.
func (g *guarded) hasSession(login, kind string) {
	g.t.Helper()
	for _, s := range g.admin.sessions() {
		if s.Login == login && s.Kind == kind {
			return
		}
	}
	g.t.Errorf("%s has no session of kind %s: %+v", login, kind, g.admin.sessions())
}

// journalEntry is an entry of the journal in REST.
type journalEntry struct {
	Login   string `json:"login"`
	IP      string `json:"ip"`
	Started string `json:"started"`
	Ended   string `json:"ended"`
	MAC     string `json:"mac"`
	Kind    string `json:"kind"`
	Way     string `json:"way"`
	Reason  string `json:"reason"`
	Refused string `json:"refused"`
	Rx      uint64 `json:"rx"`
	Tx      uint64 `json:"tx"`
}

// journal returns the entries of a login, the newest first.
func (g *guarded) journal(login string) []journalEntry {
	g.t.Helper()
	var answer struct{ Data []journalEntry }
	filter := fmt.Sprintf(`[{"items":[{"column_name":"login","operator":"equals","value":[%q]}],"link_operator":"and"}]`, login)
	g.admin.must("GET", "/user_cabinet_reports/auth_journal?"+url.Values{"filter": {filter}}.Encode(), nil, &answer)
	if len(answer.Data) == 0 {
		g.t.Fatalf("the journal has nothing of %s", login)
	}
	return answer.Data
}

// standInCA makes a CA that the gateway takes for a public one, and a certificate of it for the gateway's name. Call it before the
// gateway starts.
func (w lab) standInCA(t *testing.T) publicCert {
	t.Helper()
	root := issueUnder(t, nil, "A public CA", 24*time.Hour)
	file := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(file, []byte(root.pem()), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", file)
	t.Setenv("SSL_CERT_DIR", t.TempDir())
	leaf := issueUnder(t, root, domain, 12*time.Hour, domain)
	return publicCert{root, leaf.pem() + leaf.keyPEM(t)}
}

type publicCert struct {
	root *companyCert
	pem  string // certificate and key
}

func (c publicCert) trust() *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(c.root.Certificate)
	return &tls.Config{RootCAs: roots}
}

func (g *guarded) uploads(c publicCert) {
	g.t.Helper()
	g.admin.must("POST", "/certificates", map[string]any{"pem": c.pem}, nil)
}

// captiveState is the answer of the API of RFC 8908.
type captiveState struct {
	Captive   bool     `json:"captive"`
	Portal    string   `json:"user-portal-url"`
	Remaining *float64 `json:"seconds-remaining"`
	Extend    bool     `json:"can-extend-session"`
}

func (w lab) captiveState(t *testing.T, place string, from netip.Addr, trust *tls.Config, api string) captiveState {
	t.Helper()
	got := w.get(t, w.webClient(t, place, from, trust), api)
	var c captiveState
	if err := json.Unmarshal([]byte(got.body), &c); err != nil || got.status != http.StatusOK || !strings.HasPrefix(got.header.Get("Content-Type"), "application/captive+json") || !strings.Contains(got.header.Get("Cache-Control"), "no-store") && !strings.Contains(got.header.Get("Cache-Control"), "private") {
		t.Fatalf("%s: %d %v %s, %v", api, got.status, got.header, got.body, err)
	}
	return c
}
