package store

import (
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// firstSessionColumns are the columns of sessions in migration 1.
const firstSessionColumns = `id, user_id, login, name, directory, kind, address, external_ip, device_id, device_name, device_os,
	started, logged_in, expires, ended, reason, resume_chain, resume_current, resume_previous`

func exampleSession() agent.Session {
	return agent.Session{
		ID: "s1", UserID: 3, Login: "ivanov", Name: "Иванов Иван", Directory: agent.LocalDirectory, Kind: agent.KindVPN,
		Address: netip.MustParseAddr("10.128.0.2"), ExternalIP: netip.MustParseAddr("2001:db8::7"),
		Device:  agent.Device{ID: "f00", Name: "ПК-7", OS: "windows"},
		Started: start, LoggedIn: start.Add(time.Minute), Expires: start.Add(12 * time.Hour),
		Way: agent.WayPassword, Group: "Бухгалтерия, Филиал", MACStored: "52:54:00:12:34:56", RxStored: 1 << 40, TxStored: 7, Inside: true,
		Resume: agent.ResumeDigests{Chain: [32]byte{7}, Current: [32]byte{1, 2, 3}, Previous: [32]byte{31: 9}},
	}
}

// journalOf reads one session from the journal.
func journalOf(t *testing.T, s *Store, id string) (session agent.Session) {
	t.Helper()
	check(t, s.read(t.Context(), func(tx *sql.Tx) (err error) {
		session, err = scanSession(tx.QueryRow(`SELECT `+sessionColumns+` FROM sessions WHERE id = $1`, id))
		return err
	}))
	return session
}

func TestSessionComesBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	want := exampleSession()
	check(t, s.SaveSession(ctx, want))
	open, err := s.OpenSessions(ctx)
	if diff := cmp.Diff([]agent.Session{want}, open, compareAddresses); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}

	changed := agent.Session{ID: want.ID, UserID: 4, Kind: agent.KindLAN, Started: start} // everything else is empty
	check(t, s.SaveSession(ctx, changed))
	open, err = s.OpenSessions(ctx)
	if diff := cmp.Diff([]agent.Session{changed}, open, compareAddresses); err != nil || diff != "" {
		t.Errorf("saved again: %v %s", err, diff)
	}
}

// A field that the store forgets would only be missed after a restart.
func TestEveryFieldOfASessionIsKept(t *testing.T) {
	s := newStore(t)
	want := exampleSession()
	want.Ended, want.Reason = start.Add(time.Hour), agent.ReasonLost
	for _, part := range []any{want, want.Device, want.Resume} {
		value := reflect.ValueOf(part)
		for i := range value.NumField() {
			if value.Field(i).IsZero() {
				t.Errorf("the example has no %s", value.Type().Field(i).Name)
			}
		}
	}
	check(t, s.SaveSession(t.Context(), want))
	if diff := cmp.Diff(want, journalOf(t, s, want.ID), compareAddresses); diff != "" {
		t.Error(diff)
	}
}

