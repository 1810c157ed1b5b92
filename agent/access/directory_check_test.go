package access

import (
	"context"
	"fmt"
	"maps"
	"testing"
	"time"

	"ideco-agent/agent"
)

// corp fills a gateway with accounts of a directory, each with one session in the LAN.
func corp(g *gateway, n int) (users []agent.User, reading agent.DirectoryReading) {
	reading.People = map[string]agent.DirectoryPerson{}
	for i := range n {
		id, login := agent.UserID(100+i), fmt.Sprint("user", i)
		g.memoryStore.add(id, login, false)
		u := g.memoryStore.change(id, func(u *agent.User) { u.Directory, u.GUID, u.Name = "corp.test", fmt.Sprint("guid-", i), "Name" })
		g.begin(passwordAttempt(login, fmt.Sprintf("192.168.2.%d", i+1), "pc"))
		users = append(users, u)
		reading.People[u.GUID] = agent.DirectoryPerson{Directory: "corp.test", GUID: u.GUID, Login: login, Name: "Name"}
	}
	return users, reading
}

// refuse sets the refusals of the first n people.
func refuse(r agent.DirectoryReading, n int, code agent.Code) {
	for i := range n {
		p := r.People[fmt.Sprint("guid-", i)]
		p.Refused = code
		r.People[p.GUID] = p
	}
}

// TestCheckDirectory: which accounts a check changes, and when it is withheld.
func TestCheckDirectory(t *testing.T) {
	lose := func(n int) func(agent.DirectoryReading) {
		return func(r agent.DirectoryReading) {
			for i := range n {
				delete(r.People, fmt.Sprint("guid-", i))
			}
		}
	}
	for _, c := range []struct {
		name      string
		people    int
		read      func(agent.DirectoryReading)
		missing   []string
		confirmed bool
		changed   int
		code      agent.Code
		withheld  int // sessions; -1 = not withheld
	}{
		{"nothing new", 10, func(agent.DirectoryReading) {}, nil, false, 0, "", -1},
		{"one disabled", 100, func(r agent.DirectoryReading) { refuse(r, 1, agent.CodeAccountDisabled) }, nil, false, 1, agent.CodeAccountDisabled, -1},
		{"one expired", 100, func(r agent.DirectoryReading) { refuse(r, 1, agent.CodeAccountExpired) }, nil, false, 1, agent.CodeAccountExpired, -1},
		{"one out of the groups", 100, func(r agent.DirectoryReading) { refuse(r, 1, agent.CodeNotPermitted) }, nil, false, 1, agent.CodeNotPermitted, -1},
		{"one deleted", 100, lose(1), nil, false, 1, agent.CodeAccountDisabled, -1},
		{"all locked", 100, func(r agent.DirectoryReading) { refuse(r, 100, agent.CodeAccountLocked) }, nil, false, 0, "", -1},
		{"all passwords expired", 100, func(r agent.DirectoryReading) { refuse(r, 100, agent.CodePasswordExpired) }, nil, false, 0, "", -1},
		{"all smart card", 100, func(r agent.DirectoryReading) { refuse(r, 100, agent.CodeSmartcardRequired) }, nil, false, 0, "", -1},
		{"few of few", 6, lose(4), nil, false, 4, agent.CodeAccountDisabled, -1},
		{"five of few", 6, lose(5), nil, false, 0, "", 5},
		{"ten per cent", 100, lose(10), nil, false, 10, agent.CodeAccountDisabled, -1},
		{"more", 100, lose(11), nil, false, 0, "", 11},
		{"more, confirmed", 100, lose(11), nil, true, 11, agent.CodeAccountDisabled, -1},
		{"nobody is read", 10, lose(10), nil, false, 0, "", -1},
		{"nobody is read, confirmed", 10, lose(10), nil, true, 0, "", -1},
		{"nobody is read, a base is missing", 10, lose(10), []string{"OU=Staff"}, true, 0, "", -1},
		{"a group is missing", 100, func(r agent.DirectoryReading) { refuse(r, 1, agent.CodeNotPermitted) }, []string{"CN=VPN"}, false, 0, "", 1},
		{"a group is missing, confirmed", 100, func(r agent.DirectoryReading) { refuse(r, 1, agent.CodeNotPermitted) }, []string{"CN=VPN"}, true, 1, agent.CodeNotPermitted, -1},
		{"a group is missing, nobody loses", 100, func(agent.DirectoryReading) {}, []string{"CN=VPN"}, false, 0, "", -1},
	} {
		subtest(t, c.name, func(g *gateway) {
			users, reading := corp(g, c.people)
			g.begin(passwordAttempt("ivan", lanPeer, "pc")) // a local account does not count
			c.read(reading)
			reading.Missing = c.missing
			changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, c.confirmed)
			if len(changed) != c.changed || len(changed) > 0 && changed[0].Refused != c.code {
				g.t.Errorf("changed: %+v", changed)
			}
			switch {
			case (withheld == nil) != (c.withheld < 0):
				g.t.Errorf("withheld: %+v", withheld)
			case withheld != nil && (withheld.Sessions != c.withheld || withheld.Of != c.people || len(withheld.Missing) != len(c.missing) || withheld.At.IsZero()):
				g.t.Errorf("withheld: %+v", *withheld)
			}
			ended := 0
			for _, u := range changed {
				g.memoryStore.change(u.ID, func(stored *agent.User) { *stored = u })
				ended += g.UserChanged(context.Background(), u)
			}
			if ended != c.changed {
				g.t.Errorf("%d sessions ended, want %d", ended, c.changed)
			}
		})
	}
}

