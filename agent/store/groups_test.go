package store

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"ideco-agent/agent"
)

// addGroup makes a group, a local one if g has no directory.
func addGroup(t testing.TB, s *Store, g agent.Group) agent.GroupID {
	t.Helper()
	if g.Directory == "" {
		g.Directory = agent.LocalDirectory
	}
	id, _, err := s.CreateGroup(t.Context(), g)
	check(t, err)
	return id
}

// everyRight sets every right.
var everyRight = agent.Rights{RemoteAccess: new(bool), Devices: 3, SessionLAN: 90 * time.Minute, SessionVPN: time.Hour + 1,
	ForwardNets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}

func allow(yes bool) agent.Rights { return agent.Rights{RemoteAccess: &yes} }

// outline is the tree in its order, one name a line, with a tab for each level.
func outline(t testing.TB, s *Store) (text string) {
	t.Helper()
	tree, err := s.GroupTree(t.Context())
	check(t, err)
	var list func(agent.GroupID, string)
	list = func(parent agent.GroupID, indent string) {
		for i, g := range tree.Below(parent) {
			if g.Position != i+1 {
				t.Errorf("%s has position %d, want %d", g.Name, g.Position, i+1)
			}
			text += indent + g.Name + "\n"
			list(g.ID, indent+"\t")
		}
	}
	list(0, "")
	return text
}

func TestGroupComesBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	top := addGroup(t, s, agent.Group{Name: "Отдел"})
	want := agent.Group{Parent: top, Name: "VPN", Position: 1, Directory: company,
		Member: agent.DirectoryGroup{ID: "S-1", Name: "VPN users", DN: "cn=vpn"}, Rights: everyRight, Admin: true, Comment: "o'k"}
	want.ID = addGroup(t, s, want)
	got, changed, err := s.UpdateGroup(ctx, want.ID, func(g *agent.Group) error {
		g.Name, g.Member.Name, g.Comment = "Удалённые", "new", ""
		g.ID, g.Directory, g.Member.ID = 7, "other.ru", "S-2" // these stay
		return nil
	})
	want.Name, want.Member.Name, want.Comment = "Удалённые", "new", ""
	if diff := cmp.Diff(want, got, compareAddresses); err != nil || diff != "" || changed != nil {
		t.Errorf("%v %v %s", changed, err, diff)
	}
	tree, err := s.GroupTree(ctx)
	stored, _ := tree.Group(want.ID)
	if diff := cmp.Diff(want, stored, compareAddresses); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	list, err := s.Directories(ctx)
	if diff := cmp.Diff([]agent.DirectoryGroup{want.Member}, list[0].TreeGroups); err != nil || diff != "" {
		t.Errorf("the directory: %v %s", err, diff)
	}
}

func TestGroupErrors(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	top := addGroup(t, s, agent.Group{Name: "a"})
	below := addGroup(t, s, agent.Group{Name: "b", Parent: top})
	addGroup(t, s, agent.Group{Name: "d", Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}})
	create := func(g agent.Group) error {
		if g.Directory == "" {
			g.Directory = agent.LocalDirectory
		}
		_, _, err := s.CreateGroup(ctx, g)
		return err
	}
	update := func(id agent.GroupID, change func(*agent.Group)) error {
		_, _, err := s.UpdateGroup(ctx, id, func(g *agent.Group) error { change(g); return nil })
		return err
	}
	before := outline(t, s)
	_, gone := s.DeleteGroup(ctx, 77)
	_, user := s.CreateUser(ctx, agent.User{Login: "x", Directory: agent.LocalDirectory, Group: 77}, "")
	no := errors.New("no")
	_, _, refused := s.UpdateGroup(ctx, top, func(g *agent.Group) error { g.Name = "x"; return no })
	for what, test := range map[string]struct{ got, want error }{
		"parent":           {create(agent.Group{Name: "x", Parent: 77}), agent.ErrNotFound},
		"directory":        {create(agent.Group{Name: "x", Directory: "none.ru", Member: agent.DirectoryGroup{ID: "S"}}), agent.ErrNotFound},
		"name":             {create(agent.Group{Name: " A"}), agent.ErrGroupNameTaken},
		"member":           {create(agent.Group{Name: "x", Parent: below, Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}}), agent.ErrDirectoryGroupTaken},
		"renamed":          {update(top, func(g *agent.Group) { g.Name = "D" }), agent.ErrGroupNameTaken},
		"moved up":         {update(below, func(g *agent.Group) { g.Parent, g.Name = 0, "d" }), agent.ErrGroupNameTaken},
		"below itself":     {update(top, func(g *agent.Group) { g.Parent = top }), agent.ErrGroupDepth},
		"below a subgroup": {update(top, func(g *agent.Group) { g.Parent = below }), agent.ErrGroupDepth},
		"unknown":          {update(77, func(*agent.Group) {}), agent.ErrNotFound},
		"delete":           {gone, agent.ErrNotFound},
		"account":          {user, agent.ErrNotFound},
		"change":           {refused, no},
	} {
		if !errors.Is(test.got, test.want) {
			t.Errorf("%s: %v, want %v", what, test.got, test.want)
		}
	}
	if after := outline(t, s); after != before {
		t.Errorf("the tree changed to\n%s", after)
	}
	if err := create(agent.Group{Name: "no directory", Directory: "", Member: agent.DirectoryGroup{ID: "S"}}); err == nil {
		t.Error("a local group of a directory")
	}
}

