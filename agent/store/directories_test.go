package store

import (
	"errors"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

const company = "company.ru"

// addDirectory adds a directory without making it the default.
func addDirectory(t testing.TB, s *Store, name string) agent.DirectoryID {
	t.Helper()
	id, err := s.SaveDirectory(t.Context(), agent.DirectorySettings{Name: name, Kind: agent.DirectoryAD}, nil)
	check(t, err)
	return id
}

func person(guid, login string) agent.DirectoryPerson {
	return agent.DirectoryPerson{Directory: company, GUID: guid, Login: login, Name: "Имя " + login}
}

// login saves a person whose password was right.
func login(t testing.TB, s *Store, p agent.DirectoryPerson) agent.User {
	t.Helper()
	u, err := s.SaveDirectoryUser(t.Context(), p)
	check(t, err)
	return u
}

func TestDirectoryComesBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	want := agent.DirectorySettings{Kind: agent.DirectoryFreeIPA, Name: company, Default: true,
		DNS: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")}, Controllers: []string{"dc1:636"},
		Transport: agent.TransportStartTLS, TLSName: "dc", CA: "pem", User: "cn=search", Password: "secret", Bases: []string{"dc=company,dc=ru"},
		LoginGroups: []agent.DirectoryGroup{{ID: "S-1", Name: "VPN", DN: "cn=vpn"}}, RemoteGroups: []agent.DirectoryGroup{{ID: "S-2"}},
		LockoutLimit: 5, LockoutWindow: 15 * time.Minute, CheckInterval: time.Hour, ComputerName: "gw", PasswordChange: agent.PasswordChangeLDAP, Keytab: []byte("keytab")}
	var err error
	want.ID, err = s.SaveDirectory(ctx, want, func(id agent.DirectoryID) (string, error) { return "sealed", nil })
	check(t, err)
	check(t, s.SetDirectoryFacts(ctx, want.ID, "COMPANY", []string{"corp.ru"}))
	check(t, s.SetKeytab(ctx, want.ID, "sealed keytab"))
	_, err = s.SaveDirectory(ctx, want, nil) // neither facts nor the password nor the keytab nor the name change
	check(t, err)
	want.Password, want.Keytab, want.NetBIOS, want.UPNSuffixes = "", nil, "COMPANY", []string{"corp.ru"}
	list, err := s.Directories(ctx)
	if diff := cmp.Diff([]Directory{{want, "sealed", "sealed keytab"}}, list, compareAddresses); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestEveryDirectoryField: every field of DirectorySettings is stored. One that is missing in directoryFields would be lost.
func TestEveryDirectoryField(t *testing.T) {
	var d agent.DirectorySettings
	kept := map[uintptr]bool{}
	for _, field := range directoryFields(&d) {
		kept[reflect.ValueOf(field).Pointer()] = true
	}
	elsewhere := []string{"ID", "Name", "Default", "Password", "PasswordLost", "Keytab", "KeytabKeys", "KeytabLost", "TreeGroups"}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[agent.DirectorySettings]()) {
		if kept[reflect.ValueOf(&d).Elem().FieldByIndex(f.Index).Addr().Pointer()] == slices.Contains(elsewhere, f.Name) {
			t.Errorf("%s is kept: %v", f.Name, slices.Contains(elsewhere, f.Name))
		}
	}
}

func TestOneDefaultDirectory(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	first, second := addDirectory(t, s, company), addDirectory(t, s, "branch.ru")
	defaults := func() (ids []agent.DirectoryID) {
		list, err := s.Directories(ctx)
		check(t, err)
		for _, d := range list {
			if d.Default {
				ids = append(ids, d.ID)
			}
		}
		return ids
	}
	if got := defaults(); !slices.Equal(got, []agent.DirectoryID{first}) {
		t.Errorf("the first one is not the default: %v", got)
	}
	_, err := s.SaveDirectory(ctx, agent.DirectorySettings{ID: second, Default: true}, nil)
	check(t, err)
	if got := defaults(); !slices.Equal(got, []agent.DirectoryID{second}) {
		t.Errorf("defaults %v", got)
	}
	_, err = s.SaveDirectory(ctx, agent.DirectorySettings{ID: second}, nil)
	check(t, err)
	if got := defaults(); got != nil {
		t.Errorf("defaults %v", got)
	}
}

