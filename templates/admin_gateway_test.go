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
		Conditions:        hostileConditions(),
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
		State:     agent.GatewayState{Enforcement: agent.EnforcementOn, Forwarding4: true},
		Form:      NewGatewayForm(choice, []agent.Interface{{Name: "lan0", Up: true, MAC: "02:00:00:00:00:01", Addrs: prefixesOf("192.168.1.1/24")}, {Name: "wan0", Up: true, Internet: true}, {Name: "dmz0"}}),
		Chosen:    true,
		Preview:   "table inet ideco_agent {\n}",
		Trial:     "abc",
		TrialLeft: 41500 * time.Millisecond,
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
		{"lan0", "lan", "192.168.1.1/24 2001:db8::1/64", "Работает"},
		{"eth1", "none", "без адреса", "Отключён"},
		{"ppp0", "wan", "", "Сейчас его нет"},
	}
	ports := doc.Find(".port")
	if ports.Length() != len(want) {
		t.Fatalf("%d interfaces", ports.Length())
	}
	ports.Each(func(i int, s *goquery.Selection) {
		facts := strings.Join(s.Find(".port-facts span").Map(func(_ int, line *goquery.Selection) string { return line.Text() }), " ")
		got := []string{s.Find("input[name=interface]").AttrOr("value", ""), s.Find("option[selected]").AttrOr("value", ""), facts, strings.TrimSpace(s.Find(".state").Text())}
		if w := want[i]; got[0] != w.name || got[1] != w.role || got[2] != w.facts || got[3] != w.state || s.Find("select").AttrOr("aria-label", "") != "Роль интерфейса "+w.name {
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

// TestGatewayProposes: WAN is where the Internet is, LAN are the other private networks; without a way to the Internet nothing is
// proposed.
func TestGatewayProposes(t *testing.T) {
	lan := agent.Interface{Name: "lan0", Up: true, Addrs: prefixesOf("192.168.1.1/24")}
	for _, c := range []struct {
		name       string
		interfaces []agent.Interface
		want       string
	}{
		{"router behind a router", []agent.Interface{lan, {Name: "wan0", Up: true, Internet: true, Addrs: prefixesOf("10.0.0.2/24")}}, "lan0 lan, wan0 wan"},
		{"two ways out", []agent.Interface{{Name: "ppp0", Internet: true}, {Name: "wan0", Internet: true}, lan}, "ppp0 wan, wan0 wan, lan0 lan"},
		{"no way out", []agent.Interface{lan}, ""},
		{"public network", []agent.Interface{{Name: "dmz0", Up: true, Addrs: prefixesOf("198.51.100.1/24")}, {Name: "wan0", Internet: true}}, "wan0 wan"},
		{"IPv6", []agent.Interface{{Name: "lan6", Up: true, Addrs: prefixesOf("fd00::1/64")}, {Name: "wan0", Internet: true}}, "lan6 lan, wan0 wan"},
		{"down", []agent.Interface{{Name: "docker0", Addrs: prefixesOf("172.17.0.1/16")}, {Name: "wan0", Internet: true}}, "wan0 wan"},
		{"port of a bridge", []agent.Interface{{Name: "eth1", Up: true, Carrier: "br0", Addrs: prefixesOf("192.168.1.1/24")}, {Name: "wan0", Internet: true}}, "wan0 wan"},
		{"only a port leads out", []agent.Interface{lan, {Name: "eth0", Internet: true, Carrier: "br0"}}, ""},
	} {
		d := AdminGatewayData{Form: NewGatewayForm(agent.GatewaySettings{}, c.interfaces)}
		d.Form.Propose()
		doc := adminGateway(t, d)
		var got []string
		doc.Find(".port").Each(func(_ int, row *goquery.Selection) {
			if strings.Contains(row.Text(), "Выбрано автоматически, проверьте") {
				got = append(got, row.Find("input[name=interface]").AttrOr("value", "")+" "+row.Find("option[selected]").AttrOr("value", ""))
			} else if role := row.Find("option[selected]").AttrOr("value", ""); role != RoleNone {
				t.Errorf("%s: nothing says that the role %s is a proposal", c.name, role)
			}
		})
		if strings.Join(got, ", ") != c.want || doc.Find(".ports").Prev().HasClass("banner") != (c.want != "") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestGatewayTrialHasTheFocus: the question takes the focus, but not from a field with an error or from the rules that were asked for.
func TestGatewayTrialHasTheFocus(t *testing.T) {
	refused, typed := gatewayOnTrial(), gatewayOnTrial()
	refused.Errors, typed.PreviewTyped = map[string]string{"open_before_login": "Это не адрес."}, true
	for want, d := range map[string]AdminGatewayData{"trial": gatewayOnTrial(), "open_before_login": refused, "": typed} {
		if got := adminGateway(t, d).Find("[autofocus]").AttrOr("id", ""); got != want {
			t.Errorf("the focus is on %q, want %q", got, want)
		}
	}
	doc := adminGateway(t, gatewayOnTrial())
	if said := doc.Find("#" + doc.Find("[data-countdown]").AttrOr("data-announce", "")); said.AttrOr("role", "") != "status" || said.Text() != "" {
		t.Errorf("the time left is announced by %s", html(said))
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

func TestAdminGatewayOffersForwarding(t *testing.T) {
	six := prefixesOf("2001:db8::1/64")
	for _, c := range []struct {
		four, six bool
		addrs     []netip.Prefix
		says      string
		offered   bool
		lines     int
	}{
		{true, false, nil, "включил не шлюз", true, 0},
		{true, true, six, "включил не шлюз", true, 0},
		{true, false, six, "Выключена для IPv6", true, 2},
		{false, true, six, "Выключена для IPv4", true, 2},
		{false, true, nil, "никто не пройдёт", true, 1},
		{false, false, six, "никто не пройдёт", true, 2},
	} {
		d := AdminGatewayData{State: agent.GatewayState{Forwarding4: c.four, Forwarding6: c.six},
			Form: NewGatewayForm(agent.GatewaySettings{}, []agent.Interface{{Name: "lan0", Addrs: c.addrs}})}
		doc := adminGateway(t, d)
		offered := doc.Find(`form[action="/admin/gateway/forwarding"]`).Length() == 1
		lines := len(strings.Fields(strings.ReplaceAll(doc.Find("#forwarding-lines").Text(), " ", "")))
		if !strings.Contains(doc.Find("[aria-labelledby=forwarding-title]").Text(), c.says) || offered != c.offered || lines != c.lines {
			t.Errorf("%+v: offered %v, %d lines", c, offered, lines)
		}
		if d.Forwards = true; c.lines == 0 {
			card := adminGateway(t, d).Find("[aria-labelledby=forwarding-title]")
			if !strings.Contains(card.Text(), "Шлюз сам включает её") || card.Find("form").Length() != 0 {
				t.Errorf("%+v, switched on at each start: %s", c, card.Text())
			}
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
