package handlers

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/thedatashed/xlsxreader"

	"ideco-agent/agent"
	"ideco-agent/agent/xlsx"
	"ideco-agent/templates"
)

// journalOf fills the journal of a site: an open session of kind lan, an ended one of kind vpn, one of kind web of a deleted account,
// and two refusals.
func journalOf(t *testing.T, a administration) {
	t.Helper()
	ctx, db := t.Context(), a.realStore()
	now := time.Now()
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, time.Local)
	ivanov := a.named("ivanov")
	for _, one := range []agent.Session{
		{ID: "open", Kind: agent.KindLAN, Way: agent.WayTicket, Started: today.Add(time.Second), Address: netip.MustParseAddr("192.168.7.20"), ExternalIP: netip.MustParseAddr("192.168.7.20"),
			Device: agent.Device{Name: "=PC-7"}, Group: "Офис", MACStored: "52:54:00:12:34:56", RxStored: 1 << 20, TxStored: 10},
		{ID: "ended", Kind: agent.KindVPN, Way: agent.WayPassword, Started: now.AddDate(0, 0, -40), Address: netip.MustParseAddr("10.128.0.9"), ExternalIP: outside,
			Ended: now.AddDate(0, 0, -40).Add(90 * time.Minute), Reason: agent.ReasonEvicted, RxStored: 3 << 20},
		{ID: "gone", Kind: agent.KindWeb, Way: agent.WayBrowser, UserID: 77, Login: "petrova", Name: "Петрова", Started: now.AddDate(0, 0, -50), Address: netip.MustParseAddr("192.168.7.21"),
			Ended: now.AddDate(0, 0, -50).Add(time.Minute), Reason: agent.ReasonIdle},
	} {
		if one.UserID == 0 {
			one.UserID, one.Login = ivanov.ID, ivanov.Login
		}
		one.Directory, one.LoggedIn, one.Expires = agent.LocalDirectory, one.Started, now.Add(time.Hour)
		if err := db.SaveSession(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range []agent.RefusedAttempt{
		{At: today.Add(2 * time.Second), Login: "my password", Peer: agent.Peer{Addr: outside}, Way: agent.WayPassword, Code: agent.CodeBadCredentials},
		{At: now.AddDate(0, 0, -45), Login: "ivanov", UserID: ivanov.ID, Peer: agent.Peer{Addr: inLAN, Inside: true}, Way: agent.WayBrowser, Code: agent.CodeAddressBusy},
	} {
		if err := db.AddRefused(ctx, one); err != nil {
			t.Fatal(err)
		}
	}
}

// entriesOn returns the login and the outcome of the rows of the journal on a page.
func entriesOn(t *testing.T, page string) (rows []string) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	doc.Find("tbody tr").Each(func(_ int, row *goquery.Selection) {
		rows = append(rows, strings.TrimSpace(row.Find(".lead-cell .value").Text())+": "+strings.Join(strings.Fields(row.Find(".outcome .value").Text()), " "))
	})
	return rows
}