func TestSaveDirectoryErrors(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	if _, err := s.SaveDirectory(ctx, agent.DirectorySettings{Name: company}, nil); err == nil {
		t.Error("one name twice")
	}
	if _, err := s.SaveDirectory(ctx, agent.DirectorySettings{Name: agent.LocalDirectory}, nil); err == nil {
		t.Error("the name of the local accounts")
	}
	no := errors.New("no")
	if _, err := s.SaveDirectory(ctx, agent.DirectorySettings{Name: "branch.ru"}, func(agent.DirectoryID) (string, error) { return "", no }); !errors.Is(err, no) {
		t.Errorf("a failed seal: %v", err)
	}
	if list, err := s.Directories(ctx); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	_, save := s.SaveDirectory(ctx, agent.DirectorySettings{ID: 7, Name: "x.ru"}, nil)
	_, _, deleted := s.DeleteDirectory(ctx, 7)
	_, byGUID := s.DirectoryUser(ctx, company, "")
	_, byLogin := s.DirectoryUserByLogin(ctx, company, "ivanov")
	p := person("g1", "ivanov")
	p.Directory = "unknown.ru"
	_, orphan := s.SaveDirectoryUser(ctx, p)
	_, converted := s.ConvertToDirectory(ctx, 7, person("g1", "ivanov"))
	_, into := s.ConvertToDirectory(ctx, addUser(t, s, agent.User{Login: "ivanov"}, ""), p)
	for what, err := range map[string]error{"save": save, "delete": deleted, "facts": s.SetDirectoryFacts(ctx, 7, "", nil), "keytab": s.SetKeytab(ctx, 7, ""),
		"guid": byGUID, "login": byLogin, "orphan": orphan, "convert": converted, "convert into none": into} {
		if !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestDirectoryUser(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	addUser(t, s, agent.User{Login: "ivanov"}, "") // a local account is another person
	p := person("g1", "Ivanov")
	p.Remote, p.Phone = true, "1"
	u := login(t, s, p)
	want := agent.User{ID: u.ID, Login: "Ivanov", Name: "Имя Ivanov", Directory: company, Enabled: true, RemoteAccess: true, Phone: "1",
		Created: u.Created, GUID: "g1", RemoteByGroups: true, RemoteInDirectory: true}
	if diff := cmp.Diff(want, u); diff != "" {
		t.Error(diff)
	}
	p.Login, p.Name, p.Phone, p.Remote, p.Refused = "petrov", "Пётр", "", false, agent.CodeNotPermitted // married, moved
	want.Login, want.Name, want.RemoteAccess, want.RemoteInDirectory, want.Refused = "petrov", "Пётр", false, false, agent.CodeNotPermitted
	if diff := cmp.Diff(want, login(t, s, p)); diff != "" {
		t.Error(diff)
	}
	byGUID, err := s.DirectoryUser(ctx, company, "g1")
	check(t, err)
	byLogin, err := s.DirectoryUserByLogin(ctx, company, " PETROV ")
	check(t, err)
	all, err := s.DirectoryUsers(ctx, company)
	check(t, err)
	if diff := cmp.Diff([]agent.User{want, want, want}, append(all, byGUID, byLogin)); diff != "" {
		t.Error(diff)
	}
	if found, _, err := s.Users(ctx, agent.UserFilter{Search: "петр"}, 0, 0); err != nil || len(found) != 1 {
		t.Errorf("search: %v, %v", found, err)
	}
	if _, err := s.DirectoryUserByLogin(ctx, company, "ivanov"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("by the former login: %v", err)
	}
}

// TestSwappedLogins: two people swap their logins in the domain. Each keeps the id, also while only one swap is known.
func TestSwappedLogins(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	a, b := login(t, s, person("a", "ivanov")), login(t, s, person("b", "petrov"))
	byLogin := func(login string, want agent.User) {
		t.Helper()
		if u, err := s.DirectoryUserByLogin(ctx, company, login); err != nil || u.ID != want.ID {
			t.Errorf("%s is %d, want %d: %v", login, u.ID, want.ID, err)
		}
	}
	login(t, s, person("b", "ivanov"))
	byLogin("ivanov", b)
	if ids := lookAlikes(t, s); ids != nil {
		t.Errorf("look-alikes %v", ids)
	}
	login(t, s, person("a", "ivanov")) // given back before another login
	byLogin("ivanov", a)
	a.Login, b.Login = "petrov", "ivanov"
	check(t, s.SaveDirectoryUsers(ctx, []agent.User{a, b}))
	byLogin("petrov", a)
	byLogin("ivanov", b)
}

// TestReusedLogin: a login is given to another person after the first one has left the domain.
func TestReusedLogin(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	stays, left := login(t, s, person("a", "petrov")), login(t, s, person("b", "ivanov"))
	left.Refused, stays.Login = agent.CodeAccountDisabled, "ivanov"
	check(t, s.SaveDirectoryUsers(ctx, []agent.User{stays, left}))
	if u, err := s.DirectoryUserByLogin(ctx, company, "ivanov"); err != nil || u.ID != stays.ID {
		t.Errorf("ivanov is %d, want %d: %v", u.ID, stays.ID, err)
	}
}

// TestLoginWithoutChange: a login that changes nothing about the account does not write.
func TestLoginWithoutChange(t *testing.T) {
	s := newStore(t)
	addDirectory(t, s, company)
	before := login(t, s, person("a", "ivanov"))
	s.fault.Store(&agent.Error{Code: agent.CodeStoreUnavailable})
	defer s.fault.Store(nil)
	if diff := cmp.Diff(before, login(t, s, person("a", "ivanov"))); diff != "" {
		t.Error(diff)
	}
	if _, err := s.SaveDirectoryUser(t.Context(), person("a", "petrov")); err == nil {
		t.Error("a changed account was not written")
	}
}

// TestLoginInGroupsWithoutChange: what groups give an account is no reason to write, nor are the ticks of the domain's clock.
func TestLoginInGroupsWithoutChange(t *testing.T) {
	s := newStore(t)
	addDirectory(t, s, company)
	addGroup(t, s, agent.Group{Name: "vpn", Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}, Rights: allow(true), Admin: true})
	p := person("a", "ivanov")
	p.Groups, p.PasswordExpires, p.ExpiryRead = []string{"S-2", "S-1"}, start, true
	before := login(t, s, p)
	if !before.RemoteAccess || !before.AdminByGroups || !before.PasswordExpires.Equal(start) || !slices.Equal(before.DirectoryGroups, []string{"S-1", "S-2"}) {
		t.Fatalf("%+v", before)
	}
	check(t, s.RememberLogin(t.Context(), before.ID, start))
	before.LastLogin = start
	s.fault.Store(&agent.Error{Code: agent.CodeStoreUnavailable})
	p.PasswordExpires = start.Add(time.Minute - 1)
	if diff := cmp.Diff(before, login(t, s, p)); diff != "" {
		t.Error(diff)
	}
	p.PasswordExpires, p.ExpiryRead = time.Time{}, false // a sign-in without a password
	if diff := cmp.Diff(before, login(t, s, p)); diff != "" {
		t.Error(diff)
	}
	p.ExpiryRead = true
	s.fault.Store(nil)
	for _, at := range []time.Time{start.Add(time.Minute), {}} {
		p.PasswordExpires = at
		if u := login(t, s, p); !u.PasswordExpires.Equal(at) || !u.LastLogin.Equal(start) {
			t.Errorf("expires %v, want %v; last login %v", u.PasswordExpires, at, u.LastLogin)
		}
	}
	p.Groups = nil
	if u := login(t, s, p); u.RemoteAccess || u.AdminByGroups || u.DirectoryGroups != nil {
		t.Errorf("%+v", u)
	}
}

// TestCheckKeepsWhatAnAdministratorChanged: a check writes only what the directory says.
func TestCheckKeepsWhatAnAdministratorChanged(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	addGroup(t, s, agent.Group{Name: "vpn", Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}, Admin: true})
	group := addGroup(t, s, agent.Group{Name: "local"})
	p := person("a", "ivanov")
	p.PasswordExpires, p.ExpiryRead = start, true
	read := login(t, s, p)
	want, err := s.UpdateUser(ctx, read.ID, func(u *agent.User) error {
		u.Enabled, u.Comment, u.Group, u.RemoteAccess, u.RemoteByGroups, u.Rights = false, "c", group, true, false, agent.Rights{Devices: 7}
		return nil
	})
	check(t, err)
	check(t, s.RememberLogin(ctx, read.ID, start))
	read.Name, read.Refused, read.RemoteInDirectory, read.DirectoryGroups = "Новое имя", agent.CodeNotPermitted, true, []string{"S-1"}
	read.RemoteAccess, read.Rights, read.PasswordExpires, read.LastLogin = false, agent.Rights{Devices: 1}, time.Time{}, time.Time{}
	check(t, s.SaveDirectoryUsers(ctx, []agent.User{read}))
	want.Name, want.Refused, want.RemoteInDirectory, want.DirectoryGroups = "Новое имя", agent.CodeNotPermitted, true, []string{"S-1"}
	want.AdminByGroups, want.LastLogin = true, start
	got, err := s.User(ctx, read.ID)
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
}

