package handlers

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/accountcsv"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
)

// people makes accounts and groups: «Офис» allows remote access, «Офис/Продажи» sets nothing, «Хозяева» administers.
func people(t *testing.T, a administration) (office, sales, owners agent.GroupID) {
	t.Helper()
	db := a.realStore()
	allowed := true
	group := func(g agent.Group) agent.GroupID {
		g.Directory = agent.LocalDirectory
		id, _, err := db.CreateGroup(t.Context(), g)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	office = group(agent.Group{Name: "Офис", Rights: agent.Rights{RemoteAccess: &allowed}})
	sales = group(agent.Group{Name: "Продажи", Parent: office})
	owners = group(agent.Group{Name: "Хозяева", Admin: true})
	for _, u := range []agent.User{
		{Login: "petrova", Name: "Петрова", Group: sales, RemoteByGroups: true, Enabled: true},
		{Login: "sidorov", Group: office, Enabled: true, MustChange: true},
	} {
		u.Directory = agent.LocalDirectory
		if _, err := db.CreateUser(t.Context(), u, ""); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.RememberLogin(t.Context(), a.named("ivanov").ID, time.Now().AddDate(0, 0, -40)); err != nil {
		t.Fatal(err)
	}
	if err := db.RememberLogin(t.Context(), a.named("boss").ID, time.Now()); err != nil {
		t.Fatal(err)
	}
	return office, sales, owners
}

func (a administration) realStore() *store.Store { return a.site.Accounts.(accounts).Store }

func (a administration) named(login string) agent.User {
	a.t.Helper()
	all, _, err := a.site.Accounts.Users(a.t.Context(), agent.UserFilter{Search: login}, 0, 0)
	if err != nil || len(all) != 1 {
		a.t.Fatalf("%s: %v, %v", login, all, err)
	}
	return all[0]
}

func loginsOn(t *testing.T, page string) (logins []string) {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	doc.Find("td.lead-cell a").Each(func(_ int, s *goquery.Selection) { logins = append(logins, strings.TrimSpace(s.Text())) })
	return logins
}

// TestUsersFilter: an account must match all conditions, and the page keeps them.
func TestUsersFilter(t *testing.T) {
	a := newAdministration(t)
	office, sales, _ := people(t, a)
	a.named("off")
	if _, err := a.site.Accounts.UpdateUser(t.Context(), a.named("off").ID, func(u *agent.User) error { u.Enabled = false; return nil }); err != nil {
		t.Fatal(err)
	}
	before40 := time.Now().AddDate(0, 0, -39).Format("02.01.2006")
	for query, want := range map[string][]string{
		"":                              {"boss", "ivanov", "off", "petrova", "sidorov"},
		"q=ПЕТ":                         {"petrova"},
		"directory=local":               {"boss", "ivanov", "off", "petrova", "sidorov"},
		"directory=company.local":       nil,
		fmt.Sprint("group=", office):    {"petrova", "sidorov"},
		fmt.Sprint("group=", sales):     {"petrova"},
		"group=none":                    {"boss", "ivanov", "off"},
		"remote=1":                      {"petrova"},
		"remote=0":                      {"boss", "ivanov", "off", "sidorov"},
		"role=admin":                    {"boss"},
		"state=disabled":                {"off"},
		"state=must_change":             {"sidorov"},
		"state=enabled":                 {"boss", "ivanov", "petrova", "sidorov"},
		"login=never":                   {"off", "petrova", "sidorov"},
		"login=before&when=30":          {"ivanov", "off", "petrova", "sidorov"},
		"login=since&when=30":           {"boss"},
		"login=since&when=41":           {"boss", "ivanov"},
		"login=before&when=" + before40: {"ivanov", "off", "petrova", "sidorov"},
		"login=since&when=2020-01-01":   {"boss", "ivanov"},
		"remote=0&" + fmt.Sprint("group=", office): {"sidorov"},
		"state=nonsense&remote=2":                  {"boss", "ivanov", "off", "petrova", "sidorov"},
	} {
		page := a.get("/admin/users?" + (url.URL{RawQuery: query}).RawQuery)
		if got := loginsOn(t, page); !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
		wrongLink := query != "" && !strings.Contains(query, "nonsense") && goqueryFind(t, page, `.search a[href="/admin/users"]`).Length() == 0
		if wrongLink {
			t.Errorf("%s: no link to reset the filter", query)
		}
	}
	for query, text := range map[string]string{"login=before": "Укажите число дней", "login=since&when=вчера": "не число дней", "login=since&when=-1": "не число дней", "login=since&when=31.02.2026": "не число дней"} {
		if page := a.get("/admin/users?" + query); !strings.Contains(page, text) || len(loginsOn(t, page)) != 5 {
			t.Errorf("%s: %v", query, loginsOn(t, page))
		}
	}
	page := a.get(fmt.Sprintf("/admin/users?group=%d&remote=1&login=since&when=9999&q=", sales))
	if goqueryFind(t, page, "#group option[selected]").Text() != "Офис/Продажи" || goqueryFind(t, page, "#when").AttrOr("value", "") != "9999" {
		t.Error("the filter is not kept")
	}
	if list := a.get("/admin/users"); !says(t, list, "td", "Офис/Продажи") || !says(t, list, "td .state.warn", "Сменит пароль") || !says(t, list, "td", "Не входил") {
		t.Error("the list lacks the group, the state or the last login")
	}
}

// TestUsersFilterKeptByPages: the links of other pages and the form of bulk acts have the filter.
func TestUsersFilterKeptByPages(t *testing.T) {
	a := newAdministration(t)
	for i := range 60 {
		if _, err := a.realStore().CreateUser(t.Context(), agent.User{Login: fmt.Sprintf("user%02d", i), Directory: agent.LocalDirectory}, ""); err != nil {
			t.Fatal(err)
		}
	}
	page := a.get("/admin/users?q=user&state=disabled")
	next := goqueryFind(t, page, "a[rel=next]").AttrOr("href", "")
	if next != "/admin/users?page=2&q=user&state=disabled" {
		t.Errorf("next: %s", next)
	}
	if got := loginsOn(t, a.get(next)); len(got) != 10 || got[0] != "user50" {
		t.Errorf("page 2: %v", got)
	}
	if goqueryFind(t, page, "#bulk input[name=state]").AttrOr("value", "") != "disabled" {
		t.Error("the form has no filter")
	}
}

// bulkForm is the form of the list with these accounts checked.
func (a administration) bulkForm(act string, logins ...string) url.Values {
	form := url.Values{"act": {act}, "scope": {"checked"}}
	for _, login := range logins {
		form.Add("user", fmt.Sprint(a.named(login).ID))
	}
	return form
}

// confirmation returns the fields of a question.
func confirmation(t *testing.T, page string) url.Values {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	form := url.Values{}
	doc.Find(".question input").Each(func(_ int, s *goquery.Selection) {
		if name := s.AttrOr("name", ""); name != templates.CSRFField {
			form.Add(name, s.AttrOr("value", ""))
		}
	})
	return form
}

// TestBulk: each act asks once, with the number of accounts, and changes all of them.
func TestBulk(t *testing.T) {
	a := newAdministration(t)
	office, sales, _ := people(t, a)
	do := func(form url.Values, question ...string) {
		t.Helper()
		page := a.wants(a.post("/admin/users/bulk", form), http.StatusOK, question...)
		a.wants(a.post("/admin/users/bulk", confirmation(t, page)), http.StatusSeeOther)
	}
	do(a.bulkForm("vpn_allow", "ivanov", "petrova"), "Разрешить VPN: 2 учётные записи?", "Ни одна сессия не завершится")
	if p := a.named("petrova"); !p.RemoteAccess || p.RemoteByGroups || !a.named("ivanov").RemoteAccess {
		t.Errorf("allowed: %+v", p)
	}
	do(a.bulkForm("vpn_deny", "ivanov", "petrova", "sidorov"), "Запретить VPN: 2 учётные записи?", "У 1 учётной записи ничего не изменится")
	if a.named("petrova").RemoteAccess || a.named("ivanov").RemoteAccess {
		t.Error("not denied")
	}
	do(a.bulkForm("vpn_group", "ivanov", "petrova", "sidorov"), "VPN как в группе: 3 учётные записи?")
	if !a.named("petrova").RemoteAccess || !a.named("sidorov").RemoteByGroups || a.named("ivanov").RemoteAccess {
		t.Error("not as in the group")
	}
	do(a.bulkForm(fmt.Sprint("group:", sales), "ivanov", "sidorov"), "Переместить в «Офис/Продажи»: 2 учётные записи?")
	if u := a.named("ivanov"); u.Group != sales || !u.RemoteAccess {
		t.Errorf("moved: %+v", u)
	}
	do(a.bulkForm("group:0", "ivanov"), "Убрать из группы: 1 учётная запись?")
	if u := a.named("ivanov"); u.Group != 0 || u.RemoteAccess {
		t.Errorf("removed: %+v", u)
	}
	liveSession(t, a.site, "ivanov")
	signIn(t, a.site, "ivanov")
	do(a.bulkForm("end", "ivanov", "petrova"), "Завершить сессии: 1 учётная запись?", "1 сессия завершится сразу")
	if n := len(a.site.Sessions.Sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
	a.site.Sessions.SetStatic(t.Context(), []access.StaticSession{{User: a.named("ivanov").ID, Address: netip.MustParseAddr("192.168.7.77")}})
	a.wants(a.post("/admin/users/bulk", a.bulkForm("end", "ivanov", "petrova")), http.StatusBadRequest, "менять нечего", "выключите правило")
	liveSession(t, a.site, "ivanov")
	do(a.bulkForm("end", "ivanov", "petrova"), "Завершить сессии: 1 учётная запись?", "1 сессия завершится сразу", "выключите правило")
	if left := a.site.Sessions.Sessions(); len(left) != 1 || left[0].Kind != agent.KindStatic {
		t.Errorf("%+v is left", left)
	}
	a.site.Sessions.SetStatic(t.Context(), nil)
	liveSession(t, a.site, "ivanov")
	do(a.bulkForm("disable", "ivanov", "petrova"), "Отключить: 2 учётные записи?", "1 сессия завершится сразу")
	if browsers, _ := a.site.Browsers.BrowserSessions(t.Context(), a.named("ivanov").ID); a.named("ivanov").Enabled || len(a.site.Sessions.Sessions()) != 0 || len(browsers) != 0 {
		t.Errorf("a session or a browser is left: %v", browsers)
	}
	do(a.bulkForm("enable", "ivanov", "petrova"), "Включить: 2 учётные записи?")
	all := url.Values{"act": {"disable"}, "scope": {"all"}, "group": {fmt.Sprint(office)}}
	do(all, "Отключить: 2 учётные записи?")
	if a.named("petrova").Enabled || a.named("sidorov").Enabled || !a.named("ivanov").Enabled {
		t.Error("not those that the filter selects")
	}
}

// TestBulkSpares: the administrator's own account and the last administrator stay, and the page says so.
func TestBulkSpares(t *testing.T) {
	a := newAdministration(t)
	_, _, owners := people(t, a)
	page := a.wants(a.post("/admin/users/bulk", url.Values{"act": {"disable"}, "scope": {"all"}}), http.StatusOK, "Отключить: 4 учётные записи?", "Ваша собственная учётная запись пропущена")
	a.wants(a.post("/admin/users/bulk", confirmation(t, page)), http.StatusSeeOther)
	if !a.named("boss").Enabled || a.named("ivanov").Enabled {
		t.Error("the own account is off, or others are not")
	}
	a.wants(a.post("/admin/users/bulk", a.bulkForm("disable", "boss")), http.StatusBadRequest, "менять нечего", "Ваша собственная учётная запись пропущена")

	// From here on boss is an administrator by a group only, and another account is the last administrator.
	for _, change := range []struct {
		login string
		to    func(*agent.User)
	}{{"ivanov", func(u *agent.User) { u.Admin, u.Enabled = true, true }}, {"boss", func(u *agent.User) { u.Admin, u.Group = false, owners }}} {
		if _, err := a.site.Accounts.UpdateUser(t.Context(), a.named(change.login).ID, func(u *agent.User) error { change.to(u); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	if a.getStatus("/admin/users") != http.StatusOK {
		t.Fatal("an administrator by a group is not admitted")
	}
	page = a.wants(a.post("/admin/users/bulk", a.bulkForm("disable", "ivanov", "boss", "off")), http.StatusBadRequest, "менять нечего")
	if !says(t, page, ".banner.bad", "ivanov пропущена") || !a.named("ivanov").Enabled {
		t.Error("the last administrator is not spared")
	}
}

func (a administration) getStatus(path string) int {
	return ask(a.h, "GET", path, page, inLAN, a.boss).Code
}

// TestBulkAsksAgain: a confirmation is valid for the numbers of accounts and sessions in the question.
func TestBulkAsksAgain(t *testing.T) {
	a := newAdministration(t)
	people(t, a)
	page := a.wants(a.post("/admin/users/bulk", url.Values{"act": {"disable"}, "scope": {"all"}, "group": {"none"}}), http.StatusOK, "Отключить: 2 учётные записи?")
	liveSession(t, a.site, "ivanov")
	page = a.wants(a.post("/admin/users/bulk", confirmation(t, page)), http.StatusOK, "1 сессия завершится сразу")
	if _, err := a.realStore().CreateUser(t.Context(), agent.User{Login: "late", Directory: agent.LocalDirectory, Enabled: true}, ""); err != nil {
		t.Fatal(err)
	}
	page = a.wants(a.post("/admin/users/bulk", confirmation(t, page)), http.StatusOK, "Отключить: 3 учётные записи?")
	if !a.named("ivanov").Enabled {
		t.Fatal("done without a confirmation")
	}
	a.wants(a.post("/admin/users/bulk", confirmation(t, page)), http.StatusSeeOther)
	for form, text := range map[string]string{"act=disable": "Никто не отмечен", "act=fly&user=2": "Такого действия", "act=group:99&user=2": "Такого действия", "act=group:&user=2": "Такого действия",
		"act=disable&scope=all&login=since&when=x": "не число дней", "act=enable&user=1&user=77": "менять нечего"} {
		values, _ := url.ParseQuery(form)
		a.wants(a.post("/admin/users/bulk", values), http.StatusBadRequest, text)
	}
}

// uploadAccounts sends a file as the page does.
func (a administration) uploadAccounts(name, content string) *httptest.ResponseRecorder {
	return a.postFiles(importPath, nil, "file", name, content)
}

func importToken(t *testing.T, page string) url.Values {
	t.Helper()
	return url.Values{"import": {goqueryFind(t, page, "input[name=import]").AttrOr("value", "")}}
}

// TestImport: a file is stored only after a preview, which shows no passwords.
func TestImport(t *testing.T) {
	a := newAdministration(t)
	_, sales, _ := people(t, a)
	const secret = "a secret password"
	file := "Логин;Имя;Пароль;Группа;Включена\n" +
		"IVANOV;Иванов Иван;" + secret + ";Офис/Продажи;\n" +
		"new;Новый;;;\n" +
		"newer;;" + secret + ";;\n" +
		"sidorov;;;Офис;нет\n"
	liveSession(t, a.site, "ivanov")
	signIn(t, a.site, "ivanov")
	page := a.wants(a.uploadAccounts("люди.csv", file), http.StatusOK, "люди.csv", "Загрузить 4 учётные записи", "Ни одна сессия не завершится", "1 новый человек без пароля", "Будет задано 2 пароля")
	if strings.Contains(page, secret) {
		t.Error("the page shows a password")
	}
	for _, change := range []string{"Офис/Продажи", "да → нет", "Иванов Иван", "будет задан новый"} {
		if text := strings.Join(strings.Fields(goqueryFind(t, page, "main").Text()), " "); !strings.Contains(text, change) {
			t.Errorf("%q is not shown", change)
		}
	}
	if a.named("ivanov").Name != "" {
		t.Fatal("stored before the confirmation")
	}
	token := importToken(t, page)
	other := administration{t, a.site, a.gate, a.h, signIn(t, a.site, "boss")}
	other.wants(other.post("/admin/users/import/apply", token), http.StatusConflict, "Этой загрузки больше нет")
	log := &lockedLog{}
	a.site.Log = slog.New(slog.NewTextHandler(log, nil))
	a.wants(a.post("/admin/users/import/apply", token), http.StatusSeeOther)
	if text := log.String(); strings.Count(text, "event=password_changed") != 1 || !strings.Contains(text, "by=boss account=ivanov") || strings.Contains(text, secret) {
		t.Errorf("log: %s", text)
	}
	if u := a.named("ivanov"); u.Login != "ivanov" || u.Name != "Иванов Иван" || u.Group != sales {
		t.Errorf("%+v", u)
	}
	if u := a.named("newer"); !u.Enabled || !u.MustChange || !u.RemoteByGroups || u.Admin {
		t.Errorf("%+v", u)
	}
	if a.named("sidorov").Enabled {
		t.Error("sidorov is still on")
	}
	if browsers, _ := a.site.Browsers.BrowserSessions(t.Context(), a.named("ivanov").ID); len(browsers) != 0 || len(a.site.Sessions.Sessions()) != 1 {
		t.Errorf("after a new password: %d browsers, %d sessions", len(browsers), len(a.site.Sessions.Sessions()))
	}
	if _, hash, err := a.realStore().LocalAccount(t.Context(), "newer"); err != nil || hash == "" {
		t.Errorf("no password: %v", err)
	}
	a.wants(a.post("/admin/users/import/apply", token), http.StatusConflict, "Этой загрузки больше нет")
	a.wants(a.uploadAccounts("again.csv", strings.ReplaceAll(file, secret, "")), http.StatusOK, "Загружать нечего")
}

// TestImportMistakes: in 10,000 accounts each of 200 mistakes is named with its line, and nothing is stored.
func TestImportMistakes(t *testing.T) {
	a := newAdministration(t)
	var file strings.Builder
	file.WriteString("login,name,enabled,group\r\n")
	wrong := map[int]bool{}
	for line := 2; line <= 10_001; line++ {
		if (line-2)%50 == 7 {
			wrong[line] = true
			fmt.Fprintf(&file, "user%d,A,%s\r\n", line, []string{"maybe,", "yes,Nowhere"}[line%2])
			continue
		}
		fmt.Fprintf(&file, "user%d,A,yes,\r\n", line)
	}
	page := a.wants(a.uploadAccounts("users.csv", file.String()), http.StatusBadRequest, "200 ошибок", "Ничего не загружено")
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	named := doc.Find("td.lead-cell")
	named.Each(func(_ int, s *goquery.Selection) {
		line := 0
		if _, err := fmt.Sscanf(strings.TrimSpace(s.Text()), "Строка %d", &line); err != nil || !wrong[line] {
			t.Errorf("%q is no mistake", s.Text())
		}
		delete(wrong, line)
	})
	if len(wrong) > 0 || doc.Find("input[name=import]").Length() > 0 {
		t.Errorf("not named: %v", wrong)
	}
	if all, _ := a.site.allUsers(t.Context()); len(all) != 3 {
		t.Errorf("%d accounts", len(all))
	}
	a.wants(a.uploadAccounts("own.csv", "login,enabled\nboss,no\n"), http.StatusBadRequest, "ваша собственная учётная запись")
	for content, text := range map[string]string{"PK\x03\x04xl/": "книга Excel", "%PDF-1.7": "документ", "name\nA\n": "нет столбца", "login\n": "только названия", "": "пуст", "a\x00b": "не текст"} {
		a.wants(a.uploadAccounts("file.csv", content), http.StatusBadRequest, text)
	}
	a.wants(a.uploadAccounts("big.csv", "login\n"+strings.Repeat("a", accountcsv.MaxBytes)), http.StatusBadRequest, "больше 10 МБ")
	a.wants(a.post("/admin/users/import", url.Values{}), http.StatusBadRequest, "Выберите файл")
	a.wants(a.uploadAccounts("admin.csv", "login,admin\nivanov,yes\n"), http.StatusOK, "Эти столбцы не загружаются: admin", "Загружать нечего")
}

// TestImportMoved: a confirmation shows a new preview if the accounts have changed since.
func TestImportMoved(t *testing.T) {
	a := newAdministration(t)
	_, _, _ = people(t, a)
	page := a.wants(a.uploadAccounts("f.csv", "login,name,group\nivanov,B,\nsidorov,,Офис\n"), http.StatusOK)
	if err := a.realStore().RememberLogin(t.Context(), a.named("ivanov").ID, time.Now()); err != nil { // is no change
		t.Fatal(err)
	}
	if _, err := a.site.Accounts.UpdateUser(t.Context(), a.named("ivanov").ID, func(u *agent.User) error { u.Phone = "5"; return nil }); err != nil {
		t.Fatal(err)
	}
	page = a.wants(a.post("/admin/users/import/apply", importToken(t, page)), http.StatusOK, "учётные записи изменились")
	if a.named("ivanov").Name != "" {
		t.Fatal("stored")
	}
	a.wants(a.post("/admin/users/import/apply", importToken(t, page)), http.StatusSeeOther)
	if u := a.named("ivanov"); u.Name != "B" || u.Phone != "5" {
		t.Errorf("%+v", u)
	}

	// A group that makes administrators is named.
	a.wants(a.uploadAccounts("f.csv", "login,group\nivanov,Хозяева\n"), http.StatusOK, "1 человек станет администратором")

	// One file is kept for each browser, and maxImports for all.
	first := importToken(t, a.wants(a.uploadAccounts("f.csv", "login\nx\n"), http.StatusOK))
	a.wants(a.uploadAccounts("f.csv", "login\ny\n"), http.StatusOK)
	a.wants(a.post("/admin/users/import/apply", first), http.StatusConflict, "Этой загрузки больше нет")
	for range maxImports - 1 {
		b := administration{t, a.site, a.gate, a.h, signIn(t, a.site, "boss")}
		b.wants(b.uploadAccounts("f.csv", "login\nx\n"), http.StatusOK)
	}
	b := administration{t, a.site, a.gate, a.h, signIn(t, a.site, "boss")}
	b.wants(b.uploadAccounts("f.csv", "login\nx\n"), http.StatusServiceUnavailable, "Повторите через 15 минут")
}

// TestKeptForgotten: a password that nobody confirms does not stay in memory, be it of a file or of a directory.
func TestKeptForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := echo.New().NewContext(httptest.NewRequest("GET", "/", nil), httptest.NewRecorder())
		c.Set(visitorKey, &visitor{Browser: agent.BrowserSession{ID: "b"}})
		var s Site
		s.imports.add(c, 1, importDraft{})
		s.keepPassword(c, "", &agent.DirectorySettings{Password: "secret"})
		<-time.After(keptLife + time.Second)
		if len(s.imports.all) > 0 || len(s.drafts.all) > 0 {
			t.Errorf("%d files and %d passwords are still kept", len(s.imports.all), len(s.drafts.all))
		}
	})
}

// busyHasher does something else while it hashes.
type busyHasher struct {
	hasher
	meanwhile func()
}

func (h busyHasher) HashLater(ctx context.Context, password string) (string, error) {
	h.meanwhile()
	return h.hasher.HashLater(ctx, password)
}

// TestImportWhileChanged: hashing the passwords takes minutes. An account that another administrator switches off in that time stays off,
// and a group that becomes one of administrators makes none unasked.
func TestImportWhileChanged(t *testing.T) {
	a := newAdministration(t)
	office, _, _ := people(t, a)
	for what, change := range map[string]func() error{
		"account": func() error {
			_, err := a.site.Accounts.UpdateUser(t.Context(), a.named("ivanov").ID, func(u *agent.User) error { u.Enabled = false; return nil })
			return err
		},
		"group": func() error {
			_, _, err := a.site.Groups.UpdateGroup(t.Context(), office, func(g *agent.Group) error { g.Admin = true; return nil })
			return err
		},
	} {
		page := a.wants(a.uploadAccounts("f.csv", "login,name,group,password\nivanov,B,,\nnewcomer,,Офис,long password\n"), http.StatusOK)
		a.site.Passwords = busyHasher{meanwhile: func() {
			if err := change(); err != nil {
				t.Error(err)
			}
		}}
		a.wants(a.post("/admin/users/import/apply", importToken(t, page)), http.StatusOK, "учётные записи изменились")
		if a.named("ivanov").Name != "" {
			t.Errorf("%s: stored", what)
		}
		a.site.Passwords = hasher{}
	}
	if a.named("ivanov").Enabled {
		t.Error("enabled again")
	}
}

// concurrent are accounts that change right before the next SaveUsers.
type concurrent struct {
	Accounts
	change func()
}

func (m *concurrent) SaveUsers(ctx context.Context, list []agent.ImportedUser) ([]agent.User, error) {
	if change := m.change; change != nil {
		m.change = nil
		change()
	}
	return m.Accounts.SaveUsers(ctx, list)
}

// TestChangedWhileSaving: another change between the comparison and the saving is not lost; the question comes again.
func TestChangedWhileSaving(t *testing.T) {
	a := newAdministration(t)
	people(t, a)
	db := a.realStore()
	comment := func(text string) {
		_, err := db.UpdateUser(t.Context(), a.named("ivanov").ID, func(u *agent.User) error { u.Comment = text; return nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	m := &concurrent{a.site.Accounts, func() { comment("during the import") }}
	a.site.Accounts = m
	preview := a.wants(a.uploadAccounts("f.csv", "login,name\nivanov,B\n"), http.StatusOK)
	preview = a.wants(a.post("/admin/users/import/apply", importToken(t, preview)), http.StatusOK, "учётные записи изменились", "Загрузить 1 учётную запись")
	if u := a.named("ivanov"); u.Comment != "during the import" || u.Name != "" {
		t.Errorf("%+v", u)
	}
	a.wants(a.post("/admin/users/import/apply", importToken(t, preview)), http.StatusSeeOther)
	if u := a.named("ivanov"); u.Comment != "during the import" || u.Name != "B" {
		t.Errorf("%+v", u)
	}

	question := a.wants(a.post("/admin/users/bulk", a.bulkForm("vpn_allow", "ivanov", "petrova")), http.StatusOK)
	m.change = func() { comment("during the act") }
	question = a.wants(a.post("/admin/users/bulk", confirmation(t, question)), http.StatusOK, "учётные записи изменились", "Разрешить VPN: 2 учётные записи?")
	if u := a.named("ivanov"); u.Comment != "during the act" || u.RemoteAccess {
		t.Errorf("%+v", u)
	}
	m.change = func() { // leaves nothing to do
		comment("during the second act")
		for _, login := range []string{"ivanov", "petrova"} {
			_, err := db.UpdateUser(t.Context(), a.named(login).ID, func(u *agent.User) error { u.RemoteAccess, u.RemoteByGroups = true, false; return nil })
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	a.wants(a.post("/admin/users/bulk", confirmation(t, question)), http.StatusBadRequest, "менять нечего")
	question = a.wants(a.post("/admin/users/bulk", a.bulkForm("vpn_deny", "ivanov", "petrova")), http.StatusOK)
	a.wants(a.post("/admin/users/bulk", confirmation(t, question)), http.StatusSeeOther)
	if u := a.named("ivanov"); u.Comment != "during the second act" || u.RemoteAccess {
		t.Errorf("%+v", u)
	}
}

// TestExport: the file holds all local accounts and no hash, and its import changes nothing.
func TestExport(t *testing.T) {
	a := newAdministration(t)
	people(t, a)
	if _, err := a.realStore().CreateUser(t.Context(), agent.User{Login: "=cmd", Name: "+1", Directory: agent.LocalDirectory}, ""); err != nil {
		t.Fatal(err)
	}
	w := ask(a.h, "GET", "/admin/users/export.csv", page, inLAN, a.boss)
	file := w.Body.String()
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Disposition"), "attachment") || !strings.HasPrefix(file, "\ufeffлогин;") ||
		strings.Contains(file, "argon2id") || strings.Count(file, "\r\n") != 7 || !strings.Contains(file, "\r\n'=cmd;'+1;") {
		t.Errorf("%d %v\n%s", w.Code, w.Header(), file)
	}
	a.wants(a.uploadAccounts("accounts.csv", file), http.StatusOK, "Загружать нечего")
}

// TestUsersKeepThePlace: the filter, the order and the page come back after each act, and nothing else that a request names does.
func TestUsersKeepThePlace(t *testing.T) {
	a := newAdministration(t)
	var ids []agent.UserID
	for i := range 120 {
		id, err := a.realStore().CreateUser(t.Context(), agent.User{Login: fmt.Sprintf("user%03d", i), Enabled: true, Directory: agent.LocalDirectory}, "hash")
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	const list = "/admin/users?page=2&q=user&sort=-login"
	row := func(i int) string { return fmt.Sprint("#user-", ids[i]) }
	page := a.get(list)
	if got := loginsOn(t, page); len(got) != 50 || got[0] != "user069" || got[49] != "user020" {
		t.Fatalf("%q", got)
	}
	if goqueryFind(t, page, row(40)).Length() != 1 {
		t.Error("the row has no anchor")
	}
	account := goqueryFind(t, page, row(40)+" td.login a").AttrOr("href", "")
	opened := a.get(account)
	if back := goqueryFind(t, opened, ".trail a").AttrOr("href", ""); back != list+row(40) {
		t.Errorf("back to %q", back)
	}
	path := fmt.Sprint("/admin/users/", ids[40])
	sent := func(w *httptest.ResponseRecorder, want string) {
		t.Helper()
		if got := w.Header().Get("Location"); w.Code != http.StatusSeeOther || got != want {
			t.Errorf("%d, sent to %q, want %q", w.Code, got, want)
		}
	}
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(opened))
	if err != nil {
		t.Fatal(err)
	}
	var field string
	doc.Find("main form").Each(func(_ int, s *goquery.Selection) {
		if field = s.Find("input[name=list]").AttrOr("value", ""); field == "" {
			t.Errorf("the form of %s forgets the list", s.AttrOr("action", ""))
		}
	})
	sent(a.post(path, url.Values{"login": {"user040"}, "enabled": {"1"}, "remote_access": {"1"}, "list": {field}}), list+row(40))
	sent(a.post(path+"/password", url.Values{"psw": {"long enough"}, "list": {field}}), account)
	question := a.wants(a.post(path+"/delete", url.Values{"list": {field}}), http.StatusOK)
	if cancel := goqueryFind(t, question, ".question a").AttrOr("href", ""); cancel != account {
		t.Errorf("cancel leads to %q", cancel)
	}
	sent(a.post(path+"/delete", confirmation(t, question)), list+row(39)) // the row below it

	bulk := a.bulkForm("vpn_allow", "user030")
	bulk.Set("q", "user")
	bulk.Set("sort", "-login")
	bulk.Set("page", "2")
	question = a.wants(a.post("/admin/users/bulk", bulk), http.StatusOK)
	if cancel := goqueryFind(t, question, ".question a").AttrOr("href", ""); cancel != list {
		t.Errorf("cancel leads to %q", cancel)
	}
	sent(a.post("/admin/users/bulk", confirmation(t, question)), list+row(30))

	// After the last page comes the last page.
	if got := loginsOn(t, a.get("/admin/users?q=user&page=99")); len(got) != 19 || got[18] != "user119" {
		t.Errorf("%q", got)
	}
	for _, wrong := range []string{"https://example.com/", "q=%zz", "sort=hash&page=-1&next=/admin/agent", strings.Repeat("q=a&", 1000)} {
		page := a.get(fmt.Sprintf("/admin/users/%d?list=%s", ids[5], url.QueryEscape(wrong)))
		if back := goqueryFind(t, page, ".trail a").AttrOr("href", ""); back != "/admin/users"+row(5) {
			t.Errorf("%.40s: back to %q", wrong, back)
		}
	}
}

// TestUsersCSV: the file has all accounts of the filter in the order of the page, also those of directories, and no formulas.
func TestUsersCSV(t *testing.T) {
	a := newAdministration(t)
	people(t, a)
	for _, u := range []agent.User{{Login: "=cmd", Name: "Формула"}, {Login: "zed", Name: "Яшин"}} {
		u.Directory = agent.LocalDirectory
		if _, err := a.realStore().CreateUser(t.Context(), u, ""); err != nil {
			t.Fatal(err)
		}
	}
	file := ask(a.h, "GET", "/admin/users.csv?sort=-name", page, inLAN, a.boss)
	lines := strings.Split(strings.TrimSuffix(file.Body.String(), "\r\n"), "\r\n")
	if file.Code != http.StatusOK || !strings.HasPrefix(lines[0], "\ufeffЛогин;Имя;Каталог;Группа") || !strings.HasPrefix(lines[1], "zed;Яшин;") {
		t.Errorf("%d %q", file.Code, lines)
	}
	_, total, err := a.site.Accounts.Users(t.Context(), agent.UserFilter{}, 0, 1)
	if err != nil || len(lines) != total+1 || !strings.Contains(file.Body.String(), "\r\n'=cmd;Формула;") || strings.Contains(file.Body.String(), "argon2id") {
		t.Errorf("%d accounts, %v: %q", total, err, lines)
	}
	if file = ask(a.h, "GET", "/admin/users.csv?q=zed", page, inLAN, a.boss); strings.Count(file.Body.String(), "\r\n") != 2 {
		t.Errorf("with a filter: %s", file.Body)
	}
}

// TestRESTUsersInParts: limit and offset cut the list in its order, the header has the number of all, and wrong values are refused.
func TestRESTUsersInParts(t *testing.T) {
	a := newAdministration(t)
	for i := range restUsersPage + 20 { // more than one read of the store
		_, err := a.realStore().CreateUser(t.Context(), agent.User{Login: fmt.Sprintf("user%04d", i), Name: fmt.Sprint("Имя ", i%7), Directory: agent.LocalDirectory}, "")
		if err != nil {
			t.Fatal(err)
		}
	}
	ask := func(query url.Values) (logins []string, total string, status int) {
		t.Helper()
		w := ask(a.h, "GET", "/user_backend/users?"+query.Encode(), rest, inLAN, a.boss)
		var list []struct{ Login string }
		if w.Code == http.StatusOK {
			if err := json.Unmarshal(w.Body.Bytes(), &list); err != nil || !strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") {
				t.Fatalf("%v: %v %v", query, err, w.Header())
			}
		}
		for _, one := range list {
			logins = append(logins, one.Login)
		}
		return logins, w.Header().Get(totalHeader), w.Code
	}
	all, total, _ := ask(nil)
	if len(all) != restUsersPage+23 || !slices.IsSorted(all) || total != strconv.Itoa(len(all)) {
		t.Errorf("%d of %s", len(all), total)
	}
	for _, test := range []struct {
		query url.Values
		want  []string
		total int
	}{
		{url.Values{"limit": {"2"}, "offset": {"5"}}, all[5:7], len(all)},
		{url.Values{"offset": {"1020"}}, all[1020:], len(all)},
		{url.Values{"limit": {"1010"}}, all[:1010], len(all)},
		{url.Values{"limit": {"0"}}, nil, len(all)},
		{url.Values{"offset": {"5000"}}, nil, len(all)},
		{url.Values{"search": {`[{"text":"USER000"}]`}, "sort": {`[{"field":"login","direction":"desc"}]`}, "limit": {"2"}}, []string{"user0009", "user0008"}, 10},
		{url.Values{"search": {`[{"text":"имя 3"}]`}, "sort": {`[{"field":"name","direction":"asc"}]`}, "limit": {"1"}}, []string{"user0003"}, 146},
	} {
		if got, total, status := ask(test.query); !slices.Equal(got, test.want) || total != strconv.Itoa(test.total) || status != http.StatusOK {
			t.Errorf("%v: %d %q of %s", test.query, status, got, total)
		}
	}
	for query, want := range map[string]int{"limit=-1": 542, "limit=x": 542, "offset=99999999999999999999": 542, "sort=[{\"field\":\"hash\"}]": 542,
		"search=[{\"text\":\"a\",\"columns\":[\"phone\"]}]": 542, "search=[{\"text\":\"a\"},{\"text\":\"b\"}]": 542, "sort=name": 400} {
		values, _ := url.ParseQuery(query)
		if _, _, status := ask(values); status != want {
			t.Errorf("%s: %d, want %d", query, status, want)
		}
	}
}

// TestMustChange: the page demands a change of the password unless the administrator says otherwise; REST only when asked.
func TestMustChange(t *testing.T) {
	a := newAdministration(t)
	if _, on := goqueryFind(t, a.get("/admin/users/new"), "#must_change").Attr("checked"); !on {
		t.Error("off for a new account")
	}
	for login, form := range map[string]url.Values{"fresh": {"must_change": {"1"}}, "plain": {}} {
		form.Set("login", login)
		form.Set("psw", "long enough")
		form.Set("enabled", "1")
		a.wants(a.post("/admin/users", form), http.StatusSeeOther)
		if must := a.named(login).MustChange; must != (login == "fresh") {
			t.Errorf("%s: %v", login, must)
		}
	}
	path := fmt.Sprintf("/admin/users/%d", a.named("fresh").ID)
	if !says(t, a.get(path), ".banner.warn", "должен сменить пароль") {
		t.Error("the account's page does not say it")
	}
	a.wants(a.post(path, url.Values{"login": {"fresh"}, "enabled": {"1"}}), http.StatusSeeOther)
	if !a.named("fresh").MustChange {
		t.Error("saving the account has cleared it")
	}
	a.wants(a.post(path+"/password", url.Values{"psw": {"short"}}), http.StatusBadRequest)
	a.wants(a.post(path+"/password", url.Values{"psw": {"long enough"}}), http.StatusSeeOther)
	if a.named("fresh").MustChange {
		t.Error("still set")
	}
	a.wants(a.post(path+"/password", url.Values{"psw": {"long enough"}, "must_change": {"1"}}), http.StatusSeeOther)
	if !a.named("fresh").MustChange {
		t.Error("not set")
	}
	rest := restClient{t, a.h, a.boss}
	call := func(method, path, body string) {
		t.Helper()
		if status, answer := rest.call(method, path, body); status != http.StatusOK {
			t.Errorf("%s %s: %d %v", method, path, status, answer)
		}
	}
	call("POST", "/user_backend/users", `{"login":"script","psw":"long enough"}`)
	if a.named("script").MustChange {
		t.Error("set by REST unasked")
	}
	call("POST", "/user_backend/users", `{"login":"script2","psw":"long enough","must_change":true}`)
	id := a.named("script2").ID
	call("PUT", fmt.Sprint("/user_backend/change_password/", id), `{"psw":"long enough"}`)
	if !a.named("script2").MustChange {
		t.Error("cleared by REST unasked")
	}
	call("PUT", fmt.Sprint("/user_backend/change_password/", id), `{"psw":"long enough","must_change":false}`)
	if a.named("script2").MustChange {
		t.Error("not cleared by REST")
	}
	call("PUT", fmt.Sprint("/user_backend/users/", id), `{"must_change":true}`)
	if !a.named("script2").MustChange {
		t.Error("not set by REST")
	}
}
