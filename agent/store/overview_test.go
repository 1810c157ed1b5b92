package store

import (
	"database/sql"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// activity returns the activity with sorted spans.
func activity(t *testing.T, s *Store, from, until time.Time) agent.Activity {
	t.Helper()
	a, err := s.Activity(t.Context(), from, until)
	check(t, err)
	slices.SortFunc(a.Ended, func(a, b agent.Span) int { return a.Ended.Compare(b.Ended) })
	return a
}

// TestActivitySpans: the activity has the sessions that ended in the period, whenever they began, and no open ones.
func TestActivitySpans(t *testing.T) {
	s := newStore(t)
	check(t, s.KeepUnwritten())
	from, until := start, start.Add(24*time.Hour)
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	for i, c := range []struct {
		kind           agent.Kind
		started, ended time.Time
	}{
		{agent.KindLAN, at(-50), at(-1)}, // ended before
		{agent.KindLAN, at(-50), at(0)},  // ended when the period began
		{agent.KindVPN, at(-50), at(1)},
		{agent.KindWeb, at(2), at(3)},
		{agent.KindLAN, at(3), at(30)},
		{agent.KindLAN, at(24), at(31)}, // began when the period was over
		{agent.KindLAN, at(5), time.Time{}},
		{agent.KindStatic, at(6), time.Time{}}, // its end is not written yet
	} {
		check(t, s.SaveSession(t.Context(), agent.Session{ID: fmt.Sprint("s", i), Kind: c.kind, Started: c.started, Ended: c.ended}))
	}
	check(t, s.AddRefused(t.Context(), agent.RefusedAttempt{At: at(4), Code: agent.CodeBadCredentials}))
	s.unwritten.addEnd("s7", agent.SessionEnd{At: at(7), Reason: agent.ReasonLost})
	want := []agent.Span{
		{Kind: agent.KindVPN, Started: at(-50), Ended: at(1)},
		{Kind: agent.KindWeb, Started: at(2), Ended: at(3)},
		{Kind: agent.KindStatic, Started: at(6), Ended: at(7)},
		{Kind: agent.KindLAN, Started: at(3), Ended: at(30)},
	}
	if diff := cmp.Diff(want, activity(t, s, from, until).Ended); diff != "" {
		t.Error(diff)
	}
}

func TestActivityRefusals(t *testing.T) {
	s := newStore(t)
	peer := agent.Peer{Addr: netip.MustParseAddr("192.168.1.7"), Inside: true}
	for _, r := range []struct {
		after time.Duration
		code  agent.Code
	}{
		{-time.Microsecond, agent.CodeBadCredentials},
		{0, agent.CodeBadCredentials},
		{time.Hour - time.Microsecond, agent.CodeBadCredentials},
		{time.Hour - time.Microsecond, agent.CodeAddressBusy},
		{time.Hour, agent.CodeBadCredentials},
		{24 * time.Hour, agent.CodeBadCredentials},
	} {
		check(t, s.AddRefused(t.Context(), agent.RefusedAttempt{At: start.Add(r.after), Peer: peer, Code: r.code}))
	}
	want := []agent.RefusalCount{{Hour: 0, Code: agent.CodeAddressBusy, N: 1}, {Hour: 0, Code: agent.CodeBadCredentials, N: 2}, {Hour: 1, Code: agent.CodeBadCredentials, N: 1}}
	if diff := cmp.Diff(want, activity(t, s, start, start.Add(24*time.Hour)).Refusals); diff != "" {
		t.Error(diff)
	}
}

// TestActivityTraffic: what a session counts more than before belongs to the time when it is stored.
func TestActivityTraffic(t *testing.T) {
	s := newStore(t)
	slot := start.Truncate(agent.TrafficSlot)
	for id, kind := range map[string]agent.Kind{"lan": agent.KindLAN, "vpn": agent.KindVPN, "vpn2": agent.KindVPN} {
		check(t, s.SaveSession(t.Context(), agent.Session{ID: id, Kind: kind, Started: start}))
	}
	store := func(after time.Duration, counts map[string]agent.SessionCounts) {
		ids := make([]string, 0, len(counts))
		for id := range counts {
			ids = append(ids, id)
		}
		check(t, s.write(t.Context(), func(tx *sql.Tx) error { return saveAllCounts(t.Context(), tx, ids, counts, slot.Add(after)) }))
	}
	store(0, map[string]agent.SessionCounts{"lan": {Rx: 100, Tx: 10}, "vpn": {Rx: 1000, Tx: 1}, "vpn2": {Rx: 2000, Tx: 2}, "gone": {Rx: 7, Tx: 7}})
	store(14*time.Minute, map[string]agent.SessionCounts{"lan": {Rx: 150, Tx: 10}})
	store(15*time.Minute, map[string]agent.SessionCounts{"lan": {Rx: 150, Tx: 30}, "vpn": {Rx: 500, Tx: 1}}) // a count below the stored one
	check(t, s.EndSession(t.Context(), "vpn", agent.SessionEnd{At: slot.Add(20 * time.Minute), Reason: agent.ReasonLogout, Rx: 1005, Tx: 8}))
	check(t, s.EndSession(t.Context(), "vpn", agent.SessionEnd{At: slot.Add(21 * time.Minute), Reason: agent.ReasonLogout, Rx: 9999, Tx: 9999})) // it ended before

	kind := func(k agent.Kind, rx, tx uint64) agent.TrafficCount {
		return agent.TrafficCount{Kind: k, Rx: rx, Tx: tx}
	}
	for _, c := range []struct {
		from, until time.Duration
		want        []agent.TrafficCount
	}{
		{0, time.Hour, []agent.TrafficCount{kind(agent.KindLAN, 150, 30), kind(agent.KindVPN, 3005, 10)}},
		{0, 15 * time.Minute, []agent.TrafficCount{kind(agent.KindLAN, 150, 10), kind(agent.KindVPN, 3000, 3)}},
		{15 * time.Minute, time.Hour, []agent.TrafficCount{kind(agent.KindLAN, 0, 20), kind(agent.KindVPN, 5, 7)}},
		{30 * time.Minute, time.Hour, []agent.TrafficCount{}},
	} {
		got := activity(t, s, slot.Add(c.from), slot.Add(c.until))
		if diff := cmp.Diff(c.want, got.Traffic); diff != "" || !got.TrafficSince.Equal(slot) {
			t.Errorf("%v to %v: since %v, %s", c.from, c.until, got.TrafficSince, diff)
		}
	}
	store(trafficKept+16*time.Minute, map[string]agent.SessionCounts{"lan": {Rx: 151, Tx: 30}})
	if got := activity(t, s, slot, slot.Add(2*trafficKept)); !got.TrafficSince.Equal(slot.Add(trafficKept + 15*time.Minute)) {
		t.Errorf("old slots are kept: since %v, %v", got.TrafficSince, got.Traffic)
	}
}

// TestActivityOfSavedSession: SaveSession, too, may bring new counts.
func TestActivityOfSavedSession(t *testing.T) {
	s := newStore(t)
	session := agent.Session{ID: "s", Kind: agent.KindLAN, Started: start}
	check(t, s.SaveSession(t.Context(), session))
	session.RxStored, session.TxStored = 30, 4
	check(t, s.SaveSession(t.Context(), session))
	check(t, s.SaveSession(t.Context(), session))
	got := activity(t, s, start, time.Now().Add(time.Hour)).Traffic
	if diff := cmp.Diff([]agent.TrafficCount{{Kind: agent.KindLAN, Rx: 30, Tx: 4}}, got); diff != "" {
		t.Error(diff)
	}
}

func TestSizes(t *testing.T) {
	s := newStore(t)
	before, err := s.Sizes(t.Context())
	check(t, err)
	fill(t, s, 0, 1000)
	after, err := s.Sizes(t.Context())
	check(t, err)
	if after.Journal < before.Journal+1000*100 || after.Database < after.Journal {
		t.Errorf("%+v, before %+v", after, before)
	}
}

// BenchmarkActivity measures what the page «Обзор» reads from a journal of 1,000,000 sessions. It should take less than 20 ms of CPU.
func BenchmarkActivity(b *testing.B) {
	s, _, _ := newBigJournal(b)
	b.Run("day", func(b *testing.B) {
		cpu, n := processorTime(b), 0
		for b.Loop() {
			a, err := s.Activity(b.Context(), time.Now().Add(-25*time.Hour), time.Now())
			check(b, err)
			n = len(a.Ended)
		}
		b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		b.ReportMetric(float64(n), "sessions")
		if n < 4000 {
			b.Error(n)
		}
	})
	b.Run("sizes", func(b *testing.B) {
		cpu := processorTime(b)
		for b.Loop() {
			_, err := s.Sizes(b.Context())
			check(b, err)
		}
		b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
}
