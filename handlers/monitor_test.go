package handlers

import (
	"encoding/csv"
	"encoding/json"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// crowd is an administration with n live sessions without traffic.
func crowd(t *testing.T, n int, more ...agent.Session) (administration, *countingFirewall) {
	a := administration{t: t}
	var firewall *countingFirewall
	a.site, firewall = newCrowd(t, n, more...)
	firewall.still = true
	a.h, a.boss = a.site.PortalHandler(), signIn(t, a.site, "boss")
	return a, firewall
}

func (a administration) monitor(path string) *openMonitor {
	return &openMonitor{tb: a.t, h: a.h, path: path, boss: a.boss}
}

// changes asks for what differs from what the page has.
func (m *openMonitor) changes() (c struct {
	Reload bool
	Frame  *struct{ Heading, Below string }
	Hash   string
	Rows   []any
}) {
	m.tb.Helper()
	if err := json.Unmarshal(m.get(strings.Join(m.has, ",")).Body.Bytes(), &c); err != nil {
		m.tb.Fatal(err)
	}
	return c
}

// TestMonitorSendsWhatChanged: the script gets the number of a row that it has, the texts of one whose traffic changed, and a new row as
// HTML. It gets the text around the table only when that changed.
func TestMonitorSendsWhatChanged(t *testing.T) {
	a, firewall := crowd(t, 3)
	m := a.monitor("/admin/monitor/sessions?sort=address")
	m.open()
	if c := m.changes(); c.Reload || c.Frame != nil || len(c.Rows) != 3 || c.Rows[0] != float64(0) || c.Rows[2] != float64(2) {
		t.Errorf("nothing changed: %+v", c)
	}
	firewall.still = false
	a.site.Sessions.Sessions() // counts anew
	c := m.changes()
	for i, row := range c.Rows {
		if cells, is := row.([]any); !is || len(cells) != 5 || cells[0] != float64(i) || !strings.Contains(cells[3].(string), "Б") {
			t.Errorf("row %d: %v", i, row)
		}
	}
	missing := m.has[3]
	m.has = append(m.has[:3], m.has[4])
	if c = m.changes(); len(c.Rows) != 3 || !strings.HasPrefix(c.Rows[1].(string), `<tr role="row" data-row="`+strings.Split(missing, ".")[0]) {
		t.Errorf("a row that the page lacks: %v", c.Rows)
	}
	live := a.site.Sessions.Sessions()
	if err := a.site.Sessions.End(t.Context(), live[0].ID, agent.ReasonAdmin); err != nil {
		t.Fatal(err)
	}
	if c = m.changes(); c.Frame == nil || c.Frame.Heading != "2 сессии" || c.Hash == "" || len(c.Rows) != 2 {
		t.Errorf("after an end: %+v", c)
	}
	m.boss = append(m.boss, &http.Cookie{Name: languageCookie, Value: "en"})
	if c = m.changes(); !c.Reload {
		t.Error("another language: the page is not loaded anew")
	}
}

// TestMonitorIsTheSameForEverybody: rows hold no token, so that the same row has the same hash in every browser.
func TestMonitorIsTheSameForEverybody(t *testing.T) {
	a, _ := crowd(t, 3)
	m, other := a.monitor("/admin/monitor/sessions"), a.monitor("/admin/monitor/sessions")
	other.boss = signIn(t, a.site, "boss")
	m.open()
	other.open()
	for i := range m.has {
		if before, _, _ := strings.Cut(m.has[i], "."); !strings.HasPrefix(other.has[i], before) {
			t.Errorf("%q and %q", m.has[i], other.has[i])
		}
	}
}

// TestMonitorPages: filter, order and page come from the query string. Values that no page sends are ignored.
func TestMonitorPages(t *testing.T) {
	a, _ := crowd(t, 120)
	for query, want := range map[string]struct {
		rows  int
		first string
		page  string
	}{
		"?sort=address":                                {50, "10.1.0.1", "1"},
		"?sort=-address&page=3":                        {20, "10.1.0.20", "3"},
		"?sort=-address&page=99":                       {20, "10.1.0.20", "3"},
		"?sort=address&page=-1":                        {50, "10.1.0.1", "1"},
		"?sort=address&q=user00119":                    {1, "10.1.0.120", ""},
		"?sort=address&kind=vpn":                       {0, "", ""},
		"?sort=address&kind=nonsense&state=nonsense":   {50, "10.1.0.1", "1"},
		"?sort=address&state=waiting&directory=local":  {50, "10.1.0.1", "1"},
		"?sort=address&state=connected":                {0, "", ""},
		"?sort=address&q=" + strings.Repeat("x", 5000): {0, "", ""},
	} {
		doc := a.monitor("/admin/monitor/sessions" + query).open()
		rows := doc.Find("tbody tr")
		first := strings.TrimSpace(rows.First().Find("td.col-address span").First().Text())
		if page := doc.Find("#sessions-page").AttrOr("value", ""); rows.Length() != want.rows || first != want.first || page != want.page {
			t.Errorf("%.60s: %d rows, the first %q, page %q; want %+v", query, rows.Length(), first, page, want)
		}
	}
}

// TestMonitorEndKeepsThePlace: the next page has the same filter, order and page, at the row that takes the place of the one that is gone.
func TestMonitorEndKeepsThePlace(t *testing.T) {
	a, _ := crowd(t, 120)
	form := url.Values{"sort": {"-address"}, "page": {"2"}, "q": {"user"}, "evil": {"https://evil.example"}}
	rows := a.monitor("/admin/monitor/sessions?sort=-address&page=2&q=user").open().Find("tbody a[id^=row-]")
	id := func(i int) string { return strings.TrimPrefix(rows.Eq(i).AttrOr("id", ""), "row-") }
	w := a.post("/admin/monitor/sessions/"+id(10)+"/end", form)
	if to, want := w.Header().Get("Location"), "/admin/monitor/sessions?page=2&q=user&sort=-address#row-"+id(11); w.Code != http.StatusSeeOther || to != want {
		t.Errorf("%d to %q, want %q", w.Code, to, want)
	}
	if w := a.post("/admin/monitor/sessions/gone/end", form); w.Header().Get("Location") != "/admin/monitor/sessions?page=2&q=user&sort=-address" {
		t.Errorf("to %q", w.Header().Get("Location"))
	}
}

// TestColumns: the columns and the rows per page are remembered for each table. Fixed columns stay, and unknown ones are ignored.
func TestColumns(t *testing.T) {
	a, _ := crowd(t, 120)
	w := a.post("/admin/columns", url.Values{"table": {"sessions"}, "column": {"kind", "rx", "nonsense"}, "size": {"100"}, "from": {"/admin/monitor/sessions?q=user&page=2"}})
	if to := w.Header().Get("Location"); w.Code != http.StatusSeeOther || to != "/admin/monitor/sessions?page=2&q=user" {
		t.Errorf("%d to %q", w.Code, to)
	}
	a.boss = append(a.boss, w.Result().Cookies()...)
	doc := a.monitor("/admin/monitor/sessions").open()
	var keys []string
	doc.Find("th").Each(func(_ int, th *goquery.Selection) { keys = append(keys, strings.Fields(th.AttrOr("class", ""))[0]) })
	if got := strings.Join(keys, " "); got != "col-login col-kind col-rx col-action" || doc.Find("tbody tr").Length() != 100 {
		t.Errorf("columns %s, %d rows", got, doc.Find("tbody tr").Length())
	}
	shown := 0
	for _, c := range templates.VPNTable.Columns {
		if !c.Off {
			shown++
		}
	}
	if n := a.monitor("/admin/monitor/vpn").open().Find("th").Length(); n != shown {
		t.Errorf("the other table has %d columns, want %d", n, shown)
	}
	if w := a.post("/admin/columns", url.Values{"table": {"nonsense"}}); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown table: %d", w.Code)
	}
	if w := a.post("/admin/columns", url.Values{"table": {"vpn"}, "size": {"1000000"}, "from": {"https://evil.example/"}}); w.Header().Get("Location") != "/" ||
		strings.Contains(w.Header().Get("Set-Cookie"), "1000000") {
		t.Errorf("%v", w.Header())
	}
}