// TestJournalPage: the page shows sessions and refusals, the newest first, and finds them by every field.
func TestJournalPage(t *testing.T) {
	a := newAdministration(t)
	if page := a.get("/admin/journal"); !says(t, page, ".empty", "Здесь будут входы и отказы") || !says(t, page, ".sections a[aria-current]", "Журнал авторизации") {
		t.Error("the page of an empty journal")
	}
	journalOf(t, a)
	open, ended, gone := "ivanov: Идёт сейчас", "ivanov: Закрыта новым устройством", "Петрова · petrova: Долго не было обмена"
	wrong, busy := "***: Отказ Неверный логин или пароль", "ivanov: Отказ Адрес занят другим человеком"
	day := func(back int) string { return time.Now().AddDate(0, 0, -back).Format(time.DateOnly) }
	for query, want := range map[string][]string{
		"":                                   {wrong, open, ended, busy, gone},
		"sort=start":                         {gone, busy, ended, open, wrong},
		"sort=-bytes&what=sessions":          {ended, open, gone},
		"q=ПЕТР":                             {gone},
		"q=12:34":                            {open},
		"q=pc-7":                             {open},
		"q=203.0.113":                        {wrong, ended},
		"q=%25":                              nil,
		"what=sessions":                      {open, ended, gone},
		"what=refusals":                      {wrong, busy},
		"way=browser":                        {busy, gone},
		"way=password":                       {wrong, ended},
		"way=ticket":                         {open},
		"reason=evicted":                     {ended},
		"reason=address_busy":                {busy},
		"group=офи":                          {open},
		"what=refusals&reason=idle":          nil,
		"from=" + day(40):                    {wrong, open, ended},
		"to=" + day(45):                      {busy, gone},
		"from=" + day(45) + "&to=" + day(40): {ended, busy},
		"from=" + day(45) + "&to=" + day(40) + "&q=evict": nil,
		"reason=nonsense&way=x&what=y&sort=z&period=q":    {wrong, open, ended, busy, gone},
	} {
		page := a.get("/admin/journal?" + query)
		if got := entriesOn(t, page); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
		if want == nil && !says(t, page, ".empty", "Ничего не нашлось") {
			t.Errorf("%s: nothing is said", query)
		}
	}
	page := a.get("/admin/journal")
	for selector, text := range map[string]string{
		"td.col-ip": "10.128.0.9", "td.col-device": "=PC-7", "td.number": "3,0 МБ", "td": "Агент, без пароля", ".lead": "Записи хранятся", ".count": "5 записей",
	} {
		if !says(t, page, selector, text) {
			t.Errorf("%s does not say %q", selector, text)
		}
	}
	for _, title := range []string{"VPN: 10.128.0.9\nизвне: 203.0.113.9", "192.168.7.20\n52:54:00:12:34:56"} {
		if !strings.Contains(page, `title="`+title+`"`) {
			t.Errorf("no tooltip %q", title)
		}
	}
	if got := loginsOn(t, page); !slices.Equal(got, []string{"ivanov", "ivanov", "ivanov"}) {
		t.Errorf("links to the accounts of %q", got)
	}
	if strings.Contains(page, "my password") {
		t.Error("an unknown login is shown")
	}
}

// TestJournalDates: dates are read in the formats of both languages, and a wrong one is an error.
func TestJournalDates(t *testing.T) {
	a := newAdministration(t)
	journalOf(t, a)
	back := time.Now().AddDate(0, 0, -45)
	for _, form := range []string{"2006-01-02", "02.01.2006", "2.1.2006"} {
		if got := entriesOn(t, a.get("/admin/journal?to="+back.Format(form))); len(got) != 2 {
			t.Errorf("%s: %q", form, got)
		}
	}
	for query, note := range map[string]string{
		"from=вчера": "#from-note", "to=31.02.2026": "#to-note", "from=2026-11-02&to=2026-11-01": "#to-note", "from=9999999999": "#from-note"} {
		page := a.get("/admin/journal?" + query)
		if goqueryFind(t, page, note).Length() != 1 || len(entriesOn(t, page)) != 0 {
			t.Errorf("%s: %q", query, entriesOn(t, page))
		}
		if got := a.getStatus("/admin/journal.csv?" + query); got != http.StatusBadRequest {
			t.Errorf("the file of %s: %d", query, got)
		}
	}
	if page := a.get("/admin/journal?period=today&from=2026-11-02"); goqueryFind(t, page, "#from").AttrOr("value", "") != "" {
		t.Error("a day that does not count stays in the form")
	}
}

// TestJournalPeriods: the journal knows every period and every order of the form.
func TestJournalPeriods(t *testing.T) {
	a := newAdministration(t)
	journalOf(t, a)
	for _, period := range templates.JournalPeriods {
		rows := entriesOn(t, a.get("/admin/journal?period="+period))
		if today := slices.Contains(rows, "***: Отказ Неверный логин или пароль"); today != slices.Contains([]string{"today", "cur_week", "cur_month"}, period) {
			t.Errorf("%s: %q", period, rows) // fails in the first minute of a day
		}
	}
	for _, c := range templates.JournalTable.Columns {
		if got := entriesOn(t, a.get("/admin/journal?sort="+c.Key)); c.Sortable && len(got) != 5 {
			t.Errorf("%s: %q", c.Key, got)
		}
	}
}