// TestRemoteAccessByGroups: an administrator's decision about one person overrides the groups.
func TestRemoteAccessByGroups(t *testing.T) {
	ctx := t.Context()
	remote := person("a", "ivanov")
	remote.Remote = true
	for what, decide := range map[string]func(*Store, agent.UserID) error{
		"SetRemoteAccess": func(s *Store, id agent.UserID) error { return s.SetRemoteAccess(ctx, id, false) },
		"UpdateUser": func(s *Store, id agent.UserID) error {
			_, err := s.UpdateUser(ctx, id, func(u *agent.User) error { u.RemoteAccess = false; return nil })
			return err
		},
	} {
		s := newStore(t)
		addDirectory(t, s, company)
		u := login(t, s, remote)
		check(t, decide(s, u.ID))
		check(t, s.SaveDirectoryUsers(ctx, []agent.User{u})) // read before the decision
		if u = login(t, s, remote); u.RemoteAccess || u.RemoteByGroups {
			t.Errorf("%s: %+v", what, u)
		}
		_, err := s.UpdateUser(ctx, u.ID, func(u *agent.User) error { u.RemoteByGroups = true; return nil })
		check(t, err)
		if u = login(t, s, remote); !u.RemoteAccess || !u.RemoteByGroups {
			t.Errorf("%s, following the groups again: %+v", what, u)
		}
	}
}

