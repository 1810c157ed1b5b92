//go:build ad

package directory

import (
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// labSettings are the settings for a server of the lab.
func labSettings(kind agent.DirectoryKind, d *lab.Directory) agent.DirectorySettings {
	return agent.DirectorySettings{ID: 1, Kind: kind, Name: lab.Domain, Default: true, DNS: []netip.Addr{lab.DNSServer.Addr()},
		Controllers: []string{d.Host}, Transport: agent.TransportLDAPS, CA: string(d.CA.PEM()), User: d.ServiceDN, Password: lab.ServicePassword}
}

// office is Directories with one directory of the lab and the local accounts of newLocal.
type office struct {
	*Directories
	*memoryPeople
	log strings.Builder
}

func newOffice(t testing.TB, settings ...agent.DirectorySettings) *office {
	o := &office{memoryPeople: &memoryPeople{}}
	local := NewLocal(accounts{}, slog.New(slog.DiscardHandler))
	if test, ok := t.(*testing.T); ok {
		local, _ = newLocal(test)
	}
	o.Directories = New(local, o.memoryPeople, slog.New(slog.NewTextHandler(&o.log, nil)))
	o.Set(settings)
	t.Cleanup(o.Close)
	return o
}

// login logs in and returns the account and the code of the refusal.
func (o *office) login(t testing.TB, login, password string) (agent.User, agent.Code) {
	t.Helper()
	account, err := o.Find(t.Context(), login)
	if err != nil {
		return agent.User{}, agent.AsError(err).Code
	}
	user, err := account.Authenticate(t.Context(), agent.Credentials{Login: login, Password: password, Origin: agent.OriginLAN})
	if err != nil {
		var refusal *agent.Error
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v", login, err)
		}
		return user, agent.AsError(err).Code
	}
	return user, ""
}

// group returns a group of the lab by its name.
func (o *office) group(t testing.TB, s agent.DirectorySettings, names ...string) []agent.DirectoryGroup {
	t.Helper()
	groups, err := o.ResolveGroups(t.Context(), s, names)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestADLoginForms: each form of a login means the same person.
func TestADLoginForms(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	for login, forms := range map[string][]string{
		"alice": {"alice", "ALICE", " alice ", `EXAMPLE\alice`, `example\Alice`, `example.test\alice`, "example.test/alice", "EXAMPLE/alice",
			"alice@example.test", "Alice@EXAMPLE.TEST", "alice@example.test."},
		"dave":        {"dave", `EXAMPLE\dave`, "dave@example.test", "david.jones@example.test", "DAVID.JONES@example.test"},
		"carol":       {"carol", "carol@corp.example", "CAROL@Corp.Example", "carol@example.test"},
		"Иван Петров": {"Иван Петров", "иван петров", `EXAMPLE\ИВАН ПЕТРОВ`, "example.test/Иван Петров", "Иван Петров@example.test"},
	} {
		key := ""
		for _, form := range forms {
			account, err := o.Find(t.Context(), form)
			if err != nil || !account.Known {
				t.Errorf("%q: %+v, %v", form, account, err)
				continue
			}
			if key == "" {
				key = account.Key
			}
			user, code := o.login(t, form, lab.Password)
			if code != "" || user.Login != login || account.Key != key || user.AccountKey() != key {
				t.Errorf("%q: %q, %q, %q", form, code, user.Login, account.Key)
			}
			if _, code := o.login(t, form, lab.Password+"!"); code != agent.CodeBadCredentials {
				t.Errorf("%q with a wrong password: %q", form, code)
			}
			ad.Unlock(t, login)
		}
	}
	for _, nobody := range []string{"nobody", `EXAMPLE\nobody`, "nobody@example.test", `OTHER\alice`, "alice@other.test", "PC1$", `EXAMPLE\PC1$`,
		"*", "alic*", `EXAMPLE\*`, "alice)(sAMAccountName=*", "david.jones", "david.jones@corp.example", "alice@corp.example", `EXAMPLE\alice@example.test`,
		"krbtgt\x00", `EXAMPLE\`, "@example.test", `\alice`, "/alice", "alice@", strings.Repeat("a", 400), "Domain Users", "VPN-Users"} {
		account, err := o.Find(t.Context(), nobody)
		if err != nil || account.Known {
			t.Errorf("%q: %+v, %v", nobody, account, err)
			continue
		}
		if _, code := o.login(t, nobody, lab.Password); code != agent.CodeBadCredentials {
			t.Errorf("%q: %q", nobody, code)
		}
	}
	if netbios, suffixes := o.Facts(1); netbios != lab.NetBIOS || len(suffixes) != 1 || suffixes[0] != "corp.example" {
		t.Error(netbios, suffixes)
	}
}

// TestADRefusals: each refusal has its own answer, and only with the right password where the controller lets us know.
func TestADRefusals(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	for login, want := range map[string]struct{ right, wrong agent.Code }{
		"alice":      {"", agent.CodeBadCredentials},
		"disabled":   {agent.CodeAccountDisabled, agent.CodeBadCredentials},
		"expired":    {agent.CodeAccountExpired, agent.CodeBadCredentials},
		"nohours":    {agent.CodeLogonRestricted, agent.CodeBadCredentials},
		"otherpc":    {agent.CodeLogonRestricted, agent.CodeBadCredentials},
		"pwexpired":  {agent.CodePasswordExpired, agent.CodeBadCredentials},
		"mustchange": {agent.CodePasswordMustChange, agent.CodeBadCredentials},
		"locked":     {agent.CodeAccountLocked, agent.CodeAccountLocked},
		"smartcard":  {agent.CodeSmartcardRequired, agent.CodeSmartcardRequired},
	} {
		if _, code := o.login(t, login, lab.Password); code != want.right {
			t.Errorf("%s: %q, want %q", login, code, want.right)
		}
		if _, code := o.login(t, login, "wrong"); code != want.wrong {
			t.Errorf("%s with a wrong password: %q, want %q", login, code, want.wrong)
		}
		if _, code := o.login(t, login, ""); code != agent.CodeBadCredentials {
			t.Errorf("%s with an empty password: %q", login, code)
		}
	}
	if n := ad.BadPasswords(t, "smartcard"); n != 0 {
		t.Errorf("a password of a smart card account was sent %d times", n)
	}
	if n := ad.BadPasswords(t, "disabled"); n != 1 {
		t.Errorf("one wrong password counts %d", n)
	}
}

// TestADLockoutRule: the rule is that of the domain, or of the person.
func TestADLockoutRule(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(t, settings)
	want := func(login string, limit int, window time.Duration) {
		t.Helper()
		account, err := o.Find(t.Context(), login)
		if err != nil || account.Lockout != (agent.Lockout{Limit: limit, Window: window}) {
			t.Errorf("%s: %+v, %v", login, account.Lockout, err)
		}
	}
	want("alice", 3, 30*time.Minute)
	want("nobody", 3, 30*time.Minute)
	account, err := o.Find(t.Context(), "strict")
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("strict: %+v", account.Lockout) // the search account may be unable to read it
	if account.Lockout.Limit > 3 || account.Lockout.Limit == 0 {
		t.Error(account.Lockout)
	}
	settings.LockoutLimit, settings.LockoutWindow = 7, time.Hour
	o.Set([]agent.DirectorySettings{settings})
	want("alice", 7, time.Hour)
	want("strict", 7, time.Hour)
	settings.LockoutLimit = 0
	ad.Set(t, lab.BaseDN, "lockoutThreshold", "0")
	o.Set([]agent.DirectorySettings{settings})
	want("alice", 0, 0)
}
