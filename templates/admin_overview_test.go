package templates

import (
	"fmt"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // Europe/Berlin, which the machine may lack

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// someOverview returns data for every part of the page.
func someOverview() AdminOverviewData {
	d := AdminOverviewData{Sessions: map[agent.Kind]int{agent.KindLAN: 200, agent.KindVPN: 30}, JournalMB: 500, Now: now,
		State:  State{Conditions: []agent.Condition{{Code: agent.ConditionInterfaces, Severity: agent.SeverityBad}}},
		System: agent.SystemFacts{Started: now.Add(-50 * time.Hour), DataDir: hostile, DiskFree: 300 << 20, DiskTotal: 40 << 30}}
	d.At, d.From = now, now.Truncate(time.Hour).Add(-24*time.Hour)
	for i := range 25 {
		d.Hours = append(d.Hours, OverviewHour{At: d.From.Add(time.Duration(i) * time.Hour), Most: 10 * i, VPN: i, Logins: i % 3, Refusals: i % 2})
		for quarter := range 4 {
			d.Loads = append(d.Loads, agent.Load{At: d.Hours[i].At.Add(time.Duration(quarter) * agent.TrafficSlot), All: 10 * i, VPN: i})
		}
	}
	d.Peak = agent.Peak{N: 240, At: now.Add(-10 * time.Minute)}
	d.Reasons = []OverviewReason{{agent.CodeBadCredentials, 9}, {agent.CodeVPNNotAllowed, 3}}
	d.LAN, d.TrafficSince = OverviewTraffic{Rx: bytesOf(1503238553), Tx: bytesOf(0)}, now.Add(-3*time.Hour)
	d.Versions = []OverviewVersion{{AgentVersion: agent.AgentVersion{Major: 1, Minor: 0, Build: 0}, N: 212}, {AgentVersion: agent.AgentVersion{Minor: 9}, N: 7}, {Others: true, N: 2}}
	d.Systems = []OverviewSystem{{"windows", 218}, {"linux", 2}, {"", 1}}
	d.Sizes = agent.StoreSizes{Database: 70 << 20, Journal: 60 << 20}
	return d
}

func overviewPage() Page { return Page{L: locale.For("ru"), User: &agent.User{Admin: true}} }

// textOf returns the texts of all elements with single spaces between them.
func textOf(s *goquery.Selection) string {
	var texts []string
	s.Find("*").AddBack().Contents().Each(func(_ int, s *goquery.Selection) {
		if goquery.NodeName(s) == "#text" {
			texts = append(texts, strings.Fields(s.Text())...)
		}
	})
	return strings.Join(texts, " ")
}

func TestOverviewShowsTheDay(t *testing.T) {
	doc := render(t, AdminOverview(overviewPage(), someOverview()))
	for part, want := range map[string]string{
		"#overview-sessions ~ .count-list":                       "Сейчас 230 Агент, локальная сеть 200 Агент, VPN 30 Браузер 0 По правилу 0 Больше всего, 13:55 240",
		".overview-head:has(#overview-logins) .overview-total":   "24",
		".overview-head:has(#overview-refusals) .overview-total": "12",
		"section[aria-labelledby=overview-refusals] ul":          "Неверный логин или пароль 9 Нет права на доступ извне 3",
		"section[aria-labelledby=overview-traffic] tbody":        "Локальная сеть 1,4 ГБ 0 Б VPN — —",
		"section[aria-labelledby=overview-agents] ul":            "1.0.0 212 агентов 0.9.0 устарела 7 агентов другие версии 2 агента",
		"section[aria-labelledby=overview-agents] .facts":        "Windows: 218 Linux: 2 другая система: 1",
		".overview-facts .state.warn":                            "300,0 МБ",
	} {
		if got := textOf(doc.Find(part)); got != want {
			t.Errorf("%s: %q, want %q", part, got, want)
		}
	}
	for text, href := range map[string]string{
		"230": "/admin/monitor/sessions", "30": "/admin/monitor/sessions?kind=vpn",
		"24": "/admin/journal?from=2026-11-22&what=sessions", "12": "/admin/journal?from=2026-11-22&what=refusals",
		"Неверный логин или пароль": "/admin/journal?from=2026-11-22&reason=bad_credentials&what=refusals",
	} {
		link := doc.Find("main a").FilterFunction(func(_ int, s *goquery.Selection) bool { return textOf(s) == text })
		if got := link.AttrOr("href", ""); got != href {
			t.Errorf("%s leads to %s", text, got)
		}
	}
	if rows := doc.Find(".overview-hours tbody tr"); rows.Length() != 25 || textOf(rows.Last()) != "14:00–15:00 240 24 0 0" {
		t.Errorf("%d rows, the last is %q", rows.Length(), textOf(rows.Last()))
	}
	if text := textOf(doc.Find("main")); !strings.Contains(text, "Считается с 11:05") || !strings.Contains(text, "Мало места.") {
		t.Errorf("%s", text)
	}
}

// TestOverviewOfANewGateway: the page of a gateway without sessions has no charts and says what they will show.
func TestOverviewOfANewGateway(t *testing.T) {
	d := AdminOverviewData{Now: now, System: agent.SystemFacts{Started: now}}
	d.At, d.From = now, now.Add(-24*time.Hour)
	for i := range 25 {
		d.Hours = append(d.Hours, OverviewHour{At: d.From.Add(time.Duration(i) * time.Hour)})
	}
	doc := render(t, AdminOverview(overviewPage(), d))
	if n := doc.Find("svg.chart, .overview-hours").Length(); n != 0 {
		t.Errorf("%d charts and tables without data", n)
	}
	text := textOf(doc.Find("main"))
	for _, want := range []string{"Здесь будет видно", "никто не входил", "никому не отказано", "Здесь будут версии", "«—»"} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is missing in %s", want, text)
		}
	}
}

