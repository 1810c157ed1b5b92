package store

import (
	"context"
	"database/sql"
	"math"
	"os"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent"
)

// processorTime is the CPU time of the process so far.
func processorTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// newBigJournal returns a store whose journal has 1,000,000 sessions of 190 days. They are of 3,000 people with one device each. A quarter
// is from outside, from 60,000 addresses; about 200 are refusals. They are written before migration 8: migration is the CPU time of the
// later migrations, and size that of the file.
func newBigJournal(b *testing.B) (s *Store, migration time.Duration, size int64) {
	var path string
	path, s = earlierVersion(b, 7)
	_, err := s.writer.Exec(`INSERT INTO sessions (`+firstSessionColumns+`)
		WITH RECURSIVE numbers (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM numbers WHERE i < 999999),
			random (i, r) AS (SELECT i, i * 2654435761 % 4294967296 FROM numbers),
			people (i, r, p) AS (SELECT i, r, r / 7 % 3000 FROM random)
		SELECT printf('%08x-%07d', r, i), p + 1, printf('user%04d', p), printf('Иванов Иван %d', p), 'company.ru',
			CASE WHEN r % 4 = 0 THEN 'vpn' ELSE 'lan' END,
			CASE WHEN r % 4 = 0 THEN printf('10.128.%d.%d', p / 256, p % 256) ELSE printf('192.168.%d.%d', p / 256, p % 256) END,
			CASE WHEN r % 4 = 0 THEN printf('95.%d.%d.%d', r % 60000 / 10000, r % 10000 / 100, r % 100) ELSE printf('192.168.%d.%d', p / 256, p % 256) END,
			printf('%064d', p), printf('PC-%04d', p), 'windows', $1 + i * 16416000, $1 + i * 16416000, $1 + i * 16416000 + 43200000000,
			$1 + i * 16416000 + r % 36000000000 + 1, CASE WHEN r % 1000 = 7 THEN 'evicted' ELSE 'logout' END, printf('%064x', i), '', ''
		FROM people`, micros(time.Now().AddDate(0, 0, -190)))
	check(b, err)
	cpu := processorTime(b)
	check(b, migrate(b.Context(), s.writer))
	migration = processorTime(b) - cpu
	_, err = s.writer.Exec(`UPDATE sessions SET way = 'password', mac = CASE WHEN kind = 'lan' THEN printf('52:54:00:00:%02x:%02x', user_id / 256, user_id % 256) ELSE '' END,
			refusal = reason = 'evicted' AND rowid % 10 = 0, groups = printf('Отдел %d', user_id % 100), rx = user_id, tx = rowid`)
	check(b, err)
	check(b, s.write(b.Context(), func(tx *sql.Tx) error { // again, with the groups
		if _, err := tx.Exec(`DELETE FROM journal_people; DROP INDEX sessions_by_person`); err != nil {
			return err
		}
		return addJournalPeople(b.Context(), tx)
	}))
	check(b, s.Close())
	info, err := os.Stat(path)
	check(b, err)
	return openStore(b, path), migration, info.Size()
}

