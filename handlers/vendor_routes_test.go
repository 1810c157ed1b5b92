package handlers

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// vendorCall is a request of a script to one of vendorRoutes, and its answer.
type vendorCall struct {
	path string // empty = the route's path
	body string
	who  rule
	want int // status for those who may use the route
}

const (
	domainBody = `{"name":"company.local","user":"ideco@company.local","password":"secret","dns_ips":["10.0.0.10"],"computer_name":"gw","ldap_paths":[]}`
	newState   = `{"enabled":true}`
	newSetting = `{"auth_domain":"gw.example.test","local_tunnel":false}`
)

// vendorCalls has a request to each route that the vendor documents.
var vendorCalls = map[string]vendorCall{
	"POST /web/auth/login":         {"", `{"login":"boss","password":"` + password + `","rest_path":"/","recaptcha":""}`, anybody, 200},
	"DELETE /web/auth/login":       {"", "", user, 200},
	"DELETE /web/admin/auth/login": {"", "", user, 200},
	"GET /web/whoami":              {"", "", user, 200},

	"GET /agent_backend/wireguard/state":        {"", "", administrator, 200},
	"PUT /agent_backend/wireguard/state":        {"", newState, administrator, 200},
	"PATCH /agent_backend/wireguard/state":      {"", newState, administrator, 200},
	"GET /agent_backend/wireguard/setting":      {"", "", administrator, 200},
	"PUT /agent_backend/wireguard/setting":      {"", newSetting, administrator, 200},
	"PATCH /agent_backend/wireguard/setting":    {"", newSetting, administrator, 200},
	"GET /agent_backend/agent-server/state":     {"", "", administrator, 200},
	"PUT /agent_backend/agent-server/state":     {"", newState, administrator, 200},
	"PATCH /agent_backend/agent-server/state":   {"", newState, administrator, 200},
	"GET /agent_backend/agent-server/setting":   {"", "", administrator, 200},
	"PUT /agent_backend/agent-server/setting":   {"", newSetting, administrator, 200},
	"PATCH /agent_backend/agent-server/setting": {"", newSetting, administrator, 200},

	"GET /user_backend/users": {"", "", administrator, 200},
	"POST /user_backend/users": {"", `{"name":"Petrov","login":"petrov","psw":"long enough","parent_id":"1","phone_number":null,"comment":"c"}`,
		administrator, 200},
	"PUT /user_backend/users/:id": {"/user_backend/users/2", `{"name":"Ivanov","login":"ivanov","parent_id":1,"enabled":true,"domain_type":"local",
		"domain_name":null,"ldap_guid":null,"phone_number":"1","comment":"c"}`, administrator, 200},
	"DELETE /user_backend/users/:id":            {"/user_backend/users/3", "", administrator, 200},
	"PUT /user_backend/change_password/:id":     {"/user_backend/change_password/2", `{"password":"` + password + `"}`, administrator, 200},
	"PATCH /user_backend/users/:id/disable-vpn": {"/user_backend/users/2/disable-vpn", "", administrator, 200},
	"GET /user_backend/groups":                  {"", "", administrator, 200},
	"POST /user_backend/groups":                 {"", `{"name":"Sales","parent_id":1}`, administrator, 200},
	"PUT /user_backend/groups/:id": {"/user_backend/groups/1", `{"name":"Office","parent_id":null,"domain_type":"local","domain_name":null,"ldap_guid":null}`,
		administrator, 200},
	"DELETE /user_backend/groups/:id": {"/user_backend/groups/2", "", administrator, 200},

	"GET /auth/rules": {"", "", administrator, 200},
	"POST /auth/rules": {"", `{"enabled":true,"ip":"192.168.7.41","mac":null,"user_id":2,"always_logged":true,"comment":""}`,
		administrator, 200},
	"PATCH /auth/rules/:id":  {"/auth/rules/1", `{"enabled":false}`, administrator, 200},
	"DELETE /auth/rules/:id": {"/auth/rules/1", "", administrator, 200},

	"GET /ad_backend/domains":        {"", "", administrator, 200},
	"POST /ad_backend/domains":       {"", strings.Replace(domainBody, "company", "branch", 1), administrator, 200},
	"PUT /ad_backend/domains/:id":    {"/ad_backend/domains/1", domainBody, administrator, 200},
	"DELETE /ad_backend/domains/:id": {"/ad_backend/domains/1", "", administrator, 200},

	"GET /monitor_backend/auth_sessions": {"", "", administrator, 200},

	"GET /user_cabinet_reports/auth_journal":                       {"/user_cabinet_reports/auth_journal?limit=10&offset=0&format_type=JSON", "", administrator, 200},
	"GET /user_cabinet_reports/auth_journal/unique_values/:column": {"/user_cabinet_reports/auth_journal/unique_values/ip", "", administrator, 200},
	"DELETE /monitor_backend/sessions/logout/:ip":                  {"/monitor_backend/sessions/logout/192.168.7.20", "", anybody, 404},
}

