package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// journalExample returns the n-th session for tests of the journal, in the order of their start.
func journalExample(n int) agent.Session {
	names := []string{"Иванов Иван", "Пётр Ёлкин", "Ann_Lee", "100% Bot"}
	p := n % len(names)
	s := agent.Session{ID: fmt.Sprintf("s%06d", n), UserID: agent.UserID(p + 1), Login: []string{"ivanov", "elkin", "ann_lee", "annXlee"}[p], Name: names[p],
		Group: []string{"", "Отдел 1", "Отдел 1, Отдел 11", "Отдел 11"}[p], Directory: agent.LocalDirectory, Kind: agent.KindLAN, Way: agent.WayTicket,
		Device:  agent.Device{ID: "d", Name: fmt.Sprint("ПК-", n%7)},
		Address: netip.AddrFrom4([4]byte{192, 168, 1, byte(n % 5)}), Inside: true, MACStored: fmt.Sprintf("52:54:00:00:00:0%d", n%3),
		Started: start.Add(time.Duration(n/2) * time.Minute), RxStored: uint64(n % 11), TxStored: 5}
	s.ExternalIP = s.Address
	if n%3 == 0 {
		s.Kind, s.MACStored, s.Way = agent.KindVPN, "", agent.WayPassword
		s.Address, s.ExternalIP, s.Inside = netip.AddrFrom4([4]byte{10, 128, 0, byte(n % 5)}), netip.AddrFrom4([4]byte{95, 1, 1, byte(n % 4)}), n%2 == 0
	}
	if n%10 > 0 {
		s.Ended, s.Reason = s.Started.Add(time.Duration(n%100)*time.Second), agent.Reasons[n%3]
	}
	return s
}

// newJournal returns a store with n sessions, every 50th of which is a refusal, and the entries that the journal must have.
func newJournal(t testing.TB, n int) (s *Store, entries []agent.JournalEntry) {
	s = newStore(t)
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for i := range n {
			session := journalExample(i)
			if err := saveSession(t.Context(), tx, session); err != nil {
				return err
			}
			e := agent.JournalEntry{ID: session.ID, UserID: session.UserID, Login: session.Login, Name: session.Name, Group: session.Group,
				Directory: session.Directory, Device: session.Device.Name, MAC: session.MACStored, Kind: session.Kind, Way: session.Way,
				Started: session.Started, Ended: session.Ended, Rx: session.RxStored, Tx: session.TxStored, Reason: session.Reason}
			switch {
			case session.Kind == agent.KindLAN:
				e.Inner = session.Address
			case session.Inside:
				e.Tunnel, e.Inner = session.Address, session.ExternalIP
			default:
				e.Tunnel, e.Outer = session.Address, session.ExternalIP
			}
			if i%50 == 1 {
				_, err := tx.Exec(`UPDATE sessions SET refusal = TRUE, reason = 'bad_credentials', ended = started, kind = '', external_ip = '' WHERE id = $1`, e.ID)
				if err != nil {
					return err
				}
				e.Kind, e.Reason, e.Refusal, e.Ended, e.Inner, e.Tunnel, e.Outer = "", "", agent.CodeBadCredentials, e.Started, session.Address, netip.Addr{}, netip.Addr{}
			}
			entries = append(entries, e)
		}
		return nil
	}))
	return s, entries
}

// texts returns the texts of an entry that a filter by a column compares. One of them must match.
func texts(e agent.JournalEntry, column agent.JournalColumn) []string {
	switch column {
	case agent.JournalLogin:
		return []string{e.Login}
	case agent.JournalName:
		return []string{e.Name}
	case agent.JournalGroup:
		return append(strings.Split(e.Group, ", "), e.Group)
	case agent.JournalDevice:
		return []string{e.Device}
	case agent.JournalMAC:
		return []string{e.MAC}
	case agent.JournalInner:
		return []string{addrText(e.Inner), addrText(e.Tunnel)}
	case agent.JournalOuter:
		return []string{addrText(e.Outer)}
	case agent.JournalWay:
		return []string{string(e.Way)}
	}
	return []string{string(e.Reason) + string(e.Refusal)}
}

