package handlers

import (
	"net/url"
	"testing"
)

// TestCabinetEndsOnlyOwnSessions: a person ends a session of that person, and nobody else's.
func TestCabinetEndsOnlyOwnSessions(t *testing.T) {
	for login, live := range map[string]int{"ivanov": 0, "boss": 1} {
		a := newAdministration(t)
		id := liveSession(t, a.site, "ivanov").Session.ID
		a.boss = signIn(t, a.site, login)
		a.saved(a.post("/cabinet/sessions/"+id+"/end", url.Values{}))
		if got := len(a.site.Sessions.Sessions()); got != live {
			t.Errorf("%s: %d sessions are live, want %d", login, got, live)
		}
	}
}
