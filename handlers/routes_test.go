package handlers

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/alexedwards/argon2id"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/protocol"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// The peers in these tests.
var (
	inLAN   = netip.MustParseAddr("192.168.7.20")
	outside = netip.MustParseAddr("203.0.113.9")
	inVPN   = netip.MustParseAddr("10.128.0.9")
)

const password = "correct horse battery"

// cheapHash returns a hash of password that takes no time to check. Every test signs somebody in.
var cheapHash = sync.OnceValue(func() string {
	hash, err := argon2id.CreateHash(password, &argon2id.Params{Memory: 64, Iterations: 1, Parallelism: 1, SaltLength: 16, KeyLength: 32})
	if err != nil {
		panic(err)
	}
	return hash
})

// newSite returns a site with a real database, an administrator "boss" and a user "ivanov".
func newSite(t testing.TB) *Site {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, filepath.Join(t.TempDir(), "ideco.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	set := &fixedSettings{agent.DefaultSettings()}
	set.now.Enabled = true
	set.now.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	local := directory.NewLocal(db, log)
	gate := access.NewGate(local, db, log)
	directories := &fakeDirectories{status: map[agent.DirectoryID]agent.DirectoryStatus{}, accounts: map[agent.UserID]agent.User{}}
	directories.users = accounts{db, directories}
	s := &Site{
		Log: log, Gate: gate, Settings: set, AgentHosts: db, Accounts: accounts{db, directories}, Groups: db, Passwords: hasher{}, Browsers: db,
		Directories: directories,
		Sessions:    access.NewManager(access.Config{Gate: gate, Store: db, Settings: set.Current, Log: log}),
		Installer:   noInstaller{}, Downloads: policyAlone{}, Root: fixedRoot{}, Certificates: newFakeCertificates(set), Setup: oneLink{}, Addressing: fixedHosts{set},
		Health: db.Ping, Storing: db.Trouble, MaxAgents: 100, Portal: func(netip.Addr) string { return "" },
		Challenge: func(http.ResponseWriter, *http.Request) bool { return false }, Tunnel: noTunnel{}, PubliclyTrusted: func() bool { return false }, Gateway: &fakeGateway{state: agent.GatewayState{Enforcement: agent.EnforcementIdle}},
		Service: func(context.Context) agent.ServiceFacts {
			return agent.ServiceFacts{PID: 4242, Started: time.Now(), Ports: []agent.ServicePort{{Part: agent.PartPortal, Address: "[::]:8443", Answers: true}}}
		},
		Journal: db, Acts: db, AuthRules: db, Backups: newFakeBackups(t), Scratch: t.TempDir(),
		Overview: db, System: func() agent.SystemFacts { return agent.SystemFacts{Started: time.Now(), DataDir: "/data"} },
		Doctor: &fakeDoctor{finds: []agent.Check{agent.NewCheck(agent.CheckPortTaken, map[string]string{"Port": "TCP 8443", "Flag": "--portal-listen", "Program": "nginx (812)"})}},
	}
	for _, u := range []agent.User{{Login: "boss", Admin: true}, {Login: "ivanov"}, {Login: "off"}} {
		u.Directory, u.Enabled, u.Created = agent.LocalDirectory, true, time.Now()
		if _, err := db.CreateUser(ctx, u, cheapHash()); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

type hasher struct{}

func (hasher) Hash(ctx context.Context, password string) (string, error) {
	return directory.Hash(ctx, password)
}

func (hasher) HashLater(ctx context.Context, password string) (string, error) {
	return directory.HashLater(ctx, password)
}

type fixedSettings struct{ now agent.Settings }

func (f *fixedSettings) Current() agent.Settings { return f.now }

func (f *fixedSettings) Update(_ context.Context, change func(*agent.Settings) error) error {
	next := f.now
	if err := change(&next); err != nil {
		return err
	}
	next.KeepFormerDomain(f.now.Domain)
	if problems := append(next.Check(), next.CheckChange(f.now)...); len(problems) > 0 {
		return agent.Problems(problems)
	}
	f.now = next
	return nil
}

type noTunnel struct{}

func (noTunnel) Available() bool { return false }
func (noTunnel) Forwards() bool  { return false }

func (noTunnel) Lacks() agent.TunnelLack { return agent.TunnelLacksNothing }

type noInstaller struct{}

// policyAlone is a build with neither installer nor portable program.
type policyAlone struct{}

func (policyAlone) Driver() bool              { return false }
func (policyAlone) Policy() ZipFile           { return zipFile("policy") }
func (policyAlone) Portable() (ZipFile, bool) { return ZipFile{}, false }

func (noInstaller) Ready() error                                { return agent.ErrNotFound }
func (noInstaller) Preset(_, _ string) (PresetInstaller, error) { return nil, agent.ErrNotFound }
func (noInstaller) Size() int64                                 { return 0 }
func (noInstaller) Signed() bool                                { return false }
func (noInstaller) Programs() ([]templates.Program, error)      { return nil, nil }
func (fixedRoot) RootDER() []byte                               { return []byte("certificate") }
func (fixedRoot) NextDER() []byte                               { return nil }
func (fixedRoot) Pin() string                                   { return "" }
func (fixedRoot) Successor(string) (string, time.Time)          { return "", time.Time{} }
func (fixedRoot) Sign(string, []byte) (string, error)           { return "", agent.ErrNotFound }
func (fixedRoot) Permits(host string) bool                      { return host == "permitted.ru" }
func (oneLink) Valid(_ context.Context, token string) bool      { return token == "the-token" }
func (oneLink) Needed(context.Context) bool                     { return false }
func (oneLink) Void()                                           {}
func (fixedHosts) Known(host string) bool                       { return host == "gw.example.test" }
func (fixedHosts) Own(a netip.Addr) bool                        { return a.IsLoopback() }

// Peer treats all interfaces as LAN.
func (h fixedHosts) Peer(a netip.Addr, _ string) agent.Peer {
	return agent.Peer{Addr: agent.Unmap(a), Inside: h.now.InLocalNetworks(a)}
}

// AgentAddrsNear treats all peers as directly attached.
func (fixedHosts) AgentAddrsNear(netip.Addr) []netip.AddrPort {
	return []netip.AddrPort{netip.MustParseAddrPort("192.168.7.1:14765"), netip.MustParseAddrPort("[fd00::1]:14765")}
}

type (
	fixedRoot  struct{}
	oneLink    struct{}
	fixedHosts struct{ *fixedSettings }
)

// reached is the status that the routes of gated answer when their rule has let the request through.
const reached = 299

// gated returns the portal's routes with their real rules. Instead of the action, each answers reached.
func gated(s *Site) http.Handler {
	routes := s.portalRoutes()
	for i := range routes {
		routes[i].handler = func(c echo.Context) error { return c.NoContent(reached) }
	}
	e := s.newEcho(page)
	e.Use(s.crossOrigin())
	return s.register(e, routes)
}

// ask sends a request with valid token and headers from this peer and these cookies.
func ask(h http.Handler, method, path string, k kind, peer netip.Addr, cookies []*http.Cookie) *httptest.ResponseRecorder {
	body := ""
	if k == page && method == "POST" {
		body = templates.CSRFField + "=token"
	}
	r := httptest.NewRequest(method, "https://gw.example.test"+path, strings.NewReader(body))
	r.RemoteAddr = netip.AddrPortFrom(peer, 40000).String()
	if k == rest {
		r.Header.Set("Content-Type", "application/json")
	} else if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// signIn signs the account in and returns the browser's cookies.
func signIn(t testing.TB, s *Site, login string) []*http.Cookie {
	t.Helper()
	r := httptest.NewRequest("POST", "https://gw.example.test/web/auth/login",
		strings.NewReader(`{"login":"`+login+`","password":"`+password+`"}`))
	r.RemoteAddr = "192.168.7.20:40000"
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	s.PortalHandler().ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("sign in as %s: %d %s", login, w.Code, w.Body)
	}
	return w.Result().Cookies()
}

// TestRouteAccess: each route admits exactly the visitors of its rule.
func TestRouteAccess(t *testing.T) {
	s := newSite(t)
	h := gated(s)
	boss, ivanov := signIn(t, s, "boss"), signIn(t, s, "ivanov")
	for _, r := range s.portalRoutes() {
		path := strings.NewReplacer(":id", "1", ":token", "x", "*", "x").Replace(r.path)
		nobody := http.StatusUnauthorized
		if r.kind == page && r.method == "GET" {
			nobody = http.StatusSeeOther
		}
		want := map[rule][5]int{ //  nobody, user, administrator, administrator outside, administrator through the VPN
			anybody:       {reached, reached, reached, reached, reached},
			user:          {nobody, reached, reached, reached, reached},
			setup:         {reached, reached, reached, 404, 404},
			administrator: {nobody, http.StatusForbidden, reached, 404, 404},
		}[r.rule]
		got := [5]int{
			ask(h, r.method, path, r.kind, inLAN, nil).Code,
			ask(h, r.method, path, r.kind, inLAN, ivanov).Code,
			ask(h, r.method, path, r.kind, inLAN, boss).Code,
			ask(h, r.method, path, r.kind, outside, boss).Code,
			ask(h, r.method, path, r.kind, inVPN, boss).Code,
		}
		if got != want {
			t.Errorf("%s %s: %v, want %v", r.method, r.path, got, want)
		}
		if nobody == http.StatusSeeOther && r.rule == user {
			if to := ask(h, r.method, path, r.kind, inLAN, nil).Header().Get("Location"); to != "/login" {
				t.Errorf("%s %s sends nobody to %q", r.method, r.path, to)
			}
		}
	}
}

// TestHiddenPaths: outside, an administration path is answered exactly like a path that does not exist.
func TestHiddenPaths(t *testing.T) {
	s := newSite(t)
	h := gated(s)
	methods := []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "X"}
	token := randomToken() // so that no answer sets a new one
	answer := func(method, path string, k kind, language string) string {
		r := httptest.NewRequest(method, "https://gw.example.test/", strings.NewReader(templates.CSRFField+"="+token))
		r.URL.Path = path
		r.RemoteAddr = netip.AddrPortFrom(outside, 40000).String()
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if k == rest {
			r.Header.Set("Content-Type", "application/json")
		}
		if language != "" {
			r.Header.Set("Accept-Language", language)
		}
		r.AddCookie(&http.Cookie{Name: formCookie, Value: token})
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return fmt.Sprint(w.Code, w.Header(), maskedToken.ReplaceAllString(strings.ReplaceAll(w.Body.String(), path, "the path"), "the token"))
	}
	for _, r := range s.portalRoutes() {
		path := strings.NewReplacer(":id", "1", ":token", "x", "*", "x").Replace(r.path)
		beside := strings.NewReplacer("/certificates", "/certificates/x", "/setup/", "/setups/", "/admin/", "/admin/x", "/download/", "/download/x",
			"_backend/", "_backend/x", "_reports/", "_reports/x", "/auth/rules", "/auth/rule").Replace(path)
		if beside == path {
			beside += "/x"
		}
		for _, method := range methods {
			for _, language := range []string{"", "en", "ru"} {
				for _, k := range []kind{page, rest} {
					if r.rule == administrator || r.rule == setup {
						got, want := answer(method, path, k, language), answer(method, beside, k, language)
						if got != want || path == beside {
							t.Errorf("%s %s in %q: %s\n%s: %s", method, path, language, got, beside, want)
						}
					}
				}
			}
		}
		if got := answer("OPTIONS", path, r.kind, ""); !strings.HasPrefix(got, "404 ") || strings.Contains(got, "Allow") {
			t.Errorf("OPTIONS %s: %s", path, got)
		}
	}
}

// TestRESTPaths: restPaths knows every REST route and no other.
func TestRESTPaths(t *testing.T) {
	s := newSite(t)
	for _, r := range append(s.portalRoutes(), s.agentRoutes()...) {
		if s.restPaths()[firstSegment(r.path)] != (r.kind == rest) {
			t.Errorf("%s: %v", r.path, r.kind)
		}
	}
}

// contentTypes maps content types to the answer of a REST route to a same-origin request. A page of another site can send the first four
// without a CORS preflight (Fetch, "CORS-safelisted request-header").
var contentTypes = map[string]int{
	"":                                  reached,
	"application/x-www-form-urlencoded": reached,
	"text/plain":                        http.StatusUnsupportedMediaType,
	"multipart/form-data; boundary=x":   http.StatusUnsupportedMediaType,

	"application/json":                                 reached,
	"Application/JSON; charset=UTF-8":                  reached,
	"application/x-www-form-urlencoded; charset=UTF-8": reached,
	"text/json":                    http.StatusUnsupportedMediaType,
	"text/plain; application/json": http.StatusUnsupportedMediaType,
	"multipart/form-data":          http.StatusUnsupportedMediaType,
	"application/xml":              http.StatusUnsupportedMediaType,
	"application/octet-stream":     http.StatusUnsupportedMediaType,
	"*/*":                          http.StatusUnsupportedMediaType,
	";":                            http.StatusUnsupportedMediaType,
	"json":                         http.StatusUnsupportedMediaType,
	"application/json\ntext/plain": http.StatusUnsupportedMediaType,
	"text/plain\napplication/json": http.StatusUnsupportedMediaType,
}

// forgeries set the headers with which browsers mark requests of other sites.
var forgeries = map[string]func(*http.Request){
	"another site":        func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
	"another port":        func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "same-site") },
	"an old browser":      func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") },
	"a sandboxed page":    func(q *http.Request) { q.Header.Set("Origin", "null") },
	"a port by Origin":    func(q *http.Request) { q.Header.Set("Origin", "https://gw.example.test:8444") },
	"the name over HTTP":  func(q *http.Request) { q.Header.Set("Origin", "http://gw.example.test") },
	"a name like its own": func(q *http.Request) { q.Header.Set("Origin", "https://gw.example.test.evil.example") },
}

