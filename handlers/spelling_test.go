package handlers

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// TestSpellingsOverREST: a login and a password set in one spelling are the same in every other one.
func TestSpellingsOverREST(t *testing.T) {
	s := newSite(t)
	c := restClient{t, s.PortalHandler(), signIn(t, s, "boss")}
	guest := restClient{t, s.PortalHandler(), nil}
	const composed, decomposed = "андре\u0439", "андре\u0438\u0306"
	if status, answer := c.call("POST", "/user_backend/users", `{"login":"`+composed+`","psw":"Домо\u0439 рано"}`); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	for _, login := range []string{composed, decomposed, "АНДРЕ\u0418\u0306"} {
		status, answer := c.call("POST", "/user_backend/users", `{"login":"`+login+`","psw":"secret password"}`)
		if status != statusNotAccepted || answer["code"] != "field_login_taken" {
			t.Errorf("a second %+q: %d %v", login, status, answer)
		}
		for _, psw := range []string{"Домо\u0439 рано", "Домо\u0438\u0306 рано", "Домо\u0438\u0306\u00a0рано"} {
			if status, answer := guest.call("POST", "/web/auth/login", `{"login":"`+login+`","password":"`+psw+`"}`); status != http.StatusOK {
				t.Errorf("%+q with %+q: %d %v", login, psw, status, answer)
			}
		}
	}
}

// alike is an Accounts with two accounts from before whose logins are equal.
type alike struct{ Accounts }

func (alike) LookAlikes(context.Context) ([]agent.User, error) {
	return []agent.User{{ID: 2, Login: "андре\u0439"}, {ID: 3, Login: "андре\u0438\u0306", Name: "<Андрей>"}}, nil
}

// TestUsersPageListsLookAlikes: accounts that look the same can be told apart and opened; without any there is no notice.
func TestUsersPageListsLookAlikes(t *testing.T) {
	s := newSite(t)
	boss := signIn(t, s, "boss")
	notice := func() string {
		b := ask(s.PortalHandler(), "GET", "/admin/users?q=nothing", page, inLAN, boss).Body.String()
		from := strings.Index(b, `<div class="banner warn">`)
		if from < 0 {
			return ""
		}
		return b[from : from+strings.Index(b[from:], "</div>")]
	}
	if got := notice(); got != "" {
		t.Errorf("without look-alikes: %s", got)
	}
	s.Accounts = alike{s.Accounts}
	got := notice()
	for _, want := range []string{`href="/admin/users/2"`, `href="/admin/users/3"`, "&lt;Андрей&gt;", "записанный разными знаками"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %s: %s", want, got)
		}
	}
}
