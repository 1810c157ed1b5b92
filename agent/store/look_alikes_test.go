package store

import (
	"database/sql"
	"errors"
	"slices"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Two spellings of «андрей»: with one code point for «й», and with two.
const (
	composed   = "андре\u0439"
	decomposed = "андре\u0438\u0306"
)

// openFirstVersion makes a database as the first version of the schema had it, with local accounts, and opens it as of now.
// The ids of the accounts count from 1.
func openFirstVersion(t *testing.T, logins ...string) *Store {
	t.Helper()
	path, s := earlierVersion(t, 1)
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for _, login := range logins {
			_, err := tx.Exec(`INSERT INTO users (login, login_key, name, search, directory, hash, enabled, admin, remote_access, phone, comment, created)
				VALUES ($1, $2, '', $3, $4, $5, TRUE, FALSE, FALSE, '', '', 0)`, login, loginKey(login), loginKey(login)+"\n", agent.LocalDirectory, "hash of "+login)
			if err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, s.Close())
	return openStore(t, path)
}

func lookAlikes(t *testing.T, s *Store) (ids []agent.UserID) {
	t.Helper()
	users, err := s.LookAlikes(t.Context())
	check(t, err)
	for _, u := range users {
		ids = append(ids, u.ID)
	}
	return ids
}

// TestSpellingsAreOneAccount: every spelling finds the account, and none can be taken by another one.
func TestSpellingsAreOneAccount(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	first := addUser(t, s, agent.User{Login: "Андре\u0439"}, "")
	other := addUser(t, s, agent.User{Login: "ivan"}, "")
	addUser(t, s, agent.User{Login: decomposed, Directory: "company.ru"}, "") // another directory, another person
	for _, login := range []string{composed, decomposed, " АНДРЕ\u0418\u0306"} {
		if u, _, err := s.LocalAccount(ctx, login); err != nil || u.ID != first {
			t.Errorf("%+q is account %d, %v", login, u.ID, err)
		}
		if _, err := s.CreateUser(ctx, agent.User{Login: login, Directory: agent.LocalDirectory}, ""); !errors.Is(err, agent.ErrLoginTaken) {
			t.Errorf("%+q was created: %v", login, err)
		}
		if err := saveUser(ctx, s, agent.User{ID: other, Login: login}); !errors.Is(err, agent.ErrLoginTaken) {
			t.Errorf("ivan became %+q: %v", login, err)
		}
		if found, _, err := s.Users(ctx, agent.UserFilter{Search: login}, 0, 0); err != nil || len(found) != 2 {
			t.Errorf("search for %+q: %v, %v", login, found, err)
		}
	}
	if u, _, err := s.LocalAccount(ctx, "\uff29\uff36\uff21\uff2e"); err != nil || u.ID != other { // full width
		t.Errorf("full width: account %d, %v", u.ID, err)
	}
	check(t, saveUser(ctx, s, agent.User{ID: first, Login: decomposed})) // its own login in another spelling
	if ids := lookAlikes(t, s); ids != nil {
		t.Errorf("look-alikes %v", ids)
	}
}

// TestOnlySpellings: a login finds an account only if the package spelling says that they are equal. The lower case of «İ» is «i»
// by the rule of earlier versions.
func TestOnlySpellings(t *testing.T) {
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivan"}, "")
	for login, want := range map[string]bool{"IVAN": true, "İvan": false, "i\u0307van": false} {
		if equal := spelling.Login(login) == spelling.Login("ivan"); equal != want {
			t.Errorf("%+q is equal: %v", login, equal)
		}
		if u, _, err := s.LocalAccount(t.Context(), login); (err == nil && u.ID == id) != want {
			t.Errorf("%+q finds ivan: %v, %v", login, !want, err)
		}
	}
	if _, err := s.CreateUser(t.Context(), agent.User{Login: "İvan", Directory: agent.LocalDirectory}, ""); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("a login that earlier versions take for ivan was created: %v", err)
	}
}

// TestEqualLoginsFromBefore: accounts whose logins became equal both stay, the exact spelling wins, and they are listed.
func TestEqualLoginsFromBefore(t *testing.T) {
	ctx := t.Context()
	s := openFirstVersion(t, decomposed, "ivanov", composed, "rene\u0301", "иван petrov")
	for login, want := range map[string]agent.UserID{
		decomposed: 1, composed: 3, "АНДРЕ\u0418\u0306": 1, "Андре\u0439": 3, // as before, in any case
		"ren\u00e9": 4, "RENÉ": 4, "rene\u0301": 4, "ivanov": 2, "Иван Petrov": 5,
	} {
		u, hash, err := s.LocalAccount(ctx, login)
		if err != nil || u.ID != want || hash != "hash of "+u.Login {
			t.Errorf("%+q is account %d with %q, want %d: %v", login, u.ID, hash, want, err)
		}
	}
	if ids := lookAlikes(t, s); !slices.Equal(ids, []agent.UserID{1, 3}) {
		t.Errorf("look-alikes %v", ids)
	}
	if found, _, err := s.Users(ctx, agent.UserFilter{Search: "ren\u00e9"}, 0, 0); err != nil || len(found) != 1 {
		t.Errorf("search: %v, %v", found, err)
	}
	if _, err := s.CreateUser(ctx, agent.User{Login: "АНДРЕ\u0439", Directory: agent.LocalDirectory}, ""); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("a third one: %v", err)
	}

	_, err := s.UpdateUser(ctx, 1, func(u *agent.User) error { u.Phone = "1"; return nil })
	check(t, err) // what else is in the account can change
	if err := saveUser(ctx, s, agent.User{ID: 1, Login: "Андре\u0439"}); !errors.Is(err, agent.ErrLoginTaken) {
		t.Errorf("became equal in one more way: %v", err)
	}
	check(t, saveUser(ctx, s, agent.User{ID: 1, Login: "андрей2"}))
	if u, _, err := s.LocalAccount(ctx, decomposed); err != nil || u.ID != 3 {
		t.Errorf("after the other one was renamed: account %d, %v", u.ID, err)
	}
	if ids := lookAlikes(t, s); ids != nil {
		t.Errorf("look-alikes %v", ids)
	}
}

// TestRenewHash: a password that was changed meanwhile keeps its new hash.
func TestRenewHash(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "ivanov"}, "old")
	addUser(t, s, agent.User{Login: "petrov"}, "old")
	check(t, s.RenewHash(ctx, id, "old", "renewed"))
	check(t, s.RenewHash(ctx, id, "old", "late"))
	check(t, s.RenewHash(ctx, 7, "old", "gone"))
	for login, want := range map[string]string{"ivanov": "renewed", "petrov": "old"} {
		if _, hash, err := s.LocalAccount(ctx, login); err != nil || hash != want {
			t.Errorf("%s has %q, want %q: %v", login, hash, want, err)
		}
	}
}