// vendorSite makes a site with an object for each path of vendorCalls. boss and ivanov are the vendor's cookies of an administrator and a
// user.
func vendorSite(t *testing.T) (h http.Handler, boss, ivanov []*http.Cookie) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	c.call("POST", "/user_backend/groups", `{"name":"Office"}`)
	c.call("POST", "/user_backend/groups", `{"name":"Stock"}`)
	c.call("POST", "/ad_backend/domains", domainBody)
	c.call("POST", "/auth/rules", `{"enabled":true,"ip":"192.168.7.40","mac":null,"user_id":2,"always_logged":true,"comment":""}`)
	return c.h, vendorsOnly(t, c.cookies), vendorsOnly(t, signIn(t, s, "ivanov"))
}

// vendorsOnly returns the vendor's cookies.
func vendorsOnly(t *testing.T, cookies []*http.Cookie) (list []*http.Cookie) {
	t.Helper()
	for _, c := range cookies {
		if strings.Contains(c.Name, "ideco-session") || strings.HasPrefix(c.Name, "__Secure-ideco-") {
			list = append(list, c)
		}
	}
	if len(list) != 2 {
		t.Fatalf("the vendor's cookies: %v", list)
	}
	return list
}

// send sends a request with the content type of curl --data.
func send(h http.Handler, method, path, body string, cookies []*http.Cookie) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "https://gw.example.test"+path, strings.NewReader(body))
	r.RemoteAddr = netip.AddrPortFrom(inLAN, 40000).String()
	if body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for _, c := range cookies {
		r.AddCookie(c)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestVendorRoutes: each route is in vendorCalls, and with the vendor's cookies alone it admits exactly those who may use it.
func TestVendorRoutes(t *testing.T) {
	for _, r := range (&Site{}).vendorRoutes() {
		name := r.method + " " + r.path
		call, ok := vendorCalls[name]
		if !ok {
			t.Errorf("vendorCalls lacks %s", name)
			continue
		}
		if r.rule != call.who || r.kind != rest {
			t.Errorf("%s is for %v", name, r.rule)
		}
		path := call.path
		if path == "" {
			path = r.path
		}
		h, boss, ivanov := vendorSite(t)
		nobodys, users := http.StatusUnauthorized, http.StatusForbidden
		if r.rule == anybody {
			nobodys = call.want
		}
		if r.rule != administrator {
			users = call.want
		}
		for _, c := range []struct {
			who     string
			cookies []*http.Cookie
			want    int
		}{{"nobody", nil, nobodys}, {"a user", ivanov, users}, {"an administrator", boss, call.want}} {
			if w := send(h, r.method, path, call.body, c.cookies); w.Code != c.want {
				t.Errorf("%s by %s: %d %s", name, c.who, w.Code, w.Body)
			}
		}
	}
	for name := range vendorCalls {
		method, path, _ := strings.Cut(name, " ")
		if h, boss, _ := vendorSite(t); send(h, method, path, "", boss).Code == http.StatusMethodNotAllowed {
			t.Errorf("no route for %s", name)
		}
	}
}

// TestVendorCookies: the vendor's cookies have the flags of ours, are accepted on the vendor's paths only, and end together with ours.
func TestVendorCookies(t *testing.T) {
	s := newSite(t)
	h := s.PortalHandler()
	all := signIn(t, s, "boss")
	boss := vendorsOnly(t, all)
	var own []*http.Cookie
	for _, c := range all {
		if c.Name == browserCookie {
			own = []*http.Cookie{c}
		}
		if c.Name != "__Host-ideco-device" && (!c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.MaxAge != 0) {
			t.Errorf("%v", c)
		}
	}
	id := regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	if boss[0].Name != "insecure-ideco-session" || !id.MatchString(boss[0].Value) || boss[1].Name != "__Secure-ideco-"+boss[0].Value {
		t.Fatalf("%v", boss)
	}
	const state = "/agent_backend/agent-server/state"
	for path, want := range map[string]int{state: 200, "/web/whoami": 200, "/certificates": 401, "/admin/agent": 303, "/cabinet": 303, "/download/root.crt": 303} {
		if w := send(h, "GET", path, "", boss); w.Code != want {
			t.Errorf("%s by the vendor's cookies: %d, want %d", path, w.Code, want)
		}
	}
	if w := send(h, "POST", "/web/auth/sso", "{}", boss); w.Code == 200 {
		t.Errorf("sso: %d", w.Code)
	}
	cookie := func(name, value string) *http.Cookie { return &http.Cookie{Name: name, Value: value} }
	for what, cookies := range map[string][]*http.Cookie{
		"without the name":          boss[1:],
		"without the token":         boss[:1],
		"another name":              {cookie(boss[0].Name, "3ea57fca-65cb-439b-b764-d7337530f102"), boss[1]},
		"another token":             {boss[0], cookie(boss[1].Name, "forged")},
		"no UUID":                   {cookie(boss[0].Name, "x"), cookie("__Secure-ideco-x", boss[1].Value)},
		"our cookie as a name":      {cookie(boss[0].Name, "__Host-ideco"), boss[1]},
		"the digest, not the token": {boss[0], cookie(boss[1].Name, digest(boss[1].Value))},
	} {
		if w := send(h, "GET", state, "", cookies); w.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", what, w.Code)
		}
	}
	if w := send(h, "POST", "/login", "", nil); len(w.Result().Cookies()) > 0 && strings.Contains(w.Header().Get("Set-Cookie"), "insecure") {
		t.Error("a page sets the vendor's cookies")
	}

	deleted := func(w *httptest.ResponseRecorder) (names []string) {
		for _, c := range w.Result().Cookies() {
			if c.MaxAge < 0 && c.Value == "" {
				names = append(names, c.Name)
			}
		}
		return names
	}
	w := send(h, "DELETE", "/web/auth/login", "", all)
	if names := deleted(w); w.Code != 200 || len(names) != 3 {
		t.Errorf("logging out deletes %v", names)
	}
	for _, cookies := range [][]*http.Cookie{boss, own} {
		if w := send(h, "GET", state, "", cookies); w.Code != http.StatusUnauthorized {
			t.Errorf("%v after logging out: %d", cookies, w.Code)
		}
	}

	all = signIn(t, s, "boss")
	boss = vendorsOnly(t, all)
	if w := send(h, "DELETE", "/web/auth/login", "", boss); w.Code != 200 || send(h, "GET", state, "", all).Code != http.StatusUnauthorized {
		t.Errorf("by the vendor's cookies alone: %d", w.Code)
	}
	again := send(h, "POST", "/web/auth/login", `{"login":"boss","password":"`+password+`"}`, boss)
	if names := deleted(again); again.Code != 200 || len(names) != 2 {
		t.Errorf("a new login deletes %v", names) // otherwise a cookie jar would grow
	}

	// Whatever deletes the vendor's cookies ends their session, also where they do not count and beside another session.
	form := func() (url.Values, []*http.Cookie) {
		token := strings.Repeat("A", 43)
		return url.Values{"login": {"boss"}, "password": {password}, "_csrf": {token}}, []*http.Cookie{cookie(formCookie, token)}
	}
	boss = vendorsOnly(t, signIn(t, s, "boss"))
	fields, cookies := form()
	if w := send(h, "POST", "/login", fields.Encode(), append(cookies, boss...)); w.Code != http.StatusSeeOther || len(deleted(w)) != 2 || send(h, "GET", state, "", boss).Code != http.StatusUnauthorized {
		t.Errorf("a login by the page: %d, deletes %v; the vendor's cookies are good after it: %d", w.Code, deleted(w), send(h, "GET", state, "", boss).Code)
	}
	boss, all = vendorsOnly(t, signIn(t, s, "boss")), signIn(t, s, "boss")
	both := append(slices.Clone(boss), all[slices.IndexFunc(all, func(c *http.Cookie) bool { return c.Name == browserCookie })])
	if w := send(h, "DELETE", "/web/auth/login", "", both); w.Code != 200 || send(h, "GET", state, "", boss).Code != http.StatusUnauthorized || send(h, "GET", state, "", all).Code != http.StatusUnauthorized {
		t.Errorf("logging out with two sessions: %d leaves one", w.Code)
	}
}

