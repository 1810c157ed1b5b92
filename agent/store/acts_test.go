package store

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

// codesOf returns the codes of the acts that a query selects, the newest first.
func codesOf(t *testing.T, s *Store, q agent.ActQuery) (codes []string) {
	t.Helper()
	q.Limit = 100
	page, err := s.Acts(t.Context(), q)
	check(t, err)
	for _, a := range page.Acts {
		codes = append(codes, string(a.Code))
	}
	if page.Total != len(codes) || page.AtLeast {
		t.Errorf("%+v: %d of %d", q, len(codes), page.Total)
	}
	return codes
}

func TestActs(t *testing.T) {
	s := newStore(t)
	full := agent.Act{At: start, By: 7, Login: "Boss", Source: agent.ActByREST, Peer: agent.Peer{Addr: netip.MustParseAddr("192.168.7.20"), Inside: true},
		Code: agent.ActAccountsChanged, Object: "3", Name: "Ёлкин", Count: 2, Names: []string{"ivanov", "petrova"},
		Changes: []agent.ActChange{{Field: "enabled", Before: []byte("true"), After: []byte("false")}, {Field: "psw", Hidden: true}}}
	check(t, s.AddActs(t.Context(), full,
		agent.Act{At: start.Add(time.Minute), Login: `company.ru\anna`, By: 8, Source: agent.ActByPage, Code: agent.ActGroupDeleted},
		agent.Act{At: start.Add(2 * time.Minute), Source: agent.ActByGateway, Code: agent.ActGatewayExpired}))
	page, err := s.Acts(t.Context(), agent.ActQuery{Limit: 1, Offset: 2})
	check(t, err)
	full.ID = 1
	if len(page.Acts) != 1 || !reflect.DeepEqual(page.Acts[0], full) || page.Total != 3 {
		t.Errorf("%+v\ninstead of %+v", page, full)
	}
	for _, c := range []struct {
		q    agent.ActQuery
		want string
	}{
		{agent.ActQuery{}, "gateway_expired group_deleted accounts_changed"},
		{agent.ActQuery{Search: "елк"}, "accounts_changed"},
		{agent.ActQuery{Search: "PETROVA"}, "accounts_changed"},
		{agent.ActQuery{Search: "192.168."}, "accounts_changed"},
		{agent.ActQuery{Search: "%"}, ""},
		{agent.ActQuery{Login: `company.ru\anna`}, "group_deleted"},
		{agent.ActQuery{Login: "boss"}, ""},
		{agent.ActQuery{Source: agent.ActByGateway}, "gateway_expired"},
		{agent.ActQuery{Kind: agent.ActsOnGroups}, "group_deleted"},
		{agent.ActQuery{From: start.Add(time.Minute)}, "gateway_expired group_deleted"},
		{agent.ActQuery{Until: start.Add(time.Minute)}, "accounts_changed"},
	} {
		if got := strings.Join(codesOf(t, s, c.q), " "); got != c.want {
			t.Errorf("%+v: %s instead of %s", c.q, got, c.want)
		}
	}
	logins, err := s.ActLogins(t.Context(), 10)
	if err != nil || !slices.Equal(logins, []string{"Boss", `company.ru\anna`}) {
		t.Errorf("%q, %v", logins, err)
	}
	for _, q := range []agent.ActQuery{{Offset: -1}, {Limit: -1}, {Offset: agent.MaxJournalOffset + 1}, {Limit: agent.MaxJournalPage + 1}} {
		if _, err := s.Acts(t.Context(), q); err == nil {
			t.Errorf("%+v is permitted", q)
		}
	}
}

// TestManyActs: a long list of names is cut on a page, at the end of a name, and whole in a file; a file has all acts, each once.
func TestManyActs(t *testing.T) {
	s := newStore(t)
	var names []string
	for i := range 3000 {
		names = append(names, fmt.Sprintf("user%04d", i))
	}
	acts := []agent.Act{{At: start, Code: agent.ActAccountsChanged, Count: len(names), Names: names}}
	for i := range journalBatch + 10 {
		acts = append(acts, agent.Act{At: start.Add(time.Duration(i/3) * time.Second), Code: agent.ActSignedIn, Name: fmt.Sprint(i)}) // three at the same moment
	}
	check(t, s.AddActs(t.Context(), acts...))
	var ids []int64
	check(t, s.EachAct(t.Context(), agent.ActQuery{}, func(a agent.Act) error {
		if ids = append(ids, a.ID); a.ID == 1 && !slices.Equal(a.Names, names) {
			t.Errorf("%d names", len(a.Names))
		}
		return nil
	}))
	if len(ids) != len(acts) || !slices.IsSortedFunc(ids[:len(ids)-1], func(a, b int64) int { return int(b - a) }) {
		t.Errorf("%d acts", len(ids))
	}
	page, err := s.Acts(t.Context(), agent.ActQuery{Search: "user2999", Limit: 10})
	check(t, err)
	if len(page.Acts) != 1 || page.Acts[0].Count != 3000 || len(page.Acts[0].Names) != 444 || page.Acts[0].Names[443] != "user0443" {
		t.Errorf("%d acts, %d names", len(page.Acts), len(page.Acts[0].Names))
	}
}

