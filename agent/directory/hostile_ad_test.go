//go:build ad

package directory

import (
	"log/slog"
	"slices"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// TestADSearchAccountIsNotLocked: testing a form with wrong passwords does not lock the search account in the domain.
func TestADSearchAccountIsNotLocked(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	d := New(NewLocal(accounts{}, slog.New(slog.DiscardHandler)), &memoryPeople{}, slog.New(slog.DiscardHandler))
	for range 6 {
		wrong := settings
		wrong.Password = "wrong"
		d.Test(t.Context(), wrong, "", nil)
		_, _ = d.SearchGroups(t.Context(), wrong, "x", 1)
		_, _ = d.ResolveGroups(t.Context(), wrong, []string{"Sales", "Staff"})
	}
	if n := ad.Attributes(t, ad.SearchDN, "badPwdCount"); !slices.Equal(n, []string{"2"}) {
		t.Errorf("%v wrong passwords, want 2", n)
	}
	ad.Bind(t, ad.SearchDN, lab.SearchPassword).Close() // not locked
}

// TestADLookAlikes: the controller compares logins by its own rules. Whatever it takes for alice is counted as alice.
func TestADLookAlikes(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	alice, err := o.Find(t.Context(), "alice")
	if err != nil || !alice.Known {
		t.Fatal(alice, err)
	}
	for _, login := range []string{"ALICE", "ａｌｉｃｅ", "álice", "al\u0131ce", "al\u0130ce", "alice\u00a0", "alice ", " alice", "al  ice", "alice\u200b", "\u202ealice", "alice\u0301",
		"EXAMPLE\\alice ", "alice @example.test", "alice@EXAMPLE.TEST.", "alice@example.test ", "example/alice", `CN=alice,OU=People,DC=example,DC=test`, "<SID=S-1-5-21-1-1-1-1>"} {
		before := ad.BadPasswords(t, "alice")
		account, err := o.Find(t.Context(), login)
		if err != nil {
			t.Fatalf("%+q: %v", login, err)
		}
		if _, err := account.Authenticate(t.Context(), agent.Credentials{Login: login, Password: "wrong", Origin: agent.OriginLAN}); err == nil {
			t.Errorf("%+q: a wrong password is right", login)
		}
		counted := ad.BadPasswords(t, "alice") > before
		if counted != account.Known || account.Known && account.Key != alice.Key {
			t.Errorf("%+q: known %v as %q, counted by the domain: %v", login, account.Known, account.Key, counted)
		}
		ad.Unlock(t, "alice")
	}
}
