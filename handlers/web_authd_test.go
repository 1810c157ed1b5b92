package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
)

// browserSite is a site where the hosts of 192.168.7.0/24 sign in by a browser and those of 10.0.0.0/8 with the agent.
func browserSite(t *testing.T) *Site {
	t.Helper()
	s := newSite(t)
	s.Settings.(*fixedSettings).now.BrowserSignIn = []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24")}
	s.Gateway.(*fakeGateway).state.Enforcement = agent.EnforcementOn
	s.Portal = func(netip.Addr) string { return "https://gw.example.test:8443/" }
	return s
}

// host sends requests from an address, without cookies.
type host struct {
	t    *testing.T
	h    http.Handler
	addr netip.Addr
}

func (h host) send(method, path, contentType, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	h.t.Helper()
	r := httptest.NewRequest(method, "https://gw.example.test"+path, strings.NewReader(body))
	r.RemoteAddr = netip.AddrPortFrom(h.addr, 40000).String()
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for _, do := range change {
		do(r)
	}
	w := httptest.NewRecorder()
	h.h.ServeHTTP(w, r)
	return w
}

// begin opens the sign-in page and returns the query to which it is redirected.
func (h host) begin(query string) url.Values {
	h.t.Helper()
	w := h.send("GET", webAuthPath+"?"+query, "", "")
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || w.Code != http.StatusFound || to.Path != webAuthPath || to.Host != "" {
		h.t.Fatalf("%s: %d %q %s", query, w.Code, w.Header().Get("Location"), w.Body)
	}
	return to.Query()
}

// asJSON is what the vendor's script posts.
func asJSON(login, password, userIP, token string) string {
	return `{"login":"` + login + `","password":"` + password + `","user_ip":"` + userIP + `","webauth_origin":"","token":"` + token + `","more":null}`
}

func asForm(login, password, token string) string {
	return url.Values{"login": {login}, "password": {password}, "token": {token}}.Encode()
}

const formType, jsonType = "application/x-www-form-urlencoded", "application/json"

// TestWebAuthScript: the vendor's flow ends with a session of kind web, as JSON of every content type that curl sends.
func TestWebAuthScript(t *testing.T) {
	for _, contentType := range []string{jsonType, "", formType, jsonType + "; charset=utf-8"} {
		s := browserSite(t)
		h := host{t, s.PortalHandler(), inLAN}
		next := h.begin("user_ip=192.168.7.20&origin=http%3A%2F%2Fexample.org%2Fa%3Fb")
		if next.Get("user_ip") != "192.168.7.20" || next.Get("webauth_origin") != "http://example.org/a?b" || len(next.Get("token")) != 32 {
			t.Fatalf("%v", next)
		}
		if w := h.send("POST", webAuthPath, contentType, asJSON("ivanov", "wrong", "192.168.7.20", next.Get("token"))); w.Code != http.StatusForbidden || !strings.Contains(w.Body.String(), `"bad_credentials"`) {
			t.Errorf("%s: wrong password: %d %s", contentType, w.Code, w.Body)
		}
		if w := h.send("POST", webAuthPath, contentType, asJSON("ivanov", password, "192.168.7.20", next.Get("token"))); w.Code != http.StatusOK || strings.TrimSpace(w.Body.String()) != "{}" || len(w.Header()["Set-Cookie"]) > 0 {
			t.Errorf("%s: %d %s", contentType, w.Code, w.Body)
		}
		if live, ok := s.Sessions.SessionAt(inLAN); !ok || live.Kind != agent.KindWeb || live.Login != "ivanov" {
			t.Errorf("%s: %+v", contentType, live)
		}
	}
}

