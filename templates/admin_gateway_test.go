package templates

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func prefixesOf(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, text := range list {
		out[i] = netip.MustParsePrefix(text)
	}
	return out
}

// fullGateway returns the data of a page with every warning.
func fullGateway(errors map[string]string) AdminGatewayData {
	choice := agent.GatewaySettings{LANInterfaces: []string{hostile}, WANInterfaces: []string{"gone0"}, Masquerade: true, VPNPeersMayTalk: true}
	d := AdminGatewayData{
		State:             agent.GatewayState{Enforcement: agent.EnforcementFlowtable, Flowtable: hostile, Restored: now, Boot: agent.BootFailed, Replaced: []string{hostile}},
		InterfacesUnknown: true,
		Form:              NewGatewayForm(choice, []agent.Interface{{Name: hostile, Up: true, MAC: hostile, Addrs: prefixesOf("10.0.0.1/8", "2001:db8::1/64"), Internet: true, Carrier: hostile}, {Name: "eth1"}}),
		Errors:            errors,
		VLANs:             []string{hostile},
		Uplinks:           []string{hostile},
		Chosen:            true,
		Preview:           hostile,
		PreviewTyped:      true,
		Returned:          now,
	}
	d.Form.OpenBeforeLogin, d.Form.FirewallTimeout = hostile, hostile
	return d
}

func gatewayOnTrial() AdminGatewayData {
	choice := agent.GatewaySettings{LANInterfaces: []string{"lan0"}, WANInterfaces: []string{"wan0"}, OpenBeforeLogin: []agent.OpenServer{{Addr: netip.MustParseAddr("10.0.0.53")}}}
	return AdminGatewayData{
		State:        agent.GatewayState{Enforcement: agent.EnforcementOn, Forwarding4: true},
		AgentEnabled: true,
		Form:         NewGatewayForm(choice, []agent.Interface{{Name: "lan0", Up: true, MAC: "02:00:00:00:00:01", Addrs: prefixesOf("192.168.1.1/24")}, {Name: "wan0", Up: true, Internet: true}, {Name: "dmz0"}}),
		Chosen:       true,
		Preview:      "table inet ideco_agent {\n}",
		Trial:        "abc",
		TrialLeft:    41500 * time.Millisecond,
	}
}

func adminGateway(t *testing.T, d AdminGatewayData) *goquery.Document {
	t.Helper()
	p := Page{L: locale.For("ru"), Path: "/admin/gateway", User: &agent.User{Login: "admin", Admin: true}, CSRF: "x"}
	return render(t, AdminGateway(p, d))
}

func TestAdminGatewayShowsInterfacesAndTheirRoles(t *testing.T) {
	d := gatewayOnTrial()
	d.Form = NewGatewayForm(agent.GatewaySettings{LANInterfaces: []string{"lan0"}, WANInterfaces: []string{"ppp0"}}, []agent.Interface{
		{Name: "lan0", Up: true, MAC: "02:00:00:00:00:01", Addrs: prefixesOf("192.168.1.1/24", "2001:db8::1/64")},
		{Name: "eth1", Internet: true},
	})
	doc := adminGateway(t, d)
	want := []struct{ name, role, facts, state string }{
		{"lan0", "lan", "192.168.1.1/24, 2001:db8::1/64 02:00:00:00:00:01", "Работает"},
		{"eth1", "none", "без адреса", "Отключён"},
		{"ppp0", "wan", "", "Сейчас его нет"},
	}
	ports := doc.Find(".port")
	if ports.Length() != len(want) {
		t.Fatalf("%d interfaces", ports.Length())
	}
	ports.Each(func(i int, s *goquery.Selection) {
		facts := strings.Join(strings.Fields(s.Find(".port-facts").Text()), " ")
		got := []string{s.Find("input[name=interface]").AttrOr("value", ""), s.Find("input[type=radio][checked]").AttrOr("value", ""), facts, strings.TrimSpace(s.Find(".state").Text())}
		if w := want[i]; got[0] != w.name || got[1] != w.role || got[2] != w.facts || got[3] != w.state || doc.Find("#"+s.AttrOr("aria-labelledby", "")).Text() != w.name {
			t.Errorf("%q, want %q", got, w)
		}
		if hint := s.Find(".port-hint").Length() == 1; hint != (got[0] == "eth1") {
			t.Errorf("%s: hint %v", got[0], hint)
		}
	})
	if doc.Find(`.sections a[aria-current="page"]`).AttrOr("href", "") != "/admin/gateway" {
		t.Error("the section is not marked")
	}
}