// TestRouteProtection: changing requests need the protection of their form.
func TestRouteProtection(t *testing.T) {
	s := newSite(t)
	h := gated(s)
	boss := signIn(t, s, "boss")
	send := func(r route, change func(*http.Request)) int {
		path := strings.NewReplacer(":id", "1", ":token", "x").Replace(r.path)
		q := httptest.NewRequest(r.method, "https://gw.example.test"+path, strings.NewReader(templates.CSRFField+"=token"))
		q.RemoteAddr = "192.168.7.20:40000"
		q.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		for _, c := range boss {
			q.AddCookie(c)
		}
		q.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if r.kind == rest {
			q.Header.Set("Content-Type", "application/json")
		}
		change(q)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, q)
		return w.Code
	}
	for _, r := range s.portalRoutes() {
		if r.method == "GET" {
			continue
		}
		name := r.method + " " + r.path
		if got := send(r, func(*http.Request) {}); got != reached {
			t.Errorf("%s: %d", name, got)
		}
		if got := send(r, func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") }); got != http.StatusForbidden {
			t.Errorf("%s from another site: %d", name, got)
		}
		if got := send(r, func(q *http.Request) { q.Header.Set("Origin", "https://evil.example") }); got != http.StatusForbidden {
			t.Errorf("%s with another Origin: %d", name, got)
		}
		if got := send(r, func(q *http.Request) { q.Host = "evil.example" }); got != http.StatusMisdirectedRequest {
			t.Errorf("%s for an unknown host: %d", name, got)
		}
		if r.kind == page {
			for what, body := range map[string]string{"no token": "", "a wrong token": templates.CSRFField + "=other"} {
				got := send(r, func(q *http.Request) { q.Body = io.NopCloser(strings.NewReader(body)) })
				if got != http.StatusForbidden {
					t.Errorf("%s with %s: %d", name, what, got)
				}
			}
		}
		if r.kind == rest && r.method != "DELETE" {
			for contentType, want := range contentTypes {
				as := func(q *http.Request) { q.Header["Content-Type"] = strings.Split(contentType, "\n") }
				if got := send(r, as); got != want {
					t.Errorf("%s as %q: %d, want %d", name, contentType, got, want)
				}
				for site, forge := range forgeries {
					if got := send(r, func(q *http.Request) { as(q); forge(q) }); got != http.StatusForbidden {
						t.Errorf("%s as %q from %s: %d", name, contentType, site, got)
					}
				}
			}
			if got := send(r, func(q *http.Request) { q.Header.Del("Content-Type") }); got != reached {
				t.Errorf("%s without a content type: %d", name, got)
			}
		}
	}
}