// TestOverviewPeakCountsNewSessions: the peak counts the sessions that began after the figures were read.
func TestOverviewPeakCountsNewSessions(t *testing.T) {
	d := someOverview()
	d.Sessions[agent.KindWeb] = 20
	if p := d.peak(); p.N != 250 || !p.At.Equal(now) {
		t.Errorf("%+v", p)
	}
}

// TestOverviewOfDSTDays: on a day with 23 or 25 hours, each hour is labelled with the local time of the gateway.
func TestOverviewOfDSTDays(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	local := time.Local
	t.Cleanup(func() { time.Local = local })
	time.Local = berlin
	for _, c := range []struct{ from, want string }{
		{"2026-10-25T00:00:00+02:00", "00:00 01:00 02:00 02:00 03:00"},
		{"2026-03-29T00:00:00+01:00", "00:00 01:00 03:00 04:00 05:00"},
	} {
		from, err := time.Parse(time.RFC3339, c.from)
		if err != nil {
			t.Fatal(err)
		}
		var starts []string
		for i := range 5 {
			starts = append(starts, strings.Split(hourText(from.Add(time.Duration(i)*time.Hour)), "–")[0])
		}
		if got := strings.Join(starts, " "); got != c.want {
			t.Errorf("%s: %s", c.from, got)
		}
	}
}

func TestChartTop(t *testing.T) {
	for most, want := range map[int]int{0: 2, 1: 2, 2: 2, 3: 4, 11: 12, 13: 16, 17: 20, 100: 100, 101: 120, 239: 240, 250: 300, 9999: 10000, 123456: 160000} {
		if got := chartTop(most); got != want {
			t.Errorf("%d: %d, want %d", most, got, want)
		}
	}
}

func TestChartLine(t *testing.T) {
	c := newChart(nil, 4, locale.For("en"))
	for _, one := range []struct {
		values     []int
		line, area string
	}{
		{[]int{0, 4, 2}, "M0 112.0H250.0V0.0H500.0V56.0H750.0", "M0 112.0H250.0V0.0H500.0V56.0H750.0V112H0Z"},
		{[]int{4, 4, 4, 1}, "M0 0.0H750.0V84.0H1000.0", "M0 0.0H750.0V84.0H1000.0V112H0Z"},
		{nil, "", ""},
	} {
		if got := c.line("x", one.values, 4); got.Line != one.line || got.Area != one.area {
			t.Errorf("%v: %+v", one.values, got)
		}
	}
	if got := fmt.Sprint(c.Steps); got != "[{128 0} {72 2} {16 4}]" {
		t.Errorf("%s", got)
	}
	if got := c.bar("x", 1, 4, 1, ""); got.X != "27.50%" || got.Width != "20.00%" || got.Y != "100" || got.Height != "28" {
		t.Errorf("%+v", got)
	}
}
