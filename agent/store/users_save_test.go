package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// imported is a new local account.
func imported(login string) agent.ImportedUser {
	return agent.ImportedUser{User: agent.User{Login: login, Directory: agent.LocalDirectory, Enabled: true, RemoteByGroups: true, Created: start}, Hash: "hash of " + login}
}

func TestSaveUsers(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	group := addGroup(t, s, agent.Group{Name: "vpn", Rights: allow(true)})
	local := agent.User{Login: "ivanov", Directory: agent.LocalDirectory, Enabled: true, Created: start, Comment: "stays"}
	local.ID = addUser(t, s, local, "old")
	p := person("a", "petrov")
	p.ExpiryRead, p.PasswordExpires, p.Remote, p.Groups, p.Phone = true, start, true, []string{"S-1"}, "1"
	remote := login(t, s, p)
	check(t, s.RememberLogin(ctx, remote.ID, start))

	list := []agent.ImportedUser{imported("new"), {User: local, Before: local}, {User: local, Hash: "new hash"}, {User: remote, Before: remote}}
	list[0].Group = group
	list[1].Login, list[1].Name, list[1].MustChange = "Ivanov", "Иванов", true
	list[2].User, list[2].Before = list[1].User, list[1].User
	list[2].RemoteByGroups, list[2].RemoteAccess, list[2].Group = true, false, group
	changed := &list[3].User
	changed.Comment, changed.Enabled, changed.Group, changed.RemoteByGroups, changed.RemoteAccess = "c", false, group, false, false
	changed.Login, changed.Name, changed.Phone, changed.GUID, changed.Directory = "x", "x", "x", "x", "x.ru" // from here on, all stays
	changed.Refused, changed.RemoteInDirectory, changed.DirectoryGroups = agent.CodeNotPermitted, false, nil
	changed.PasswordExpires, changed.LastLogin, changed.Created = time.Time{}, time.Time{}, time.Time{}

	saved, err := s.SaveUsers(ctx, list)
	check(t, err)
	created := imported("new").User
	created.ID, created.Group, created.RemoteAccess = saved[0].ID, group, true
	local.Login, local.Name, local.MustChange, local.RemoteByGroups, local.RemoteAccess, local.Group = "Ivanov", "Иванов", true, true, true, group
	remote.Comment, remote.Enabled, remote.Group, remote.RemoteByGroups, remote.RemoteAccess, remote.LastLogin = "c", false, group, false, false, start
	for i, want := range map[int]agent.User{0: created, 2: local, 3: remote} {
		got, err := s.User(ctx, saved[i].ID)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%d: %v %s", i, err, diff)
		}
		if diff := cmp.Diff(want, saved[i]); diff != "" {
			t.Errorf("%d as returned: %s", i, diff)
		}
	}
	for login, want := range map[string]string{"new": "hash of new", "ivanov": "new hash"} {
		if _, hash, err := s.LocalAccount(ctx, login); err != nil || hash != want {
			t.Errorf("%s: %q, %v", login, hash, err)
		}
	}
	if saved, err := s.SaveUsers(ctx, nil); err != nil || len(saved) != 0 {
		t.Errorf("nothing: %v, %v", saved, err)
	}
}

// TestSaveUsersAllOrNothing: an error names the account if one is the cause, and nothing of the list is stored.
func TestSaveUsersAllOrNothing(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	admins := []agent.ImportedUser{imported("admin1"), imported("admin2")}
	for i := range admins {
		admins[i].Admin = true
	}
	saved, err := s.SaveUsers(ctx, admins)
	check(t, err)
	for i, u := range saved {
		admins[i].User, admins[i].Before = u, u
	}
	with := func(one agent.ImportedUser, change func(*agent.User)) agent.ImportedUser {
		change(&one.User)
		return one
	}
	off := func(u *agent.User) { u.Enabled = false }
	owners := addGroup(t, s, agent.Group{Name: "owners", Admin: true})
	for what, test := range map[string]struct {
		list []agent.ImportedUser
		at   string
		want error
	}{
		"taken":                      {[]agent.ImportedUser{imported("a"), imported("ADMIN1")}, "account 1: ", agent.ErrLoginTaken},
		"twice in the list":          {[]agent.ImportedUser{imported("a"), imported("b"), imported("A")}, "account 2: ", agent.ErrLoginTaken},
		"renamed":                    {[]agent.ImportedUser{with(admins[1], func(u *agent.User) { u.Login = "admin1" })}, "account 0: ", agent.ErrLoginTaken},
		"group":                      {[]agent.ImportedUser{imported("a"), with(imported("b"), func(u *agent.User) { u.Group = 77 })}, "account 1: ", agent.ErrNotFound},
		"account":                    {[]agent.ImportedUser{with(imported("a"), func(u *agent.User) { u.ID = 77 })}, "account 0: ", agent.ErrNotFound},
		"changed meanwhile":          {[]agent.ImportedUser{{User: admins[0].User, Before: agent.User{Login: "admin1", Directory: agent.LocalDirectory, RemoteByGroups: true, Enabled: true}}}, "account 0: ", agent.ErrAccountChanged},
		"surprising admin by change": {[]agent.ImportedUser{{User: with(admins[0], func(u *agent.User) { u.Group = owners }).User, Before: admins[0].User}}, "account 0: ", agent.ErrAccountChanged},
		"surprising admin":           {[]agent.ImportedUser{imported("a"), with(imported("b"), func(u *agent.User) { u.Group = owners })}, "account 1: ", agent.ErrAccountChanged},
		"last administrator":         {[]agent.ImportedUser{with(admins[0], off), imported("a"), with(admins[1], off), imported("b")}, "", agent.ErrLastAdministrator},
		"no administrator":           {[]agent.ImportedUser{with(admins[0], func(u *agent.User) { u.Admin = false }), with(admins[1], off)}, "", agent.ErrLastAdministrator},
	} {
		_, err := s.SaveUsers(ctx, test.list)
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.at) {
			t.Errorf("%s: %v, want %v at %q", what, err, test.want, test.at)
		}
		users, _, err := s.Users(ctx, agent.UserFilter{}, 0, 0)
		if diff := cmp.Diff([]agent.User{admins[0].User, admins[1].User}, users); err != nil || diff != "" {
			t.Errorf("%s: %v %s", what, err, diff)
		}
	}
	_, err = s.SaveUsers(ctx, []agent.ImportedUser{with(admins[0], off), imported("a")}) // one stays
	check(t, err)
}

