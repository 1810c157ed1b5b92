package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"ideco-agent/agent"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
)

// fakeNetwork implements directoryNetwork in memory.
type fakeNetwork struct {
	set    []agent.DirectorySettings
	tested agent.DirectorySettings // what the last call of Test, ResolveGroups or SearchGroups got
	known  map[string]string       // GUIDs by login
	groups map[string]agent.DirectoryGroup
	report agent.DirectoryReport
	err    error
	down   bool
	read   func(ctx context.Context, id agent.DirectoryID, guids []string) (agent.DirectoryReading, error)
	facts  map[agent.DirectoryID][]string
}

func (f *fakeNetwork) Set(list []agent.DirectorySettings) { f.set = list }

func (f *fakeNetwork) Test(_ context.Context, s agent.DirectorySettings, _ string, local []agent.User) agent.DirectoryReport {
	f.tested = s
	report := f.report
	state := agent.StepOK
	if f.err != nil {
		state = agent.StepSkipped
	}
	report.Steps = append(report.Steps, agent.StepResult{Step: agent.StepLocal, State: state})
	for _, u := range local {
		if guid := f.known[u.Login]; guid != "" {
			p := agent.DirectoryPerson{Directory: s.Name, GUID: guid, Login: u.Login}
			report.Local = append(report.Local, agent.LocalLogin{User: u, Person: p})
		}
	}
	return report
}

func (f *fakeNetwork) ResolveGroups(_ context.Context, s agent.DirectorySettings, names []string) (list []agent.DirectoryGroup, err error) {
	f.tested = s
	for _, name := range names {
		g, ok := f.groups[name]
		if !ok {
			return nil, agent.Problem{Field: "group", Code: "field_group", Value: name}
		}
		list = append(list, g)
	}
	return list, f.err
}

func (f *fakeNetwork) SearchGroups(_ context.Context, s agent.DirectorySettings, _ string, most int) ([]agent.DirectoryGroup, error) {
	f.tested = s
	return []agent.DirectoryGroup{{ID: fmt.Sprint(most)}}, f.err
}

func (f *fakeNetwork) Read(ctx context.Context, id agent.DirectoryID, guids []string) (agent.DirectoryReading, error) {
	if f.read == nil {
		return agent.DirectoryReading{}, f.err
	}
	return f.read(ctx, id, guids)
}

func (f *fakeNetwork) Status(agent.DirectoryID) agent.DirectoryStatus {
	return agent.DirectoryStatus{Reachable: !f.down}
}

func (f *fakeNetwork) Realms() []string { return nil }

func (f *fakeNetwork) Facts(id agent.DirectoryID) (string, []string) {
	if facts := f.facts[id]; facts != nil {
		return facts[0], facts[1:]
	}
	return "", nil
}

// fakeSessions has one live session for every account.
type fakeSessions struct {
	changed       []agent.User
	tree          agent.GroupTree // of the last check
	voided        []agent.UserID
	groupsChanged int
	check         func(before []agent.User, reading agent.DirectoryReading, confirmed bool) ([]agent.User, *agent.WithheldCheck)
}

func (f *fakeSessions) UserChanged(_ context.Context, u agent.User) int {
	f.changed = append(f.changed, u)
	if u.Refusal() != "" {
		return 1
	}
	return 0
}

func (f *fakeSessions) VoidResume(_ context.Context, u agent.UserID) error {
	f.voided = append(f.voided, u)
	return nil
}

func (f *fakeSessions) ended() (ids []agent.UserID) {
	for _, u := range f.changed {
		if u.Refusal() != "" {
			ids = append(ids, u.ID)
		}
	}
	return ids
}

func (f *fakeSessions) GroupsChanged(ctx context.Context, changed []agent.User) (n int) {
	f.groupsChanged++
	for _, u := range changed {
		n += f.UserChanged(ctx, u)
	}
	return n
}

func (f *fakeSessions) CheckDirectory(_ string, tree agent.GroupTree, before []agent.User, reading agent.DirectoryReading, confirmed bool) ([]agent.User, *agent.WithheldCheck) {
	f.tree = tree
	return f.check(before, reading, confirmed)
}

// directoryTest is a gateway's directories with a real store, a fake network and fake sessions.
type directoryTest struct {
	*directories
	t        *testing.T
	network  *fakeNetwork
	sessions *fakeSessions
	dir      string
	log      bytes.Buffer
}

func newDirectoryTest(t *testing.T) *directoryTest {
	t.Helper()
	d := &directoryTest{t: t, network: &fakeNetwork{}, sessions: &fakeSessions{}, dir: t.TempDir()}
	d.start()
	return d
}