// BenchmarkJournal measures the queries of an administrator in a journal of 1,000,000 sessions. Each page should take less than 20 ms of
// CPU.
func BenchmarkJournal(b *testing.B) {
	s, migration, size := newBigJournal(b)
	b.Run("migration", func(b *testing.B) {
		for b.Loop() { // it was done once
		}
		b.ReportMetric(migration.Seconds(), "cpu-s")
		b.ReportMetric(float64(size), "bytes")
	})
	one := func(column agent.JournalColumn, op agent.JournalOperator, values ...string) agent.JournalFilter {
		return agent.JournalFilter{Column: column, Operator: op, Values: values}
	}
	all := func(f ...agent.JournalFilter) agent.JournalFilter { return agent.JournalFilter{Of: f} }
	yes := true
	month := func(ago int) (from, until string) {
		return time.Now().AddDate(0, -ago, 0).Format(time.RFC3339), time.Now().AddDate(0, 1-ago, 0).Format(time.RFC3339)
	}
	from, until := month(5)
	for _, bench := range []struct {
		name string
		q    agent.JournalQuery
		none bool
	}{
		{"first page", agent.JournalQuery{}, false},
		{"oldest first", agent.JournalQuery{Asc: true}, false},
		{"by end", agent.JournalQuery{Sort: agent.JournalEnd}, false},
		{"page at 10,000", agent.JournalQuery{Offset: 10_000}, false},
		{"login equals", agent.JournalQuery{Filter: one(agent.JournalLogin, agent.JournalEquals, "user1234")}, false},
		{"login equals nobody", agent.JournalQuery{Filter: one(agent.JournalLogin, agent.JournalEquals, "nobody")}, true},
		{"login contains, 1 of 30", agent.JournalQuery{Filter: one(agent.JournalLogin, agent.JournalContains, "r12")}, false},
		{"login contains, all", agent.JournalQuery{Filter: one(agent.JournalLogin, agent.JournalContains, "user")}, false},
		{"login does not contain", agent.JournalQuery{Filter: one(agent.JournalLogin, agent.JournalNotContains, "r12")}, false},
		{"name contains, few", agent.JournalQuery{Filter: one(agent.JournalName, agent.JournalContains, "иван 17")}, false},
		{"group equals", agent.JournalQuery{Filter: one(agent.JournalGroup, agent.JournalEquals, "Отдел 17")}, false},
		{"reason equals, rare", agent.JournalQuery{Filter: one(agent.JournalReason, agent.JournalEquals, "evicted")}, false},
		{"way equals, none", agent.JournalQuery{Filter: one(agent.JournalWay, agent.JournalEquals, "browser")}, true},
		{"refusals", agent.JournalQuery{Refusals: &yes}, false},
		{"today", agent.JournalQuery{Filter: one(agent.JournalStart, agent.JournalDateRange, "today")}, false},
		{"a month", agent.JournalQuery{Filter: one(agent.JournalStart, agent.JournalDateRange, from, until)}, false},
		{"a month of one login", agent.JournalQuery{Filter: all(one(agent.JournalStart, agent.JournalDateRange, from, until), one(agent.JournalLogin, agent.JournalEquals, "user1234"))}, false},
		{"a month of a group", agent.JournalQuery{Filter: all(one(agent.JournalStart, agent.JournalDateRange, from, until), one(agent.JournalGroup, agent.JournalContains, "отдел 17"))}, false},
		{"search login, few", agent.JournalQuery{Search: "user123"}, false},
		{"search login, all", agent.JournalQuery{Search: "user"}, false},
		{"search login, half", agent.JournalQuery{Search: "user1"}, false},
		{"search nothing", agent.JournalQuery{Search: "petrov"}, true},
		{"search address, few", agent.JournalQuery{Search: "95.3.17.4"}, false},
		{"search address, many", agent.JournalQuery{Search: "192.168"}, false},
		{"search MAC", agent.JournalQuery{Search: "00:0b:07"}, false},
		{"search MAC of nobody", agent.JournalQuery{Search: "aa:bb:cc"}, true},
		{"address equals", agent.JournalQuery{Filter: one(agent.JournalInner, agent.JournalEquals, "10.128.4.210")}, false},
		{"address contains none", agent.JournalQuery{Filter: one(agent.JournalOuter, agent.JournalContains, "95.99.")}, true},
		{"MAC contains", agent.JournalQuery{Filter: one(agent.JournalMAC, agent.JournalContains, "0b:07")}, false},
	} {
		b.Run(bench.name, func(b *testing.B) {
			bench.q.Limit = 50
			cpu := processorTime(b)
			var page agent.JournalPage
			for b.Loop() {
				var err error
				page, err = s.Entries(b.Context(), bench.q)
				check(b, err)
			}
			b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(float64(page.Total), "total")
			if (page.Total == 0) != bench.none || page.Total > 0 && len(page.Entries) == 0 {
				b.Errorf("%d of %d", len(page.Entries), page.Total)
			}
		})
	}
	b.Run("by login, which reads all", func(b *testing.B) {
		for b.Loop() {
			_, err := s.Entries(b.Context(), agent.JournalQuery{Sort: agent.JournalLogin, Limit: 50})
			check(b, err)
		}
	})
	b.Run("export of all", func(b *testing.B) {
		for b.Loop() {
			n := 0
			check(b, s.EachEntry(context.Background(), agent.JournalQuery{}, func(agent.JournalEntry) error { n++; return nil }))
			if n != 1_000_000 {
				b.Error(n)
			}
		}
	})
	b.Run("trim of a batch", func(b *testing.B) { // logins wait for it
		for b.Loop() {
			_, err := s.dropEnded(b.Context(), oldestEnded, 0, math.MaxInt64)
			check(b, err)
		}
	})
}