// TestWhoami: the answer has the account and its role; without a login the status is 401.
func TestWhoami(t *testing.T) {
	h, boss, ivanov := vendorSite(t)
	for _, c := range []struct {
		cookies []*http.Cookie
		want    string
	}{
		{boss, `{"id":"1","login":"boss","name":"","domain_name":null,"role_id":"predefined_admin_write","role_name":"Администратор",` +
			`"competence":["admin_read","admin_write"],"blocked_flags":0}`},
		{ivanov, `{"id":"2","login":"ivanov","name":"","domain_name":null,"role_id":"user","role_name":"Пользователь","competence":[],"blocked_flags":0}`},
	} {
		if w := send(h, "GET", "/web/whoami", "", c.cookies); strings.TrimSpace(w.Body.String()) != c.want {
			t.Errorf("%s", w.Body)
		}
	}
	if w := send(h, "GET", "/web/whoami", "", nil); w.Code != http.StatusUnauthorized {
		t.Errorf("nobody: %d", w.Code)
	}
}

// TestLoginBodies: login takes bodies of all versions of the vendor's scripts.
func TestLoginBodies(t *testing.T) {
	h := newSite(t).PortalHandler()
	for body, want := range map[string]int{
		`{"login":"boss","password":"` + password + `"}`:                                            200,
		`{"login":"boss","password":"` + password + `","recaptcha":"","rest_path":"/"}`:             200,
		`{"login":"boss","password":"` + password + `","recaptcha":null,"rest_path":null}`:          200,
		`{"login":"boss","password":"` + password + `","x":{"y":[null]},"":0,"` + "\u0000" + `":1}`: 400, // a control character is not JSON
		`{"login":"boss","password":"wrong","recaptcha":""}`:                                        401,
		`{"login":"boss"}`:                                 401,
		`{"login":"boss","password":null}`:                 statusNotAccepted,
		`{"login":["boss"],"password":"` + password + `"}`: statusNotAccepted,
		`login=boss&password=x`:                            400,
		`[]`:                                               400,
		``:                                                 400,
	} {
		if w := send(h, "POST", "/web/auth/login", body, nil); w.Code != want {
			t.Errorf("%s: %d %s", body, w.Code, w.Body)
		}
	}
}