func TestSaveDirectoryUsers(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	u, gone := login(t, s, person("a", "ivanov")), login(t, s, person("b", "petrov"))
	check(t, s.SetRemoteAccess(ctx, u.ID, true))
	check(t, s.DeleteUser(ctx, gone.ID))
	u.Refused, u.Name, u.Comment, u.Enabled = agent.CodeAccountDisabled, "Новое имя", "not the directory's", false
	check(t, s.SaveDirectoryUsers(ctx, []agent.User{gone, u}))
	got, err := s.User(ctx, u.ID)
	u.Comment, u.Enabled, u.RemoteAccess, u.RemoteByGroups = "", true, true, false
	if diff := cmp.Diff(u, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if n, err := s.CountRemoteAccess(ctx); err != nil || n != 0 { // refused
		t.Errorf("%d have remote access, %v", n, err)
	}
}

func TestDeleteDirectory(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addDirectory(t, s, company)
	addDirectory(t, s, "branch.ru")
	local := addUser(t, s, agent.User{Login: "ivanov"}, "")
	u := login(t, s, person("a", "ivanov"))
	p := person("a", "ivanov")
	p.Directory = "branch.ru"
	other := login(t, s, p)
	check(t, s.RememberDevice(ctx, u.ID, "pc", start))
	check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "b", UserID: u.ID}))
	check(t, s.SaveSession(ctx, agent.Session{ID: "open", UserID: u.ID, Started: start, Resume: agent.ResumeDigests{Current: [32]byte{1}}}))
	deleted, _, err := s.DeleteDirectory(ctx, id)
	if err != nil || len(deleted) != 1 || deleted[0].ID != u.ID {
		t.Errorf("deleted %v, %v", deleted, err)
	}
	if _, err := s.User(ctx, u.ID); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("account: %v", err)
	}
	if _, err := s.BrowserSession(ctx, "b"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("browser session: %v", err)
	}
	if journal := journalOf(t, s, "open"); journal.Reason != agent.ReasonDisabled || journal.Resume != (agent.ResumeDigests{}) {
		t.Errorf("journal: %+v", journal)
	}
	for _, stays := range []agent.UserID{local, other.ID} {
		if _, err := s.User(ctx, stays); err != nil {
			t.Error(err)
		}
	}
	if _, err := s.SaveDirectoryUser(ctx, person("a", "ivanov")); !errors.Is(err, agent.ErrNotFound) { // a login that was under way
		t.Errorf("an account of no directory: %v", err)
	}
	if again := addDirectory(t, s, company); again == id {
		t.Error("the id was given again")
	}
}