// TestNobodyWithoutAnAccount: a cookie is void once the account is disabled or deleted or the browser was signed out.
func TestNobodyWithoutAnAccount(t *testing.T) {
	s := newSite(t)
	h := gated(s)
	ctx := context.Background()
	ivanov := signIn(t, s, "ivanov")
	code := func(cookies []*http.Cookie) int { return ask(h, "GET", "/cabinet", page, inLAN, cookies).Code }
	if got := code(ivanov); got != reached {
		t.Fatalf("signed in: %d", got)
	}
	u, err := s.Accounts.User(ctx, 2)
	if err != nil || u.Login != "ivanov" {
		t.Fatalf("user 2: %+v, %v", u, err)
	}
	enable := func(on bool) {
		_, err := s.Accounts.UpdateUser(ctx, u.ID, func(u *agent.User) error {
			u.Enabled = on
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	enable(false)
	if got := code(ivanov); got != http.StatusSeeOther {
		t.Errorf("switched off: %d", got)
	}
	enable(true)
	accounts := s.Accounts
	s.Accounts = refusing{accounts}
	if got := code(ivanov); got != http.StatusSeeOther {
		t.Errorf("refused by the directory: %d", got)
	}
	s.Accounts = accounts
	ask(s.PortalHandler(), "POST", "/logout", page, inLAN, ivanov)
	if got := code(ivanov); got != http.StatusSeeOther {
		t.Errorf("signed out: %d", got)
	}
	if got := code([]*http.Cookie{{Name: browserCookie, Value: "forged"}}); got != http.StatusSeeOther {
		t.Errorf("forged cookie: %d", got)
	}
}

// refusing are accounts that their directory refuses.
type refusing struct{ Accounts }

func (r refusing) User(ctx context.Context, id agent.UserID) (agent.User, error) {
	u, err := r.Accounts.User(ctx, id)
	u.Refused = agent.CodeNotPermitted
	return u, err
}

// TestBack: the redirect goes only to pages of the portal (no open redirect).
func TestBack(t *testing.T) {
	s := newSite(t)
	for from, want := range map[string]string{
		"/login":                               "/login",
		"/admin/users/7":                       "/admin/users/7",
		"/admin/monitor/vpn":                   "/admin/monitor/vpn",
		"https://evil.example/":                "/",
		"//evil.example":                       "/",
		"/setup/the-token":                     "/",
		"/admin/users/../../x":                 "/",
		"/admin/users/%2f":                     "/",
		"":                                     "/",
		"/cabinet/password":                    "/",
		`/\evil.example`:                       "/",
		"/agent_backend/x":                     "/",
		"/admin/agent?x=1":                     "/admin/agent?x=1",
		"/admin/users?":                        "/admin/users",
		"/admin/users?q=%d1%8f&state=disabled": "/admin/users?q=%D1%8F&state=disabled",
		"/admin/users?q=\r\nX: 1":              "/admin/users?q=%0D%0AX%3A+1",
		"/admin/users?q=%zz":                   "/",
		"/cabinet/password?x=1":                "/",
		"//evil.example?x=1":                   "/",
		"javascript:alert(1)":                  "/",
		"/admin/users/\r\nX: 1":                "/",
		"/admin/users/7\u00a0":                 "/",
		"/admin/users/7/delete":                "/",
		"/download/root.crt/../":               "/",
	} {
		body := strings.NewReader(templates.CSRFField + "=token&lang=en&from=" + url.QueryEscape(from))
		r := httptest.NewRequest("POST", "https://gw.example.test/language", body)
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		w := httptest.NewRecorder()
		s.PortalHandler().ServeHTTP(w, r)
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("from %q: %d to %q, want %q", from, w.Code, got, want)
		}
	}
}

// newContext returns a request from the LAN without a sign-in.
func newContext(s *Site) echo.Context {
	r := httptest.NewRequest("GET", "https://gw.example.test/", nil)
	c := s.newEcho(page).NewContext(r, httptest.NewRecorder())
	c.Set(visitorKey, &visitor{Peer: agent.Peer{Addr: inLAN, Inside: true}, L: locale.For()})
	return c
}

// TestOtherListeners: all routes of the other listeners need no login, and pages of the portal are not there.
func TestOtherListeners(t *testing.T) {
	s := newSite(t)
	for name, c := range map[string]struct {
		routes []route
		h      http.Handler
	}{"agents": {s.agentRoutes(), s.AgentHandler()}, "http": {s.httpRoutes(), s.outsideTunnelHandler()},
		"tunnel": {s.tunnelRoutes(), s.register(s.newEcho(plain), s.tunnelRoutes())}} {
		for _, r := range c.routes {
			if r.path == protocol.AddressPath {
				continue // needs an address token
			}
			if r.rule != anybody || r.method != "GET" {
				t.Errorf("%s: %s %s is for %v", name, r.method, r.path, r.rule)
			}
			if w := ask(c.h, r.method, r.path, r.kind, outside, nil); w.Code == http.StatusUnauthorized || w.Code == http.StatusForbidden {
				t.Errorf("%s: %s %s: %d", name, r.method, r.path, w.Code)
			}
		}
		for _, path := range []string{"/admin/agent", "/login", "/cabinet", "/agent_backend/wireguard/state", "/download/IdecoAgent.msi", "/healthz"} {
			if w := ask(c.h, "GET", path, page, inLAN, nil); w.Code != http.StatusNotFound {
				t.Errorf("%s: %s: %d", name, path, w.Code)
			}
		}
	}
}

// TestLargestBody: bodies without a login are limited to 8 KiB, and form fields in the query are ignored.
func TestLargestBody(t *testing.T) {
	s := newSite(t)
	h := s.PortalHandler()
	boss := signIn(t, s, "boss")
	form := templates.CSRFField + "=token&login=x&password="
	post := func(path, contentType, body string, chunked bool, cookies []*http.Cookie) (int, string) {
		r := httptest.NewRequest("POST", "https://gw.example.test"+path, strings.NewReader(body))
		if chunked {
			r.ContentLength = -1
		}
		r.RemoteAddr = "192.168.7.20:40000"
		r.Header.Set("Content-Type", contentType)
		r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
		r.AddCookie(&http.Cookie{Name: languageCookie, Value: "en"})
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	const urlencoded = "application/x-www-form-urlencoded"
	for _, c := range []struct {
		name, path, contentType, body string
		cookies                       []*http.Cookie
		want                          int
	}{
		{"a form of 9 KiB", "/login", urlencoded, form + strings.Repeat("x", 9<<10), nil, 413},
		{"the setup form", "/setup/the-token", urlencoded, form + strings.Repeat("x", 9<<10), nil, 413},
		{"JSON of 9 KiB", "/web/auth/login", "application/json", `{"login":"` + strings.Repeat("x", 9<<10) + `"}`, nil, 413},
		{"a form of 7 KiB", "/login", urlencoded, form + strings.Repeat("x", 7<<10), nil, 401},
		{"somebody who is not signed in", "/admin/agent/domain", urlencoded, form + strings.Repeat("x", 9<<10), nil, 401},
		{"an administrator", "/admin/agent/state", urlencoded, form + strings.Repeat("x", 200<<10), boss, 303},
		{"an administrator, 300 KiB", "/admin/agent/state", urlencoded, form + strings.Repeat("x", 300<<10), boss, 413},
		{"the token in the query", "/login?" + form, urlencoded, "login=x", nil, 403},
	} {
		for _, chunked := range []bool{false, true} {
			got, text := post(c.path, c.contentType, c.body, chunked, c.cookies)
			if got != c.want {
				t.Errorf("%s, chunked %v: %d, want %d", c.name, chunked, got, c.want)
			}
			if got == 413 && !strings.Contains(text, "Too much data was sent") {
				t.Errorf("%s, chunked %v: no words in %s", c.name, chunked, text)
			}
		}
	}
}