// TestSaveUsersSwapAdministrators: a list may remove the only administrator before it makes another one.
func TestSaveUsersSwapAdministrators(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	old := imported("old")
	old.Admin = true
	list := []agent.ImportedUser{old}
	saved, err := s.SaveUsers(ctx, list)
	check(t, err)
	list[0].User, list[0].Before = saved[0], saved[0]
	list[0].Admin = false
	list = append(list, imported("new"))
	list[1].Admin = true
	_, err = s.SaveUsers(ctx, list)
	check(t, err)
}

// TestSaveUsersChangedMeanwhile: what somebody else changed after the accounts were read is not overwritten; what a login, a directory or a
// group changed does not matter.
func TestSaveUsersChangedMeanwhile(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	group := addGroup(t, s, agent.Group{Name: "vpn"})
	p := person("a", "petrov")
	p.Groups = []string{"S-1"}
	addGroup(t, s, agent.Group{Name: "directory", Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}, Admin: true})
	remote := login(t, s, p)
	addUser(t, s, agent.User{Login: "admin", Enabled: true, Admin: true}, "hash")
	id := addUser(t, s, agent.User{Login: "ivanov", Enabled: true, RemoteByGroups: true, Group: group}, "old")
	save := func(before agent.User) error {
		after := before
		after.Comment += "x"
		_, err := s.SaveUsers(ctx, []agent.ImportedUser{imported("new"), {User: after, Before: before, Hash: "other"}})
		return err
	}
	for what, change := range map[string]func(*agent.User){
		"login":         func(u *agent.User) { u.Login = "ivan" },
		"name":          func(u *agent.User) { u.Name = "Иван" },
		"phone":         func(u *agent.User) { u.Phone = "5" },
		"comment":       func(u *agent.User) { u.Comment = "c" },
		"enabled":       func(u *agent.User) { u.Enabled = false },
		"admin":         func(u *agent.User) { u.Admin = true },
		"remote access": func(u *agent.User) { u.RemoteAccess = !u.RemoteAccess },
		"by groups":     func(u *agent.User) { u.RemoteByGroups = !u.RemoteByGroups },
		"group":         func(u *agent.User) { u.Group = group - u.Group },
		"rights":        func(u *agent.User) { u.Rights.Devices = 7 },
		"must change":   func(u *agent.User) { u.MustChange = true },
	} {
		before, err := s.User(ctx, id)
		check(t, err)
		now, err := s.UpdateUser(ctx, id, func(u *agent.User) error { change(u); return nil })
		check(t, err)
		err = save(before)
		if !errors.Is(err, agent.ErrAccountChanged) || !strings.Contains(err.Error(), "account 1: ") {
			t.Errorf("%s: %v", what, err)
		}
		if got, err := s.User(ctx, id); err != nil || !cmp.Equal(got, now) {
			t.Errorf("%s: %v %s", what, err, cmp.Diff(now, got))
		}
	}
	_, hash, err := s.LocalAccount(ctx, "ivan")
	if err != nil || hash != "old" {
		t.Errorf("%q, %v", hash, err)
	}

	_, err = s.UpdateUser(ctx, id, func(u *agent.User) error { u.RemoteByGroups = true; u.Group = group; return nil })
	check(t, err)
	before, err := s.User(ctx, id)
	check(t, err)
	check(t, s.RememberLogin(ctx, id, start))
	_, _, err = s.UpdateGroup(ctx, group, func(g *agent.Group) error { g.Rights, g.Admin = allow(!before.RemoteAccess), true; return nil })
	check(t, err)
	check(t, save(before))
	p.Login, p.Name, p.Phone, p.Groups, p.Remote, p.Refused = "petrova", "Петрова", "6", nil, true, agent.CodeAccountExpired
	p.ExpiryRead, p.PasswordExpires = true, start
	login(t, s, p)
	_, err = s.SaveUsers(ctx, []agent.ImportedUser{{User: remote, Before: remote}})
	check(t, err)
}

func BenchmarkSaveUsers(b *testing.B) {
	s := newStore(b)
	group := addGroup(b, s, agent.Group{Name: "office"})
	n := 0
	for b.Loop() {
		list := make([]agent.ImportedUser, 10_000)
		for i := range list {
			n++
			list[i] = imported(fmt.Sprint("user", n))
			list[i].Group = group
		}
		_, err := s.SaveUsers(b.Context(), list)
		check(b, err)
	}
}