// TestJournalPaging: only one page is queried, and the links keep the filter.
func TestJournalPaging(t *testing.T) {
	a := newAdministration(t)
	fake := &fakeJournal{entries: make([]agent.JournalEntry, 120)}
	a.site.Journal = fake
	page := a.get("/admin/journal?q=x&way=browser&page=2")
	if q := fake.queries[0]; q.Offset != 50 || q.Limit != 50 || q.Search != "x" {
		t.Errorf("%+v", q)
	}
	links := func(page string) (previous, next string) {
		return goqueryFind(t, page, "a[rel=prev]").AttrOr("href", ""), goqueryFind(t, page, "a[rel=next]").AttrOr("href", "")
	}
	if previous, next := links(page); previous != "/admin/journal?q=x&way=browser" || next != "/admin/journal?page=3&q=x&way=browser" {
		t.Errorf("%q, %q", previous, next)
	}
	if !says(t, page, ".paging", "51–100 из 120") {
		t.Error("the range of the page")
	}
	if _, next := links(a.get("/admin/journal?page=3")); next != "" {
		t.Errorf("after the last page: %q", next)
	}
	fake.entries = make([]agent.JournalEntry, agent.MaxJournalOffset+1000)
	for _, number := range []string{"2000", "2001", "99999999999999999999"} {
		fake.queries = nil
		page = a.get("/admin/journal?page=" + number)
		if previous, next := links(page); next != "" || previous != "/admin/journal?page=1999" || !says(t, page, ".note", "Дальше список не листается") {
			t.Errorf("page %s: %q, %q", number, previous, next)
		}
		if q := fake.queries[0]; q.Offset+q.Limit > agent.MaxJournalOffset {
			t.Errorf("page %s: %+v", number, q)
		}
	}
	for _, number := range []string{"-1", "0", "x", ""} {
		fake.queries = nil
		if a.get("/admin/journal?page=" + number); fake.queries[0].Offset != 0 {
			t.Errorf("page %q: %+v", number, fake.queries[0])
		}
	}
}

func (a administration) file(path, contentType string) []byte {
	a.t.Helper()
	w := ask(a.h, "GET", path, page, inLAN, a.boss)
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != contentType || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment; ") {
		a.t.Fatalf("%s: %d %v", path, w.Code, w.Header())
	}
	return w.Body.Bytes()
}

// TestJournalFiles: both files have the entries that the filter selects, and no cell is a formula.
func TestJournalFiles(t *testing.T) {
	a := newAdministration(t)
	journalOf(t, a)
	text, marked := bytes.CutPrefix(a.file("/admin/journal.csv?q=ivanov&what=sessions", "text/csv; charset=utf-8"), []byte("\ufeff"))
	r := csv.NewReader(bytes.NewReader(text))
	r.Comma = ';'
	rows, err := r.ReadAll()
	if err != nil || !marked || len(rows) != 3 {
		t.Fatalf("%v, %v, %q", err, marked, text)
	}
	started := time.Now().Format("2006-01-02") + " 00:00:01"
	if got := rows[1]; got[0] != started || !slices.Equal(got[1:], []string{"", "", "ivanov", "", "Офис", "", "'=PC-7", "52:54:00:12:34:56",
		"192.168.7.20", "", "", "Агент, без пароля", "Сессия", "Идёт сейчас", "1048576", "10"}) {
		t.Errorf("%q", got)
	}
	if got := rows[2]; !slices.Equal(got[2:4], []string{"5400", "ivanov"}) || got[9] != "" || got[10] != "10.128.0.9" || got[11] != "203.0.113.9" || got[14] != "Закрыта новым устройством" {
		t.Errorf("%q", got)
	}
	book, err := xlsxreader.NewReader(a.file("/admin/journal.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"))
	if err != nil {
		t.Fatal(err)
	}
	cells := map[string]string{}
	for row := range book.ReadRows("Журнал") {
		for _, cell := range row.Cells {
			cells[cell.Column+string(rune('0'+row.Index))] = string(cell.Type) + " " + cell.Value
		}
	}
	for cell, want := range map[string]string{"A1": "string Начало", "D2": "string ***", "N2": "string Отказ", "O2": "string Неверный логин или пароль", "P2": "",
		"H3": "string '=PC-7", "P3": "numerical 1048576", "C4": "numerical 5400"} {
		if cells[cell] != want {
			t.Errorf("%s is %q, want %q", cell, cells[cell], want)
		}
	}
	if !strings.HasPrefix(cells["A3"], "datetime "+strings.Replace(started, " ", "T", 1)) {
		t.Errorf("A3 is %q", cells["A3"])
	}
}

