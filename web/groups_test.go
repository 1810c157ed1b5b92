package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestGroupsTakeEffect: after a change of a group, the sessions get the changed accounts, the log names the new and former administrators,
// and a check of the directory with the new groups is due at once.
func TestGroupsTakeEffect(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	g := groups{d.store, d.directories}
	local := d.local("ivan", false)
	person := d.login("anna")
	d.checks[id].next = time.Now().Add(time.Hour)

	yes := true
	member := agent.DirectoryGroup{ID: "S-1", Name: "Admins"}
	staff, _, err := g.CreateGroup(t.Context(), agent.Group{Name: "Staff", Directory: agent.LocalDirectory})
	if err != nil || d.sessions.groupsChanged != 1 || len(d.sessions.changed) != 0 {
		t.Fatal(err, d.sessions)
	}
	if len(d.due(time.Now())) != 0 {
		t.Error("a local group leads to a check")
	}
	admins, _, err := g.CreateGroup(t.Context(), agent.Group{Name: "Admins", Directory: "company.ru", Member: member, Admin: true})
	if err != nil || !slices.Equal(d.network.set[0].TreeGroups, []agent.DirectoryGroup{member}) {
		t.Fatal(err, d.network.set)
	}
	if due := d.due(time.Now()); len(due) != 1 {
		t.Error("a group of the directory does not lead to a check")
	}

	d.answer(agent.DirectoryReading{People: map[string]agent.DirectoryPerson{
		"anna": {Directory: "company.ru", GUID: "anna", Login: "anna", Groups: []string{"S-1"}}}}, nil)
	d.sessions.check = func(before []agent.User, r agent.DirectoryReading, _ bool) (changed []agent.User, _ *agent.WithheldCheck) {
		for _, u := range before {
			changed = append(changed, d.sessions.tree.Inherit(u.Updated(r.People[u.GUID])))
		}
		return changed, nil
	}
	d.checkNow(id)
	events := func() (events []string) {
		for line := range strings.Lines(d.log.String()) {
			if _, event, ok := strings.Cut(line, "event=administrator_by_group "); ok {
				events = append(events, strings.TrimSpace(event))
			}
		}
		d.log.Reset()
		return events
	}
	wantEvents := func(want ...string) {
		t.Helper()
		if got := events(); !slices.Equal(got, want) {
			t.Errorf("logged %q, want %q", got, want)
		}
	}
	wantEvents("account=anna user=2 directory=company.ru admin=true")
	if u, err := d.store.User(t.Context(), person.ID); err != nil || !u.Administrator() || !slices.Equal(u.DirectoryGroups, []string{"S-1"}) {
		t.Errorf("%+v, %v", u, err)
	}

	if _, err := d.store.UpdateUser(t.Context(), local.ID, func(u *agent.User) error { u.Group, u.RemoteByGroups = staff, true; return nil }); err != nil {
		t.Fatal(err)
	}
	d.sessions.changed = nil
	_, _, err = g.UpdateGroup(t.Context(), staff, func(g *agent.Group) error { g.Admin, g.Rights.RemoteAccess = true, &yes; return nil })
	if err != nil || len(d.sessions.changed) != 1 || d.sessions.changed[0].ID != local.ID || !d.sessions.changed[0].RemoteAccess {
		t.Errorf("%v, told %+v", err, d.sessions.changed)
	}
	wantEvents("account=ivan user=1 directory=local admin=true")
	if _, err := g.DeleteGroup(t.Context(), admins); err != nil || len(d.network.set[0].TreeGroups) != 0 {
		t.Error(err, d.network.set)
	}
	wantEvents("account=anna user=2 directory=company.ru admin=false")
	if _, err := g.DeleteGroup(t.Context(), staff); err != nil || d.sessions.changed[len(d.sessions.changed)-1].RemoteAccess {
		t.Error(err, d.sessions.changed)
	}
	wantEvents("account=ivan user=1 directory=local admin=false")
	before := d.sessions.groupsChanged
	if _, err := g.DeleteGroup(t.Context(), staff); err == nil || d.sessions.groupsChanged != before {
		t.Error("a group that does not exist:", err)
	}
}
