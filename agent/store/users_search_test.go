package store

import (
	"testing"

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

func logins(users []agent.User) []string {
	list := []string{}
	for _, user := range users {
		list = append(list, user.Login)
	}
	return list
}
