package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// fakeGateway is a machine with two interfaces.
type fakeGateway struct {
	state      agent.GatewayState
	further    []netip.Prefix // addresses of lan0
	renamed    bool           // lan0 is eth9 now
	unplugged  bool           // wan0 has no cable
	more       []agent.Interface
	unreadable error
	rightless  error

	nameServers, dnsListeners []netip.Addr
}

func (f *fakeGateway) NameServers() []netip.Addr  { return f.nameServers }
func (f *fakeGateway) DNSListeners() []netip.Addr { return f.dnsListeners }

func (f *fakeGateway) Interfaces() ([]agent.Interface, error) {
	if f.unreadable != nil {
		return nil, f.unreadable
	}
	lan := "lan0"
	if f.renamed {
		lan = "eth9"
	}
	return append([]agent.Interface{
		{Name: lan, Up: true, MAC: "02:00:00:00:00:01", Addrs: append([]netip.Prefix{netip.MustParsePrefix("192.168.7.1/24")}, f.further...)},
		{Name: "wan0", Up: !f.unplugged, Internet: true},
	}, f.more...), nil
}

func (f *fakeGateway) Preview(s agent.Settings) string {
	if !s.InterfacesChosen() {
		return ""
	}
	return "between " + strings.Join(s.LANInterfaces, " ") + " and " + strings.Join(s.WANInterfaces, " ")
}

func (f *fakeGateway) State() agent.GatewayState { return f.state }

func (f *fakeGateway) EnableForwarding(context.Context) error {
	if f.rightless == nil {
		f.state.Forwarding4 = true
	}
	return f.rightless
}

// administration sends requests to the real routes as an administrator.
type administration struct {
	t    *testing.T
	site *Site
	gate *fakeGateway
	h    http.Handler
	boss []*http.Cookie
}

func newAdministration(t *testing.T) administration {
	s := newSite(t)
	return administration{t, s, s.Gateway.(*fakeGateway), s.PortalHandler(), signIn(t, s, "boss")}
}

func (a administration) get(path string) string {
	a.t.Helper()
	w := ask(a.h, "GET", path, page, inLAN, a.boss)
	if w.Code != http.StatusOK {
		a.t.Fatalf("%s: %d", path, w.Code)
	}
	return w.Body.String()
}

func (a administration) post(path string, form url.Values) *httptest.ResponseRecorder {
	body := url.Values{templates.CSRFField: {"token"}}
	for name, values := range form {
		body[name] = values
	}
	return a.send(path, "application/x-www-form-urlencoded", strings.NewReader(body.Encode()))
}

// postFiles posts a form with files in one of its fields. All files have the same name.
func (a administration) postFiles(path string, form url.Values, field, name string, files ...string) *httptest.ResponseRecorder {
	var body bytes.Buffer
	m := multipart.NewWriter(&body)
	_ = m.WriteField(templates.CSRFField, "token")
	for field, values := range form {
		for _, value := range values {
			_ = m.WriteField(field, value)
		}
	}
	for _, file := range files {
		part, _ := m.CreateFormFile(field, name) // writing to a bytes.Buffer returns no errors
		_, _ = part.Write([]byte(file))
	}
	_ = m.Close()
	return a.send(path, m.FormDataContentType(), &body)
}

func (a administration) send(path, contentType string, body io.Reader) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", "https://gw.example.test"+path, body)
	r.RemoteAddr = fromLAN
	r.Header.Set("Content-Type", contentType)
	r.AddCookie(&http.Cookie{Name: formCookie, Value: "token"})
	for _, cookie := range a.boss {
		r.AddCookie(cookie)
	}
	w := httptest.NewRecorder()
	a.h.ServeHTTP(w, r)
	return w
}

// warnings selects the warnings about the whole page.
const warnings = "main > .banner.warn"

// says reports whether an element that matches the selector contains the text.
func says(t *testing.T, page, parts, text string) bool {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Contains(doc.Find(parts).Text(), text)
}

// choice returns the submitted form with these roles.
func choice(lan0, wan0 string) url.Values {
	return url.Values{"interface": {"lan0", "wan0"}, "role_0": {lan0}, "role_1": {wan0}, "masquerade": {"1"}, "open_before_login": {""},
		"firewall_timeout_seconds": {"60"}}
}