func TestAdminGatewayAsksForAConfirmationWithoutScript(t *testing.T) {
	doc := adminGateway(t, gatewayOnTrial())
	for _, action := range []string{"/admin/gateway/keep", "/admin/gateway/return"} {
		if form := doc.Find(`form[action="` + action + `"]`); form.Find("input[name=trial]").AttrOr("value", "") != "abc" || form.Find("button[type=submit]").Length() != 1 {
			t.Errorf("%s: %s", action, html(form))
		}
	}
	if left := doc.Find("[data-countdown]").Text(); left != "42" {
		t.Errorf("%q s left", left)
	}
	if primary := strings.TrimSpace(doc.Find(".button.primary").Text()); primary != "Оставить" {
		t.Errorf("the primary button is %q", primary)
	}
	d := gatewayOnTrial()
	d.Trial = ""
	if doc := adminGateway(t, d); doc.Find("[data-countdown]").Length() != 0 || strings.TrimSpace(doc.Find(".button.primary").Text()) != "Сохранить" {
		t.Error("a question without a trial")
	}
}

func TestAdminGatewaySaysWhatIsEnforced(t *testing.T) {
	for enforcement, want := range map[agent.Enforcement][2]string{
		agent.EnforcementIdle: {"info", "интерфейсы не выбраны"}, agent.EnforcementOn: {"ok", "Правила действуют"},
		agent.EnforcementNoRights: {"warn", "CAP_NET_ADMIN"}, agent.EnforcementNoProgram: {"warn", "apt install nftables"},
		agent.EnforcementFlowtable: {"warn", "inet filter ft (flowtable)"},
	} {
		doc := adminGateway(t, AdminGatewayData{State: agent.GatewayState{Enforcement: enforcement, Flowtable: "inet filter ft", Forwarding4: true}, AgentEnabled: true})
		banner := doc.Find("main > .banner").First()
		if !banner.HasClass(want[0]) || !strings.Contains(banner.Text(), want[1]) {
			t.Errorf("%s: %s", enforcement, html(banner))
		}
	}
}

// TestAdminGatewayWithoutForwarding: rules in force are no success while the kernel forwards nothing.
func TestAdminGatewayWithoutForwarding(t *testing.T) {
	ipv6 := NewGatewayForm(agent.GatewaySettings{}, []agent.Interface{{Name: "lan0", Addrs: prefixesOf("2001:db8::1/64")}})
	for _, c := range []struct {
		state agent.GatewayState
		form  GatewayForm
		class string
		says  string
	}{
		{agent.GatewayState{}, GatewayForm{}, "warn", "Пересылка пакетов выключена,"},
		{agent.GatewayState{Forwarding4: true}, ipv6, "warn", "выключена для IPv6"},
		{agent.GatewayState{Forwarding6: true}, ipv6, "warn", "выключена для IPv4"},
		{agent.GatewayState{Forwarding4: true}, GatewayForm{}, "ok", ""},
	} {
		c.state.Enforcement = agent.EnforcementOn
		banner := adminGateway(t, AdminGatewayData{State: c.state, Form: c.form, AgentEnabled: true}).Find("main > .banner").First()
		if !banner.HasClass(c.class) || !strings.Contains(banner.Text(), "Правила действуют") || !strings.Contains(banner.Text(), c.says) || c.says == "" && strings.Contains(banner.Text(), "Пересылка") {
			t.Errorf("%+v: %s", c.state, html(banner))
		}
	}
}