func TestOrderOfGroups(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	ids := map[string]agent.GroupID{}
	for _, name := range []string{"a", "b", "c"} {
		ids[name] = addGroup(t, s, agent.Group{Name: name})
	}
	ids["d"] = addGroup(t, s, agent.Group{Name: "d", Position: 2})
	for _, name := range []string{"x", "y"} {
		ids[name] = addGroup(t, s, agent.Group{Name: name, Parent: ids["b"]})
	}
	move := func(name string, parent agent.GroupID, position int, want string) {
		t.Helper()
		_, _, err := s.UpdateGroup(ctx, ids[name], func(g *agent.Group) error { g.Parent, g.Position = parent, position; return nil })
		check(t, err)
		if diff := cmp.Diff(want, outline(t, s)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	move("d", 0, 2, "a\nd\nb\n\tx\n\ty\nc\n")
	move("d", 0, 3, "a\nb\n\tx\n\ty\nd\nc\n")
	move("a", 0, 99, "b\n\tx\n\ty\nd\nc\na\n")
	move("a", 0, 1, "a\nb\n\tx\n\ty\nd\nc\n")
	move("c", ids["b"], 1, "a\nb\n\tc\n\tx\n\ty\nd\n")
	move("x", 0, 0, "a\nb\n\tc\n\ty\nd\nx\n")
	_, err := s.DeleteGroup(ctx, ids["b"])
	check(t, err)
	if got := outline(t, s); got != "a\nc\ny\nd\nx\n" {
		t.Errorf("after deleting b:\n%s", got)
	}
}

// TestDeletedGroup: the accounts and groups of a deleted group move to its parent. A name that is taken there gets a number.
func TestDeletedGroup(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	top := addGroup(t, s, agent.Group{Name: "top", Rights: allow(true)})
	addGroup(t, s, agent.Group{Name: "Same", Parent: top})
	mid := addGroup(t, s, agent.Group{Name: "mid", Parent: top, Rights: allow(false), Admin: true})
	addGroup(t, s, agent.Group{Name: "same", Parent: mid})
	addGroup(t, s, agent.Group{Name: "mid", Parent: mid})
	id := addUser(t, s, agent.User{Login: "ivanov", Group: mid, RemoteByGroups: true}, "")
	addUser(t, s, agent.User{Login: "petrov", Group: mid, RemoteAccess: true}, "")
	changed, err := s.DeleteGroup(ctx, mid)
	if err != nil || len(changed) != 2 || changed[0].ID != id || !changed[0].RemoteAccess || changed[0].Administrator() || changed[1].Administrator() {
		t.Errorf("%+v, %v", changed, err)
	}
	if u, err := s.User(ctx, id); err != nil || u.Group != top || !cmp.Equal(u, changed[0]) {
		t.Errorf("%+v, %v", u, err)
	}
	if got := outline(t, s); got != "top\n\tSame\n\tsame (2)\n\tmid\n" {
		t.Errorf("the tree:\n%s", got)
	}
}

// TestGroupsOfADeletedDirectory: local groups and accounts below its groups stay and lose what these gave.
func TestGroupsOfADeletedDirectory(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	directory := addDirectory(t, s, company)
	of := func(name string, parent agent.GroupID) agent.GroupID {
		return addGroup(t, s, agent.Group{Name: name, Parent: parent, Directory: company, Member: agent.DirectoryGroup{ID: name}, Rights: allow(true)})
	}
	top := of("top", 0)
	local := addGroup(t, s, agent.Group{Name: "local", Parent: of("mid", top)})
	u := agent.User{Login: "ivanov", Enabled: true, Group: local, RemoteByGroups: true}
	u.ID = addUser(t, s, u, "")
	p := person("a", "ivanov")
	p.Groups = []string{"top"}
	member := login(t, s, p)
	deleted, changed, err := s.DeleteDirectory(ctx, directory)
	if err != nil || len(deleted) != 1 || deleted[0].ID != member.ID || len(changed) != 1 || changed[0].ID != u.ID || changed[0].RemoteAccess {
		t.Errorf("deleted %+v, changed %+v, %v", deleted, changed, err)
	}
	if got := outline(t, s); got != "local\n" {
		t.Errorf("the tree:\n%s", got)
	}
}

func TestInheritedRights(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	office := addGroup(t, s, agent.Group{Name: "office"})
	vpn := addGroup(t, s, agent.Group{Name: "vpn", Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}})
	inherits := addUser(t, s, agent.User{Login: "inherits", Group: office, RemoteAccess: true, RemoteByGroups: true}, "")
	chosen := addUser(t, s, agent.User{Login: "chosen", Group: office, RemoteAccess: true}, "")
	p := person("a", "member")
	p.Groups, p.Remote = []string{"S-1"}, true
	member := login(t, s, p).ID
	p.Directory = "branch.ru" // another directory, another group
	addDirectory(t, s, p.Directory)
	stranger := login(t, s, p).ID
	have := func(what string, remote, admin []agent.UserID) {
		t.Helper()
		users, _, err := s.Users(ctx, agent.UserFilter{}, 0, 0)
		check(t, err)
		for _, u := range users {
			if u.RemoteAccess != slices.Contains(remote, u.ID) || u.AdminByGroups != slices.Contains(admin, u.ID) {
				t.Errorf("%s: %s has remote access %v, administers %v", what, u.Login, u.RemoteAccess, u.AdminByGroups)
			}
		}
	}
	update := func(id agent.GroupID, r agent.Rights, admin bool, want ...agent.UserID) {
		t.Helper()
		_, changed, err := s.UpdateGroup(ctx, id, func(g *agent.Group) error { g.Rights, g.Admin = r, admin; return nil })
		check(t, err)
		var ids []agent.UserID
		for _, u := range changed {
			ids = append(ids, u.ID)
			if stored, err := s.User(ctx, u.ID); err != nil || !cmp.Equal(stored, u) {
				t.Errorf("stored %+v, told %+v", stored, u)
			}
		}
		if !slices.Equal(ids, want) {
			t.Errorf("changed %v, want %v", ids, want)
		}
	}
	type list = []agent.UserID
	have("at first", list{chosen, member, stranger}, nil)
	update(office, allow(true), true, inherits, chosen)
	update(vpn, allow(false), true, member)
	have("by groups", list{inherits, chosen, stranger}, list{inherits, chosen, member})
	check(t, s.SetRemoteAccess(ctx, chosen, false))
	update(office, agent.Rights{}, true, inherits)
	have("not by groups", list{stranger}, list{inherits, chosen, member})
	_, err := s.UpdateUser(ctx, inherits, func(u *agent.User) error { u.Group = vpn; return nil })
	check(t, err)
	p.Directory, p.Groups = company, nil
	login(t, s, p)
	have("moved", list{member, stranger}, list{inherits, chosen})
	u, err := s.User(ctx, member)
	check(t, err)
	u.DirectoryGroups, u.RemoteInDirectory = []string{"S-1", "S-2"}, false
	check(t, s.SaveDirectoryUsers(ctx, []agent.User{u}))
	have("checked", list{stranger}, list{inherits, chosen, member})
}

// TestGroupsAreNoLastAdministrator: administrators by groups do not replace one by a choice.
func TestGroupsAreNoLastAdministrator(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	group := addGroup(t, s, agent.Group{Name: "admins", Admin: true})
	admin := addUser(t, s, agent.User{Login: "admin", Enabled: true, Admin: true, Group: group}, "hash")
	addUser(t, s, agent.User{Login: "ivanov", Enabled: true, Group: group}, "hash")
	if err := s.DeleteUser(ctx, admin); !errors.Is(err, agent.ErrLastAdministrator) {
		t.Errorf("error %v", err)
	}
	if last, err := s.LastAdministrator(ctx, admin); err != nil || !last {
		t.Errorf("last %v, %v", last, err)
	}
}

// TestUpgradeToGroups: accounts of a version without groups keep exactly their access.
func TestUpgradeToGroups(t *testing.T) {
	ctx := t.Context()
	path, s := earlierVersion(t, 4)
	_, err := s.writer.Exec(`INSERT INTO directories (name, is_default, settings, secret) VALUES ('company.ru', TRUE, '{}', 'sealed');
		INSERT INTO users (directory, login, login_key, login_norm, name, search, hash, enabled, admin, remote_access, phone, comment, created, guid, remote_by_groups)
		VALUES ('local', 'admin', 'admin', 'admin', '', 'admin', 'hash', TRUE, TRUE, FALSE, '', '', 0, '', FALSE),
			('local', 'remote', 'remote', 'remote', '', 'remote', 'hash', TRUE, FALSE, TRUE, '', '', 0, '', FALSE),
			('company.ru', 'member', 'guid:a', 'member', '', 'member', '', TRUE, FALSE, TRUE, '', '', 0, 'a', TRUE),
			('company.ru', 'chosen', 'guid:b', 'chosen', '', 'chosen', '', TRUE, FALSE, TRUE, '', '', 0, 'b', FALSE),
			('company.ru', 'office', 'guid:c', 'office', '', 'office', '', TRUE, FALSE, FALSE, '', '', 0, 'c', TRUE)`)
	check(t, err)
	check(t, s.Close())
	s = openStore(t, path)
	addGroup(t, s, agent.Group{Name: "computes all anew"})
	users, _, err := s.Users(ctx, agent.UserFilter{}, 0, 0)
	local := agent.LocalDirectory
	want := []agent.User{
		{ID: 1, Login: "admin", Directory: local, Enabled: true, Admin: true},
		{ID: 4, Login: "chosen", Directory: company, Enabled: true, RemoteAccess: true, GUID: "b"},
		{ID: 3, Login: "member", Directory: company, Enabled: true, RemoteAccess: true, GUID: "a", RemoteByGroups: true, RemoteInDirectory: true},
		{ID: 5, Login: "office", Directory: company, Enabled: true, GUID: "c", RemoteByGroups: true},
		{ID: 2, Login: "remote", Directory: local, Enabled: true, RemoteAccess: true},
	}
	if diff := cmp.Diff(want, users); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestRandomChanges: whatever happens, what accounts have stored is what they inherit, and the accounts that changed are told.
func TestRandomChanges(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		ctx := context.Background()
		s, err := Open(ctx, filepath.Join(t.TempDir(), fmt.Sprint(rapid.Uint64().Draw(r, "file"), time.Now().UnixNano(), ".db")))
		check(t, err)
		defer s.Close()
		addDirectory(t, s, company)
		members := []string{"S-1", "S-2", "S-3"}
		guids := []string{"a", "b", "c"}
		var groups []agent.GroupID
		var users []agent.UserID
		for i := range 3 {
			users = append(users, addUser(t, s, agent.User{Login: fmt.Sprint("user", i), RemoteByGroups: true}, ""))
		}
		group := func() agent.GroupID {
			return rapid.SampledFrom(append([]agent.GroupID{0}, groups...)).Draw(r, "group")
		}
		rights := func() agent.Rights {
			return rapid.SampledFrom([]agent.Rights{{}, allow(true), allow(false)}).Draw(r, "rights")
		}
		admin := func() bool { return rapid.Bool().Draw(r, "admin") }
		known := map[agent.UserID]agent.User{}
		steps := rapid.IntRange(1, 25).Draw(r, "steps")
		for range steps {
			var told []agent.User
			all := false // the step may change accounts without telling
			switch rapid.IntRange(0, 7).Draw(r, "step") {
			case 0:
				var id agent.GroupID
				id, told, err = s.CreateGroup(ctx, agent.Group{Parent: group(), Name: rapid.StringMatching("[a-d]").Draw(r, "name"),
					Position: rapid.IntRange(0, 3).Draw(r, "position"), Directory: agent.LocalDirectory, Rights: rights(), Admin: admin()})
				if err == nil {
					groups = append(groups, id)
				}
			case 1:
				var id agent.GroupID
				member := rapid.SampledFrom(members).Draw(r, "member")
				id, told, err = s.CreateGroup(ctx, agent.Group{Parent: group(), Name: member, Directory: company,
					Member: agent.DirectoryGroup{ID: member}, Rights: rights(), Admin: admin()})
				if err == nil {
					groups = append(groups, id)
				}
			case 2:
				_, told, err = s.UpdateGroup(ctx, group(), func(g *agent.Group) error {
					g.Parent, g.Position, g.Rights, g.Admin = group(), rapid.IntRange(0, 3).Draw(r, "position"), rights(), admin()
					return nil
				})
			case 3:
				told, err = s.DeleteGroup(ctx, group())
			case 4:
				all = true
				p := person(rapid.SampledFrom(guids).Draw(r, "guid"), rapid.StringMatching("[a-c]").Draw(r, "login"))
				p.Groups, p.Remote = rapid.SliceOfDistinct(rapid.SampledFrom(members), rapid.ID).Draw(r, "groups"), rapid.Bool().Draw(r, "remote")
				_, err = s.SaveDirectoryUser(ctx, p)
			case 5:
				all = true
				list, e := s.DirectoryUsers(ctx, company)
				check(t, e)
				for i := range list {
					list[i].DirectoryGroups = rapid.SliceOfDistinct(rapid.SampledFrom(members), rapid.ID).Draw(r, "groups")
					list[i].RemoteInDirectory = rapid.Bool().Draw(r, "remote")
				}
				err = s.SaveDirectoryUsers(ctx, list)
			case 6:
				all = true
				_, err = s.UpdateUser(ctx, rapid.SampledFrom(users).Draw(r, "user"), func(u *agent.User) error {
					u.Group, u.RemoteByGroups = group(), rapid.Bool().Draw(r, "by groups")
					return nil
				})
			case 7:
				all = true
				u, e := s.User(ctx, rapid.SampledFrom(users).Draw(r, "user"))
				check(t, e)
				before := u
				u.Group, u.RemoteByGroups, u.RemoteAccess = group(), rapid.Bool().Draw(r, "by groups"), rapid.Bool().Draw(r, "access")
				tree, e := s.GroupTree(ctx)
				check(t, e)
				_, err = s.SaveUsers(ctx, []agent.ImportedUser{{User: tree.Inherit(u), Before: before}})
			}
			if err != nil && !errors.Is(err, agent.ErrNotFound) && !errors.Is(err, agent.ErrGroupDepth) &&
				!errors.Is(err, agent.ErrGroupNameTaken) && !errors.Is(err, agent.ErrDirectoryGroupTaken) {
				r.Fatal(err)
			}
			tree, err := s.GroupTree(ctx)
			check(t, err)
			stored, _, err := s.Users(ctx, agent.UserFilter{}, 0, 0)
			check(t, err)
			for _, u := range stored {
				if is := tree.Inherit(u); is.RemoteAccess != u.RemoteAccess || is.AdminByGroups != u.AdminByGroups {
					r.Fatalf("stored %+v, inherits %v and %v", u, is.RemoteAccess, is.AdminByGroups)
				}
				was, ok := known[u.ID]
				changed := ok && (was.RemoteAccess != u.RemoteAccess || was.AdminByGroups != u.AdminByGroups)
				if isTold := slices.ContainsFunc(told, func(one agent.User) bool { return one.ID == u.ID }); !all && isTold != changed {
					r.Fatalf("%s changed: %v, told: %v", u.Login, changed, isTold)
				}
				known[u.ID] = u
			}
			checkFilters(r, s, tree, groups, stored)
		}
	})
}

