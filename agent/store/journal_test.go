package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// idsInJournal are the sessions of the journal in order.
func idsInJournal(t *testing.T, s *Store) (ids []string) {
	t.Helper()
	check(t, s.read(t.Context(), func(tx *sql.Tx) (err error) {
		ids, err = all(t.Context(), tx, func(row scanner) (id string, err error) { return id, row.Scan(&id) },
			`SELECT id FROM sessions ORDER BY id`)
		return err
	}))
	return ids
}

func TestTrimJournal(t *testing.T) {
	const enough = math.MaxInt64
	for _, c := range []struct {
		name    string
		before  time.Time
		most    int64
		left    string
		forSize int64
	}{
		{"nothing is old", start.Add(-time.Hour), enough, "live live2 new old older", 0},
		{"by age", start, enough, "live live2 new", 0},
		{"the moment itself stays", start.Add(-time.Second), enough, "live live2 new old", 0},
		{"by size", start.AddDate(-5, 0, 0), 0, "live live2", 3},
		{"by both", start, 0, "live live2", 1},
	} {
		s := newStore(t)
		for id, ended := range map[string]time.Time{"live": {}, "live2": {}, "older": start.Add(-time.Minute), "old": start.Add(-time.Second), "new": start} {
			check(t, s.SaveSession(t.Context(), agent.Session{ID: id, Started: start.AddDate(-1, 0, 0), Ended: ended}))
		}
		forSize, err := s.TrimJournal(t.Context(), c.before, c.most)
		if left := strings.Join(idsInJournal(t, s), " "); err != nil || left != c.left || forSize != c.forSize {
			t.Errorf("%s: left %s, %d for the size, %v", c.name, left, forSize, err)
		}
	}
}

// TestTrimJournalEnds: a call whose context is over says so.
func TestTrimJournalEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := newStore(t).TrimJournal(ctx, start, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

// fill writes n sessions that have ended, from the number first on, a second apart.
func fill(t testing.TB, s *Store, first, n int) {
	t.Helper()
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for i := first; i < first+n; i++ {
			session := exampleSession()
			session.ID, session.Device.ID = fmt.Sprintf("%08x-%06d", uint32(i)*2654435761, i), fmt.Sprintf("%064d", i)
			session.Resume = agent.ResumeDigests{Chain: [32]byte{byte(i), byte(i >> 8), byte(i >> 16), 1}}
			session.Ended, session.Reason = start.Add(time.Duration(i)*time.Second), agent.ReasonLogout
			if err := saveSession(t.Context(), tx, session); err != nil {
				return err
			}
		}
		return nil
	}))
}

// sizesOnDisk are the sizes of the database and of its write-ahead log.
func sizesOnDisk(t *testing.T, path string) (file, log int64) {
	t.Helper()
	for suffix, size := range map[string]*int64{"": &file, "-wal": &log} {
		info, err := os.Stat(path + suffix)
		check(t, err)
		*size = info.Size()
	}
	return file, log
}

// TestJournalStopsGrowing writes twelve times as much as the journal may take, with the background task's trims in between.
// The file stays where it is once the limit is reached; the youngest sessions and the live ones are there.
func TestJournalStopsGrowing(t *testing.T) {
	const most, minute = 2e6, 1000
	s, path := newStoreFile(t)
	live := exampleSession()
	live.ID, live.Started, live.Resume = "live", start.AddDate(-9, 0, 0), agent.ResumeDigests{}
	check(t, s.SaveSession(t.Context(), live))
	for i := range 24 {
		fill(t, s, i*minute, minute)
		if _, err := s.TrimJournal(t.Context(), start.AddDate(-1, 0, 0), most); err != nil {
			t.Fatal(err)
		}
		if large, err := s.journalExceeds(t.Context(), most); err != nil || large {
			t.Fatalf("after %d sessions: too large still, %v", (i+1)*minute, err)
		}
		// A minute of this flood is written between two trims, and the log is folded in when it has 1,000 pages of 4 KiB.
		if file, log := sizesOnDisk(t, path); file > 2*most || log > 8e6 {
			t.Fatalf("after %d sessions: %d bytes, and %d of log", (i+1)*minute, file, log)
		}
	}
	ids := idsInJournal(t, s)
	numbers := []string{}
	for _, id := range ids {
		if _, number, ok := strings.Cut(id, "-"); ok {
			numbers = append(numbers, number)
		}
	}
	slices.Sort(numbers)
	if len(numbers) < 1500 || numbers[0] != fmt.Sprintf("%06d", 24*minute-len(numbers)) || !slices.Contains(ids, "live") {
		t.Errorf("%d sessions, the oldest is %s; the live one is there: %v", len(numbers), numbers[0], slices.Contains(ids, "live"))
	}
	file, log := sizesOnDisk(t, path)
	t.Logf("%d sessions in %d bytes, and %d of log", len(numbers), file, log)
}