// start opens the store again, as a restart does.
func (d *directoryTest) start() {
	d.t.Helper()
	if d.directories != nil {
		_ = d.directories.store.Close()
	}
	db, err := store.Open(d.t.Context(), filepath.Join(d.dir, "ideco.db"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.t.Cleanup(func() { _ = db.Close() })
	box := secretbox.New(filepath.Join(d.dir, secretKeyFile))
	d.directories, err = newDirectories(d.t.Context(), db, box, d.network, d.sessions, slog.New(slog.NewTextHandler(&d.log, nil)))
	if err != nil {
		d.t.Fatal(err)
	}
}

var companySettings = agent.DirectorySettings{Kind: agent.DirectoryAD, Name: "company.ru", Transport: agent.TransportLDAPS,
	User: "search@company.ru", Password: "Pa55word", CheckInterval: agent.DefaultCheckInterval}

func (d *directoryTest) save(s agent.DirectorySettings) agent.DirectoryID {
	d.t.Helper()
	id, err := d.Save(d.t.Context(), s)
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

// login makes the account of a person of company.ru.
func (d *directoryTest) login(guid string) agent.User {
	d.t.Helper()
	u, err := d.store.SaveDirectoryUser(d.t.Context(), agent.DirectoryPerson{Directory: "company.ru", GUID: guid, Login: guid})
	if err != nil {
		d.t.Fatal(err)
	}
	return u
}

func (d *directoryTest) local(login string, admin bool) agent.User {
	d.t.Helper()
	u := agent.User{Login: login, Directory: agent.LocalDirectory, Enabled: true, Admin: admin}
	var err error
	if u.ID, err = d.store.CreateUser(d.t.Context(), u, "hash"); err != nil {
		d.t.Fatal(err)
	}
	return u
}

// wantProblem checks that an error has exactly one problem.
func wantProblem(t *testing.T, what string, err error, field, code string) {
	t.Helper()
	var problems agent.Problems
	if !errors.As(err, &problems) || len(problems) != 1 || problems[0].Field != field || problems[0].Code != code {
		t.Errorf("%s: %v, want %s: %s", what, err, field, code)
	}
}

func TestDirectorySavedAndUsed(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	check := func(when string) {
		t.Helper()
		if len(d.network.set) != 1 || d.network.set[0].Password != "Pa55word" || d.network.set[0].Name != "company.ru" || !d.network.set[0].Default {
			t.Errorf("%s: in use are %+v", when, d.network.set)
		}
		list, err := d.List(t.Context())
		if err != nil || len(list) != 1 || list[0].Password != "" || list[0].PasswordLost {
			t.Errorf("%s: listed %+v, %v", when, list, err)
		}
		if one, err := d.Get(t.Context(), id); err != nil || !cmp.Equal(one, list[0], cmpopts.EquateComparable()) {
			t.Errorf("%s: got %+v, %v", when, one, err)
		}
	}
	check("saved")
	d.start()
	check("started anew")
	saved, _ := d.Get(t.Context(), id)
	saved.Bases = []string{"OU=Сотрудники,DC=company,DC=ru"}
	d.save(saved) // without the password
	check("saved again")
	if d.log.Len() != 0 {
		t.Errorf("log: %s", d.log.String())
	}
	for _, name := range []string{"ideco.db", "ideco.db-wal", secretKeyFile} {
		content, err := os.ReadFile(filepath.Join(d.dir, name))
		if err != nil || bytes.Contains(content, []byte("Pa55word")) {
			t.Errorf("%s has the password, %v", name, err)
		}
	}
}

func TestDirectoryProblems(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	for _, one := range []struct {
		field, code string
		change      func(*agent.DirectorySettings)
	}{
		{"name", "field_directory_taken", func(s *agent.DirectorySettings) { s.Name = "company.ru" }},
		{"password", "field_required", func(s *agent.DirectorySettings) { s.Password = "" }},
		{"ldap_paths", "field_base", func(s *agent.DirectorySettings) { s.Bases = []string{"company.ru/Staff"} }},
		{"ldap_paths", "field_base", func(s *agent.DirectorySettings) { s.Bases = []string{"OU=Staff,company,DC=ru"} }},
		{"user", "field_required", func(s *agent.DirectorySettings) { s.User = "" }},
		{"name", "field_directory_name", func(s *agent.DirectorySettings) { s.ID = id }},
		{"login_groups", "field_group", func(s *agent.DirectorySettings) { s.LoginGroups = []agent.DirectoryGroup{{Name: "VPN"}} }},
		{"remote_groups", "field_group", func(s *agent.DirectorySettings) { s.RemoteGroups = []agent.DirectoryGroup{{Name: "VPN"}} }},
	} {
		s := companySettings
		s.Name = "branch.ru"
		one.change(&s)
		_, err := d.Save(t.Context(), s)
		wantProblem(t, "save", err, one.field, one.code)
	}
	if list, err := d.List(t.Context()); err != nil || len(list) != 1 || len(d.network.set) != 1 {
		t.Errorf("%v, %v", list, err)
	}
	for i := range agent.MaxDirectories - 1 {
		s := companySettings
		s.Name = fmt.Sprintf("branch%d.ru", i)
		d.save(s)
	}
	s := companySettings
	s.Name = "branch.ru"
	_, err := d.Save(t.Context(), s)
	wantProblem(t, "one too many", err, "name", "field_too_many_directories")
}

// TestStoredPasswordOtherServer: the stored password is sent only to the servers for which it was typed.
func TestStoredPasswordOtherServer(t *testing.T) {
	d := newDirectoryTest(t)
	s := companySettings
	s.ID = d.save(s)
	s.Password, s.Controllers = "", []string{"dc.evil.ru"}
	_, saved := d.Save(t.Context(), s)
	_, tested := d.Test(t.Context(), s, "")
	_, searched := d.SearchGroups(t.Context(), s, "")
	_, found := d.FindGroup(t.Context(), s, "VPN")
	for what, err := range map[string]error{"save": saved, "test": tested, "search": searched, "find": found} {
		wantProblem(t, what, err, "password", "field_directory_password")
	}
	other := companySettings
	other.Name = "branch.ru"
	other.ID, other.Name, other.Password = d.save(other), "company.ru", ""
	var problems agent.Problems
	if _, err := d.Test(t.Context(), other, ""); !errors.As(err, &problems) { // another directory's name
		t.Errorf("a renamed directory was tested: %v", err)
	}
	if d.network.tested.Name != "" {
		t.Errorf("the network got %+v", d.network.tested)
	}

	s.Password = "typed"
	if _, err := d.Test(t.Context(), s, ""); err != nil || d.network.tested.Password != "typed" {
		t.Errorf("with a typed password: %+v, %v", d.network.tested, err)
	}
	s.Password, s.Controllers = "", nil
	s.LoginGroups = []agent.DirectoryGroup{{ID: "S-1"}}
	if _, err := d.Test(t.Context(), s, ""); err != nil || d.network.tested.Password != "Pa55word" {
		t.Errorf("to the same server: %+v, %v", d.network.tested, err)
	}
	d.network.tested = agent.DirectorySettings{}
	if _, err := d.SearchGroups(t.Context(), s, ""); err != nil || d.network.tested.Password != "Pa55word" {
		t.Errorf("search at the same server: %+v, %v", d.network.tested, err)
	}
}

func TestPasswordLost(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	if err := os.Remove(filepath.Join(d.dir, secretKeyFile)); err != nil {
		t.Fatal(err)
	}
	d.start()
	if len(d.network.set) != 1 || !d.network.set[0].PasswordLost || d.network.set[0].Password != "" {
		t.Errorf("in use: %+v", d.network.set)
	}
	if !strings.Contains(d.log.String(), "directory=company.ru") {
		t.Errorf("log: %s", d.log.String())
	}
	s, err := d.Get(t.Context(), id)
	if err != nil || !s.PasswordLost {
		t.Errorf("%+v, %v", s, err)
	}
	_, err = d.Save(t.Context(), s)
	wantProblem(t, "save", err, "password", "field_password_lost")
	_, err = d.SearchGroups(t.Context(), s, "")
	wantProblem(t, "search", err, "password", "field_password_lost")
	if _, err := d.Test(t.Context(), s, ""); err != nil || !d.network.tested.PasswordLost {
		t.Errorf("the test does not say it: %+v, %v", d.network.tested, err)
	}
	s.Password = "again"
	d.save(s)
	if d.network.set[0].PasswordLost || d.network.set[0].Password != "again" {
		t.Errorf("in use: %+v", d.network.set)
	}
}

func TestSaveResolvesGroups(t *testing.T) {
	d := newDirectoryTest(t)
	vpn, staff := agent.DirectoryGroup{ID: "S-1", Name: "VPN", DN: "CN=VPN"}, agent.DirectoryGroup{ID: "S-2", Name: "Staff", DN: "CN=Staff"}
	d.network.groups = map[string]agent.DirectoryGroup{"VPN": vpn, "CN=VPN": vpn, "Staff": staff}
	s := companySettings
	s.LoginGroups = []agent.DirectoryGroup{{Name: "Staff"}, {DN: "CN=VPN"}, {Name: "VPN"}}
	s.RemoteGroups = []agent.DirectoryGroup{vpn}
	d.save(s)
	if diff := cmp.Diff([][]agent.DirectoryGroup{{staff, vpn}, {vpn}}, [][]agent.DirectoryGroup{d.network.set[0].LoginGroups, d.network.set[0].RemoteGroups}); diff != "" {
		t.Error(diff)
	}
	saved, err := d.Get(t.Context(), d.network.set[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	if g, err := d.FindGroup(t.Context(), saved, "CN=VPN"); err != nil || g != vpn || d.network.tested.Password != "Pa55word" {
		t.Errorf("%+v, %v", g, err)
	}
	var problem agent.Problem
	if g, err := d.FindGroup(t.Context(), saved, "PN"); !errors.As(err, &problem) || g.ID != "" {
		t.Errorf("a part of the name: %+v, %v", g, err)
	}
	d.network.err = errors.New("no connection")
	var refusal *agent.Error
	if _, err := d.FindGroup(t.Context(), saved, "VPN"); !errors.As(err, &refusal) || refusal.Code != agent.CodeDirectoryUnreachable {
		t.Errorf("error %v", err)
	}
	s.Name = "branch.ru"
	if _, err := d.Save(t.Context(), s); !errors.As(err, &refusal) || refusal.Code != agent.CodeDirectoryUnreachable || refusal.Domain != "branch.ru" {
		t.Errorf("error %v", err)
	}
}

func TestDeleteDirectoryEndsSessions(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	a, b := d.login("a"), d.login("b")
	local := d.local("ivanov", false)
	ended, err := d.Delete(t.Context(), id)
	if got := d.sessions.ended(); err != nil || ended != 2 || !slices.Equal(got, []agent.UserID{a.ID, b.ID}) {
		t.Errorf("%d ended, %v, %v", ended, got, err)
	}
	if len(d.network.set) != 0 {
		t.Errorf("in use: %+v", d.network.set)
	}
	if _, err := d.store.User(t.Context(), local.ID); err != nil {
		t.Error(err)
	}
	if _, err := d.Delete(t.Context(), id); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

func TestConvert(t *testing.T) {
	d := newDirectoryTest(t)
	id := d.save(companySettings)
	ivanov, petrov, admin, stranger := d.local("ivanov", false), d.local("petrov", false), d.local("admin", true), d.local("stranger", false)
	twin := d.login("petrov-guid")
	d.network.known = map[string]string{"ivanov": "ivanov-guid", "petrov": "petrov-guid", "admin": "admin-guid"}
	all := []agent.UserID{ivanov.ID, petrov.ID, admin.ID, stranger.ID, twin.ID, 999}
	d.network.err = errors.New("no connection")
	var refusal *agent.Error
	if n, err := d.Convert(t.Context(), id, all); n != 0 || !errors.As(err, &refusal) || refusal.Code != agent.CodeDirectoryUnreachable {
		t.Errorf("without a connection: %d, %v", n, err)
	}
	d.network.err = nil
	for i, u := range []agent.User{ivanov, stranger} {
		now := time.Now()
		if err := d.store.SaveBrowserSession(t.Context(), agent.BrowserSession{ID: fmt.Sprint(i), UserID: u.ID, LastSeen: now, Expires: now.Add(time.Hour)}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := d.Convert(t.Context(), id, all); n != 2 || err != nil {
		t.Errorf("converted %d, %v", n, err)
	}
	for u, directory := range map[agent.UserID]string{ivanov.ID: "company.ru", petrov.ID: "company.ru", admin.ID: "local", stranger.ID: "local"} {
		if now, err := d.store.User(t.Context(), u); err != nil || now.Directory != directory {
			t.Errorf("%+v, %v", now, err)
		}
	}
	if got := d.sessions.ended(); !slices.Equal(got, []agent.UserID{twin.ID}) {
		t.Errorf("ended %v, want only those of the merged account %d", got, twin.ID)
	}
	if !slices.Equal(d.sessions.voided, []agent.UserID{ivanov.ID, petrov.ID}) {
		t.Errorf("the resume tokens of %v are void", d.sessions.voided)
	}
	for u, want := range map[agent.UserID]int{ivanov.ID: 0, stranger.ID: 1} { // those had signed in with the password that counts no more
		if browsers, err := d.store.BrowserSessions(t.Context(), u); err != nil || len(browsers) != want {
			t.Errorf("account %d is signed in in %d browsers, %v", u, len(browsers), err)
		}
	}
	if n, err := d.Convert(t.Context(), id, all); n != 0 || err != nil {
		t.Errorf("converted again: %d, %v", n, err)
	}
}