// TestLogoutAddress: a computer ends its own session and no other, without a login.
func TestLogoutAddress(t *testing.T) {
	s := newSite(t)
	h := s.PortalHandler()
	beginWebSession(t, s, netip.MustParseAddr("192.168.7.21"))
	beginWebSession(t, s, inLAN)
	boss := signIn(t, s, "boss")
	for _, step := range []struct {
		ip      string
		cookies []*http.Cookie
		want    int
		live    int
	}{
		{"192.168.7.21", nil, 403, 2},
		{"192.168.7.21", boss, 403, 2},
		{"192.168.7.20%2F32", nil, 403, 2},
		{"192.168.7.020", nil, 403, 2},
		{"0.0.0.0", nil, 403, 2},
		{"x", nil, 403, 2},
		{"", nil, 404, 2},
		{"::ffff:192.168.7.20", nil, 200, 1},
		{"192.168.7.20", nil, 404, 1},
	} {
		w := send(h, "DELETE", "/monitor_backend/sessions/logout/"+step.ip, "", step.cookies)
		if live := len(s.Sessions.Sessions()); w.Code != step.want || live != step.live {
			t.Errorf("%q: %d %s, %d sessions", step.ip, w.Code, w.Body, live)
		}
	}
	beginWebSession(t, s, inLAN)
	if w := send(h, "DELETE", "/monitor_backend/sessions/logout/192.168.7.20", "", boss); w.Code != 200 || len(s.Sessions.Sessions()) != 1 {
		t.Errorf("signed in to the portal: %d %s", w.Code, w.Body)
	}
	_, err := s.Sessions.Authorize(t.Context(), access.Attempt{Login: "ivanov", Password: password, Peer: agent.Peer{Addr: inLAN, Inside: true},
		Device: agent.Device{ID: "laptop"}, Connection: &quiet{}})
	if err != nil {
		t.Fatal(err)
	}
	if w := send(h, "DELETE", "/monitor_backend/sessions/logout/192.168.7.20", "", nil); w.Code != 404 || len(s.Sessions.Sessions()) != 2 {
		t.Errorf("a session of an agent: %d %s", w.Code, w.Body)
	}
}

