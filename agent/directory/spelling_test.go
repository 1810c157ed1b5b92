package directory

import (
	"errors"
	"strings"
	"testing"

	"github.com/alexedwards/argon2id"

	"ideco-agent/agent"
)

// Two spellings of a password: with one code point for «й», and with two for it and a no-break space for the space.
const (
	composed   = "Домо\u0439 рано"
	decomposed = "Домо\u0438\u0306\u00a0рано"
)

// earlierHash returns the hash of a password as typed, without opaqueMark, as earlier versions stored it.
func earlierHash(t *testing.T, password string) string {
	t.Helper()
	hash, err := argon2id.CreateHash(password, params)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

// right reports whether a password is accepted, and fails the test unless exactly one hash was computed for the check.
func right(t *testing.T, l *Local, count *counter, login, password string) bool {
	t.Helper()
	*count = counter{}
	_, err := l.Authenticate(t.Context(), agent.Credentials{Login: login, Password: password, Origin: agent.OriginStranger})
	if err != nil && agent.AsError(err).Code != agent.CodeBadCredentials {
		t.Fatal(err)
	}
	if count.hashes != 1 {
		t.Errorf("%s: hashed %d times", login, count.hashes)
	}
	return err == nil
}

func setHash(l *Local, id agent.UserID, login, hash string) {
	l.accounts.(accounts).byLogin[login] = account{agent.User{ID: id, Login: login, Enabled: true}, hash}
}

// TestAuthenticateInAnySpelling: both spellings are right, whichever the password was set in. Each check computes one hash.
func TestAuthenticateInAnySpelling(t *testing.T) {
	l, count := newLocal(t)
	for _, set := range []string{composed, decomposed} {
		hash, err := Hash(t.Context(), set)
		if err != nil {
			t.Fatal(err)
		}
		setHash(l, 9, "андре\u0439", hash)
		for _, login := range []string{"Андре\u0439", "андре\u0438\u0306"} {
			if !right(t, l, count, login, composed) || !right(t, l, count, login, decomposed) {
				t.Errorf("%+q with a password set as %+q: refused", login, set)
			}
			if right(t, l, count, login, "домой рано") || right(t, l, count, login, "Домой рано ") {
				t.Errorf("%+q: another password was right", login)
			}
		}
	}
	// The PRECIS profile refuses a control character, so the password is hashed as typed.
	hash, err := Hash(t.Context(), decomposed+"\t")
	if err != nil {
		t.Fatal(err)
	}
	setHash(l, 9, "tab", hash)
	if !right(t, l, count, "tab", decomposed+"\t") || right(t, l, count, "tab", composed+"\t") {
		t.Error("a password with a control character is not compared as typed")
	}
	if right(t, l, count, "nobody", decomposed) { // right also checks that one hash was computed
		t.Error("an unknown login is accepted")
	}
}

// TestAuthenticateRenewsAnEarlierHash: the first login needs the password in the code points in which it was set, and after
// it every spelling is right.
func TestAuthenticateRenewsAnEarlierHash(t *testing.T) {
	l, count := newLocal(t)
	for name, set := range map[string]string{"composed": composed, "decomposed": decomposed, "ascii": "secret 123"} {
		before := earlierHash(t, set)
		setHash(l, 9, name, before)
		stored := func() string { return l.accounts.(accounts).byLogin[name].hash }
		if right(t, l, count, name, "wrong") || stored() != before {
			t.Errorf("%s: a wrong password renewed the hash to %q", name, stored())
		}
		if !right(t, l, count, name, set) {
			t.Errorf("%s: the password as it was set is refused", name)
		}
		renewed := stored()
		if !strings.HasPrefix(renewed, opaqueMark+"$argon2id$") {
			t.Errorf("%s: not renewed: %q", name, renewed)
		}
		if set != "secret 123" && (!right(t, l, count, name, composed) || !right(t, l, count, name, decomposed)) {
			t.Errorf("%s: refused after it was renewed", name)
		}
		if !right(t, l, count, name, set) || stored() != renewed {
			t.Errorf("%s: renewed twice", name)
		}
	}
}

// TestAuthenticateWithoutRenewal: people can log in while the database cannot be written.
func TestAuthenticateWithoutRenewal(t *testing.T) {
	l, count := newLocal(t)
	setHash(l, 9, "ivan", earlierHash(t, decomposed))
	a := l.accounts.(accounts)
	a.writeErr = errors.New("the disk is full")
	l.accounts = a
	if !right(t, l, count, "ivan", decomposed) {
		t.Error("refused")
	}
}

// TestPasswordLength: the limit counts bytes in the spelling that is hashed, whatever was typed.
func TestPasswordLength(t *testing.T) {
	l, count := newLocal(t)
	longest := strings.Repeat("\u0439", agent.MaxPassword/2)
	hash, err := Hash(t.Context(), longest)
	if err != nil {
		t.Fatal(err)
	}
	setHash(l, 9, "long", hash)
	if !right(t, l, count, "long", strings.Repeat("\u0438\u0306", agent.MaxPassword/2)) {
		t.Error("the longest password is refused in its decomposed form")
	}
	var problem agent.Problem
	if _, err := Hash(t.Context(), longest+"x"); !errors.As(err, &problem) || problem.Field != "psw" {
		t.Errorf("one byte more: %v", err)
	}
}
