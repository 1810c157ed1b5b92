package handlers

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// groupForm returns a submitted form that sets nothing but the name, with these values.
func groupValues(name string, more ...string) url.Values {
	form := url.Values{"name": {name}, "parent_id": {""}, "remote_access": {templates.RemoteByGroups}, "forward": {templates.ForwardInherited}}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func (a administration) group(id agent.GroupID) agent.Group {
	a.t.Helper()
	tree, err := a.site.Groups.GroupTree(a.t.Context())
	if err != nil {
		a.t.Fatal(err)
	}
	g, _ := tree.Group(id)
	return g
}

func (a administration) user(id agent.UserID) agent.User {
	a.t.Helper()
	u, err := a.site.Accounts.User(a.t.Context(), id)
	if err != nil {
		a.t.Fatal(err)
	}
	return u
}

func (a administration) saved(w *httptest.ResponseRecorder) {
	a.t.Helper()
	if w.Code != http.StatusSeeOther {
		a.t.Fatalf("not saved: %d %s", w.Code, everyElement(a.t, w.Body.String(), "h1, .bad").Text())
	}
}

func everyElement(t *testing.T, page, selector string) *goquery.Selection {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	return doc.Find(selector)
}

// userValues returns the submitted form of the account ivanov.
func userValues(more ...string) url.Values {
	form := groupValues("", append([]string{"login", "ivanov", "enabled", "1"}, more...)...)
	return form
}

// TestGroupPages: groups are added, filled, ordered, moved and deleted on their pages, and what an account gets from them is shown
// on its page with the source.
func TestGroupPages(t *testing.T) {
	a := newAdministration(t)
	if page := a.get("/admin/groups"); !says(t, page, ".empty", "Здесь будут группы") {
		t.Error("the empty page does not say what groups are for")
	}
	a.saved(a.post("/admin/groups", groupValues("Офис", "remote_access", "1", "devices_per_user", "3", "forward", "all")))
	a.saved(a.post("/admin/groups", groupValues("Бухгалтерия", "parent_id", "1", "session_hours_vpn", "1,5", "forward", "chosen", "forward_nets", "10.0.0.5")))
	a.saved(a.post("/admin/groups", groupValues("Склад", "parent_id", "1")))

	page := a.get("/admin/groups/2")
	for id, want := range map[string]string{"devices_per_user": "наследуется: 3 (группа Офис)", "session_hours_lan": "наследуется: 24 ч (настройки шлюза)"} {
		if !says(t, page, "#"+id+"-note", want) {
			t.Errorf("%s: %q is not said", id, want)
		}
	}
	if !says(t, page, "label", "Как выше — сейчас разрешён (группа Офис)") || !says(t, page, "label", "Как выше — сейчас весь трафик (группа Офис)") {
		t.Error("what is inherited is not said")
	}

	a.saved(a.post("/admin/users/2", userValues("parent_id", "2", "devices_per_user", "7")))
	if u := a.user(2); !u.RemoteAccess || u.Group != 2 || u.Rights.Devices != 7 {
		t.Errorf("%+v", u)
	}
	page = a.get("/admin/users/2")
	rows := map[string]string{"Удалённый доступ через VPN": "разрешён|группа Офис", "Устройств на человека": "7|учётная запись",
		"Сессия по VPN или в браузере": "1,5 ч|группа Офис/Бухгалтерия", "Сессия в локальной сети": "24 ч|настройки шлюза",
		"Что направлять в туннель": "10.0.0.5/32|группа Офис/Бухгалтерия", "Администратор": "нет|не назначен"}
	doc := everyElement(t, page, "[aria-labelledby=applied-title] tbody tr")
	for i := range doc.Length() {
		cells := doc.Eq(i).Find("td .value")
		word := func(n int) string { return strings.Join(strings.Fields(cells.Eq(n).Text()), " ") }
		if got := word(1) + "|" + word(2); got != rows[word(0)] {
			t.Errorf("%s: %q, want %q", word(0), got, rows[word(0)])
		}
	}
	if doc.Length() != len(rows) || everyElement(t, page, `[aria-labelledby=applied-title] a[href="/admin/groups/1"]`).Length() != 1 {
		t.Errorf("%d rows, or no link to the group", doc.Length())
	}
	if !says(t, a.get("/admin/groups/1"), "[aria-labelledby=accounts-title]", "ivanov") || !says(t, a.get("/admin/groups"), ".group", "1 учётная запись") {
		t.Error("the group does not show its account")
	}

	a.saved(a.post("/admin/groups/3/place", url.Values{"way": {"up"}}))
	a.saved(a.post("/admin/groups/3/place", url.Values{"way": {"up"}})) // is the first one
	if a.group(3).Position != 1 || a.group(2).Position != 2 {
		t.Errorf("order: %+v %+v", a.group(2), a.group(3))
	}
	a.saved(a.post("/admin/groups/3/place", url.Values{"way": {"down"}}))
	if a.group(3).Position != 2 {
		t.Error("not moved down")
	}

	for name, form := range map[string]url.Values{
		"#name-note":              groupValues(""),
		"#parent_id-note":         groupValues("Офис", "parent_id", "2"),
		"#devices_per_user-note":  groupValues("Офис", "devices_per_user", "0"),
		"#session_hours_lan-note": groupValues("Офис", "session_hours_lan", "long"),
		"#forward_nets-note":      groupValues("Офис", "forward", "chosen", "forward_nets", ""),
		"#remote_access-note":     groupValues("Офис", "remote_access", "2"),
		"#forward-note":           groupValues("Офис", "forward", "x"),
		"#comment-note":           groupValues("Офис", "comment", strings.Repeat("я", agent.MaxComment+1)),
	} {
		if w := a.post("/admin/groups/1", form); w.Code != http.StatusBadRequest || everyElement(t, w.Body.String(), name+".bad").Length() != 1 || !says(t, w.Body.String(), ".banner.bad", "Исправьте") {
			t.Errorf("%s: %d", name, w.Code)
		}
	}
	if w := a.post("/admin/groups", groupValues("офис")); w.Code != http.StatusBadRequest || !says(t, w.Body.String(), "#name-note", "Рядом уже есть") {
		t.Errorf("the same name: %d", w.Code)
	}
	if w := a.post("/admin/users/2", userValues("parent_id", "99", "devices_per_user", "x")); w.Code != http.StatusBadRequest ||
		!says(t, w.Body.String(), "#parent_id-note", "Такой группы нет") || !says(t, w.Body.String(), "#devices_per_user-note", "Введите число") {
		t.Errorf("an unknown group: %d", w.Code)
	}

	w := a.post("/admin/groups/1/delete", url.Values{})
	for _, words := range []string{"1 учётная запись останется без этой группы", "1 человек потеряет удалённый доступ"} {
		if !says(t, w.Body.String(), ".question", words) {
			t.Errorf("the question does not say %q: %s", words, goqueryFind(t, w.Body.String(), ".question").Text())
		}
	}
	a.saved(a.post("/admin/groups/1/delete", url.Values{"confirm": {"1"}}))
	if a.group(2).Parent != 0 || a.user(2).RemoteAccess {
		t.Errorf("after the delete: %+v %+v", a.group(2), a.user(2))
	}
}

// TestGroupAdministrators: before people become administrators by a group, or lose something by it, the page asks and says how many.
func TestGroupAdministrators(t *testing.T) {
	a := newAdministration(t)
	a.saved(a.post("/admin/groups", groupValues("Офис", "remote_access", "1")))
	a.saved(a.post("/admin/users/2", userValues("parent_id", "1")))
	a.saved(a.post("/admin/users/1", url.Values{"login": {"boss"}, "enabled": {"1"}, "admin": {"1"}, "parent_id": {"1"}, "remote_access": {"groups"}}))
	page := a.get("/admin/groups/1")
	if !says(t, page, "[aria-labelledby=admin-title]", "смогут менять любые настройки шлюза") {
		t.Error("no warning")
	}
	admin := groupValues("Офис", "remote_access", "1", "admin", "1")
	w := a.post("/admin/groups/1", admin)
	if !says(t, w.Body.String(), ".question", "Администратором шлюза станет 1 человек") || a.user(2).Administrator() { // boss is one already
		t.Errorf("%d %s", w.Code, goqueryFind(t, w.Body.String(), ".question").Text())
	}
	admin.Set("confirm", "1")
	a.saved(a.post("/admin/groups/1", admin))
	if u := a.user(2); !u.Administrator() || u.Admin {
		t.Errorf("%+v", u)
	}
	if w := ask(a.h, "GET", "/admin/groups", 0, inLAN, signIn(t, a.site, "ivanov")); w.Code != http.StatusOK {
		t.Errorf("an administrator by a group: %d", w.Code)
	}
	if !says(t, a.get("/admin/users/2"), "[aria-labelledby=applied-title]", "группа Офис") {
		t.Error("the account does not say from where it is an administrator")
	}

	w = a.post("/admin/groups/1", groupValues("Офис", "remote_access", "0"))
	for _, words := range []string{"2 человека потеряют удалённый доступ", "1 человек перестанет быть администратором"} {
		if !says(t, w.Body.String(), ".question", words) {
			t.Errorf("%q is not said: %s", words, goqueryFind(t, w.Body.String(), ".question").Text())
		}
	}
	if w := a.post("/admin/groups", groupValues("Новая", "admin", "1")); !says(t, w.Body.String(), ".question", "Сейчас в группе нет никого") {
		t.Errorf("a new group: %d", w.Code)
	}

	// An account that is put into the group becomes an administrator.
	off := url.Values{"login": {"off"}, "enabled": {"1"}, "parent_id": {"1"}, "remote_access": {"groups"}}
	if w := a.post("/admin/users/3", off); !says(t, w.Body.String(), ".question", "Права администратора даёт группа «Офис»") || a.user(3).Group != 0 {
		t.Errorf("put into the group: %d", w.Code)
	}
	confirmed := url.Values{}
	everyElement(t, a.post("/admin/users/3", off).Body.String(), ".question input[type=hidden]").Each(hiddenInto(confirmed))
	a.saved(a.post("/admin/users/3", confirmed))
	if !a.user(3).AdminByGroups {
		t.Errorf("%+v", a.user(3))
	}
	if err := a.site.Accounts.DeleteUser(t.Context(), 1); err == nil {
		t.Error("the last local administrator could be deleted, because a group has some")
	}
}

// TestDirectoryGroupPages: a group of a directory is searched, chosen and added with a name of its own.
func TestDirectoryGroupPages(t *testing.T) {
	a := newAdministration(t)
	a.directories()
	if page := a.get("/admin/groups/directory"); !says(t, page, ".empty", "Сначала подключите домен") {
		t.Error("without a directory")
	}
	a.post("/admin/directories/new", directoryForm("company.local"))
	a.post("/admin/directories/new", directoryForm("down.local"))
	search := func(directory, text string) *httptest.ResponseRecorder {
		return a.post("/admin/groups/directory", url.Values{"directory": {directory}, "group_text": {text}})
	}
	if w := search("down.local", "x"); w.Code != http.StatusServiceUnavailable || !says(t, w.Body.String(), ".banner.bad", "Каталог не ответил") {
		t.Errorf("unreachable: %d", w.Code)
	}
	if w := search("none.local", "x"); w.Code != http.StatusBadRequest || !says(t, w.Body.String(), ".banner.bad", "Каталога none.local на шлюзе нет") {
		t.Errorf("unknown: %d", w.Code)
	}
	found := search("company.local", " vp ").Body.String()
	if !says(t, found, "#found strong", "VPN") || says(t, found, "#found", "Internet") {
		t.Error("the found groups")
	}
	chosen := url.Values{}
	everyElement(t, found, `form[action="/admin/groups/directory/take"] input[type=hidden]`).Each(hiddenInto(chosen))
	form := a.post("/admin/groups/directory/take", chosen).Body.String()
	if !says(t, form, ".banner.info", "группы «VPN» каталога company.local") || goqueryFind(t, form, "#name").AttrOr("value", "") != "VPN" ||
		!says(t, form, ".banner.info", "раз в 5 мин") {
		t.Errorf("the form: %s", goqueryFind(t, form, "main").Text())
	}
	if !says(t, form, "label", "Как выше — решают группы каталога с удалённым доступом") || !says(t, form, ".banner.warn", "администраторы домена company.local") {
		t.Error("the sources or the warning of a directory")
	}
	values := groupValues("Удалённые", "remote_access", "1")
	everyElement(t, form, `form[action="/admin/groups"] input[type=hidden]`).Each(hiddenInto(values))
	a.saved(a.post("/admin/groups", values))
	if g := a.group(1); g.Name != "Удалённые" || g.Directory != "company.local" || g.Member != fakeGroups[2] {
		t.Errorf("%+v", g)
	}
	if !says(t, a.get("/admin/groups"), ".badge", "из каталога company.local") || !says(t, search("company.local", "vpn").Body.String(), "#found", "Уже добавлена") {
		t.Error("not shown as added")
	}
	values.Set("name", "Ещё раз")
	if w := a.post("/admin/groups", values); w.Code != http.StatusBadRequest || !says(t, w.Body.String(), "#directory_group-note", "уже добавлена") {
		t.Errorf("twice: %d", w.Code)
	}
	values.Set("member", "S-1-5-21-9")
	if w := a.post("/admin/groups", values); w.Code != http.StatusBadRequest || !says(t, w.Body.String(), "#directory_group-note", "в каталоге нет") {
		t.Errorf("a group that is not there: %d", w.Code)
	}

	// The form cannot make it the group of another one.
	a.saved(a.post("/admin/groups/1", groupValues("Удалённые", "directory", "", "member", "x", "member_name", "x")))
	if g := a.group(1); g.Member != fakeGroups[2] || g.Directory != "company.local" || g.Rights.RemoteAccess != nil {
		t.Errorf("%+v", g)
	}
}

// TestSearchGroups: among 500 groups, a part of the path finds some, with their paths.
func TestSearchGroups(t *testing.T) {
	a := newAdministration(t)
	if goqueryFind(t, a.get("/admin/groups"), "#q").Length() > 0 {
		t.Error("a search without groups")
	}
	for i := range 10 {
		top, _, err := a.realStore().CreateGroup(t.Context(), agent.Group{Name: fmt.Sprint("Отдел ", i), Directory: agent.LocalDirectory})
		if err != nil {
			t.Fatal(err)
		}
		for j := range 49 {
			if _, _, err := a.realStore().CreateGroup(t.Context(), agent.Group{Parent: top, Name: fmt.Sprint("Группа ", j), Directory: agent.LocalDirectory}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for query, want := range map[string]int{"": 500, "?q=" + url.QueryEscape("ОТДЕЛ 3"): 50, "?q=" + url.QueryEscape("отдел 3/группа 48"): 1, "?q=nothing": 0} {
		page := a.get("/admin/groups" + query)
		rows := 0
		goqueryFind(t, page, ".groups").Each(func(_ int, s *goquery.Selection) { rows = s.Find(".group").Length() })
		if rows != want || want > 0 && query != "" && !says(t, page, ".group-name", "Отдел 3") || want == 0 && !says(t, page, ".empty", "Таких групп нет") {
			t.Errorf("%q: %d groups", query, rows)
		}
	}
}