// TestJournalFileFails: an export that fails before its first byte is answered with an error. Later the connection is cut, because a
// part would look like the whole file.
func TestJournalFileFails(t *testing.T) {
	a := newAdministration(t)
	fails := errors.New("the disk is gone")
	a.site.Journal = &fakeJournal{fails: fails}
	for _, path := range []string{"/admin/journal.csv", "/admin/journal.xlsx"} {
		w := ask(a.h, "GET", path, page, inLAN, a.boss)
		if w.Code != http.StatusInternalServerError || w.Header().Get("Content-Disposition") != "" || !strings.Contains(w.Body.String(), "<html") {
			t.Errorf("%s: %d %v", path, w.Code, w.Header())
		}
	}
	a.site.Journal = &fakeJournal{entries: make([]agent.JournalEntry, 20_000), fails: fails}
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, r.RemoteAddr = "gw.example.test", fromLAN
		a.h.ServeHTTP(w, r)
	}))
	defer server.Close()
	server.Config.ErrorLog = nil
	for _, path := range []string{"/admin/journal.csv", "/user_cabinet_reports/auth_journal", "/user_cabinet_reports/auth_journal?format_type=CSV"} {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", server.URL+path, nil)
		for _, c := range a.boss {
			r.AddCookie(c)
		}
		answer, err := server.Client().Do(r)
		if err != nil {
			t.Fatal(err)
		}
		if n, err := io.Copy(io.Discard, answer.Body); err == nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: %d, %d bytes arrive as the whole file", path, answer.StatusCode, n)
		}
		answer.Body.Close()
	}
}

// TestJournalWorkbook: one workbook is made at a time. It is sent when it is complete, and its temporary files are removed in every case.
func TestJournalWorkbook(t *testing.T) {
	a := newAdministration(t)
	const path = "/admin/journal.xlsx"
	fake := &fakeJournal{entries: make([]agent.JournalEntry, 50_000)}
	a.site.Journal = fake
	isClean := func(after string) {
		t.Helper()
		left, err := os.ReadDir(a.site.Scratch)
		if err != nil || len(left) > 0 || !a.site.workbook.TryLock() {
			t.Fatalf("after %s: %v, %v", after, left, err)
		}
		a.site.workbook.Unlock()
	}
	during := 0
	fake.onEntry = func() { left, _ := os.ReadDir(a.site.Scratch); during = max(during, len(left)) }
	if got := a.getStatus(path); got != http.StatusOK || during == 0 {
		t.Errorf("%d, %d temporary directories", got, during)
	}
	isClean("a whole file")
	fake.onEntry = nil

	for err, want := range map[error]int{errors.New("the disk is gone"): http.StatusInternalServerError, xlsx.ErrTooLong: http.StatusConflict} {
		fake.fails = err
		w := ask(a.h, "GET", path, page, inLAN, a.boss)
		if w.Code != want || w.Header().Get("Content-Disposition") != "" || !strings.Contains(w.Body.String(), "<html") {
			t.Errorf("%v: %d %v", err, w.Code, w.Header())
		}
		if strings.Contains(w.Body.String(), "скачайте CSV") != (want == http.StatusConflict) {
			t.Errorf("%v: %s", err, w.Body)
		}
		isClean(err.Error())
	}
	fake.fails = nil

	r := httptest.NewRequest("GET", "https://gw.example.test"+path, nil)
	r.RemoteAddr = fromLAN
	for _, c := range a.boss {
		r.AddCookie(c)
	}
	cut := &cutConnection{ResponseRecorder: httptest.NewRecorder()}
	func() {
		defer func() {
			if cause := recover(); cause != http.ErrAbortHandler || cut.writes == 0 {
				t.Errorf("%v, %d writes", cause, cut.writes)
			}
		}()
		a.h.ServeHTTP(cut, r)
	}()
	isClean("a cut connection")

	a.site.workbook.Lock()
	if got := a.getStatus(path); got != http.StatusTooManyRequests {
		t.Errorf("a second workbook: %d", got)
	}
	a.site.workbook.Unlock()
}

// cutConnection fails when something is written.
type cutConnection struct {
	*httptest.ResponseRecorder
	writes int
}

func (c *cutConnection) Write([]byte) (int, error) {
	c.writes++
	return 0, io.ErrClosedPipe
}