func TestConvertToDirectory(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	before := agent.User{Login: "ivanov", Name: "Ваня", Directory: agent.LocalDirectory, Enabled: true, RemoteAccess: true,
		Phone: "1", Comment: "c", Created: start}
	before.ID = addUser(t, s, before, "hash")
	check(t, s.RememberDevice(ctx, before.ID, "pc", start))
	check(t, s.SaveSession(ctx, agent.Session{ID: "s", UserID: before.ID, Started: start, Resume: agent.ResumeDigests{Current: [32]byte{1}}}))
	merged, err := s.ConvertToDirectory(ctx, before.ID, person("a", "Ivanov"))
	if err != nil || merged != 0 {
		t.Fatalf("merged %d, %v", merged, err)
	}
	want := before
	want.Login, want.Name, want.Directory, want.GUID = "Ivanov", "Имя Ivanov", company, "a"
	got, err := s.DirectoryUser(ctx, company, "a")
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	if _, _, err := s.LocalAccount(ctx, "ivanov"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("the local account is still there: %v", err)
	}
	if known, err := s.KnowsDevice(ctx, before.ID, "pc"); err != nil || !known {
		t.Errorf("device: %v, %v", known, err)
	}
	if journal := journalOf(t, s, "s"); !journal.Ended.IsZero() || journal.Resume != (agent.ResumeDigests{}) {
		t.Errorf("the live session: %+v", journal)
	}
	if u := login(t, s, person("a", "Ivanov")); u.ID != before.ID || !u.RemoteAccess {
		t.Errorf("at the next login: %+v", u)
	}
	addUser(t, s, agent.User{Login: "ivanov"}, "") // the login is free again
	if _, err := s.ConvertToDirectory(ctx, before.ID, person("b", "Ivanov")); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("converted twice: %v", err)
	}
}