func (a administration) chosen() string {
	s := a.site.Settings.Current()
	return strings.Join(s.LANInterfaces, " ") + "/" + strings.Join(s.WANInterfaces, " ")
}

func (a administration) trial() url.Values {
	return url.Values{"trial": {trialName(a.site.Settings.Current())}}
}

// TestGatewayReplaced: the page warns if the packets of a chosen interface carry another name, and marks ports.
func TestGatewayReplaced(t *testing.T) {
	a := newAdministration(t)
	const words = "Пакеты выбранных интерфейсов идут под именем другого"
	if page := a.get("/admin/gateway"); strings.Contains(page, words) || says(t, page, ".port-hint", "Входит в") {
		t.Error("told without a port")
	}
	a.gate.state.Replaced = []string{"lan0 (br0)"}
	a.gate.more = []agent.Interface{{Name: "eth7", Carrier: "br0"}}
	page := a.get("/admin/gateway")
	if !says(t, page, inState, words) || !says(t, page, inState, "lan0 (br0)") || !says(t, page, ".port-hint", "Входит в br0") {
		t.Error("not told")
	}
}

// TestGatewayVLANs: the page warns of VLANs that are not chosen, on a chosen interface without an address.
func TestGatewayVLANs(t *testing.T) {
	a := newAdministration(t)
	const words = "на эти VLAN правила не действуют"
	addr := []netip.Prefix{netip.MustParsePrefix("192.168.7.1/24")}
	a.gate.renamed = true
	for what, c := range map[string]struct {
		parent, vlan []netip.Prefix
		chosen       []string
		warns        bool
	}{
		"not chosen":          {nil, addr, []string{"lan0"}, true},
		"chosen":              {nil, addr, []string{"lan0", "lan0.5"}, false},
		"parent with address": {addr, addr, []string{"lan0"}, false},
		"without an address":  {nil, nil, []string{"lan0"}, false},
		"other parent":        {nil, addr, []string{"eth9"}, false},
	} {
		a.gate.more = []agent.Interface{{Name: "lan0", Addrs: c.parent}, {Name: "lan0.5", VLANOf: "lan0", Addrs: c.vlan}}
		a.site.Settings.(*fixedSettings).now.LANInterfaces = c.chosen
		a.site.Settings.(*fixedSettings).now.WANInterfaces = []string{"wan0"}
		page := strings.ToLower(a.get("/admin/gateway"))
		if got := says(t, page, inState, strings.ToLower(words)); got != c.warns || got && !says(t, page, inState, "lan0.5") {
			t.Errorf("%s: warns %v", what, got)
		}
	}
}

// TestGatewayUplinks: the page warns of an interface that leads to the Internet and has no role, once others have one.
func TestGatewayUplinks(t *testing.T) {
	a := newAdministration(t)
	a.gate.more = []agent.Interface{{Name: "ppp0", Internet: true}, {Name: "eth7"}}
	for _, c := range []struct {
		lan, wan []string
		warns    bool
	}{
		{nil, nil, false},
		{[]string{"lan0"}, []string{"wan0"}, true},
		{[]string{"lan0"}, []string{"wan0", "ppp0"}, false},
		{[]string{"ppp0"}, []string{"wan0"}, false},
	} {
		now := &a.site.Settings.(*fixedSettings).now
		now.LANInterfaces, now.WANInterfaces = c.lan, c.wan
		if got := says(t, a.get("/admin/gateway"), inState, "ведут и интерфейсы без роли: ppp0."); got != c.warns {
			t.Errorf("LAN %v, WAN %v: warns %v", c.lan, c.wan, got)
		}
	}
}