// TestJournalFilesAtOnce: one host can export two files at once, and no third.
func TestJournalFilesAtOnce(t *testing.T) {
	a := newAdministration(t)
	peer := agent.Peer{Addr: inLAN, Inside: true}
	one, _ := a.site.exports.enter(peer)
	two, _ := a.site.exports.enter(peer)
	for _, path := range []string{"/admin/journal.csv", "/admin/acts.csv", "/admin/users.csv", "/admin/monitor/sessions.csv", "/admin/monitor/vpn.csv"} {
		if got := a.getStatus(path); got != http.StatusTooManyRequests {
			t.Errorf("%s as the third file: %d", path, got)
		}
	}
	one()
	if got := a.getStatus("/admin/journal.csv"); got != http.StatusOK {
		t.Errorf("a file after one has ended: %d", got)
	}
	two()
}

// journalAnswer requests the journal by REST.
func (a administration) journalAnswer(query url.Values) (int, map[string]any) {
	a.t.Helper()
	return restClient{a.t, a.h, a.boss}.call("GET", "/user_cabinet_reports/auth_journal?"+query.Encode(), "")
}

// TestRESTJournal: the vendor's parameters select and sort the entries.
func TestRESTJournal(t *testing.T) {
	a := newAdministration(t)
	journalOf(t, a)
	ids := func(answer map[string]any) (list []string) {
		rows, _ := answer["data"].([]any)
		for _, row := range rows {
			fields := row.(map[string]any)
			list = append(list, fields["login"].(string)+" "+fields["reason"].(string)+fields["refused"].(string))
		}
		return list
	}
	day := func(back int) string { return time.Now().AddDate(0, 0, -back).Format("20060102") + "000000" }
	date := func(back int) string { return time.Now().AddDate(0, 0, -back).Format(time.DateOnly) }
	filter := func(column, operator, value string) string {
		return `[{"items":[{"column_name":"` + column + `","operator":"` + operator + `","value":` + value + `}],"link_operator":"and"}]`
	}
	const open, ended, gone, wrong, busy = "ivanov ", "ivanov evicted", "petrova idle", "*** bad_credentials", "ivanov address_busy"
	for _, one := range []struct {
		name, value string
		want        []string
	}{
		{"sort", `[{"field":"start","direction":"asc"}]`, []string{gone, busy, ended, open, wrong}},
		{"sort", `[{"field":"date_time","direction":"desc"},{"field":"login","direction":"asc"}]`, []string{wrong, open, ended, busy, gone}},
		{"sort", `[{"field":"end","direction":"desc"}]`, []string{wrong, ended, busy, gone, open}},
		{"search", `[{"text":"петр","columns":["login","name"]}]`, []string{gone}},
		{"search", `[{"text":"петр","columns":"name"}]`, []string{gone}},
		{"search", `[{"text":"203.0","columns":["ip","external_ip","country_name"]}]`, []string{wrong, ended}},
		{"search", `[{"text":"203.0"},{"text":"ivan","columns":["login"]}]`, []string{ended}},
		{"filter", filter("login", "equals", `["petrova"]`), []string{gone}},
		{"filter", filter("login", "not_equals", `["ivanov"]`), []string{wrong, gone}},
		{"filter", filter("login", "contains", `"IVA"`), []string{open, ended, busy}},
		{"filter", filter("ip", "contains_any", `["10.128.","192.168.7.21"]`), []string{ended, gone}},
		{"filter", `[{"items":[{"column_name":"time_online","operator":"greater","value":[5000]},{"column_name":"way","operator":"equals","value":["password"]}]}]`, []string{ended}},
		{"filter", filter("date_time", "date_range", `[`+day(45)+`,`+day(39)+`]`), []string{ended, busy}},
		{"filter", filter("start", "date_range", `["`+day(45)+`","`+day(40)+`"]`), []string{busy}},
		{"filter", filter("start", "date_range", `["`+date(45)+`","`+date(40)+`"]`), []string{ended, busy}},
		{"filter", filter("date_time", "equals", `"`+date(40)+`"`), []string{ended}},
		{"filter", filter("start", "less_equal", `["`+date(40)+`"]`), []string{ended, busy, gone}},
		{"filter", filter("start", "date_range", `["`+date(45)+` 00:00:00","`+date(40)+` 00:00:00"]`), []string{busy}},
		{"filter", filter("start", "date_range", `["today"]`), []string{wrong, open}},
		{"filter", `[{"items":[{"column_name":"login","operator":"equals","value":["petrova"]},{"column_name":"reason","operator":"equals","value":["evicted"]}],"link_operator":"or"}]`, []string{ended, gone}},
		{"filter", `[]`, []string{wrong, open, ended, busy, gone}},
	} {
		for _, limit := range []string{"1000", ""} { // in memory, and streamed
			status, answer := a.journalAnswer(url.Values{one.name: {one.value}, "limit": {limit}})
			if got := ids(answer); status != 200 || !slices.Equal(got, one.want) || answer["rows"] != float64(len(one.want)) {
				t.Errorf("%s %s: %d %q, %v, want %q", one.name, one.value, status, got, answer["message"], one.want)
			}
			if total, ok := answer["rows_before_limit_at_least"]; ok != (limit != "") || ok && total != float64(len(one.want)) {
				t.Errorf("%s %s with limit %q: %v rows before it", one.name, one.value, limit, total)
			}
		}
	}
	for _, part := range []struct {
		limit, offset string
		want          []string
	}{{"2", "1", []string{open, ended}}, {"", "3", []string{busy, gone}}, {"5000", "3", []string{busy, gone}}, {"1", "", []string{wrong}}, {"0", "", nil}} {
		_, answer := a.journalAnswer(url.Values{"limit": {part.limit}, "offset": {part.offset}})
		if got := ids(answer); !slices.Equal(got, part.want) || answer["rows_before_limit_at_least"] != 5.0 {
			t.Errorf("limit %q, offset %q: %q of %v", part.limit, part.offset, got, answer["rows_before_limit_at_least"])
		}
	}
	for name, value := range map[string]string{"limit": "-1", "offset": "x", "format_type": "XML", "sort": `[{"field":"nonsense"}]`, "filter": filter("login", "like", `["x"]`),
		"search": `[{"text":"x","columns":["password"]}]`} {
		if status, answer := a.journalAnswer(url.Values{name: {value}}); status == 200 || status >= 500 && status != 542 || answer["message"] == "" {
			t.Errorf("%s=%s: %d %v", name, value, status, answer)
		}
	}
	for _, columns := range []string{`["country_name"]`, `["country_name","country_code"]`} {
		if status, answer := a.journalAnswer(url.Values{"search": {`[{"text":"x","columns":` + columns + `}]`}}); status != 542 {
			t.Errorf("a search in %s: %d %v", columns, status, answer)
		}
	}
	for name, value := range map[string]string{"filter": `{"items":[]}`, "search": `[{"text":5}]`} {
		if status, answer := a.journalAnswer(url.Values{name: {value}}); status != 542 || answer["code"] != "bad_request" {
			t.Errorf("%s=%s: %d %v", name, value, status, answer)
		}
	}
	if status, answer := a.journalAnswer(url.Values{"sort": {"start"}}); status != 400 || answer["code"] != "bad_request" {
		t.Errorf("no JSON: %d %v", status, answer)
	}
}