// TestMonitorCSV: the file has all rows of the filter in the order of the page, and no formula.
func TestMonitorCSV(t *testing.T) {
	a, _ := crowd(t, 120)
	body, marked := strings.CutPrefix(a.get("/admin/monitor/sessions.csv?sort=-address&q=user0011"), "\ufeff")
	file := csv.NewReader(strings.NewReader(body))
	file.Comma = ';' // what spreadsheet programs expect in Russian
	rows, err := file.ReadAll()
	if err != nil || !marked || len(rows) != 11 || rows[0][1] != "Логин" || rows[1][1] != "user00119" || rows[10][1] != "user00110" || rows[1][5] != "10.1.0.120" {
		t.Errorf("%v, %v", rows, err)
	}
	at := netip.MustParseAddr("10.1.9.1")
	a, _ = crowd(t, 0, agent.Session{ID: agent.NewSessionID(), UserID: 99, Login: "=1+1", Name: "@x", Directory: agent.LocalDirectory, Device: agent.Device{Name: "-1"},
		Kind: agent.KindLAN, Address: at, ExternalIP: at, Inside: true, Started: time.Now(), LoggedIn: time.Now(), Expires: time.Now().Add(time.Hour)})
	for _, cell := range []string{";'=1+1;", ";'@x;", ";'-1;"} {
		if body := a.get("/admin/monitor/sessions.csv"); !strings.Contains(body, cell) {
			t.Errorf("%s is not in %q", cell, body)
		}
	}
}
