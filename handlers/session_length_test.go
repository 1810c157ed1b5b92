package handlers

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
)

// oldSession gives an account a live session of two hours.
func (a administration) oldSession(login string) {
	a.t.Helper()
	liveSession(a.t, a.site, login)
	db := a.realStore()
	open, err := db.OpenSessions(a.t.Context())
	if err != nil || len(open) != 1 {
		a.t.Fatalf("%v, %v", open, err)
	}
	open[0].LoggedIn = open[0].LoggedIn.Add(-2 * time.Hour)
	if err := db.SaveSession(a.t.Context(), open[0]); err != nil {
		a.t.Fatal(err)
	}
	a.site.Sessions = access.NewManager(access.Config{Gate: a.site.Gate, Store: db, Settings: a.site.Settings.Current, Log: a.site.Log})
	if err := a.site.Sessions.Restore(a.t.Context()); err != nil {
		a.t.Fatal(err)
	}
}

// TestShorterSessionsAreCounted: each question before a change counts the sessions that a shorter session length ends.
func TestShorterSessionsAreCounted(t *testing.T) {
	a := newAdministration(t)
	a.saved(a.post("/admin/groups", groupValues("Офис")))
	a.saved(a.post("/admin/groups", groupValues("Смена", "session_hours_lan", "1")))
	a.oldSession("ivanov")
	asks := func(path string, form url.Values, words string) {
		t.Helper()
		w := a.post(path, form)
		if w.Code != http.StatusOK || !says(t, w.Body.String(), ".question", words) || len(a.site.Sessions.Sessions()) != 1 {
			t.Errorf("%s %v: %d %s", path, form, w.Code, goqueryFind(t, w.Body.String(), "main").Text())
		}
	}
	const one = "1 сессия этого человека завершится сразу: изменения запрещают доступ извне или разрешают только более короткие сессии"
	asks("/admin/users/2", userValues("parent_id", "2"), one)
	asks("/admin/users/2", userValues("session_hours_lan", "1,5"), one)
	asks("/admin/users/bulk", a.bulkForm("group:2", "ivanov"), "1 сессия завершится сразу")
	if page := a.wants(a.uploadAccounts("f.csv", "login,group\nivanov,Смена\n"), http.StatusOK); !says(t, page, "main", "1 сессия завершится сразу") {
		t.Error("the import")
	}

	a.saved(a.post("/admin/users/2", userValues("parent_id", "1", "session_hours_lan", "3")))
	a.saved(a.post("/admin/groups/1", groupValues("Офис", "session_hours_lan", "1"))) // the account has its own length
	a.saved(a.post("/admin/groups/1", groupValues("Офис", "session_hours_lan", "4")))
	a.saved(a.post("/admin/users/2", userValues("parent_id", "1")))
	asks("/admin/groups/1", groupValues("Офис", "session_hours_lan", "1"), "1 сессия завершится сразу. У 1 человека изменятся")
	if _, _, err := a.site.Groups.UpdateGroup(t.Context(), 1, func(g *agent.Group) error { g.Parent = 2; return nil }); err != nil {
		t.Fatal(err)
	}
	asks("/admin/groups/1/delete", nil, "1 сессия завершится сразу")
}