// TestWebAuthForm: a browser without cookies gets the form, an error for a wrong password, after sign-in the URL that it wanted as
// text, and logs out.
func TestWebAuthForm(t *testing.T) {
	s := browserSite(t)
	h := host{t, s.PortalHandler(), inLAN}
	page := func(w *httptest.ResponseRecorder, status int) *goquery.Document {
		t.Helper()
		doc, err := goquery.NewDocumentFromReader(w.Body)
		if err != nil || w.Code != status {
			t.Fatalf("%d, want %d, %v", w.Code, status, err)
		}
		return doc
	}
	open := func(path string) *goquery.Document {
		t.Helper()
		w := h.send("GET", path, "", "")
		for range 2 {
			if to := w.Header().Get("Location"); to != "" {
				w = h.send("GET", to, "", "")
			}
		}
		return page(w, http.StatusOK)
	}
	const wanted = "http://example.org/?%22%3E%3Cscript%3E"
	doc := open(webAuthPath + "?" + url.Values{"origin": {wanted}}.Encode())
	if doc.Find("input[type=password]").Length() != 1 || doc.Find("a[href='"+wanted+"']").Length() > 0 || !strings.Contains(doc.Text(), wanted) {
		t.Fatalf("%s", doc.Text())
	}
	if doc.Find("a[href*='root.']").Length() > 0 {
		t.Error("the root is offered to employees")
	}
	fields := func(doc *goquery.Document, login, password string) string {
		form := url.Values{"login": {login}, "password": {password}}
		doc.Find("main form input[type=hidden]").Each(hiddenInto(form))
		return form.Encode()
	}
	doc = page(h.send("POST", webAuthPath, formType, fields(doc, "ivanov", "wrong")), http.StatusForbidden)
	if !strings.Contains(doc.Find(".banner.bad").Text(), "Неверный логин или пароль") || doc.Find("#login").AttrOr("value", "") != "ivanov" {
		t.Errorf("%s", doc.Text())
	}
	w := h.send("POST", webAuthPath, formType, fields(doc, "ivanov", password))
	if w.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	doc = open(w.Header().Get("Location"))
	if !strings.Contains(doc.Text(), "Вы в сети") || !strings.Contains(doc.Text(), "ivanov") || !strings.Contains(doc.Text(), wanted) || doc.Find("a[href*='example.org']").Length() > 0 {
		t.Errorf("%s", doc.Text())
	}
	again := open(webAuthPath + "?again")
	if again.Find("input[type=password]").Length() != 1 {
		t.Error("no form to extend the session")
	}
	doc = open(webAuthPath)
	neighbour := host{t, h.h, netip.MustParseAddr("192.168.7.21")}
	for name, w := range map[string]*httptest.ResponseRecorder{
		"a neighbour's":     neighbour.send("POST", "/web_authd/logout", formType, fields(doc, "", "")),
		"without a token":   h.send("POST", "/web_authd/logout", formType, ""),
		"from another site": h.send("POST", "/web_authd/logout", formType, fields(doc, "", ""), func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }),
	} {
		if _, ok := s.Sessions.SessionAt(inLAN); w.Code != http.StatusForbidden || !ok {
			t.Errorf("%s logout: %d, session %t", name, w.Code, ok)
		}
	}
	if w := h.send("POST", "/web_authd/logout", formType, fields(doc, "", "")); w.Code != http.StatusSeeOther || w.Header().Get("Location") != webAuthPath {
		t.Errorf("logout: %d %s", w.Code, w.Body)
	}
	if _, ok := s.Sessions.SessionAt(inLAN); ok {
		t.Error("the session goes on")
	}
}