func TestTimesAreKeptInUTC(t *testing.T) {
	s := newStore(t)
	session := exampleSession()
	session.Started = time.Date(1969, 7, 20, 23, 17, 40, 123456789, time.FixedZone("", 5*3600)) // before 1970
	check(t, s.SaveSession(t.Context(), session))
	want := time.Date(1969, 7, 20, 18, 17, 40, 123456000, time.UTC)
	if got := journalOf(t, s, session.ID).Started; got != want {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestOpenSessionsByStart(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	for id, after := range map[string]time.Duration{"c": 3, "a": 1, "b": 2, "ended": 0} {
		check(t, s.SaveSession(ctx, agent.Session{ID: id, Started: start.Add(after * time.Second)}))
	}
	check(t, s.EndSession(ctx, "ended", agent.SessionEnd{At: start, Reason: agent.ReasonAdmin}))
	open, err := s.OpenSessions(ctx)
	check(t, err)
	got := ""
	for _, session := range open {
		got += session.ID
	}
	if got != "abc" {
		t.Errorf("order %q", got)
	}
}

func TestEndSession(t *testing.T) {
	ctx := t.Context()
	for _, reason := range agent.Reasons {
		s := newStore(t)
		check(t, s.SaveSession(ctx, exampleSession()))
		end := start.Add(time.Hour)
		check(t, s.EndSession(ctx, "s1", agent.SessionEnd{At: end, Reason: reason}))
		got := journalOf(t, s, "s1")
		if got.Ended != end || got.Reason != reason {
			t.Errorf("%s: ended %v for %s", reason, got.Ended, got.Reason)
		}
		if kept := got.Resume == exampleSession().Resume; kept != reason.Reconnects() {
			t.Errorf("%s: the resume tokens are kept: %v", reason, kept)
		}
		if open, err := s.OpenSessions(ctx); err != nil || len(open) != 0 {
			t.Errorf("%s: open %v, %v", reason, open, err)
		}
	}
}

func TestEndSessionTwice(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	check(t, s.SaveSession(ctx, exampleSession()))
	check(t, s.EndSession(ctx, "s1", agent.SessionEnd{At: start, Reason: agent.ReasonLost}))
	check(t, s.EndSession(ctx, "s1", agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonAdmin}))
	got := journalOf(t, s, "s1")
	if got.Ended != start || got.Reason != agent.ReasonLost {
		t.Errorf("ended %v for %s", got.Ended, got.Reason)
	}
	if got.Resume != (agent.ResumeDigests{Chain: exampleSession().Resume.Chain}) {
		t.Error("an administrator's end left the resume tokens")
	}
}

// TestSaveTraffic: counts grow while a session is open and are complete with its end; smaller ones, and those after the end, change
// nothing.
func TestSaveTraffic(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	session := exampleSession()
	session.RxStored, session.TxStored, session.MACStored = 0, 0, ""
	check(t, s.SaveSession(ctx, session))
	save := func(rx, tx uint64, mac string) {
		t.Helper()
		check(t, s.SaveCounts(ctx, map[string]agent.SessionCounts{"s1": {Rx: rx, Tx: tx, MAC: mac}, "unknown": {Rx: 1}}))
	}
	want := func(rx, tx uint64, mac string) {
		t.Helper()
		if got := journalOf(t, s, "s1"); got.RxStored != rx || got.TxStored != tx || got.MACStored != mac {
			t.Errorf("%d, %d, %q; want %d, %d, %q", got.RxStored, got.TxStored, got.MACStored, rx, tx, mac)
		}
	}
	save(10, 20, "02:00:00:00:00:01")
	want(10, 20, "02:00:00:00:00:01")
	save(11, 5, "")
	want(11, 20, "02:00:00:00:00:01")
	check(t, s.EndSession(ctx, "s1", agent.SessionEnd{At: start, Reason: agent.ReasonLost, Rx: 1 << 40, Tx: 21, MAC: "02:00:00:00:00:02"}))
	want(1<<40, 21, "02:00:00:00:00:02")
	save(1<<41, 22, "02:00:00:00:00:03")
	check(t, s.EndSession(ctx, "s1", agent.SessionEnd{At: start, Reason: agent.ReasonAdmin, Rx: 1 << 41}))
	want(1<<40, 21, "02:00:00:00:00:02")
}

// TestSaveTrafficOfMany: all sessions are written, in several transactions.
func TestSaveTrafficOfMany(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	counts := map[string]agent.SessionCounts{}
	for i := range 2*savedAtOnce + 1 {
		session := exampleSession()
		session.ID, session.Resume, session.RxStored = fmt.Sprint(i), agent.ResumeDigests{}, 0
		check(t, s.SaveSession(ctx, session))
		counts[session.ID] = agent.SessionCounts{Rx: 1000 + uint64(i)}
	}
	check(t, s.SaveCounts(ctx, counts))
	open, err := s.OpenSessions(ctx)
	check(t, err)
	for _, session := range open {
		if session.RxStored != counts[session.ID].Rx {
			t.Errorf("%s: %d", session.ID, session.RxStored)
		}
	}
}

func TestSessionByResume(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	want := exampleSession()
	check(t, s.SaveSession(ctx, want))
	check(t, s.SaveSession(ctx, agent.Session{ID: "without a chain"}))
	for _, state := range []string{"open", "ended"} {
		got, err := s.SessionByResume(ctx, want.Resume.Chain)
		if diff := cmp.Diff(want, got, compareAddresses); err != nil || diff != "" {
			t.Errorf("%s: %v %s", state, err, diff)
		}
		want.Ended, want.Reason = start.Add(time.Hour), agent.ReasonLost
		check(t, s.EndSession(ctx, want.ID, agent.SessionEnd{At: want.Ended, Reason: want.Reason}))
	}
	for _, chain := range [][32]byte{{}, want.Resume.Current} {
		if got, err := s.SessionByResume(ctx, chain); !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("%x: %+v, %v", chain, got, err)
		}
	}
}

func TestVoidResume(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	kept := exampleSession().Resume
	cleared := agent.ResumeDigests{Chain: kept.Chain}
	save := func() {
		for _, session := range []agent.Session{
			{ID: "open", UserID: 1, Device: agent.Device{ID: "pc"}},
			{ID: "ended", UserID: 1, Device: agent.Device{ID: "pc"}, Ended: start},
			{ID: "elsewhere", UserID: 1, Device: agent.Device{ID: "phone"}, Ended: start},
			{ID: "other", UserID: 2, Device: agent.Device{ID: "pc"}, Ended: start},
		} {
			session.Resume = kept
			check(t, s.SaveSession(ctx, session))
		}
	}
	expect := func(want map[string]agent.ResumeDigests) {
		t.Helper()
		for id, chain := range want {
			if got := journalOf(t, s, id).Resume; got != chain {
				t.Errorf("%s: %x", id, got)
			}
		}
	}
	save()
	check(t, s.VoidResume(ctx, 1))
	expect(map[string]agent.ResumeDigests{"open": cleared, "ended": cleared, "elsewhere": cleared, "other": kept})
	save()
	check(t, s.VoidDevice(ctx, 1, "pc"))
	expect(map[string]agent.ResumeDigests{"open": kept, "ended": cleared, "elsewhere": kept, "other": kept})
}

func TestBrokenColumnsAreErrors(t *testing.T) {
	s := newStore(t)
	for _, broken := range []string{`address = 'here'`, `resume_current = 'abc'`, `started = 'today'`} {
		check(t, s.SaveSession(t.Context(), exampleSession()))
		check(t, s.write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE sessions SET ` + broken)
			return err
		}))
		if _, err := s.OpenSessions(t.Context()); err == nil {
			t.Errorf("%s: read", broken)
		}
	}
}

func BenchmarkSaveSession(b *testing.B) {
	s := newStore(b)
	session := exampleSession()
	for b.Loop() {
		session.ID = agent.NewSessionID()
		check(b, s.SaveSession(b.Context(), session))
	}
}