func TestConvertMerges(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	local := addUser(t, s, agent.User{Login: "ivanov", Enabled: true, RemoteAccess: true}, "hash")
	twin := login(t, s, person("a", "ivanov"))
	check(t, s.RememberDevice(ctx, local, "old", start))
	check(t, s.RememberDevice(ctx, local, "both", start))
	check(t, s.RememberDevice(ctx, twin.ID, "both", start.Add(time.Hour)))
	check(t, s.AgentConnected(ctx, twin.ID, "both", "gw.ru", start.Add(time.Hour)))
	for i := range knownDevices {
		check(t, s.RememberDevice(ctx, twin.ID, "new"+string(rune('a'+i)), start.Add(time.Minute)))
	}
	check(t, s.SaveSession(ctx, agent.Session{ID: "twin", UserID: twin.ID, Started: start, Resume: agent.ResumeDigests{Current: [32]byte{1}}}))
	merged, err := s.ConvertToDirectory(ctx, local, person("a", "ivanov"))
	if err != nil || merged != twin.ID {
		t.Fatalf("merged %d, want %d: %v", merged, twin.ID, err)
	}
	if u, err := s.DirectoryUser(ctx, company, "a"); err != nil || u.ID != local || !u.RemoteAccess || u.RemoteByGroups {
		t.Errorf("%+v, %v", u, err)
	}
	for device, want := range map[string]bool{"both": true, "newa": true, "old": false} { // one too many: the oldest goes
		if known, err := s.KnowsDevice(ctx, local, device); err != nil || known != want {
			t.Errorf("device %s: %v, %v", device, known, err)
		}
	}
	agentsSince(t, s, start, map[string]int{"gw.ru": 1})
	if _, err := s.User(ctx, twin.ID); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("the other account: %v", err)
	}
	if journal := journalOf(t, s, "twin"); journal.Reason != agent.ReasonDisabled || journal.Resume != (agent.ResumeDigests{}) {
		t.Errorf("journal: %+v", journal)
	}
}

// TestConvertInAGroup: a converted account stays in its group, inherits from those of the directory, and its password no longer must be
// changed.
func TestConvertInAGroup(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	group := addGroup(t, s, agent.Group{Name: "office", Rights: allow(true)})
	addGroup(t, s, agent.Group{Name: "admins", Admin: true, Directory: company, Member: agent.DirectoryGroup{ID: "S-1", Name: "admins"}})
	p := person("a", "ivanov")
	p.Groups = []string{"S-1"}
	id := addUser(t, s, agent.User{Login: "ivanov", Enabled: true, Group: group, RemoteByGroups: true, MustChange: true, Rights: agent.Rights{Devices: 2}}, "hash")
	_, err := s.ConvertToDirectory(ctx, id, p)
	check(t, err)
	if u, err := s.User(ctx, id); err != nil || u.Group != group || !u.RemoteAccess || !u.RemoteByGroups || !u.AdminByGroups || u.MustChange || u.Rights.Devices != 2 {
		t.Errorf("%+v, %v", u, err)
	}
}

func TestAdministratorIsNotConverted(t *testing.T) {
	s := newStore(t)
	addDirectory(t, s, company)
	id := addUser(t, s, agent.User{Login: "admin", Enabled: true, Admin: true}, "hash")
	if _, err := s.ConvertToDirectory(t.Context(), id, person("a", "admin")); !errors.Is(err, agent.ErrAdministratorIsLocal) {
		t.Errorf("error %v", err)
	}
	owners := addGroup(t, s, agent.Group{Name: "owners", Admin: true})
	owner := addUser(t, s, agent.User{Login: "owner", Directory: agent.LocalDirectory, Enabled: true, Created: start, Group: owners}, "hash")
	if _, err := s.ConvertToDirectory(t.Context(), owner, person("b", "owner")); !errors.Is(err, agent.ErrAdministratorIsLocal) {
		t.Errorf("an administrator by a group: %v", err)
	}
	if u, hash, err := s.LocalAccount(t.Context(), "admin"); err != nil || u.ID != id || hash != "hash" {
		t.Errorf("%+v, %v", u, err)
	}
}
