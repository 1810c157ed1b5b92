package templates

import (
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func TestUsersPaging(t *testing.T) {
	users := []agent.User{{ID: 1, Login: "a", Directory: agent.LocalDirectory}, {ID: 2, Login: "b", Directory: agent.LocalDirectory}}
	for _, c := range []struct {
		page, total    int
		previous, next string
		text           string
	}{
		{1, 5, "", "/admin/users?page=2&q=%D0%BF+%26", "1–2 из 5"},
		{2, 5, "/admin/users?q=%D0%BF+%26", "/admin/users?page=3&q=%D0%BF+%26", "3–4 из 5"},
		{2, 4, "/admin/users?q=%D0%BF+%26", "", "3–4 из 4"},
		{1, 2, "", "", ""},
	} {
		form := UserFilterForm{Query: "п &"}
		list := TableView{Table: UsersTable, Query: form.Pairs(), Sort: "login", Page: c.page, Size: 2, Total: c.total}
		doc := render(t, AdminUsers(Page{L: locale.For("ru")}, AdminUsersData{Filter: form, Users: users, View: list}))
		nav := doc.Find(".paging")
		if got := nav.Find("a[rel=prev]").AttrOr("href", ""); got != c.previous {
			t.Errorf("page %d of %d: previous %q, want %q", c.page, c.total, got, c.previous)
		}
		if got := nav.Find("a[rel=next]").AttrOr("href", ""); got != c.next {
			t.Errorf("page %d of %d: next %q, want %q", c.page, c.total, got, c.next)
		}
		if !strings.Contains(nav.Text(), c.text) {
			t.Errorf("page %d of %d: %q, want %q", c.page, c.total, nav.Text(), c.text)
		}
		if got := doc.Find("#q").AttrOr("value", ""); got != "п &" {
			t.Errorf("the search forgot %q", got)
		}
	}
}

func TestUserFormMatchesTheAccount(t *testing.T) {
	saved := agent.User{ID: 7, Login: "ivanov", Name: "Иванов", Phone: "1", Comment: "c", Enabled: true, RemoteAccess: true}
	p := Page{L: locale.For("ru"), User: &saved}
	doc := render(t, AdminUser(p, AdminUserData{ID: 7, Local: true, Title: saved.Title(), Form: NewUserForm(saved)}))
	for id, want := range map[string]struct {
		checked bool
		value   string
	}{"enabled": {true, "1"}, "admin": {false, "1"}, "remote_access_1": {true, "1"}, "remote_access_0": {false, "0"}, "remote_access_groups": {false, "groups"}} {
		box := doc.Find("#" + id)
		if _, on := box.Attr("checked"); on != want.checked || box.AttrOr("value", "") != want.value {
			t.Errorf("%s is %v", id, on)
		}
	}
	if got := doc.Find(`fieldset:has([name="remote_access"]) legend`).Text(); got != "Разрешить удалённый доступ через VPN" {
		t.Errorf("legend %q", got)
	}
	for _, action := range []string{"/admin/users/7", "/admin/users/7/password", "/admin/users/7/delete"} {
		if doc.Find(`form[action="`+action+`"]`).Length() != 1 {
			t.Errorf("no form for %s", action)
		}
	}
}

func TestAnAccountOfADirectoryKeepsItsPasswordThere(t *testing.T) {
	doc := render(t, AdminUser(Page{L: locale.For("ru")}, AdminUserData{ID: 7, Directory: "company.ru", Title: "x"}))
	if doc.Find("input[type=password]").Length() != 0 || doc.Find("#admin").Length() != 0 {
		t.Error("offers what only the directory can change")
	}
	if _, readonly := doc.Find("#login").Attr("readonly"); !readonly || !strings.Contains(doc.Find(".banner.info").Text(), "из домена company.ru") {
		t.Error("does not say where the account is kept")
	}
}