// fits evaluates a filter by text columns without a database.
func fits(e agent.JournalEntry, f agent.JournalFilter) bool {
	if len(f.Of) > 0 {
		for _, one := range f.Of {
			if fits(e, one) == f.Any {
				return f.Any
			}
		}
		return !f.Any
	}
	contains := slices.ContainsFunc(texts(e, f.Column), func(text string) bool {
		return slices.ContainsFunc(f.Values, func(v string) bool {
			v = strings.ReplaceAll(fold(v), "52-54", "52:54")
			if f.Operator == agent.JournalEquals || f.Operator == agent.JournalNotEquals {
				return fold(text) == v
			}
			return text != "" && strings.Contains(fold(text), v)
		})
	})
	return contains != strings.HasPrefix(string(f.Operator), "not_")
}

// randomFilter makes a filter by a text column, or a combination of such filters.
func randomFilter(r *rand.Rand, depth int) (f agent.JournalFilter) {
	if depth > 0 && r.IntN(2) == 0 {
		f.Any = r.IntN(2) == 0
		for range 1 + r.IntN(3) {
			f.Of = append(f.Of, randomFilter(r, depth-1))
		}
		return f
	}
	columns := map[agent.JournalColumn][]string{
		agent.JournalLogin:  {"IVANOV", "ann_lee", "n", "_", "nobody", " elkin "},
		agent.JournalName:   {"иван", "ПЕТР", "елкин", "%", "100% bot", "'"},
		agent.JournalGroup:  {"отдел 1", "Отдел 11", "отдел 1, отдел 11", "1", "x"},
		agent.JournalDevice: {"пк-3", "ПК", "-6"},
		agent.JournalMAC:    {"52-54", "52:54:00:00:00:01", "0:01", "ff"},
		agent.JournalInner:  {"192.168.1.3", "10.128", "95.1.1.2", "1.1.1.1"},
		agent.JournalOuter:  {"95.1.1.2", "95.", "192.168.1.3"},
		agent.JournalWay:    {"ticket", "password", "browser", "ss"},
		agent.JournalReason: {"lost", "expired", "bad_credentials", "o", "x"},
	}
	names := slices.Sorted(func(yield func(agent.JournalColumn) bool) {
		for c := range columns {
			if !yield(c) {
				return
			}
		}
	})
	f.Column = names[r.IntN(len(names))]
	operators := []agent.JournalOperator{agent.JournalContains, agent.JournalNotContains, agent.JournalEquals, agent.JournalNotEquals,
		agent.JournalContainsAny, agent.JournalNotContainsAny}
	f.Operator = operators[r.IntN(len(operators))]
	for range 1 + r.IntN(2) {
		values := columns[f.Column]
		f.Values = append(f.Values, values[r.IntN(len(values))])
	}
	return f
}

// byStart sorts entries as the journal does.
func byStart(list []agent.JournalEntry, asc bool) {
	slices.SortFunc(list, func(a, b agent.JournalEntry) int {
		c := a.Started.Compare(b.Started)
		if c == 0 {
			c = strings.Compare(a.ID, b.ID)
		}
		if asc {
			return c
		}
		return -c
	})
}