// TestCheckDirectoryChanges: accounts that lose nothing are changed also when the check is withheld.
func TestCheckDirectoryChanges(t *testing.T) {
	subtest(t, "", func(g *gateway) {
		users, reading := corp(g, 20)
		users[0].Refused = agent.CodeAccountDisabled
		renamed := reading.People["guid-1"]
		renamed.Login, renamed.Name, renamed.Phone = "married", "New Name", "123"
		reading.People["guid-1"] = renamed
		for i := 10; i < 20; i++ {
			delete(reading.People, fmt.Sprint("guid-", i))
		}
		g.EndUser(context.Background(), users[0].ID, agent.ReasonDisabled)
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if withheld == nil || withheld.Sessions != 10 || withheld.Of != 19 {
			g.t.Errorf("withheld: %+v", withheld)
		}
		if len(changed) != 2 || changed[0].Refused != "" || changed[0].ID != users[0].ID ||
			changed[1].Login != "married" || changed[1].Name != "New Name" || changed[1].Phone != "123" {
			g.t.Errorf("changed: %+v", changed)
		}
	})
}

// TestCheckDirectoryRemote: remote access follows the groups where the account says so, and its loss ends sessions from outside.
func TestCheckDirectoryRemote(t *testing.T) {
	subtest(t, "", func(g *gateway) {
		users, reading := corp(g, 8)
		for i := range users {
			users[i] = g.memoryStore.change(users[i].ID, func(u *agent.User) {
				u.RemoteAccess, u.RemoteInDirectory, u.RemoteByGroups = true, true, i != 7
			})
			if i >= 2 {
				g.begin(passwordAttempt(users[i].Login, fmt.Sprintf("203.0.113.%d", i), "home"))
			}
		}
		keep := maps.Clone(reading.People)
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 1 || changed[0].ID != users[7].ID || !changed[0].RemoteAccess || withheld == nil || withheld.Sessions != 5 || withheld.Of != 14 {
			g.t.Errorf("changed %+v, withheld %+v", changed, withheld)
		}
		for guid, p := range keep {
			p.Remote = guid != "guid-0" && guid != "guid-3" // guid-0 has no session outside
			reading.People[guid] = p
		}
		changed, withheld = g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if withheld != nil || len(changed) != 2 || changed[0].RemoteAccess || changed[1].RemoteAccess {
			g.t.Errorf("changed: %+v, withheld %+v", changed, withheld)
		}
		if n := g.UserChanged(context.Background(), changed[1]); n != 1 {
			g.t.Errorf("%d sessions ended", n)
		}
	})
}

// TestCheckDirectoryAgain: an account whose sessions were not ended after the last check is returned again.
func TestCheckDirectoryAgain(t *testing.T) {
	subtest(t, "", func(g *gateway) {
		users, reading := corp(g, 30)
		users[0].Refused = agent.CodeAccountDisabled
		refuse(reading, 1, agent.CodeAccountDisabled)
		if changed, _ := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false); len(changed) != 1 || changed[0].ID != users[0].ID {
			g.t.Errorf("changed: %+v", changed)
		}
	})
}

// directoryGroup is a group of the tree that stands for a group of corp.test with the ID "S-<id>".
func directoryGroup(id agent.GroupID, r agent.Rights, admin bool) agent.Group {
	return agent.Group{ID: id, Name: fmt.Sprint("Group ", id), Directory: "corp.test", Member: agent.DirectoryGroup{ID: fmt.Sprint("S-", id)}, Rights: r, Admin: admin}
}