// TestWebAuthRefusals: none of these requests begins a session.
func TestWebAuthRefusals(t *testing.T) {
	s := browserSite(t)
	now := time.Now()
	s.webTokens.nowInTests = func() time.Time { return now }
	set := s.Settings.(*fixedSettings)
	portal := s.PortalHandler()
	h, neighbour := host{t, portal, inLAN}, host{t, portal, netip.MustParseAddr("192.168.7.21")}
	from := func(site string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", site) }
	}
	origin := func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }
	token := func() string { return h.begin("").Get("token") }
	good := func() string { return asJSON("ivanov", password, "192.168.7.20", token()) }
	for _, c := range []struct {
		name   string
		status int
		send   func() *httptest.ResponseRecorder
	}{
		{"a user_ip of another host", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "192.168.7.21", token()))
		}},
		{"a user_ip that is no address", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "x", token()))
		}},
		{"a page for another host", 403, func() *httptest.ResponseRecorder { return h.send("GET", webAuthPath+"?user_ip=192.168.7.21", "", "") }},
		{"no token", 400, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "192.168.7.20", ""))
		}},
		{"no token in a form", 400, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, asForm("ivanov", password, ""))
		}},
		{"an older token", 400, func() *httptest.ResponseRecorder {
			body := good()
			token()
			return h.send("POST", webAuthPath, jsonType, body)
		}},
		{"an expired token", 400, func() *httptest.ResponseRecorder {
			body := good()
			now = now.Add(webTokenLife)
			return h.send("POST", webAuthPath, jsonType, body)
		}},
		{"a token of another address", 400, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "192.168.7.20", neighbour.begin("").Get("token")))
		}},
		{"text/plain", 415, func() *httptest.ResponseRecorder { return h.send("POST", webAuthPath, "text/plain", good()) }},
		{"multipart", 415, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"login\"\r\n\r\nivanov\r\n--x--\r\n")
		}},
		{"JSON of another site", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, good(), from("cross-site"))
		}},
		{"a form of another site", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, asForm("ivanov", password, token()), origin)
		}},
		{"a form of a neighbouring site", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, asForm("ivanov", password, token()), from("same-site"))
		}},
		{"a list", 400, func() *httptest.ResponseRecorder { return h.send("POST", webAuthPath, jsonType, "[]") }},
		{"no JSON", 400, func() *httptest.ResponseRecorder { return h.send("POST", webAuthPath, jsonType, "login=ivanov") }},
		{"a large body", 413, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, asForm("ivanov", strings.Repeat("x", 9<<10), token()))
		}},
		{"a wrong password", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, jsonType, asJSON("ivanov", "wrong", "192.168.7.20", token()))
		}},
		{"an unknown login", 403, func() *httptest.ResponseRecorder {
			return h.send("POST", webAuthPath, formType, asForm("nobody", "wrong", token()))
		}},
		{"a disabled account", 403, func() *httptest.ResponseRecorder {
			_, err := s.Accounts.(accounts).Store.UpdateUser(t.Context(), 3, func(u *agent.User) error { u.Enabled = false; return nil })
			if err != nil {
				t.Fatal(err)
			}
			return h.send("POST", webAuthPath, jsonType, asJSON("off", password, "192.168.7.20", token()))
		}},
		{"the agent endpoint", 404, func() *httptest.ResponseRecorder {
			return host{t, s.AgentHandler(), inLAN}.send("POST", webAuthPath, jsonType, good())
		}},
		{"over plain HTTP", 511, func() *httptest.ResponseRecorder {
			return host{t, s.HTTPHandler(), inLAN}.send("POST", webAuthPath, jsonType, good())
		}},
		{"a network with agents", 404, func() *httptest.ResponseRecorder {
			return host{t, portal, netip.MustParseAddr("10.1.2.3")}.send("GET", webAuthPath, "", "")
		}},
		{"a post of a network with agents", 404, func() *httptest.ResponseRecorder {
			return host{t, portal, netip.MustParseAddr("10.1.2.3")}.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "10.1.2.3", "x"))
		}},
		{"from outside", 404, func() *httptest.ResponseRecorder { return host{t, portal, outside}.send("GET", webAuthPath, "", "") }},
		{"from the VPN", 404, func() *httptest.ResponseRecorder { return host{t, portal, inVPN}.send("GET", webAuthPath, "", "") }},
		{"the agent is off", 404, func() *httptest.ResponseRecorder {
			body := good()
			set.now.Enabled = false
			defer func() { set.now.Enabled = true }()
			return h.send("POST", webAuthPath, jsonType, body)
		}},
		{"its network left the list", 404, func() *httptest.ResponseRecorder {
			body, before := good(), set.now.BrowserSignIn
			set.now.BrowserSignIn = nil
			defer func() { set.now.BrowserSignIn = before }()
			return h.send("POST", webAuthPath, jsonType, body)
		}},
	} {
		w := c.send()
		if w.Code != c.status || strings.Contains(w.Body.String(), password) {
			t.Errorf("%s: %d %s, want %d", c.name, w.Code, w.Body, c.status)
		}
		if list := s.Sessions.Sessions(); len(list) > 0 {
			t.Fatalf("%s: a session %+v", c.name, list)
		}
	}
	body := good()
	if w := h.send("POST", webAuthPath, jsonType, body); w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	if w := h.send("POST", webAuthPath, jsonType, body); w.Code != http.StatusBadRequest {
		t.Errorf("a used token: %d %s", w.Code, w.Body)
	}
}