func TestAdminGatewaySaysWhatTheNextBootLacks(t *testing.T) {
	for _, c := range []struct {
		state agent.GatewayState
		says  []string
	}{
		{agent.GatewayState{}, nil},
		{agent.GatewayState{Boot: agent.BootNoSpace}, []string{"Правила для загрузки не записаны", "нет места"}},
		{agent.GatewayState{Boot: agent.BootReadOnly, BootClosed: true}, []string{"Прежние правила для загрузки не удалены", "только для чтения"}},
	} {
		text := adminGateway(t, AdminGatewayData{State: c.state}).Find("main > .banner.warn").Text()
		for _, part := range c.says {
			if !strings.Contains(text, part) {
				t.Errorf("%+v: %q does not say %q", c.state, text, part)
			}
		}
		if c.says == nil && strings.Contains(text, "для загрузки") {
			t.Errorf("nothing is wrong, but the page says %q", text)
		}
	}
}

func TestAdminGatewayOffersForwarding(t *testing.T) {
	six := prefixesOf("2001:db8::1/64")
	for _, c := range []struct {
		four, six bool
		addrs     []netip.Prefix
		says      string
		offered   bool
		lines     int
	}{
		{true, false, nil, "Включена: ядро", false, 1},
		{true, true, six, "Включена: ядро", false, 2},
		{true, false, six, "Выключена для IPv6", true, 2},
		{false, true, six, "Выключена для IPv4", true, 2},
		{false, true, nil, "никто не пройдёт", true, 1},
		{false, false, six, "никто не пройдёт", true, 2},
	} {
		d := AdminGatewayData{State: agent.GatewayState{Forwarding4: c.four, Forwarding6: c.six},
			Form: NewGatewayForm(agent.GatewaySettings{}, []agent.Interface{{Name: "lan0", Addrs: c.addrs}})}
		doc := adminGateway(t, d)
		offered := doc.Find(`form[action="/admin/gateway/forwarding"]`).Length() == 1
		lines := len(strings.Split(doc.Find("#forwarding-lines").Text(), "\n"))
		if !strings.Contains(doc.Find("[aria-labelledby=forwarding-title]").Text(), c.says) || offered != c.offered || lines != c.lines {
			t.Errorf("%+v: offered %v, %d lines", c, offered, lines)
		}
	}
}

// TestForwardingLinesKeepAdvertisedRoutes: an interface whose default route comes from router advertisements keeps accepting
// them.
func TestForwardingLinesKeepAdvertisedRoutes(t *testing.T) {
	six := prefixesOf("2001:db8::1/64")
	d := AdminGatewayData{Form: NewGatewayForm(agent.GatewaySettings{}, []agent.Interface{
		{Name: "lan0", Addrs: six, Learns6: true}, {Name: "wan0.7", Addrs: six, Internet: true, Learns6: true}, {Name: "wan1", Addrs: six, Internet: true}})}
	want := "net.ipv4.ip_forward = 1\nnet.ipv6.conf.all.forwarding = 1\nnet.ipv6.conf.wan0/7.accept_ra = 2"
	if got := forwardingLines(d); got != want {
		t.Errorf("%q", got)
	}
}

func TestConfirmAgentOffSaysWhoPasses(t *testing.T) {
	l := locale.For("ru")
	for closed, want := range map[bool]bool{true: true, false: false} {
		for _, sessions := range []int{0, 2} {
			if text := ConfirmAgentOff(l, AgentConnection, sessions, closed).Text; strings.Contains(text, "пройдут только устройства") != want {
				t.Errorf("closed %v, %d sessions: %q", closed, sessions, text)
			}
		}
	}
}