// checkFilters checks that the filters by group select what the tree says.
func checkFilters(t rapid.TB, s *Store, tree agent.GroupTree, groups []agent.GroupID, users []agent.User) {
	want := map[agent.GroupID]int{}
	alone := 0
	for _, u := range users {
		for _, g := range tree.Of(u) {
			want[g.ID]++
		}
		if len(tree.Of(u)) == 0 {
			alone++
		}
	}
	counts, err := s.CountByGroup(context.Background())
	if diff := cmp.Diff(want, counts); err != nil || diff != "" {
		t.Fatalf("counts: %v %s", err, diff)
	}
	for _, id := range groups {
		page, total, err := s.Users(context.Background(), agent.UserFilter{Group: id}, 0, 0)
		if err != nil || total != want[id] || len(page) != want[id] {
			t.Fatalf("group %d has %d accounts, selected are %d: %v", id, want[id], total, err)
		}
		for _, u := range page {
			if !slices.ContainsFunc(tree.Of(u), func(g agent.Group) bool { return g.ID == id }) {
				t.Fatalf("%s is not in group %d", u.Login, id)
			}
		}
	}
	if _, total, err := s.Users(context.Background(), agent.UserFilter{NoGroup: true}, 0, 0); err != nil || total != alone {
		t.Fatalf("%d accounts are in no group, selected are %d: %v", alone, total, err)
	}
}
