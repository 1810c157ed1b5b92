//go:build ad

package e2e

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/store"
)

// TestAdministratorAD: a nested member of a domain's group of administrators administers and gets the rights of the group. After the person
// has left, the next check ends the administration; the sign-in and the session go on. If the group is deleted in the domain, nobody
// loses anything before an administrator confirms it.
func TestAdministratorAD(t *testing.T) {
	o := newOfficeAD(t)
	db, err := store.Open(t.Context(), filepath.Join(o.data, "ideco.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	list, err := db.Directories(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	staff := agent.Group{Name: "IT", Directory: directorylab.Domain, Member: list[0].RemoteGroups[0], Admin: true, Rights: agent.Rights{SessionLAN: time.Hour}}
	if _, _, err := db.CreateGroup(t.Context(), staff); err != nil {
		t.Fatal(err)
	}
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)

	alice, bob := o.rest("alice@"+directorylab.Domain, directorylab.Password), o.rest(`EXAMPLE\bob`, directorylab.Password)
	want := func(what string, r rest, status int) {
		t.Helper()
		if got, body := r.call("GET", "/user_backend/users", nil); got != status {
			t.Errorf("%s: %d %s", what, got, body)
		}
	}
	want("alice", alice, http.StatusOK)
	want("bob", bob, http.StatusForbidden)
	r := o.login("alice", directorylab.Password, 1)
	if expires, err := time.Parse(time.RFC3339, r.Expires); err != nil || !r.Authorized || time.Until(expires) > time.Hour || time.Until(expires) < 50*time.Minute {
		t.Errorf("%+v", r)
	}

	o.ad.RemoveFrom(t, "Sales", o.ad.PersonDN("alice"))
	o.ad.AddTo(t, "Staff", o.ad.PersonDN("bob"))
	o.checkNow(7)
	netlab.Eventually(t, "the check of alice", func() bool {
		return strings.Count(o.log.String(), `"event":"administrator_by_group"`) == 3 // she came, she went, and bob came
	})
	want("alice out of the group", alice, http.StatusForbidden)
	want("bob in the group", bob, http.StatusOK)
	if live := logins(o.admin.sessions()); len(live) != 1 || live[0] != "alice" {
		t.Errorf("sessions of %q", live)
	}

	o.ad.Delete(t, o.ad.GroupDN("Staff"))
	o.checkNow(8)
	o.waitLog(`"event":"directory_check_withheld"`)
	want("bob without the group in the domain", bob, http.StatusOK)
}