// TestAuthSessions: the list has the vendor's fields and values for each way of signing in.
func TestAuthSessions(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	liveSession(t, s, "ivanov")
	beginWebSession(t, s, netip.MustParseAddr("192.168.7.31"))
	var static []access.StaticSession
	for address, always := range map[string]bool{"192.168.7.32": false, "192.168.7.33": true} {
		rule := agent.AuthRule{Enabled: true, UserID: 2, Address: netip.MustParseAddr(address), Always: always}
		if _, err := s.AuthRules.AddAuthRule(t.Context(), rule); err != nil {
			t.Fatal(err)
		}
		static = append(static, access.StaticSession{User: 2, Address: rule.Address})
	}
	s.Sessions.SetStatic(t.Context(), static)
	want := map[string][2]string{ // kind and auth_module
		"192.168.7.30/32": {"lan", "agent"}, "192.168.7.31/32": {"web", "web"}, "192.168.7.32/32": {"static", "ip"}, "192.168.7.33/32": {"static", "ip_permanent"},
	}
	list := listOfObjects(t, send(c.h, "GET", "/monitor_backend/auth_sessions", "", c.cookies).Body.Bytes())
	for _, one := range list {
		subnet, _ := one["subnet"].(string)
		if got := [2]string{one["kind"].(string), one["auth_module"].(string)}; got != want[subnet] || one["user_object_id"] != "user.id.2" ||
			one["login"] != "ivanov" || one["directory"] != "local" || (one["expires"] == nil) != (one["kind"] == "static") {
			t.Errorf("%v", one)
		}
	}
	if len(list) != len(want) {
		t.Errorf("%d sessions", len(list))
	}
}

// beginWebSession begins a session of kind web of ivanov at an address, whose /24 becomes the only network with browser sign-in.
func beginWebSession(t *testing.T, s *Site, a netip.Addr) agent.Session {
	t.Helper()
	s.Settings.(*fixedSettings).now.BrowserSignIn = []netip.Prefix{netip.PrefixFrom(a, 24).Masked()}
	attempt := access.BrowserAttempt{Login: "ivanov", Password: password, Peer: agent.Peer{Addr: a, Inside: true}}
	session, err := s.Sessions.AuthorizeBrowser(t.Context(), attempt)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// TestRESTRoundTrip: what a list answers can be sent back.
func TestRESTRoundTrip(t *testing.T) {
	h, boss, _ := vendorSite(t)
	for _, list := range []string{"/user_backend/users", "/user_backend/groups", "/ad_backend/domains"} {
		all := listOfObjects(t, send(h, "GET", list, "", boss).Body.Bytes())
		for _, one := range all {
			id, ok := one["id"].(string)
			if w := send(h, "PUT", list+"/"+id, string(marshal(t, one)), boss); !ok || w.Code != 200 {
				t.Errorf("%s: %v: %d %s", list, one["id"], w.Code, w.Body)
			}
		}
	}
}

// TestLongComment: comments have at most 255 characters. A longer one from an earlier version does not prevent other changes.
func TestLongComment(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	long := strings.Repeat("я", 256)
	for path, body := range map[string]string{"/user_backend/users/2": `{"comment":"%"}`, "/user_backend/groups/1": `{"comment":"%"}`} {
		c.call("POST", "/user_backend/groups", `{"name":"Office"}`)
		if status, answer := c.call("PUT", path, strings.ReplaceAll(body, "%", long)); status != statusNotAccepted || answer["code"] != "field_too_long" {
			t.Errorf("%s: %d %v", path, status, answer)
		}
		if status, answer := c.call("PUT", path, strings.ReplaceAll(body, "%", long[2:])); status != 200 {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
	ctx := t.Context()
	if _, err := s.Accounts.UpdateUser(ctx, 2, func(u *agent.User) error { u.Comment = long; return nil }); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Groups.UpdateGroup(ctx, 1, func(g *agent.Group) error { g.Comment = long; return nil }); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/user_backend/users/2", "/user_backend/groups/1"} {
		if status, answer := c.call("PUT", path, `{"name":"Other"}`); status != 200 || answer["comment"] != long {
			t.Errorf("%s: %d %v", path, status, answer)
		}
	}
}