// join sets the groups of a person in a reading.
func join(r agent.DirectoryReading, n int, groups ...string) {
	p := r.People[fmt.Sprint("guid-", n)]
	p.Groups = groups
	r.People[p.GUID] = p
}

// TestCheckDirectoryGroups: a check applies the memberships of the tree's groups. An account that only stops being an administrator
// keeps its sessions, and does so also when the check is withheld, but not when a group is missing.
func TestCheckDirectoryGroups(t *testing.T) {
	yes := true
	subtest(t, "remote access and administration", func(g *gateway) {
		users, reading := corp(g, 3)
		g.memoryStore.setGroups(directoryGroup(1, agent.Rights{RemoteAccess: &yes}, false), directoryGroup(2, agent.Rights{}, true))
		for i := range users {
			users[i] = g.memoryStore.change(users[i].ID, func(u *agent.User) { u.RemoteByGroups = true })
		}
		join(reading, 0, "S-1")
		join(reading, 1, "S-2")
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 2 || withheld != nil || !changed[0].RemoteAccess || changed[0].Administrator() || changed[1].RemoteAccess || !changed[1].Administrator() {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
	})
	administrators := func(g *gateway) ([]agent.User, agent.DirectoryReading) {
		users, reading := corp(g, 8)
		g.memoryStore.setGroups(directoryGroup(2, agent.Rights{}, true))
		for i := range users {
			users[i] = g.memoryStore.change(users[i].ID, func(u *agent.User) { u.DirectoryGroups = []string{"S-2"} })
			if !users[i].Administrator() {
				g.t.Errorf("%+v", users[i])
			}
			join(reading, i, "S-2")
		}
		return users, reading
	}
	subtest(t, "administration lost", func(g *gateway) {
		users, reading := administrators(g)
		for i := range 6 {
			join(reading, i)
		}
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 6 || withheld != nil || changed[0].Administrator() {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
		for i := range 6 {
			if n := g.UserChanged(context.Background(), changed[i]); n != 0 {
				g.t.Errorf("%d sessions ended", n)
			}
		}
	})
	subtest(t, "administration lost in a check that is withheld", func(g *gateway) {
		users, reading := administrators(g)
		join(reading, 0)
		for i := 1; i < 8; i++ {
			delete(reading.People, fmt.Sprint("guid-", i))
		}
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 1 || changed[0].Administrator() || withheld == nil || withheld.Sessions != 7 {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
	})
	subtest(t, "the group was deleted", func(g *gateway) {
		users, reading := administrators(g)
		join(reading, 0)
		reading.Missing = []string{"Group 2"}
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 0 || withheld == nil || withheld.Sessions != 0 || len(withheld.Missing) != 1 {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
		if changed, _ = g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, true); len(changed) != 1 || changed[0].Administrator() {
			g.t.Errorf("%+v", changed)
		}
		g.memoryStore.setGroups() // the administrator deletes it here, too
		changed, withheld = g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if withheld != nil {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
	})
	subtest(t, "shorter sessions", func(g *gateway) {
		users, reading := corp(g, 8)
		g.memoryStore.setGroups(directoryGroup(1, agent.Rights{SessionLAN: 8 * time.Hour}, false), directoryGroup(2, agent.Rights{SessionLAN: time.Hour}, false))
		advance(2 * time.Hour)
		for i := range 8 {
			join(reading, i, "S-1")
		}
		changed, withheld := g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false)
		if len(changed) != 8 || withheld != nil {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
		for i, u := range changed {
			u = g.memoryStore.change(u.ID, func(stored *agent.User) { *stored = u })
			if users[i] = u; g.UserChanged(context.Background(), u) != 0 {
				g.t.Errorf("a session ended")
			}
			join(reading, i, "S-2")
		}
		for _, s := range g.Sessions() {
			if s.Expires.Sub(s.LoggedIn) != 8*time.Hour {
				g.t.Errorf("%+v", s)
			}
		}
		if changed, withheld = g.CheckDirectory("corp.test", g.memoryStore.tree, users, reading, false); len(changed) != 0 || withheld == nil || withheld.Sessions != 8 {
			g.t.Errorf("sessions that end at once: %+v, %+v", changed, withheld)
		}
		// A login may have stored the membership before, without a change of the other sessions.
		stored := g.memoryStore.change(users[0].ID, func(u *agent.User) { u.DirectoryGroups = []string{"S-2"} })
		if changed, withheld = g.CheckDirectory("corp.test", g.memoryStore.tree, []agent.User{stored}, reading, false); len(changed) != 1 || withheld != nil {
			g.t.Errorf("%+v, %+v", changed, withheld)
		}
	})
}
