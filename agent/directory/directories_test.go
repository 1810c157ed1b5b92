package directory

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"ideco-agent/agent"
)

// newUnreachable makes Directories whose controllers all refuse connections.
func newUnreachable(t *testing.T, people *memoryPeople, settings ...agent.DirectorySettings) *Directories {
	t.Helper()
	local, _ := newLocal(t)
	d := New(local, people, slog.New(slog.DiscardHandler))
	for i := range settings {
		s := &settings[i]
		s.ID, s.Controllers, s.Transport = agent.DirectoryID(i+1), []string{"127.0.0.1:1"}, agent.TransportLDAPS
		if s.Kind == "" {
			s.Kind = agent.DirectoryAD
		}
	}
	d.Set(settings)
	t.Cleanup(d.Close)
	return d
}

// TestFindChoosesByForm: a bare login that names a local account is that account, also when it is disabled. Others belong to the
// directory that the form names. The directories here do not answer, so the refusal says which one was asked.
func TestFindChoosesByForm(t *testing.T) {
	d := newUnreachable(t, &memoryPeople{},
		agent.DirectorySettings{Name: "example.test", Default: true, NetBIOS: "EXAMPLE", UPNSuffixes: []string{"corp.example"}},
		agent.DirectorySettings{Name: "branch.test", NetBIOS: "BRANCH", UPNSuffixes: []string{"branch.example"}},
		agent.DirectorySettings{Name: "ldap.test", Kind: agent.DirectoryOpenLDAP})
	for login, want := range map[string]string{
		"Иванов": "", "off": "", "иванов ": "", // local
		"alice": "example.test", "a b": "example.test",
		`EXAMPLE\Иванов`: "example.test", "Иванов@example.test": "example.test", "example.test/off": "example.test",
		`branch\alice`: "branch.test", "BRANCH.TEST/alice": "branch.test", "alice@Branch.Test": "branch.test",
		"alice@ldap.test": "ldap.test", `ldap.test\alice`: "ldap.test",
		"alice@corp.example": "example.test", "alice@branch.example": "branch.test",
		"alice@other.test": "", `OTHER\alice`: "", `corp.example\alice`: "", "": "", "\x00": "",
	} {
		account, err := d.Find(t.Context(), login)
		got := ""
		if err != nil {
			refusal := agent.AsError(err)
			if got = refusal.Domain; refusal.Code != agent.CodeDirectoryUnreachable {
				t.Errorf("%q: %v", login, err)
			}
		}
		if got != want {
			t.Errorf("%q: asked %q, want %q", login, got, want)
		}
		if err == nil && account.Lockout != (agent.Lockout{}) {
			t.Errorf("%q: %+v", login, account.Lockout)
		}
	}
	for login, known := range map[string]bool{"Иванов": true, "off": true, "Иванов@other.test": false, `OTHER\off`: false} {
		if account, err := d.Find(t.Context(), login); err != nil || account.Known != known || account.Key == "" {
			t.Errorf("%q: %+v, %v", login, account, err)
		}
	}
	account, err := d.Find(t.Context(), `OTHER\Иванов`)
	if err != nil {
		t.Fatal(err)
	}
	_, err = account.Authenticate(t.Context(), agent.Credentials{Login: `OTHER\Иванов`, Password: composed, Origin: agent.OriginLAN})
	if agent.AsError(err).Code != agent.CodeBadCredentials {
		t.Error(err)
	}
	same, err := d.Find(t.Context(), `other\ИВАНОВ `)
	if err != nil || same.Key != account.Key {
		t.Errorf("%q, %q, %v", same.Key, account.Key, err)
	}
}

// TestFindWithoutDefault: without a default directory, a bare login is local.
func TestFindWithoutDefault(t *testing.T) {
	d := newUnreachable(t, &memoryPeople{}, agent.DirectorySettings{Name: "example.test"})
	if account, err := d.Find(t.Context(), "alice"); err != nil || account.Known {
		t.Error(account, err)
	}
	d.Set(nil)
	if account, err := d.Find(t.Context(), "alice@example.test"); err != nil || account.Known {
		t.Error(account, err)
	}
}

// TestDirectoriesKnows: a stored account is known while its directory is unreachable.
func TestDirectoriesKnows(t *testing.T) {
	people := &memoryPeople{}
	user, _ := people.SaveDirectoryUser(t.Context(), agent.DirectoryPerson{Directory: "example.test", GUID: "1", Login: "alice"})
	same, _ := people.SaveDirectoryUser(t.Context(), agent.DirectoryPerson{Directory: "example.test", GUID: "2", Login: "Иванов"})
	d := newUnreachable(t, people, agent.DirectorySettings{Name: "example.test", Default: true, NetBIOS: "EXAMPLE"})
	for login, want := range map[string]agent.UserID{"alice": user.ID, `EXAMPLE\ALICE`: user.ID, "alice@example.test": user.ID, "example.test/alice": user.ID,
		"Иванов": 1, `EXAMPLE\Иванов`: same.ID, "nobody": 0, `OTHER\alice`: 0, "alice@other.test": 0, "": 0, "off": 2} {
		if id, known, err := d.Knows(t.Context(), login); err != nil || id != want || known != (want != 0) {
			t.Errorf("%q: %d, %v, %v", login, id, known, err)
		}
	}
}

// TestSetKeepsConnections: a change that does not concern connections keeps them and the facts.
func TestSetKeepsConnections(t *testing.T) {
	d := newUnreachable(t, &memoryPeople{}, agent.DirectorySettings{Name: "example.test"}, agent.DirectorySettings{Name: "branch.test"})
	before := d.list()
	before[0].known = facts{netbios: "EXAMPLE", at: time.Now()}
	settings := []agent.DirectorySettings{before[1].DirectorySettings, before[0].DirectorySettings}
	settings[1].LoginGroups = []agent.DirectoryGroup{{ID: "S-1-5-32-545"}}
	settings[1].Default = true
	settings[1].TreeGroups = []agent.DirectoryGroup{{ID: "S-1-5-32-546"}}
	settings[0].Password = "another"
	d.Set(settings)
	after := d.list()
	if after[1].servers != before[0].servers || after[0].servers == before[1].servers {
		t.Error("connections of the wrong directory were kept")
	}
	if netbios, _ := d.Facts(settings[1].ID); netbios != "EXAMPLE" || !after[1].Default || len(after[1].LoginGroups) != 1 || len(after[1].TreeGroups) != 1 {
		t.Error(netbios, after[1].DirectorySettings)
	}
	if before[1].servers.ctx.Err() == nil || before[0].servers.ctx.Err() != nil {
		t.Error("closed the wrong connections")
	}
}

// TestReadUnreachable: a reading of an unreachable directory is an error.
func TestReadUnreachable(t *testing.T) {
	d := newUnreachable(t, &memoryPeople{}, agent.DirectorySettings{Name: "example.test"})
	if reading, err := d.Read(t.Context(), 1, []string{"1"}); !errors.Is(err, errUnreachable) || reading.People != nil {
		t.Error(reading, err)
	}
	if _, err := d.Read(t.Context(), 9, nil); !errors.Is(err, agent.ErrNotFound) {
		t.Error(err)
	}
	if s := d.Status(1); s.Reachable {
		t.Error(s)
	}
}