// TestGatewayForm: a choice applies at once, on trial. Invalid input changes nothing and is shown again with its error. A
// preview changes nothing.
func TestGatewayForm(t *testing.T) {
	a := newAdministration(t)
	if body := a.get("/admin/gateway"); !says(t, body, inState, "интерфейсы не выбраны") || strings.Contains(body, "/admin/gateway/keep") {
		t.Error("a new gateway says something else")
	}
	bad := choice("lan", "wan")
	bad.Set("open_before_login", "10.0.0.53\nработа")
	port := choice("lan", "wan")
	port.Set("open_before_login", "10.0.0.53:53 10.0.0.54:65536")
	lasting := func(timeout string) url.Values {
		form := choice("lan", "wan")
		form.Set("firewall_timeout_seconds", timeout)
		return form
	}
	const seconds = "Введите целое число секунд: от 10 до 600"
	for _, c := range []struct {
		name   string
		form   url.Values
		status int
		field  string
		says   string
	}{
		{"too short", lasting("9"), 400, "firewall_timeout_seconds", seconds},
		{"too long", lasting("601"), 400, "firewall_timeout_seconds", seconds},
		{"longer than there are numbers", lasting("99999999999999999999"), 400, "firewall_timeout_seconds", seconds},
		{"parts of a second", lasting("12.5"), 400, "firewall_timeout_seconds", seconds},
		{"no time", lasting(""), 400, "firewall_timeout_seconds", seconds},
		{"LAN alone", choice("lan", "none"), 400, "wan_interfaces", "Выбран только LAN"},
		{"WAN alone", choice("", "wan"), 400, "lan_interfaces", "Выбран только WAN"},
		{"no address", bad, 400, "open_before_login", "«работа» не похоже на IP-адрес"},
		{"no port", port, 400, "open_before_login", "«10.0.0.54:65536»: порт — это число от 1 до 65535"},
		{"no interface's name", url.Values{"interface": {"a b"}, "role_0": {"lan"}}, 400, "lan_interfaces", "«a b» не похоже на имя"},
		{"twice", url.Values{"interface": {"lan0", "lan0"}, "role_0": {"lan"}, "role_1": {"wan"}}, 400, "wan_interfaces", "назван дважды"},
	} {
		for _, path := range []string{"/admin/gateway", "/admin/gateway/preview"} {
			w := a.post(path, c.form)
			if w.Code != c.status || !says(t, w.Body.String(), "#"+c.field+"-note", c.says) || a.chosen() != "/" {
				t.Errorf("%s at %s: %d without %q, chosen %s", c.name, path, w.Code, c.says, a.chosen())
			}
		}
	}
	if body := a.post("/admin/gateway", bad).Body.String(); !strings.Contains(body, "10.0.0.53\nработа") {
		t.Error("what was typed is lost")
	}
	for _, typed := range []string{"601", "минута", ""} {
		doc, err := goquery.NewDocumentFromReader(a.post("/admin/gateway", lasting(typed)).Body)
		if err != nil {
			t.Fatal(err)
		}
		if box := doc.Find("#firewall_timeout_seconds"); box.AttrOr("value", "gone") != typed || box.AttrOr("aria-invalid", "") != "true" {
			t.Errorf("what was typed is lost: %q, was %q", box.AttrOr("value", "gone"), typed)
		}
	}
	if w := a.post("/admin/gateway/preview", choice("lan", "wan")); w.Code != 200 || !says(t, w.Body.String(), "#preview pre", "between lan0 and wan0") || a.chosen() != "/" {
		t.Errorf("preview: %d, chosen %s", w.Code, a.chosen())
	}

	good := choice("lan", "wan")
	good.Set("open_before_login", "10.0.0.53:53 2001:db8::53")
	good.Set("vpn_peers_may_talk", "1")
	good.Set("firewall_timeout_seconds", " 120 ")
	w := a.post("/admin/gateway", good)
	s := a.site.Settings.Current()
	if w.Code != http.StatusSeeOther || a.chosen() != "lan0/wan0" || !s.Masquerade || !s.VPNPeersMayTalk || len(s.OpenBeforeLogin) != 2 || s.FirewallTimeout != 2*time.Minute {
		t.Errorf("saved: %d %+v", w.Code, s.GatewaySettings)
	}
	if left := time.Until(s.Trial.Until); !s.OnTrial() || left > agent.TrialLength || left < agent.TrialLength/2 {
		t.Errorf("on trial for %v", left)
	}
	if body := a.get("/admin/gateway"); !says(t, body, ".trial", "Подтвердите настройки, иначе вернутся прежние") || !says(t, body, "#preview pre", "between lan0 and wan0") {
		t.Error("the page does not ask for a confirmation")
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(a.get("/admin/gateway")))
	if err != nil {
		t.Fatal(err)
	}
	if typed := doc.Find("#open_before_login").Text(); typed != "10.0.0.53:53 2001:db8::53" {
		t.Errorf("saved entries are shown as %q", typed)
	}
	if hint := doc.Find("#open_before_login-wide").Text(); !strings.Contains(hint, "2001:db8::53") || !strings.Contains(hint, "[2001:db8::53]:53") || strings.Contains(hint, "10.0.0.53") {
		t.Errorf("the page proposes %q", hint)
	}
}