// TestRefusalsDoNotDisplaceSessions: strangers who are refused all day long do not push the sessions out of the journal.
func TestRefusalsDoNotDisplaceSessions(t *testing.T) {
	s := newStore(t)
	fill(t, s, 0, 1000)
	refuse := func(from, n int) {
		check(t, s.write(t.Context(), func(tx *sql.Tx) error {
			for i := from; i < from+n; i++ {
				r := agent.RefusedAttempt{At: start.Add(time.Hour + time.Duration(i)*time.Second), Login: "nobody", Device: agent.Device{Name: fmt.Sprint(i)},
					Peer: agent.Peer{Addr: netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)})}, Way: agent.WayPassword, Code: agent.CodeBadCredentials}
				if err := addRefused(t.Context(), tx, r); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	count := func() (sessions, refusals int) {
		check(t, s.read(t.Context(), func(tx *sql.Tx) error {
			return tx.QueryRowContext(t.Context(), `SELECT count(*) - count(CASE WHEN refusal THEN 1 END), count(CASE WHEN refusal THEN 1 END) FROM sessions`).Scan(&sessions, &refusals)
		}))
		return sessions, refusals
	}
	const most = 3e6
	for i := range 5 {
		refuse(i*2000, 2000)
		if _, err := s.TrimJournal(t.Context(), start.AddDate(-1, 0, 0), most); err != nil {
			t.Fatal(err)
		}
	}
	if sessions, refusals := count(); sessions != 1000 || refusals < 1000 || refusals >= 10_000 {
		t.Errorf("%d sessions and %d refusals are left", sessions, refusals)
	}
	if _, err := s.TrimJournal(t.Context(), start.AddDate(-1, 0, 0), most/10); err != nil {
		t.Fatal(err)
	}
	if sessions, refusals := count(); sessions == 0 || sessions >= 1000 || refusals > sessions+trimBatch {
		t.Errorf("with much less room %d sessions and %d refusals are left", sessions, refusals)
	}
	if forSize, err := s.TrimJournal(t.Context(), start.AddDate(9, 0, 0), most/10); err != nil || forSize != 0 {
		t.Errorf("%d of the old ones were dropped for the size, %v", forSize, err)
	}
	if left := idsInJournal(t, s); len(left) != 0 {
		t.Errorf("%d are left", len(left))
	}
}

// TestOthersAreNoJournal: what other tables take is not counted against the journal.
func TestOthersAreNoJournal(t *testing.T) {
	s := newStore(t)
	for i := range 200 {
		addUser(t, s, agent.User{Login: fmt.Sprint("user", i), Comment: strings.Repeat("x", 10_000)}, "")
	}
	fill(t, s, 0, 500)
	forSize, err := s.TrimJournal(t.Context(), start.AddDate(-1, 0, 0), 1e6)
	if n := len(idsInJournal(t, s)); err != nil || forSize != 0 || n != 500 {
		t.Errorf("%d sessions left, %d dropped, %v", n, forSize, err)
	}
}

// TestTrimIsBounded: one call drops a bounded number, so that a journal that is far too large does not hold up logins.
func TestTrimIsBounded(t *testing.T) {
	s := newStore(t)
	const n = trimBatch*trimBatches + 10
	fill(t, s, 0, n)
	for _, left := range []int{10, 0} {
		_, err := s.TrimJournal(t.Context(), start, 0)
		if ids := idsInJournal(t, s); err != nil || len(ids) != left {
			t.Errorf("%d left, want %d: %v", len(ids), left, err)
		}
	}
}

func BenchmarkJournalExceeds(b *testing.B) {
	s := newStore(b)
	fill(b, s, 0, 100_000)
	for b.Loop() {
		if _, err := s.journalExceeds(b.Context(), 1e6); err != nil {
			b.Fatal(err)
		}
	}
}