// TestRESTJournalSorted: an answer sorted by another column than start is queried in pages, up to maxSorted entries.
func TestRESTJournalSorted(t *testing.T) {
	a := newAdministration(t)
	sorted := url.Values{"sort": {`[{"field":"login","direction":"asc"}]`}}
	fake := &fakeJournal{entries: make([]agent.JournalEntry, maxSorted-1)}
	a.site.Journal = fake
	if status, answer := a.journalAnswer(sorted); status != 200 || answer["rows"] != float64(maxSorted-1) || len(fake.queries) != 10 || fake.queries[9].Offset != 9000 {
		t.Errorf("%d, %v rows in %d parts", status, answer["rows"], len(fake.queries))
	}
	fake.entries = append(fake.entries, agent.JournalEntry{})
	if status, answer := a.journalAnswer(sorted); status != 200 || answer["rows"] != float64(maxSorted) {
		t.Errorf("the limit: %d, %v rows", status, answer["rows"])
	}
	fake.entries = append(fake.entries, agent.JournalEntry{})
	if status, answer := a.journalAnswer(sorted); status == 200 || answer["code"] != "field_journal_sort" {
		t.Errorf("too many: %d %v", status, answer["message"])
	}
	sorted["limit"] = []string{"2500"}
	if _, answer := a.journalAnswer(sorted); answer["rows"] != 2500.0 {
		t.Errorf("a part: %v rows", answer["rows"])
	}
}

