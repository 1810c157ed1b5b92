package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// addUser makes a local account.
func addUser(t testing.TB, s *Store, user agent.User, hash string) agent.UserID {
	t.Helper()
	if user.Directory == "" {
		user.Directory = agent.LocalDirectory
	}
	id, err := s.CreateUser(t.Context(), user, hash)
	check(t, err)
	return id
}

func TestUserComesBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	want := agent.User{Login: "Иванов", Name: "Иванов Иван", Directory: agent.LocalDirectory, Enabled: true, Admin: true,
		RemoteAccess: true, Phone: "+7 900 000-00-00", Comment: "o'k; --", Created: start, MustChange: true,
		Rights: everyRight, Group: addGroup(t, s, agent.Group{Name: "admins", Admin: true}), AdminByGroups: true}
	want.Rights.RemoteAccess = nil
	want.ID = addUser(t, s, want, "hash")
	got, err := s.User(ctx, want.ID)
	if diff := cmp.Diff(want, got, compareAddresses); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}

	want.Login, want.Name, want.Admin, want.Comment, want.LastLogin = "petrov", "", false, "", start
	want.Group, want.AdminByGroups, want.MustChange, want.Rights = 0, false, false, agent.Rights{Devices: 1}
	check(t, s.RememberLogin(ctx, want.ID, start))
	addUser(t, s, agent.User{Login: "admin", Enabled: true, Admin: true}, "hash") // somebody must be
	changed := want
	changed.Directory, changed.Created, changed.LastLogin = "elsewhere", start.AddDate(1, 0, 0), time.Time{} // these stay
	check(t, saveUser(ctx, s, changed))
	got, hash, err := s.LocalAccount(ctx, " PETROV ")
	if diff := cmp.Diff(want, got); err != nil || diff != "" || hash != "hash" {
		t.Errorf("%v %q %s", err, hash, diff)
	}
}

func TestLoginsDifferWithoutCase(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	first := addUser(t, s, agent.User{Login: "Жуков"}, "")
	second := addUser(t, s, agent.User{Login: "орлов"}, "")
	addUser(t, s, agent.User{Login: "жуков", Directory: "company.ru"}, "") // another directory, another person
	if _, err := s.CreateUser(ctx, agent.User{Login: "ЖУКОВ", Directory: agent.LocalDirectory}, ""); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("create: %v", err)
	}
	if err := saveUser(ctx, s, agent.User{ID: second, Login: "жУКОВ"}); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("update: %v", err)
	}
	check(t, saveUser(ctx, s, agent.User{ID: first, Login: "ЖУКОВ"})) // its own login in another case
	if user, _, err := s.LocalAccount(ctx, "жуков"); err != nil || user.ID != first || user.Login != "ЖУКОВ" {
		t.Errorf("%+v, %v", user, err)
	}
}