var sameAddresses = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// TestEntries: random filters select the same entries as a loop over all. The journal is large enough for both ways to answer a query:
// by a selective condition, and from the newest row on.
func TestEntries(t *testing.T) {
	ctx := t.Context()
	s, entries := newJournal(t, 2*journalFew)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 80 {
		q := agent.JournalQuery{Filter: randomFilter(r, 2), Asc: r.IntN(2) == 0, Offset: r.IntN(30), Limit: 20}
		if i == 0 {
			q = agent.JournalQuery{Limit: 20}
		}
		if r.IntN(4) == 0 {
			refusals := r.IntN(2) == 0
			q.Refusals = &refusals
		}
		var want []agent.JournalEntry
		for _, e := range entries {
			if (q.Refusals == nil || *q.Refusals == (e.Refusal != "")) && (i == 0 || fits(e, q.Filter)) {
				want = append(want, e)
			}
		}
		byStart(want, q.Asc)
		page, err := s.Entries(ctx, q)
		check(t, err)
		of := fmt.Sprintf("%+v refusals %v", q.Filter, q.Refusals)
		if page.AtLeast && (len(want) < page.Total || page.Total < q.Offset+q.Limit) || !page.AtLeast && page.Total != len(want) {
			t.Errorf("%s: %d, at least %v; want %d", of, page.Total, page.AtLeast, len(want))
		}
		part := want[min(q.Offset, len(want)):min(q.Offset+q.Limit, len(want))]
		if diff := cmp.Diff(part, page.Entries, sameAddresses); diff != "" && len(part)+len(page.Entries) > 0 {
			t.Fatalf("%s: %s", of, diff)
		}
		if i%6 > 0 {
			continue
		}
		n := 0
		check(t, s.EachEntry(ctx, q, func(e agent.JournalEntry) error {
			if n < len(want) && e.ID != want[n].ID {
				t.Fatalf("%s: the entry %d is %s, want %s", of, n, e.ID, want[n].ID)
			}
			n++
			return nil
		}))
		if n != len(want) {
			t.Errorf("%s: %d exported, want %d", of, n, len(want))
		}
	}
}

// found returns the IDs of the entries that a query selects, in the order of their start.
func found(t *testing.T, s *Store, q agent.JournalQuery) (ids []string) {
	t.Helper()
	q.Limit, q.Asc = 100, true
	page, err := s.Entries(t.Context(), q)
	if err != nil {
		t.Fatalf("%+v: %v", q, err)
	}
	for _, e := range page.Entries {
		ids = append(ids, e.ID)
	}
	if page.Total != len(ids) || page.AtLeast {
		t.Errorf("%+v: %d, at least %v; found %v", q, page.Total, page.AtLeast, ids)
	}
	return ids
}

// TestJournalNumbers: times and numbers are compared as numbers; a value without seconds is a whole minute, a date a whole day.
func TestJournalNumbers(t *testing.T) {
	s := newStore(t)
	at := func(text string) time.Time {
		when, err := time.ParseInLocation(time.DateTime, text, time.Local)
		check(t, err)
		return when.UTC()
	}
	for id, session := range map[string]agent.Session{
		"a": {Started: at("2026-11-01 23:59:59"), Ended: at("2026-11-02 00:00:09"), RxStored: 5, TxStored: 6},
		"b": {Started: at("2026-11-02 00:00:00").Add(500 * time.Microsecond), Ended: at("2026-11-02 01:00:00"), RxStored: 100},
		"c": {Started: at("2026-11-03 00:00:00")},
	} {
		session.ID = id
		check(t, s.SaveSession(t.Context(), session))
	}
	for _, c := range []struct {
		column   agent.JournalColumn
		operator agent.JournalOperator
		values   string
		want     string
	}{
		{agent.JournalStart, agent.JournalEquals, "2026-11-02", "b"},
		{agent.JournalStart, agent.JournalEquals, at("2026-11-02 00:00:00").Format(time.RFC3339), "b"},
		{agent.JournalStart, agent.JournalNotEquals, "2026-11-02 00:00", "ac"},
		{agent.JournalStart, agent.JournalGreater, "2026-11-02", "c"},
		{agent.JournalStart, agent.JournalGreaterEqual, "2026-11-02", "bc"},
		{agent.JournalStart, agent.JournalLessEqual, "2026-11-02", "ab"},
		{agent.JournalStart, agent.JournalDateRange, "2026-11-01|2026-11-02", "ab"},
		{agent.JournalStart, agent.JournalDateRange, "2026-11-02|2026-11-01", ""},
		{agent.JournalStart, agent.JournalRange, "2026-11-01T23:59:59|2026-11-02T00:00:00", "ab"},
		{agent.JournalEnd, agent.JournalLessEqual, "2026-11-30", "ab"}, // an open session has no end
		{agent.JournalEnd, agent.JournalGreater, "2026-11-02 00:00:09", "b"},
		{agent.JournalDuration, agent.JournalEquals, "10", "a"},
		{agent.JournalDuration, agent.JournalRange, "10|3599", "ab"},
		{agent.JournalBytes, agent.JournalGreater, "11", "b"},
		{agent.JournalBytes, agent.JournalEquals, "11", "a"},
		{agent.JournalBytes, agent.JournalNotEquals, "11", "bc"},
	} {
		f := agent.JournalFilter{Column: c.column, Operator: c.operator, Values: strings.Split(c.values, "|")}
		if got := strings.Join(found(t, s, agent.JournalQuery{Filter: f}), ""); got != c.want {
			t.Errorf("%s %s %s: %s, want %s", c.column, c.operator, c.values, got, c.want)
		}
	}
}