// TestJournalSlow: an error above the form says that a search takes too long, and the form keeps what was typed.
func TestJournalSlow(t *testing.T) {
	a := newAdministration(t)
	a.site.Journal = &fakeJournal{fails: agent.Problem{Field: "filter", Code: "field_journal_slow"}}
	page := a.get("/admin/journal?q=ivan&order=largest")
	if !says(t, page, ".banner.bad", "слишком много времени") || goqueryFind(t, page, "#q").AttrOr("value", "") != "ivan" {
		t.Error("the page does not say why it has no entries")
	}
}

// TestRESTJournalEntry: an entry has the vendor's fields and ours, with the types that meta names.
func TestRESTJournalEntry(t *testing.T) {
	a := newAdministration(t)
	at := time.Date(2026, 11, 23, 14, 5, 9, 0, time.Local)
	entry := agent.JournalEntry{ID: "abc", UserID: 2, Login: "=ivanov", Name: `"Иванов"`, Group: "Офис, VPN", Directory: "company.local", Device: "PC-7", MAC: "52:54:00:12:34:56",
		Kind: agent.KindVPN, Way: agent.WayTicket, Tunnel: inVPN, Outer: outside, Started: at, Ended: at.Add(time.Minute), Rx: 5, Tx: 1 << 40, Reason: agent.ReasonLogout}
	open := entry
	open.Ended, open.Reason, open.Inner, open.Directory = time.Time{}, "", inLAN, "local"
	a.site.Journal = &fakeJournal{entries: []agent.JournalEntry{entry, open}}
	_, answer := a.journalAnswer(url.Values{"limit": {"10"}})
	rows := answer["data"].([]any)
	want := map[string]any{"id": "abc", "date_time": 20261123140509.0, "user_id": 2.0, "login": "=ivanov", "name": `"Иванов"`, "group_name": "Офис, VPN", "domain_type": "ad",
		"ip": "10.128.0.9", "country_name": "", "country_code": "", "start": 20261123140509.0, "end": 20261123140609.0, "time_online": 60.0,
		"started": at.UTC().Format(time.RFC3339), "ended": at.Add(time.Minute).UTC().Format(time.RFC3339), "domain_name": "company.local", "device": "PC-7", "mac": "52:54:00:12:34:56",
		"tunnel_ip": "10.128.0.9", "external_ip": "203.0.113.9", "kind": "vpn", "way": "ticket", "reason": "logout", "refused": "", "rx": 5.0, "tx": float64(1 << 40)}
	if !reflect.DeepEqual(rows[0], want) {
		t.Errorf("got  %v\nwant %v", rows[0], want)
	}
	if got := rows[1].(map[string]any); got["end"] != nil || got["ended"] != nil || got["ip"] != "192.168.7.20" || got["domain_type"] != "local" {
		t.Errorf("%v", got)
	}
	for _, field := range answer["meta"].([]any) {
		name, kind := field.(map[string]any)["name"].(string), field.(map[string]any)["type"].(string)
		value, has := want[name]
		_, isText := value.(string)
		if !has || isText != strings.Contains(kind, "String") {
			t.Errorf("%s is %s: %v", name, kind, value)
		}
	}
	w := ask(a.h, "GET", "/user_cabinet_reports/auth_journal?format_type=CSV", rest, inLAN, a.boss)
	table, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(table) != 3 || len(table[0]) != len(want) || table[0][1] != "date_time" || table[1][1] != "20261123140509" || table[1][3] != "'=ivanov" || table[2][11] != "" {
		t.Errorf("%v, %q", err, table)
	}
}

// TestRESTJournalValues: the distinct values of a column.
func TestRESTJournalValues(t *testing.T) {
	a := newAdministration(t)
	journalOf(t, a)
	c := restClient{t, a.h, a.boss}
	for column, want := range map[string][]any{"login": {"***", "ivanov", "petrova"}, "country_name": {}, "ip": {"10.128.0.9", "192.168.7.20", "192.168.7.21"}} {
		_, answer := c.call("GET", "/user_cabinet_reports/auth_journal/unique_values/"+column, "")
		got := []any{}
		for _, row := range answer["data"].([]any) {
			got = append(got, row.(map[string]any)[column])
		}
		if !slices.Equal(got, want) || answer["rows"] != float64(len(want)) {
			t.Errorf("%s: %v", column, answer)
		}
	}
	if status, _ := c.call("GET", "/user_cabinet_reports/auth_journal/unique_values/resume_chain", ""); status == 200 {
		t.Error("a column that is none of the journal's")
	}
}
