package store

import (
	"database/sql"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

func TestSearchUsers(t *testing.T) {
	s := newStore(t)
	for login, name := range map[string]string{
		"ivanov": "Иванов Иван", "SEMENOV": "Семёнов Пётр", "100%": "Процент", "a_b": `Обратная \ черта`, "axb": "",
	} {
		addUser(t, s, agent.User{Login: login, Name: name}, "")
	}
	for search, want := range map[string][]string{
		"":             {"100%", "a_b", "axb", "ivanov", "SEMENOV"},
		"ИВАН":         {"ivanov"},
		" ванов и ":    {"ivanov"},
		"Semen":        {"SEMENOV"},
		"семенов":      {"SEMENOV"},
		"ПЁТР":         {"SEMENOV"},
		"%":            {"100%"},
		"_":            {"a_b"},
		"a_b":          {"a_b"},
		`\`:            {"a_b"},
		"ivanovиванов": {}, // login and name are two texts
		"'; --":        {},
	} {
		users, total, err := s.Users(t.Context(), agent.UserFilter{Search: search}, 0, 0)
		if diff := cmp.Diff(want, logins(users)); err != nil || diff != "" || total != len(want) {
			t.Errorf("%q: %d, %v %s", search, total, err, diff)
		}
	}
}

func TestFilterUsers(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	addDirectory(t, s, company)
	top := addGroup(t, s, agent.Group{Name: "top"})
	below := addGroup(t, s, agent.Group{Name: "below", Parent: top, Directory: company, Member: agent.DirectoryGroup{ID: "S-1"}})
	admins := addGroup(t, s, agent.Group{Name: "admins", Admin: true, Position: 1})
	add := func(u agent.User, at time.Time) {
		t.Helper()
		id := addUser(t, s, u, "")
		if !at.IsZero() {
			check(t, s.RememberLogin(ctx, id, at))
		}
	}
	none := time.Time{}
	add(agent.User{Login: "admin", Name: "Иванов", Enabled: true, Admin: true}, start.Add(time.Hour))
	add(agent.User{Login: "boss", Enabled: true, Group: admins, MustChange: true}, none)
	add(agent.User{Login: "clerk", RemoteAccess: true, Group: top}, start)
	for _, p := range []agent.DirectoryPerson{{GUID: "d", Login: "dir", Name: "Иван", Remote: true, Groups: []string{"S-1"}},
		{GUID: "e", Login: "expired", Refused: agent.CodeAccountExpired, Groups: []string{"S-2"}}} {
		p.Directory = company
		login(t, s, p)
	}
	yes, no := true, false
	type filter = agent.UserFilter
	for _, test := range []struct {
		filter filter
		want   []string
	}{
		{filter{}, []string{"admin", "boss", "clerk", "dir", "expired"}},
		{filter{Directory: agent.LocalDirectory}, []string{"admin", "boss", "clerk"}},
		{filter{Directory: company}, []string{"dir", "expired"}},
		{filter{Directory: "none.ru"}, []string{}},
		{filter{Group: top}, []string{"clerk", "dir"}},
		{filter{Group: below}, []string{"dir"}},
		{filter{Group: admins}, []string{"boss"}},
		{filter{Group: 77}, []string{}},
		{filter{Group: top, Directory: company}, []string{"dir"}},
		{filter{NoGroup: true}, []string{"admin", "expired"}},
		{filter{Remote: &yes}, []string{"clerk", "dir"}},
		{filter{Remote: &no}, []string{"admin", "boss", "expired"}},
		{filter{Admin: true}, []string{"admin", "boss"}},
		{filter{State: agent.UserEnabled}, []string{"admin", "boss", "dir"}},
		{filter{State: agent.UserDisabled}, []string{"clerk"}},
		{filter{State: agent.UserRefused}, []string{"expired"}},
		{filter{State: agent.UserMustChange}, []string{"boss"}},
		{filter{Since: start}, []string{"admin", "clerk"}},
		{filter{Since: start.Add(1000)}, []string{"admin"}},
		{filter{Before: start}, []string{"boss", "dir", "expired"}},
		{filter{Since: start, Before: start.Add(time.Hour)}, []string{"clerk"}},
		{filter{Search: "иван", Directory: company, Remote: &yes, State: agent.UserEnabled, Group: top}, []string{"dir"}},
	} {
		users, total, err := s.Users(ctx, test.filter, 0, 0)
		if diff := cmp.Diff(test.want, logins(users)); err != nil || diff != "" || total != len(test.want) {
			t.Errorf("%+v: %d, %v %s", test.filter, total, err, diff)
		}
	}
	for _, state := range agent.UserStates {
		if where, _ := conditions(filter{State: state}); where == "" {
			t.Errorf("%s selects all", state)
		}
	}
}

func TestPagesOfUsers(t *testing.T) {
	s := newStore(t)
	for _, login := range []string{"e", "D", "c", "B", "a"} {
		addUser(t, s, agent.User{Login: login}, "")
	}
	for _, test := range []struct {
		offset, limit int
		want          []string
	}{
		{0, 2, []string{"a", "B"}},
		{2, 2, []string{"c", "D"}},
		{4, 2, []string{"e"}},
		{6, 2, []string{}},
		{-1, 1, []string{"a"}},
		{3, 0, []string{"D", "e"}},
	} {
		users, total, err := s.Users(t.Context(), agent.UserFilter{}, test.offset, test.limit)
		if diff := cmp.Diff(test.want, logins(users)); err != nil || diff != "" || total != 5 {
			t.Errorf("%d+%d: %d, %v %s", test.offset, test.limit, total, err, diff)
		}
	}
}

// TestSortUsers: each order in both directions; where values are equal, the login decides.
func TestSortUsers(t *testing.T) {
	s := newStore(t)
	add := func(u agent.User, at time.Time) {
		t.Helper()
		if id := addUser(t, s, u, ""); !at.IsZero() {
			check(t, s.RememberLogin(t.Context(), id, at))
		}
	}
	day := 24 * time.Hour
	add(agent.User{Login: "c", Name: "Ёлкин", Enabled: true, Created: start.Add(day)}, start)
	add(agent.User{Login: "A", Name: "евсеев", Enabled: true, MustChange: true, Admin: true, Created: start.Add(3 * day)}, start.Add(day))
	add(agent.User{Login: "b", Name: "Жуков", RemoteAccess: true, Created: start.Add(2 * day)}, time.Time{})
	add(agent.User{Login: "d", Name: "Ежов", Enabled: true, Created: start}, start.Add(2*day))
	for _, test := range []struct {
		sort     agent.UserSort
		up, down string
	}{
		{"", "Abcd", "dcbA"},
		{agent.UserByLogin, "Abcd", "dcbA"},
		{agent.UserByName, "Adcb", "bcdA"},
		{agent.UserByState, "cdAb", "bAcd"},
		{agent.UserByRemote, "Acdb", "bAcd"},
		{agent.UserByRole, "bcdA", "Abcd"},
		{agent.UserByLastLogin, "bcAd", "dAcb"},
		{agent.UserByCreated, "dcbA", "Abcd"},
	} {
		for _, search := range []string{"", "е"} { // both ways to read the index: all names have the letter
			for desc, want := range map[bool]string{false: test.up, true: test.down} {
				filter := agent.UserFilter{Search: search, Sort: test.sort, Desc: desc}
				if search != "" {
					want = strings.ReplaceAll(want, "b", "")
				}
				users, total, err := s.Users(t.Context(), filter, 1, 2)
				if got := strings.Join(logins(users), ""); err != nil || got != want[1:3] || total != len(want) {
					t.Errorf("%+v: %s of %d, want %s, %v", filter, got, total, want[1:3], err)
				}
			}
		}
	}
	for _, sort := range agent.UserSorts {
		if _, known := userSorts[sort]; !known {
			t.Errorf("%s is unknown", sort)
		}
	}
	var problem agent.Problem
	if _, _, err := s.Users(t.Context(), agent.UserFilter{Sort: "hash"}, 0, 1); !errors.As(err, &problem) || problem.Field != "sort" {
		t.Errorf("%v", err)
	}
}

// TestNameFoldMigration: accounts of earlier versions are sorted by name, too.
func TestNameFoldMigration(t *testing.T) {
	path, s := earlierVersion(t, 11)
	check(t, s.write(t.Context(), func(tx *sql.Tx) error {
		for login, name := range map[string]string{"a": "Яшин", "b": "ёлкин", "c": "Жуков"} {
			_, err := tx.Exec(`INSERT INTO users (login, login_key, login_norm, name, search, directory, hash, enabled, admin, remote_access, phone, comment, created)
				VALUES ($1, $1, $1, $2, $1, $3, '', TRUE, FALSE, FALSE, '', '', 1)`, login, name, agent.LocalDirectory)
			if err != nil {
				return err
			}
		}
		return nil
	}))
	check(t, s.Close())
	users, _, err := openStore(t, path).Users(t.Context(), agent.UserFilter{Sort: agent.UserByName}, 0, 0)
	if got := strings.Join(logins(users), ""); err != nil || got != "bca" {
		t.Errorf("%s, %v", got, err)
	}
}

func logins(users []agent.User) []string {
	list := []string{}
	for _, user := range users {
		list = append(list, user.Login)
	}
	return list
}