// TestNamedDays: a week begins on Monday and ends with Sunday.
func TestNamedDays(t *testing.T) {
	zone := time.FixedZone("", 5*3600)
	for name, want := range map[string]string{"today": "2026-11-01 2026-11-02", "yesterday": "2026-10-31 2026-11-01", "cur_week": "2026-10-26 2026-11-02",
		"prev_week": "2026-10-19 2026-10-26", "cur_month": "2026-11-01 2026-12-01", "prev_month": "2026-10-01 2026-11-01"} {
		from, until, ok := namedDays(name, time.Date(2026, 11, 1, 23, 0, 0, 0, zone)) // a Sunday
		if got := from.Format(time.DateOnly) + " " + until.Format(time.DateOnly); !ok || got != want || from.Location() != zone || from.Hour() != 0 {
			t.Errorf("%s: %v to %v", name, from, until)
		}
	}
}

func TestJournalSearch(t *testing.T) {
	s := newStore(t)
	lan := exampleSession()
	lan.ID, lan.Kind, lan.Address, lan.ExternalIP = "lan", agent.KindLAN, netip.MustParseAddr("192.168.1.7"), netip.MustParseAddr("192.168.1.7")
	vpn := exampleSession()
	vpn.ID, vpn.Login, vpn.Name, vpn.Device.Name, vpn.MACStored, vpn.Inside = "vpn", "petrova", "Ёлкина Анна", "laptop_1", "", false
	for i, session := range []agent.Session{lan, vpn} {
		session.Started, session.Resume = start.Add(time.Duration(i)), agent.ResumeDigests{}
		check(t, s.SaveSession(t.Context(), session))
	}
	for text, want := range map[string]string{"VANO": "lan", "елкина": "vpn", "p_1": "vpn", "p%1": "", "пк": "lan", "192.168": "lan", "10.128.0": "vpn",
		"2001:DB8": "vpn", "54-00-12": "lan", "54:00:12": "lan", "a": "lan vpn", "nobody": "", " ": "lan vpn", "Бухгалтерия": ""} {
		if got := strings.Join(found(t, s, agent.JournalQuery{Search: text}), " "); text != "a" && got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
	// A changed address is found too, also if another session had it before.
	moved := vpn
	moved.ID, moved.Started, moved.Resume, moved.Address, moved.ExternalIP = "moved", start.Add(2), agent.ResumeDigests{}, netip.MustParseAddr("10.128.0.9"), netip.Addr{}
	check(t, s.SaveSession(t.Context(), moved))
	moved.Address, moved.ExternalIP = vpn.Address, vpn.ExternalIP
	check(t, s.SaveSession(t.Context(), moved))
	if got := strings.Join(found(t, s, agent.JournalQuery{Search: "10.128.0.2"}), " "); got != "vpn moved" {
		t.Error(got)
	}
	moved.Login, moved.Address, moved.ExternalIP, moved.Name = "", netip.Addr{}, netip.Addr{}, ""
	check(t, s.SaveSession(t.Context(), moved))
	check(t, s.SaveCounts(t.Context(), map[string]agent.SessionCounts{"lan": {MAC: "02:00:00:00:00:99"}}))
	vpn.Started, vpn.Resume, vpn.Login = start.Add(time.Duration(1)), agent.ResumeDigests{}, "sidorova"
	check(t, s.SaveSession(t.Context(), vpn))
	for text, want := range map[string]string{"00:99": "lan", "54:00:12": "", "sidorova": "vpn", "petrova": ""} {
		if got := strings.Join(found(t, s, agent.JournalQuery{Search: text}), " "); got != want {
			t.Errorf("after changes: %q: %s, want %s", text, got, want)
		}
	}
}

// TestJournalShowsUnwrittenEnds: the journal has an end that could not be written into the database.
func TestJournalShowsUnwrittenEnds(t *testing.T) {
	s := newStore(t)
	check(t, s.KeepUnwritten())
	check(t, s.SaveSession(t.Context(), exampleSession()))
	s.fault.Store(&agent.Error{Code: agent.CodeStoreUnavailable})
	check(t, s.EndSession(t.Context(), "s1", agent.SessionEnd{At: start.Add(time.Hour), Reason: agent.ReasonLogout, Tx: 99}))
	page, err := s.Entries(t.Context(), agent.JournalQuery{Limit: 1})
	check(t, err)
	if e := page.Entries[0]; e.Ended != start.Add(time.Hour) || e.Reason != agent.ReasonLogout || e.Tx != 99 {
		t.Errorf("%+v", e)
	}
}

// TestJournalProblems: invalid and too large queries are refused.
func TestJournalProblems(t *testing.T) {
	s := newStore(t)
	one := func(column agent.JournalColumn, operator agent.JournalOperator, values ...string) agent.JournalQuery {
		return agent.JournalQuery{Filter: agent.JournalFilter{Column: column, Operator: operator, Values: values}}
	}
	var deep agent.JournalFilter
	for range 1000 {
		deep = agent.JournalFilter{Of: []agent.JournalFilter{deep}}
	}
	long := strings.Repeat("ы", agent.MaxJournalText+1)
	for _, c := range []struct {
		q           agent.JournalQuery
		field, code string
	}{
		{agent.JournalQuery{Offset: -1}, "offset", "field_journal_value"},
		{agent.JournalQuery{Offset: agent.MaxJournalOffset + 1}, "offset", "field_journal_value"},
		{agent.JournalQuery{Limit: agent.MaxJournalPage + 1}, "limit", "field_journal_value"},
		{agent.JournalQuery{Limit: -1}, "limit", "field_journal_value"},
		{agent.JournalQuery{Sort: "id; DROP TABLE sessions"}, "sort", "field_journal_column"},
		{agent.JournalQuery{Search: long}, "search", "field_too_long"},
		{agent.JournalQuery{Filter: deep}, "filter", "field_journal_conditions"},
		{one(agent.JournalLogin, agent.JournalEquals, long), "filter", "field_too_long"},
		{one(agent.JournalLogin, agent.JournalEquals), "filter", "field_required"},
		{one(agent.JournalLogin, agent.JournalContainsAny, make([]string, 1000)...), "filter", "field_journal_conditions"},
		{one("password", agent.JournalEquals, "x"), "filter", "field_journal_column"},
		{one("", agent.JournalEquals, "x"), "filter", "field_journal_column"},
		{one(agent.JournalLogin, "like", "x"), "filter", "field_journal_operator"},
		{one(agent.JournalLogin, agent.JournalGreater, "x"), "filter", "field_journal_operator"},
		{one(agent.JournalStart, agent.JournalContains, "2026-11-01"), "filter", "field_journal_operator"},
		{one(agent.JournalStart, agent.JournalEquals, "soon"), "filter", "field_journal_value"},
		{one(agent.JournalStart, agent.JournalRange, "2026-11-01"), "filter", "field_journal_value"},
		{one(agent.JournalStart, agent.JournalEquals, "2026-11-01", "2026-11-02"), "filter", "field_journal_value"},
		{one(agent.JournalStart, agent.JournalRange, "2026-11-01", "2026-11-02", "2026-11-03"), "filter", "field_journal_value"},
		{one(agent.JournalBytes, agent.JournalGreater, "9223372036854775807"), "filter", "field_journal_value"},
		{one(agent.JournalBytes, agent.JournalGreater, "many"), "filter", "field_journal_value"},
	} {
		var problem agent.Problem
		if _, err := s.Entries(t.Context(), c.q); !errors.As(err, &problem) || problem.Field != c.field || problem.Code != c.code {
			t.Errorf("%.200s: %v, want %s: %s", fmt.Sprint(c.q), err, c.field, c.code)
		}
		c.q.Offset, c.q.Limit = 0, 0
		if err := s.EachEntry(t.Context(), c.q, nil); c.field != "offset" && c.field != "limit" && !errors.As(err, &problem) {
			t.Errorf("export of %.200s: %v", fmt.Sprint(c.q), err)
		}
	}
	var many agent.JournalFilter
	for range agent.MaxJournalConditions / 2 { // each is a condition and a value
		many.Of = append(many.Of, one(agent.JournalLogin, agent.JournalContains, "x").Filter)
	}
	if _, err := s.Entries(t.Context(), agent.JournalQuery{Filter: agent.JournalFilter{Of: []agent.JournalFilter{many}}}); err != nil {
		t.Errorf("as many conditions as are allowed: %v", err)
	}
	many.Of = append(many.Of, many.Of[0])
	if _, err := s.Entries(t.Context(), agent.JournalQuery{Filter: many}); err == nil {
		t.Error("one condition more than is allowed")
	}
	if _, err := s.Values(t.Context(), "password", 10); err == nil {
		t.Error("values of an unknown column")
	}
}

func TestEachEntryStops(t *testing.T) {
	s, _ := newJournal(t, 10)
	failed := errors.New("failed")
	if err := s.EachEntry(t.Context(), agent.JournalQuery{}, func(agent.JournalEntry) error { return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.EachEntry(ctx, agent.JournalQuery{}, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestJournalValues(t *testing.T) {
	s, _ := newJournal(t, 100)
	for column, want := range map[agent.JournalColumn]string{
		agent.JournalLogin:  "annXlee|ann_lee|elkin|ivanov",
		agent.JournalGroup:  "Отдел 1|Отдел 1, Отдел 11|Отдел 11",
		agent.JournalMAC:    "52:54:00:00:00:01|52:54:00:00:00:02",
		agent.JournalWay:    "password|ticket",
		agent.JournalReason: "bad_credentials|expired|lost|shutdown",
	} {
		if got, err := s.Values(t.Context(), column, 100); err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %q, %v", column, got, err)
		}
	}
	if got, err := s.Values(t.Context(), agent.JournalName, 2); err != nil || len(got) != 2 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestEverySort: each column can be sorted by, both ways.
func TestEverySort(t *testing.T) {
	s, _ := newJournal(t, 40)
	for column := range journalSorts {
		var ids [2][]string
		for i, asc := range []bool{true, false} {
			page, err := s.Entries(t.Context(), agent.JournalQuery{Sort: column, Asc: asc, Limit: 100})
			check(t, err)
			for _, e := range page.Entries {
				ids[i] = append(ids[i], e.ID)
			}
		}
		if slices.Reverse(ids[1]); len(ids[0]) != 40 || !slices.Equal(ids[0], ids[1]) {
			t.Errorf("%s: %v %v", column, ids[0], ids[1])
		}
	}
}
