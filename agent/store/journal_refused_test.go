package store

import (
	"database/sql"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// TestAddRefused: a refusal has the account of its login. An unknown login is not stored, because it may be a password.
func TestAddRefused(t *testing.T) {
	s := newStore(t)
	addDirectory(t, s, company)
	group := addGroup(t, s, agent.Group{Name: "Бухгалтерия"})
	user := addUser(t, s, agent.User{Login: "Ivanov", Name: "Иванов Иван", Group: group}, "")
	addUser(t, s, agent.User{Login: "twice"}, "")
	addUser(t, s, agent.User{Login: "twice", Directory: company, GUID: "g"}, "")
	account := agent.JournalEntry{UserID: user, Login: "Ivanov", Name: "Иванов Иван", Group: "Бухгалтерия", Directory: agent.LocalDirectory}
	for i, c := range []struct {
		login string
		user  agent.UserID
		want  agent.JournalEntry
	}{
		{"IVANOV ", 0, account},
		{`company.ru\anything`, user, account},
		{"correct horse", 0, agent.JournalEntry{Login: hiddenLogin}},
		{"", 0, agent.JournalEntry{Login: hiddenLogin}},
		{"gone", 99, agent.JournalEntry{Login: hiddenLogin}},
		{"Twice", 0, agent.JournalEntry{Login: "twice"}},
	} {
		at := start.Add(time.Duration(i) * time.Minute)
		peer := agent.Peer{Addr: netip.MustParseAddr("192.168.1.7"), Inside: i%2 == 0}
		check(t, s.AddRefused(t.Context(), agent.RefusedAttempt{At: at, Login: c.login, UserID: c.user, Peer: peer,
			Device: agent.Device{ID: "d", Name: "ПК\x00-7"}, Way: agent.WayBrowser, Code: agent.CodeBadCredentials}))
		page, err := s.Entries(t.Context(), agent.JournalQuery{Limit: 1})
		check(t, err)
		want := c.want
		want.ID, want.Started, want.Ended, want.Device, want.Way, want.Refusal = page.Entries[0].ID, at, at, "ПК-7", agent.WayBrowser, agent.CodeBadCredentials
		if want.Inner = peer.Addr; !peer.Inside {
			want.Inner, want.Outer = netip.Addr{}, peer.Addr
		}
		if diff := cmp.Diff(want, page.Entries[0], sameAddresses); diff != "" || want.ID == "" {
			t.Errorf("%q: %s", c.login, diff)
		}
	}
	if open, err := s.OpenSessions(t.Context()); err != nil || len(open) > 0 {
		t.Errorf("open: %v, %v", open, err)
	}
	if u, err := s.User(t.Context(), user); err != nil || !u.LastLogin.IsZero() {
		t.Errorf("a refusal counts as a login: %v, %v", u.LastLogin, err)
	}
	check(t, s.read(t.Context(), func(tx *sql.Tx) error {
		var texts string
		err := tx.QueryRow(`SELECT group_concat(login || login_fold) FROM journal_people`).Scan(&texts)
		if strings.Contains(texts, "horse") {
			t.Error("the unknown login is stored")
		}
		return err
	}))
}

// TestTrimDeletesTexts: trimming also deletes the texts that no session has any more. An open session keeps its texts.
func TestTrimDeletesTexts(t *testing.T) {
	s := newStore(t)
	peer := agent.Peer{Addr: netip.MustParseAddr("95.1.1.1")}
	check(t, s.AddRefused(t.Context(), agent.RefusedAttempt{At: start.AddDate(0, 0, -9), Peer: peer, Device: agent.Device{Name: "old"}, Code: agent.CodeBadCredentials}))
	live, recent := journalExample(2), journalExample(1)
	live.ID, live.Started, live.Ended, live.Login = "live", start.AddDate(-1, 0, 0), time.Time{}, "live"
	recent.ID, recent.Started, recent.Ended = "recent", start, start
	check(t, s.SaveSession(t.Context(), live))
	check(t, s.SaveSession(t.Context(), recent))
	values := func(want map[agent.JournalColumn]string) {
		t.Helper()
		for column, texts := range want {
			if got, err := s.Values(t.Context(), column, 9); err != nil || strings.Join(got, " ") != texts {
				t.Errorf("%s: %q, want %s; %v", column, got, texts, err)
			}
		}
	}
	values(map[agent.JournalColumn]string{agent.JournalLogin: "*** elkin live", agent.JournalDevice: "old ПК-1 ПК-2", agent.JournalOuter: "95.1.1.1",
		agent.JournalInner: "192.168.1.1 192.168.1.2"})
	_, err := s.TrimJournal(t.Context(), start.AddDate(0, 0, -5), 1<<40)
	check(t, err)
	values(map[agent.JournalColumn]string{agent.JournalLogin: "elkin live", agent.JournalDevice: "ПК-1 ПК-2", agent.JournalOuter: "",
		agent.JournalInner: "192.168.1.1 192.168.1.2"})
	_, err = s.TrimJournal(t.Context(), start.AddDate(0, 0, 5), 1<<40)
	check(t, err)
	values(map[agent.JournalColumn]string{agent.JournalLogin: "live", agent.JournalInner: "192.168.1.2", agent.JournalMAC: live.MACStored})
}

// TestJournalOfAnEarlierVersion: searches find the sessions that an earlier version stored.
func TestJournalOfAnEarlierVersion(t *testing.T) {
	path, db := earlierVersion(t, 7)
	_, err := db.writer.Exec(`INSERT INTO sessions (`+firstSessionColumns+`) VALUES
		('lan', 1, 'ivanov', 'Иванов Пётр', 'local', 'lan', '192.168.1.7', '192.168.1.7', 'd', 'ПК-7', '', $1, 0, 0, $1, 'logout', '', '', ''),
		('vpn', 2, 'petrov', '', 'local', 'vpn', '10.128.0.2', '95.1.1.1', '', '', '', $1, 0, 0, 0, '', '', '', '')`, micros(start))
	check(t, err)
	check(t, db.Close())
	s := openStore(t, path)
	for text, want := range map[string]string{"петр": "lan", "пк-7": "lan", "192.168": "lan", "10.128.0.2": "vpn", "95.1.": "vpn", "ivanov": "lan"} {
		if got := strings.Join(found(t, s, agent.JournalQuery{Search: text}), " "); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	page, err := s.Entries(t.Context(), agent.JournalQuery{Limit: 2})
	check(t, err)
	byStart(page.Entries, true)
	lan, vpn := page.Entries[0], page.Entries[1]
	if addrText(lan.Inner) != "192.168.1.7" || lan.Outer.IsValid() || addrText(vpn.Tunnel) != "10.128.0.2" || addrText(vpn.Outer) != "95.1.1.1" || vpn.Refusal != "" {
		t.Errorf("%+v %+v", lan, vpn)
	}
}