func TestTrimActs(t *testing.T) {
	for _, c := range []struct {
		before    time.Time
		most      int
		left      int
		forNumber int64
	}{
		{start.AddDate(-1, 0, 0), 1000, 250, 0},
		{start.Add(100 * time.Second), 1000, 150, 0},
		{start.AddDate(-1, 0, 0), 40, 40, 210},
		{start.Add(100 * time.Second), 40, 40, 110},
		{start.AddDate(1, 0, 0), 1000, 0, 0},
	} {
		s := newStore(t)
		var acts []agent.Act
		for i := range 250 {
			acts = append(acts, agent.Act{At: start.Add(time.Duration(i) * time.Second), Code: agent.ActSignedIn})
		}
		check(t, s.AddActs(t.Context(), acts...))
		forNumber, err := s.trimActs(t.Context(), c.before, c.most)
		check(t, err)
		page, err := s.Acts(t.Context(), agent.ActQuery{Limit: 1})
		check(t, err)
		if page.Total != c.left || forNumber != c.forNumber {
			t.Errorf("%+v: %d left, %d for their number", c, page.Total, forNumber)
		}
	}
}

// TestActsOnAFullDisk: what administrators do while the database cannot be written is written later; too many acts are an error, and so are acts that are lost at the end.
func TestActsOnAFullDisk(t *testing.T) {
	onSmallDisk(t, func(t *testing.T, dir string, fill, clear func()) {
		f := newFaulty(t, dir)
		fill()
		if _, err := f.opens(); err == nil {
			t.Fatal("the disk is not full")
		}
		check(t, f.AddActs(t.Context(), agent.Act{At: start, Code: agent.ActSessionEnded}))
		if err := f.AddActs(t.Context(), make([]agent.Act, keptActs)...); err == nil {
			t.Error("any number of acts is kept")
		}
		clear()
		f.look(t.Context())
		if got := codesOf(t, f.Store, agent.ActQuery{}); !slices.Equal(got, []string{"session_ended"}) || f.unwritten.any() {
			t.Errorf("%v, unwritten: %v", got, f.unwritten.any())
		}
		f.look(t.Context())
		if got := codesOf(t, f.Store, agent.ActQuery{}); len(got) != 1 {
			t.Errorf("written again: %v", got)
		}
		fill()
		check(t, f.AddActs(t.Context(), agent.Act{At: start, Code: agent.ActSessionEnded}))
		if err := f.Close(); err == nil || !strings.Contains(err.Error(), "lacks 1 acts") {
			t.Errorf("an act is lost: %v", err)
		}
		f.unwritten.acts = nil // openStore closes it again
	})
}

// TestAdministratorByGroupIsAnAct: a login that makes a person of a directory an administrator by a group is recorded with the change.
func TestAdministratorByGroupIsAnAct(t *testing.T) {
	s := newStore(t)
	_, err := s.SaveDirectory(t.Context(), agent.DirectorySettings{Name: "company.ru", Kind: agent.DirectoryAD}, nil)
	check(t, err)
	_, _, err = s.CreateGroup(t.Context(), agent.Group{Name: "IT", Directory: "company.ru", Member: agent.DirectoryGroup{ID: "S-1-5-1", Name: "IT"}, Admin: true})
	check(t, err)
	for range 2 {
		_, err = s.SaveDirectoryUser(t.Context(), agent.DirectoryPerson{Directory: "company.ru", GUID: "g", Login: "anna", Groups: []string{"S-1-5-1"}})
		check(t, err)
	}
	page, err := s.Acts(t.Context(), agent.ActQuery{Limit: 10})
	check(t, err)
	if len(page.Acts) != 1 || page.Acts[0].Code != agent.ActAdministratorByGroup || page.Acts[0].Name != `company.ru\anna` || string(page.Acts[0].Changes[0].After) != "true" {
		t.Errorf("%+v", page.Acts)
	}
}

// BenchmarkActs is a page of 100,000 acts: without a filter, by person, by kind and period, and with a search that finds nothing.
func BenchmarkActs(b *testing.B) {
	s := newStore(b)
	for range 100 {
		var acts []agent.Act
		for i := range 1000 {
			acts = append(acts, agent.Act{At: time.Now().Add(time.Duration(i-100_000) * time.Minute), By: agent.UserID(i % 5), Login: fmt.Sprint("admin", i%5), Source: agent.ActByPage,
				Peer: agent.Peer{Addr: netip.MustParseAddr("192.168.7.20"), Inside: true}, Code: []agent.ActCode{agent.ActAccountChanged, agent.ActGroupChanged, agent.ActSignedIn}[i%3],
				Object: fmt.Sprint(i), Name: fmt.Sprint("user", i), Changes: []agent.ActChange{{Field: "enabled", Before: []byte("true"), After: []byte("false")}}})
		}
		check(b, s.AddActs(b.Context(), acts...))
	}
	for _, c := range []struct {
		name string
		q    agent.ActQuery
	}{
		{"newest", agent.ActQuery{}},
		{"last page", agent.ActQuery{Offset: 99_950}},
		{"person", agent.ActQuery{Login: "admin3"}},
		{"kind and period", agent.ActQuery{Kind: agent.ActsOnGroups, From: time.Now().AddDate(0, 0, -1)}},
		{"rare search", agent.ActQuery{Search: "nobody"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			c.q.Limit = 50
			for b.Loop() {
				if _, err := s.Acts(b.Context(), c.q); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