// TestGatewayProposal: roles are proposed until one is saved. A refused form keeps what was chosen.
func TestGatewayProposal(t *testing.T) {
	a := newAdministration(t)
	const words, rows = "Выбрано автоматически, проверьте", ".port"
	if !says(t, a.get("/admin/gateway"), rows, words) {
		t.Error("nothing is proposed")
	}
	if a.chosen() != "/" {
		t.Errorf("a page chose %s", a.chosen())
	}
	none := choice("none", "none")
	none.Set("open_before_login", "office")
	if w := a.post("/admin/gateway", none); w.Code != http.StatusBadRequest || says(t, w.Body.String(), rows, words) {
		t.Errorf("a refused form: %d, or something else is proposed than what was chosen", w.Code)
	}
	a.post("/admin/gateway", choice("lan", "wan"))
	if a.chosen() != "lan0/wan0" || says(t, a.get("/admin/gateway"), rows, words) {
		t.Errorf("saved %s, and something is proposed", a.chosen())
	}
}

func TestGatewayTrial(t *testing.T) {
	a := newAdministration(t)
	a.post("/admin/gateway", choice("lan", "wan"))
	earlier := a.trial()
	a.site.Settings.(*fixedSettings).now.Trial.Until = time.Now().Add(time.Second).Truncate(time.Millisecond) // a newer trial

	if a.post("/admin/gateway/keep", earlier); !a.site.Settings.Current().OnTrial() {
		t.Error("a page that is too old confirmed what it did not show")
	}
	if a.post("/admin/gateway/return", nil); a.chosen() != "lan0/wan0" {
		t.Error("nameless")
	}
	if w := a.post("/admin/gateway/return", a.trial()); w.Code != http.StatusSeeOther || a.chosen() != "/" || a.site.Settings.Current().OnTrial() {
		t.Errorf("returned: %d, chosen %s", w.Code, a.chosen())
	}

	a.post("/admin/gateway", choice("lan", "wan"))
	if w := a.post("/admin/gateway/keep", a.trial()); w.Code != http.StatusSeeOther || a.chosen() != "lan0/wan0" || a.site.Settings.Current().OnTrial() {
		t.Errorf("kept: %d, chosen %s", w.Code, a.chosen())
	}
	if a.post("/admin/gateway", choice("lan", "wan")); a.site.Settings.Current().OnTrial() {
		t.Error("a trial of what is there already")
	}
	if a.post("/admin/gateway/return", a.trial()); a.chosen() != "lan0/wan0" {
		t.Error("returned without a trial")
	}

	longer := choice("lan", "wan")
	longer.Set("firewall_timeout_seconds", "300")
	if a.post("/admin/gateway", longer); !a.site.Settings.Current().OnTrial() || a.site.Settings.Current().FirewallTimeout != 5*time.Minute {
		t.Errorf("another time alone: %+v", a.site.Settings.Current().GatewaySettings)
	}
	if a.post("/admin/gateway/return", a.trial()); a.site.Settings.Current().FirewallTimeout != time.Minute || a.chosen() != "lan0/wan0" {
		t.Errorf("returned: %+v", a.site.Settings.Current().GatewaySettings)
	}

	a.site.Settings.(*fixedSettings).now.Trial.Returned = now()
	if !says(t, a.get("/admin/gateway"), warnings, "прежние вернулись") {
		t.Error("nobody is told that the former settings came back")
	}
}

func now() time.Time { return time.Date(2026, 11, 23, 14, 5, 0, 0, time.Local) }

