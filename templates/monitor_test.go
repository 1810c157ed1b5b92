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

// monitorView is the first page of a table with a number of rows, with all columns.
func monitorView(t *Table, total int) TableView {
	return TableView{Table: t, Sort: "login", Page: 1, Size: t.Sizes[0], Total: total}
}

func monitorData(t *Table, live []agent.LiveSession) MonitorData {
	return MonitorData{View: monitorView(t, len(live)), Sessions: live, All: len(live), Now: now, AgentEnabled: true, Allowed: 7}
}

func TestMonitorSessionsShowsAPersonInEveryColumn(t *testing.T) {
	s := someSession("s1", agent.KindLAN)
	s.Login, s.Name, s.Device.Name, s.MAC, s.Directory = "ivanov", "Иванов Иван", "WS-1", "02:00:00:00:00:01", "company.ru"
	doc := render(t, MonitorSessions(monitorPage(), monitorData(SessionsTable, []agent.LiveSession{s})))
	got := cells(doc)
	for column, want := range map[string]string{
		"Статус": "Подключено", "Имя и логин": "Иванов Иван · ivanov", "IP-адрес": "10.0.0.5", "MAC-адрес": "02:00:00:00:00:01",
		"Внешний адрес": "203.0.113.9", "Тип": "Агент", "Устройство": "WS-1", "Подключение": "12:00", "Время в сети": "2 ч 05 мин",
		"Принято": "1,4 ГБ", "Передано": "10 Б",
	} {
		if got[column] != want {
			t.Errorf("%s: %q, want %q", column, got[column], want)
		}
	}
	for selector, want := range map[string]string{
		"td.col-login a": "Иванов Иван · ivanov · company.ru", "td.col-address span": "10.0.0.5\nизвне: 203.0.113.9\n02:00:00:00:00:01",
		"td.col-kind span": "Агент, локальная сеть", "td.col-started time": "23.11.2026 12:00", "td.col-state .mark": "Подключено",
	} {
		if title := doc.Find(selector).First().AttrOr("title", ""); title != want {
			t.Errorf("%s: %q, want %q", selector, title, want)
		}
	}
	if h1 := strings.TrimSpace(doc.Find("h1").Text()); h1 != "1 сессия" {
		t.Errorf("heading %q", h1)
	}
	button := doc.Find(`tbody button[form="act"][formaction="/admin/monitor/sessions/s1/end"]`)
	if name := button.AttrOr("aria-label", ""); name != "Завершить сессию: ivanov, 10.0.0.5" {
		t.Errorf("the button is called %q", name)
	}
	if doc.Find("tbody form, tbody input").Length() != 0 {
		t.Error("a row has a form, so it is not the same for everybody")
	}
}

func TestMonitorShowsFurtherAddresses(t *testing.T) {
	s := someSession("s1", agent.KindLAN)
	s.FurtherAddresses = []netip.Addr{netip.MustParseAddr("fd00::5"), netip.MustParseAddr("2001:db8::5")}
	cell := render(t, MonitorSessions(monitorPage(), monitorData(SessionsTable, []agent.LiveSession{s}))).Find("td.col-address")
	if title := cell.Find("span").First().AttrOr("title", ""); !strings.Contains(title, "10.0.0.5\nfd00::5\n2001:db8::5") {
		t.Errorf("%q", title)
	}
	if text := strings.Join(strings.Fields(cell.Text()), " "); !strings.HasPrefix(text, "10.0.0.5 +2 ") || !strings.Contains(text, "2001:db8::5") {
		t.Errorf("%q", text)
	}
}

func TestMonitorShowsDashesWhereNothingCounts(t *testing.T) {
	s := someSession("s1", agent.KindVPN)
	s.State, s.Rx, s.Tx, s.Handshake = agent.StateWaiting, nil, nil, time.Time{}
	live := []agent.LiveSession{s}
	got := cells(render(t, MonitorSessions(monitorPage(), monitorData(SessionsTable, live))))
	if got["Принято"] != "—" || got["Передано"] != "—" || got["Статус"] != "Нет связи" {
		t.Errorf("got %q", got)
	}
	if got = cells(render(t, MonitorVPN(monitorPage(), monitorData(VPNTable, live)))); got["Принято"] != "—" || got["Последний обмен"] != "—" {
		t.Errorf("got %q", got)
	}
}

func TestMonitorVPNCountsConnectionsAndPeople(t *testing.T) {
	doc := render(t, MonitorVPN(monitorPage(), monitorData(VPNTable, []agent.LiveSession{someSession("a", agent.KindVPN), someSession("b", agent.KindVPN)})))
	if h1 := doc.Find("h1").Text(); h1 != "2 активных подключения (право на VPN у 7 человек)" {
		t.Errorf("heading %q", h1)
	}
	if doc.Find(`button[formaction="/admin/monitor/vpn/7/deny"]`).Length() != 2 {
		t.Error("no way to deny VPN")
	}
}

func TestEmptyMonitorSaysHowToFillIt(t *testing.T) {
	for want, enabled := range map[string]bool{"Раздайте установщик": true, "Включите его": false} {
		d := monitorData(SessionsTable, nil)
		d.AgentEnabled = enabled
		doc := render(t, MonitorSessions(monitorPage(), d))
		if !strings.Contains(doc.Find(".empty").Text(), want) || doc.Find(`.empty a[href="/admin/agent"]`).Length() != 1 {
			t.Errorf("enabled %v: %q", enabled, doc.Find(".empty").Text())
		}
		if doc.Find("[data-live-some]:not([hidden])").Length() != 0 {
			t.Error("a search among no sessions is offered")
		}
	}
}

// TestMonitorShowsARule: the session of a rule has a link to its account instead of the button that ends it.
func TestMonitorShowsARule(t *testing.T) {
	s := someSession("s1", agent.KindStatic)
	doc := render(t, MonitorSessions(monitorPage(), monitorData(SessionsTable, []agent.LiveSession{s})))
	if got := cells(doc)["Тип"]; got != "Правило" {
		t.Errorf("%q", got)
	}
	if doc.Find(`tbody button`).Length() != 0 || doc.Find(`td.action a[href="/admin/users/7#rules"]`).Length() != 1 {
		t.Error(doc.Find("td.action").Html())
	}
	cabinet := render(t, Cabinet(monitorPage(), CabinetData{Sessions: []agent.LiveSession{s}, Now: now}))
	if cabinet.Find(`form[action*="/cabinet/sessions"]`).Length() != 0 {
		t.Error("the cabinet has a button")
	}
}

func TestMonitorShowsHiddenAddressesOnPhones(t *testing.T) {
	s := someSession("s1", agent.KindLAN)
	s.MAC = "02:00:00:00:00:01"
	for hidden, want := range map[string]string{"": "", "mac": "02:00:00:00:00:01", "external": "извне: 203.0.113.9"} {
		d := monitorData(SessionsTable, []agent.LiveSession{s})
		d.View.Hidden = map[string]bool{hidden: true}
		if got := render(t, MonitorSessions(monitorPage(), d)).Find("td.address .narrow-only").Text(); got != want {
			t.Errorf("without the column %q: %q, want %q", hidden, got, want)
		}
	}
}
