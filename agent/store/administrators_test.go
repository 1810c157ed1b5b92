package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"ideco-agent/agent"
)

func TestHasAdministrator(t *testing.T) {
	for what, test := range map[string]struct {
		user agent.User
		hash string
		want bool
	}{
		"administrator": {agent.User{Enabled: true, Admin: true}, "hash", true},
		"switched off":  {agent.User{Admin: true}, "hash", false},
		"no role":       {agent.User{Enabled: true}, "hash", false},
		"no password":   {agent.User{Enabled: true, Admin: true}, "", false},
	} {
		s := newStore(t)
		test.user.Login = "ivanov"
		addUser(t, s, test.user, test.hash)
		if has, err := s.HasAdministrator(t.Context()); err != nil || has != test.want {
			t.Errorf("%s: %v, %v", what, has, err)
		}
	}
}

func TestFirstAdministrator(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addUser(t, s, agent.User{Login: "ivanov", Enabled: true}, "hash")
	if _, err := s.CreateFirstAdministrator(ctx, agent.User{Login: "admin"}, ""); err == nil {
		t.Error("created without a password")
	}
	if _, err := s.CreateFirstAdministrator(ctx, agent.User{Login: "Ivanov"}, "hash"); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("a login that is taken: %v", err)
	}
	id, err := s.CreateFirstAdministrator(ctx, agent.User{Login: "admin"}, "hash")
	check(t, err)
	if user, err := s.User(ctx, id); err != nil || !user.Admin || !user.Enabled || !user.Local() {
		t.Errorf("%+v, %v", user, err)
	}
	if _, err := s.CreateFirstAdministrator(ctx, agent.User{Login: "second"}, "hash"); !errors.Is(err, agent.ErrAdministratorExists) {
		t.Errorf("a second one: %v", err)
	}
}

func TestFirstAdministratorOfTwoAtOnce(t *testing.T) {
	s := newStore(t)
	var made atomic.Int32
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			_, err := s.CreateFirstAdministrator(t.Context(), agent.User{Login: fmt.Sprint("admin", i)}, "hash")
			if err == nil {
				made.Add(1)
			} else if !errors.Is(err, agent.ErrAdministratorExists) {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if made.Load() != 1 {
		t.Errorf("%d were made", made.Load())
	}
}

func TestLastAdministratorStays(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	admin := agent.User{Login: "admin", Directory: agent.LocalDirectory, Enabled: true, Admin: true}
	admin.ID = addUser(t, s, admin, "hash")
	addUser(t, s, agent.User{Login: "off", Admin: true}, "hash")                  // cannot sign in
	addUser(t, s, agent.User{Login: "empty", Admin: true, Enabled: true}, "")     // neither can this one
	plain := addUser(t, s, agent.User{Login: "plain", Enabled: true}, "password") // and this one is nobody
	takeAway := map[string]func() error{
		"switch off": func() error { u := admin; u.Enabled = false; return saveUser(ctx, s, u) },
		"role":       func() error { u := admin; u.Admin = false; return saveUser(ctx, s, u) },
		"password":   func() error { return s.SetPassword(ctx, admin.ID, "") },
		"delete":     func() error { return s.DeleteUser(ctx, admin.ID) },
	}
	for what, act := range takeAway {
		if err := act(); !errors.Is(err, agent.ErrLastAdministrator) {
			t.Errorf("%s: %v", what, err)
		}
		if has, err := s.HasAdministrator(ctx); err != nil || !has {
			t.Fatalf("after %s: %v, %v", what, has, err)
		}
	}
	check(t, s.DeleteUser(ctx, plain))
	admin.Name = "Главный"
	check(t, saveUser(ctx, s, admin))

	addUser(t, s, agent.User{Login: "second", Enabled: true, Admin: true}, "hash")
	check(t, s.DeleteUser(ctx, admin.ID))
}

// Administrators who remove one another at the same time must leave one.
func TestAdministratorsRemoveOneAnother(t *testing.T) {
	s := newStore(t)
	var ids []agent.UserID
	for i := range 8 {
		ids = append(ids, addUser(t, s, agent.User{Login: fmt.Sprint("admin", i), Enabled: true, Admin: true}, "hash"))
	}
	var refused atomic.Int32
	var group sync.WaitGroup
	for _, id := range ids {
		group.Go(func() {
			err := s.DeleteUser(t.Context(), id)
			if errors.Is(err, agent.ErrLastAdministrator) {
				refused.Add(1)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if refused.Load() != 1 {
		t.Errorf("%d were refused", refused.Load())
	}
}

func TestLastAdministrator(t *testing.T) {
	s := newStore(t)
	first := addUser(t, s, agent.User{Login: "first", Enabled: true, Admin: true}, "hash")
	plain := addUser(t, s, agent.User{Login: "ivanov", Enabled: true}, "hash")
	last := func(id agent.UserID) bool {
		t.Helper()
		is, err := s.LastAdministrator(t.Context(), id)
		check(t, err)
		return is
	}
	if !last(first) || last(plain) {
		t.Errorf("one administrator: %v, %v", last(first), last(plain))
	}
	second := addUser(t, s, agent.User{Login: "second", Enabled: true, Admin: true}, "hash")
	if last(first) || last(second) {
		t.Error("there are two administrators")
	}
}