func TestUnknownUser(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	_, _, account := s.LocalAccount(ctx, "nobody")
	_, user := s.User(ctx, 7)
	for what, err := range map[string]error{
		"account": account, "user": user,
		"update":   saveUser(ctx, s, agent.User{ID: 7, Login: "x"}),
		"password": s.SetPassword(ctx, 7, "hash"),
		"changed":  s.ChangePassword(ctx, 7, "hash", "new"),
		"login":    s.RememberLogin(ctx, 7, start),
		"remote":   s.SetRemoteAccess(ctx, 7, true),
		"delete":   s.DeleteUser(ctx, 7),
		"device":   s.RememberDevice(ctx, 7, "pc", start),
		"browser":  s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "b", UserID: 7}),
		"touch":    s.TouchBrowserSession(ctx, "b", start, start),
		"session":  s.EndSession(ctx, "s", agent.SessionEnd{At: start, Reason: agent.ReasonAdmin}),
	} {
		if !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestAccountsThatCannotBe(t *testing.T) {
	for what, user := range map[string]agent.User{
		"no directory":                {Login: "ivanov"},
		"no login":                    {Login: " ", Directory: agent.LocalDirectory},
		"a directory's administrator": {Login: "ivanov", Directory: "company.ru", Admin: true},
	} {
		if _, err := newStore(t).CreateUser(t.Context(), user, ""); err == nil {
			t.Errorf("%s: created", what)
		}
	}
}

func TestSetPassword(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov"}, "old")
	check(t, s.SetPassword(ctx, id, "new"))
	if _, hash, err := s.LocalAccount(ctx, "ivanov"); err != nil || hash != "new" {
		t.Errorf("%q, %v", hash, err)
	}
}

// TestChangePassword: only the password that the person has typed is replaced.
func TestChangePassword(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov", MustChange: true}, "old")
	if err := s.ChangePassword(ctx, id, "another", "new"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("another password: %v", err)
	}
	if u, hash, err := s.LocalAccount(ctx, "ivanov"); err != nil || hash != "old" || !u.MustChange {
		t.Errorf("%q, %+v, %v", hash, u, err)
	}
	check(t, s.ChangePassword(ctx, id, "old", "new"))
	if u, hash, err := s.LocalAccount(ctx, "ivanov"); err != nil || hash != "new" || u.MustChange {
		t.Errorf("%q, %+v, %v", hash, u, err)
	}
	empty := addUser(t, s, agent.User{Login: "empty"}, "")
	if err := s.ChangePassword(ctx, empty, "", "new"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("an account without a password: %v", err)
	}
}

func TestRemoteAccess(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov", Enabled: true, Name: "Иванов"}, "hash")
	addUser(t, s, agent.User{Login: "off", RemoteAccess: true}, "hash") // switched off: does not count
	for _, allowed := range []bool{true, false} {
		check(t, s.SetRemoteAccess(ctx, id, allowed))
		user, err := s.User(ctx, id)
		if err != nil || user.RemoteAccess != allowed || user.Name != "Иванов" {
			t.Errorf("%+v, %v", user, err)
		}
		if n, err := s.CountRemoteAccess(ctx); err != nil || (n == 1) != allowed {
			t.Errorf("count %d, %v", n, err)
		}
	}
}

func TestDeleteUser(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov"}, "")
	check(t, s.RememberDevice(ctx, id, "pc", start))
	check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "b", UserID: id}))
	check(t, s.SaveSession(ctx, agent.Session{ID: "open", UserID: id, Started: start, Expires: start.AddDate(0, 0, 1),
		Resume: agent.ResumeDigests{Current: [32]byte{1}}}))
	check(t, s.DeleteUser(ctx, id))

	if _, err := s.User(ctx, id); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("user: %v", err)
	}
	if known, err := s.KnowsDevice(ctx, id, "pc"); err != nil || known {
		t.Errorf("device: %v, %v", known, err)
	}
	if _, err := s.BrowserSession(ctx, "b"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("browser session: %v", err)
	}
	if open, err := s.OpenSessions(ctx); err != nil || len(open) != 0 {
		t.Errorf("open sessions: %v, %v", open, err)
	}
	if journal := journalOf(t, s, "open"); journal.Reason != agent.ReasonDisabled || journal.Ended.IsZero() ||
		journal.Resume != (agent.ResumeDigests{}) {
		t.Errorf("journal: %+v", journal)
	}
	if next := addUser(t, s, agent.User{Login: "ivanov"}, ""); next == id {
		t.Error("the id was given to another person")
	}
}

// saveUser writes all of an account.
func saveUser(ctx context.Context, s *Store, user agent.User) error {
	_, err := s.UpdateUser(ctx, user.ID, func(u *agent.User) error {
		*u = user
		return nil
	})
	return err
}

// TestUpdateUserKeepsWhatOthersChange: of two changes at the same time neither undoes the other.
func TestUpdateUserKeepsWhatOthersChange(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov", Enabled: true, RemoteAccess: true}, "hash")
	var wait sync.WaitGroup
	wait.Go(func() { check(t, s.SetRemoteAccess(ctx, id, false)) })
	for i := range 20 {
		_, err := s.UpdateUser(ctx, id, func(u *agent.User) error {
			u.Comment = fmt.Sprint(i)
			return nil
		})
		check(t, err)
	}
	wait.Wait()
	if user, err := s.User(ctx, id); err != nil || user.RemoteAccess || user.Comment != "19" {
		t.Errorf("%+v, %v", user, err)
	}
}
