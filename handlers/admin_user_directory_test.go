package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// TestDirectoryUserPage: what comes from the directory is read-only, the page says why the directory refuses the person, and
// remote access follows the groups or is set here.
func TestDirectoryUserPage(t *testing.T) {
	a := newAdministration(t)
	f := a.directories()
	a.post("/admin/directories/new", directoryForm("company.local"))
	if _, err := f.Convert(t.Context(), 1, []agent.UserID{2}); err != nil {
		t.Fatal(err)
	}
	ivanov := f.accounts[2]
	ivanov.RemoteByGroups, ivanov.Refused = true, agent.CodeAccountExpired
	f.accounts[2] = ivanov

	page := a.get("/admin/users/2")
	if !says(t, page, ".banner.bad", "Срок действия учётной записи истёк.") || !says(t, page, "label", "Как в группе — сейчас не разрешён (группы каталога с удалённым доступом)") {
		t.Error("state or groups are not shown")
	}
	if strings.Contains(page, "/admin/users/2/password") {
		t.Error("the password of the domain can be set here")
	}
	for _, name := range []string{"login", "name", "phone"} {
		if _, is := goqueryFind(t, page, "#"+name).Attr("readonly"); !is {
			t.Errorf("%s can be typed", name)
		}
	}
	if list := a.get("/admin/users"); !says(t, list, "td .state.bad", "Отказ домена") {
		t.Error("the list of accounts shows nothing of the refusal")
	}
	for _, step := range []struct {
		choice           string
		byGroups, allows bool
	}{{"groups", true, false}, {"1", false, true}, {"groups", true, true}, {"0", false, false}} {
		form := url.Values{"login": {"other"}, "name": {"Other"}, "phone": {"1"}, "admin": {"1"}, "comment": {"c"}, "enabled": {"1"}, "remote_access": {step.choice}}
		if w := a.post("/admin/users/2", form); w.Code != http.StatusSeeOther {
			t.Errorf("%s: %d", step.choice, w.Code)
		}
		u, err := a.site.Accounts.User(t.Context(), 2)
		if err != nil || u.RemoteByGroups != step.byGroups || u.RemoteAccess != step.allows || u.Login != "ivanov" || u.Name != "" || u.Phone != "" || u.Admin || u.Comment != "c" {
			t.Errorf("%s: %+v, %v", step.choice, u, err)
		}
		if !strings.Contains(a.get("/admin/users/2"), `value="`+step.choice+`" checked`) {
			t.Errorf("%s is not shown", step.choice)
		}
	}
}
