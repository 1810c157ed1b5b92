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

// cells returns the first row's texts by column.
func cells(doc *goquery.Document) map[string]string {
	texts := map[string]string{}
	doc.Find("tbody tr").First().Find("td").Each(func(_ int, s *goquery.Selection) {
		texts[s.AttrOr("data-label", "")] = strings.Join(strings.Fields(s.Text()), " ")
	})
	return texts
}

func monitorPage() Page {
	return Page{L: locale.For("ru"), User: &agent.User{Login: "admin", Admin: true}, CSRF: "x"}
}

func TestMonitorSessionsShowsAPersonInEveryColumn(t *testing.T) {
	s := someSession("s1", agent.KindLAN)
	s.Login, s.Name, s.Device.Name, s.Handshake = "ivanov", "Иванов Иван", "WS-1", now.Add(-time.Minute)
	doc := render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Sessions: []agent.LiveSession{s}, Now: now, AgentEnabled: true}))
	got := cells(doc)
	for column, want := range map[string]string{
		"Статус": "Подключено", "Логин": "ivanov", "Имя": "Иванов Иван", "IP- и MAC-адрес": "10.0.0.5 извне: 203.0.113.9",
		"Тип соединения": "Агент, локальная сеть", "Устройство": "WS-1",
		"Дата и время подключения": "23.11.2026 12:00", "Время в сети": "2 ч 05 мин", "Принято / Передано": "1,4 ГБ / 10 Б обмен 14:04",
	} {
		if got[column] != want {
			t.Errorf("%s: %q, want %q", column, got[column], want)
		}
	}
	s.MAC = "02:00:00:00:00:01"
	known := render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Sessions: []agent.LiveSession{s}, Now: now, AgentEnabled: true}))
	if got, want := cells(known)["IP- и MAC-адрес"], "10.0.0.5 извне: 203.0.113.9 02:00:00:00:00:01"; got != want {
		t.Errorf("addresses %q, want %q", got, want)
	}
	if h1 := strings.TrimSpace(doc.Find("h1").Text()); h1 != "1 сессия" {
		t.Errorf("heading %q", h1)
	}
	if name := doc.Find(`form[action="/admin/monitor/sessions/s1/end"] button`).AttrOr("aria-label", ""); name != "Завершить сессию: ivanov, 10.0.0.5" {
		t.Errorf("the button is called %q", name)
	}
	if title := doc.Find("td.number time").AttrOr("title", ""); title != "Последний обмен: 23.11.2026 14:04, 1 мин назад" {
		t.Errorf("tooltip of the handshake %q", title)
	}
	if title := doc.Find("td time").AttrOr("title", ""); title != "2 ч 05 мин назад" {
		t.Errorf("tooltip %q", title)
	}
}

func TestMonitorShowsFurtherAddresses(t *testing.T) {
	s := someSession("s1", agent.KindLAN)
	s.ExternalIP, s.FurtherAddresses = s.Address, []netip.Addr{netip.MustParseAddr("fd00::5"), netip.MustParseAddr("2001:db8::5")}
	doc := render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Sessions: []agent.LiveSession{s}, Now: now}))
	var lines []string
	doc.Find("td.address span").Each(func(_ int, s *goquery.Selection) { lines = append(lines, s.Text()) })
	if got := strings.Join(lines, " "); !strings.Contains(got, "10.0.0.5 fd00::5 2001:db8::5") {
		t.Errorf("%q", got)
	}
}

func TestMonitorShowsDashesWhereNothingCounts(t *testing.T) {
	s := someSession("s1", agent.KindVPN)
	s.State, s.Rx, s.Tx, s.Handshake = agent.StateWaiting, nil, nil, time.Time{}
	got := cells(render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Sessions: []agent.LiveSession{s}, Now: now})))
	if got["Принято / Передано"] != "—" || got["Статус"] != "Нет связи" {
		t.Errorf("got %q", got)
	}
	got = cells(render(t, MonitorVPN(monitorPage(), MonitorVPNData{Sessions: []agent.LiveSession{s}, Now: now})))
	if got["Трафик"] != "—" || got["Последний обмен"] != "—" {
		t.Errorf("got %q", got)
	}
}

func TestMonitorVPNCountsConnectionsAndPeople(t *testing.T) {
	live := []agent.LiveSession{someSession("a", agent.KindVPN), someSession("b", agent.KindVPN)}
	doc := render(t, MonitorVPN(monitorPage(), MonitorVPNData{Sessions: live, Allowed: 7, Now: now}))
	if h1 := doc.Find("h1").Text(); h1 != "2 активных подключения (право на VPN: 7)" {
		t.Errorf("heading %q", h1)
	}
	if doc.Find(`form[action="/admin/monitor/vpn/7/deny"]`).Length() != 2 {
		t.Error("no way to deny VPN")
	}
}

func TestEmptyMonitorSaysHowToFillIt(t *testing.T) {
	for want, enabled := range map[string]bool{"Раздайте установщик": true, "Включите его": false} {
		doc := render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Now: now, AgentEnabled: enabled}))
		if !strings.Contains(doc.Find(".empty").Text(), want) || doc.Find(`.empty a[href="/admin/agent"]`).Length() != 1 {
			t.Errorf("enabled %v: %q", enabled, doc.Find(".empty").Text())
		}
	}
}

// TestMonitorShowsARule: the session of a rule has a link to its account instead of the button that ends it.
func TestMonitorShowsARule(t *testing.T) {
	s := someSession("s1", agent.KindStatic)
	doc := render(t, MonitorSessions(monitorPage(), MonitorSessionsData{Sessions: []agent.LiveSession{s}, Now: now, AgentEnabled: true}))
	if got := cells(doc)["Тип соединения"]; got != "По правилу, без входа" {
		t.Errorf("%q", got)
	}
	if doc.Find(`form[action*="/end"]`).Length() != 0 || doc.Find(`td.action a[href="/admin/users/7#rules"]`).Length() != 1 {
		t.Error(doc.Find("td.action").Html())
	}
	cabinet := render(t, Cabinet(monitorPage(), CabinetData{Sessions: []agent.LiveSession{s}, Now: now}))
	if cabinet.Find(`form[action*="/cabinet/sessions"]`).Length() != 0 {
		t.Error("the cabinet has a button")
	}
}