// TestGatewayTrialAndREST: a change of gateway settings by REST is not on trial and confirms a running trial; other settings
// do not.
func TestGatewayTrialAndREST(t *testing.T) {
	a := newAdministration(t)
	c := restClient{t, a.h, a.boss}
	a.post("/admin/gateway", choice("lan", "wan"))
	if status, _ := c.call("PUT", "/agent_backend/wireguard/setting", `{"grace_seconds":20}`); status != 200 || !a.site.Settings.Current().OnTrial() {
		t.Error("another setting ended the trial")
	}
	if status, _ := c.call("PUT", "/agent_backend/wireguard/setting", `{"open_before_login":["no address"]}`); status != 542 || !a.site.Settings.Current().OnTrial() {
		t.Error("a refused change ended the trial")
	}
	if status, _ := c.call("PUT", "/agent_backend/wireguard/setting", `{"masquerade":false}`); status != 200 || a.site.Settings.Current().OnTrial() || a.chosen() != "lan0/wan0" {
		t.Error("the trial goes on")
	}
}

// TestGatewayForwarding: the button enables forwarding, or the page shows how to do it.
func TestGatewayForwarding(t *testing.T) {
	a := newAdministration(t)
	a.gate.rightless = errors.New("permission denied")
	if w := a.post("/admin/gateway/forwarding", nil); w.Code != 500 || !says(t, w.Body.String(), ".banner.bad", "нет на это права") || strings.Contains(w.Body.String(), "permission denied") {
		t.Errorf("without the right: %d", w.Code)
	}
	a.gate.rightless = nil
	if w := a.post("/admin/gateway/forwarding", nil); w.Code != http.StatusSeeOther || !says(t, a.get("/admin/gateway"), "[aria-labelledby=forwarding-title]", "Включена: ядро передаёт") {
		t.Errorf("with it: %d", w.Code)
	}
	if page := a.get("/admin/gateway"); !a.site.Settings.Current().Forwarding || !says(t, page, "[aria-labelledby=forwarding-title]", "сам включает её при каждом запуске") {
		t.Error("the choice is not kept for the next start")
	}
}

// TestGatewayWithoutInterfaces: a trial can be confirmed and reverted also if the interfaces cannot be read.
func TestGatewayWithoutInterfaces(t *testing.T) {
	a := newAdministration(t)
	a.post("/admin/gateway", choice("lan", "wan"))
	a.gate.unreadable = errors.New("netlink")
	if body := a.get("/admin/gateway"); !says(t, body, "[aria-labelledby=interfaces-title] .banner", "Прочитать интерфейсы этого компьютера не удалось") || !strings.Contains(body, "/admin/gateway/keep") || !says(t, body, ".ports", "Сейчас его нет") {
		t.Error("no way to confirm")
	}
}

// TestAgentPageAndTheFirewall: the page says whether access is enforced. The confirmation before switching off says that
// nobody gets through then, also without sessions.
func TestAgentPageAndTheFirewall(t *testing.T) {
	a := newAdministration(t)
	off := url.Values{"enabled": {"0"}}
	a.gate.state.Enforcement = agent.EnforcementNoRights
	if body := a.get("/admin/agent"); !says(t, body, inState, "CAP_NET_ADMIN") {
		t.Error("nothing is enforced and nothing says so")
	}
	if w := a.post("/admin/agent/state", off); w.Code != http.StatusSeeOther {
		t.Errorf("off without a firewall: %d", w.Code)
	}
	a.post("/admin/agent/state", url.Values{"enabled": {"1"}})
	a.gate.state.Enforcement = agent.EnforcementOn
	if strings.Contains(a.get("/admin/agent"), "не ограничивает") {
		t.Error("a remark about what works")
	}
	if w := a.post("/admin/agent/state", off); w.Code != 200 || !says(t, w.Body.String(), ".question", "пройдут только устройства") || !a.site.Settings.Current().Enabled {
		t.Errorf("off with a firewall: %d", w.Code)
	}
	off.Set("confirm", "1")
	if w := a.post("/admin/agent/state", off); w.Code != http.StatusSeeOther || a.site.Settings.Current().Enabled {
		t.Errorf("confirmed: %d", w.Code)
	}
	if !says(t, a.get("/admin/gateway"), inState, "проходят только устройства") {
		t.Error("the page does not say who passes")
	}
}