// TestWebAuthEmbedded: a page of another site that loads the sign-in page as an image, a frame or a script does not void the token of
// the form that the person fills in. Links and redirects get one.
func TestWebAuthEmbedded(t *testing.T) {
	s := browserSite(t)
	h := host{t, s.PortalHandler(), inLAN}
	token := h.begin("").Get("token")
	as := func(site, dest string) func(*http.Request) {
		return func(r *http.Request) {
			r.Header.Set("Sec-Fetch-Site", site)
			r.Header.Set("Sec-Fetch-Dest", dest)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		for _, dest := range []string{"image", "iframe", "empty", "script", "style"} {
			if w := h.send("GET", webAuthPath+"?origin=http%3A%2F%2Fevil.example", "", "", as(site, dest)); w.Code != http.StatusForbidden {
				t.Errorf("%s %s: %d", site, dest, w.Code)
			}
		}
	}
	if w := h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "", token)); w.Code != http.StatusOK {
		t.Errorf("the form of the person: %d %s", w.Code, w.Body)
	}
	for _, one := range [][2]string{{"cross-site", "document"}, {"none", "document"}, {"same-origin", "document"}, {"cross-site", ""}, {"", ""}} {
		if w := h.send("GET", webAuthPath, "", "", as(one[0], one[1])); w.Code != http.StatusFound {
			t.Errorf("%v: %d", one, w.Code)
		}
	}
}

// TestWebAuthOtherSessions: the page of an address with an agent's session has no button to log out, and signing in does not replace
// the session.
func TestWebAuthOtherSessions(t *testing.T) {
	s := browserSite(t)
	grant := liveSession(t, s, "ivanov")
	h := host{t, s.PortalHandler(), grant.Session.Address}
	next := h.begin("")
	w := h.send("GET", webAuthPath+"?"+next.Encode(), "", "")
	if body := w.Body.String(); !strings.Contains(body, "Ideco агент на этом компьютере") || strings.Contains(body, "/web_authd/logout") {
		t.Errorf("%d %s", w.Code, body)
	}
	if w := h.send("POST", webAuthPath, jsonType, asJSON("ivanov", password, "", next.Get("token"))); w.Code != http.StatusOK {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if live, _ := s.Sessions.SessionAt(h.addr); live.ID != grant.Session.ID {
		t.Errorf("%+v", live)
	}
}

// TestWebAuthMustChange: a person who must change the password gets a link to the page for it.
func TestWebAuthMustChange(t *testing.T) {
	s := browserSite(t)
	if _, err := s.Accounts.(accounts).Store.UpdateUser(t.Context(), 2, func(u *agent.User) error { u.MustChange = true; return nil }); err != nil {
		t.Fatal(err)
	}
	h := host{t, s.PortalHandler(), inLAN}
	w := h.send("POST", webAuthPath, formType, asForm("ivanov", password, h.begin("").Get("token")))
	if body := w.Body.String(); w.Code != http.StatusForbidden || !strings.Contains(body, "Сначала смените пароль") || !strings.Contains(body, `href="/login"`) {
		t.Errorf("%d %s", w.Code, body)
	}
}

// TestCabinetLeadsToSignIn: who changed the password in the cabinet finds the way back to browser sign-in there.
func TestCabinetLeadsToSignIn(t *testing.T) {
	s := browserSite(t)
	cookies := signIn(t, s, "ivanov")
	leads := func(addr netip.Addr) bool {
		return says(t, ask(s.PortalHandler(), "GET", "/cabinet", page, addr, cookies).Body.String(), `.banner a[href="`+webAuthPath+`"]`, "Войти в интернет")
	}
	if !leads(inLAN) || leads(netip.MustParseAddr("10.1.2.3")) {
		t.Errorf("in the network %t, in another %t", leads(inLAN), leads(netip.MustParseAddr("10.1.2.3")))
	}
	if grant := liveSession(t, s, "ivanov"); leads(grant.Session.Address) {
		t.Error("also with access")
	}
}

// TestHomeLeadsToSignIn: the portal redirects a host without access to browser sign-in if its network has it, others to the login.
func TestHomeLeadsToSignIn(t *testing.T) {
	s := browserSite(t)
	for addr, want := range map[netip.Addr]string{inLAN: webAuthPath, netip.MustParseAddr("10.1.2.3"): "/login", outside: "/login"} {
		if got := (host{t, s.PortalHandler(), addr}).send("GET", "/", "", "").Header().Get("Location"); got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}

// TestWebAuthLanguage: the switch of the language returns to the page with its token.
func TestWebAuthLanguage(t *testing.T) {
	s := browserSite(t)
	h := host{t, s.PortalHandler(), inLAN}
	back := webAuthPath + "?" + h.begin("").Encode()
	token := randomToken()
	w := h.send("POST", "/language", formType, url.Values{"_csrf": {token}, "lang": {"en"}, "from": {back}}.Encode(),
		func(r *http.Request) { r.AddCookie(&http.Cookie{Name: formCookie, Value: token}) })
	if got := w.Header().Get("Location"); got != back {
		t.Errorf("%d %q, want %q", w.Code, got, back)
	}
}
