package store

import (
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

// exampleRules adds an account with three rules: by address, by MAC, and by both.
func exampleRules(t *testing.T, s *Store) (agent.UserID, []agent.AuthRule) {
	t.Helper()
	user, err := s.CreateUser(t.Context(), agent.User{Login: "printer", Directory: agent.LocalDirectory, Enabled: true}, "")
	check(t, err)
	rules := []agent.AuthRule{
		{Enabled: true, Address: netip.MustParseAddr("192.168.1.5"), UserID: user, Always: true, Comment: "по адресу"},
		{Enabled: true, MAC: "02:00:00:00:00:05", UserID: user},
		{Address: netip.MustParseAddr("fd00::5"), MAC: "02:00:00:00:00:05", UserID: user},
	}
	for i := range rules {
		rules[i].ID, err = s.AddAuthRule(t.Context(), rules[i])
		check(t, err)
	}
	return user, rules
}

// TestAuthRules: every field of a rule is kept, also when it is changed.
func TestAuthRules(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	user, want := exampleRules(t, s)
	sees := func() {
		t.Helper()
		got, err := s.AuthRules(ctx)
		check(t, err)
		if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Error(diff)
		}
	}
	sees()
	other, err := s.CreateUser(ctx, agent.User{Login: "other", Directory: agent.LocalDirectory, Enabled: true}, "")
	check(t, err)
	id := want[0].ID
	want[0] = agent.AuthRule{ID: id, MAC: "02:00:00:00:00:09", UserID: other, Comment: "новое"}
	check(t, s.ChangeAuthRule(ctx, id, func(r *agent.AuthRule) error {
		*r = want[0]
		r.ID = 77 // stays
		return nil
	}))
	sees()
	failed := errors.New("failed")
	if err := s.ChangeAuthRule(ctx, id, func(r *agent.AuthRule) error { r.Comment = "lost"; return failed }); !errors.Is(err, failed) {
		t.Error(err)
	}
	check(t, s.DeleteAuthRule(ctx, want[1].ID))
	want = append(want[:1:1], want[2])
	sees()
	check(t, s.DeleteUser(ctx, user))
	want = want[:1]
	sees()
}

// TestAuthRuleProblems: there is one rule for an address, one for a MAC alone, and none without an account.
func TestAuthRuleProblems(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	user, rules := exampleRules(t, s)
	isProblem := func(err error, field, code string) {
		t.Helper()
		var problems agent.Problems
		if !errors.As(err, &problems) || problems[0].Field != field || problems[0].Code != code {
			t.Errorf("%v, want %s: %s", err, field, code)
		}
	}
	add := func(r agent.AuthRule) error { _, err := s.AddAuthRule(ctx, r); return err }
	isProblem(add(agent.AuthRule{Address: rules[0].Address, UserID: user}), "ip", "field_rule_address_taken")
	isProblem(add(agent.AuthRule{Address: rules[0].Address, MAC: "02:00:00:00:00:09", UserID: user}), "ip", "field_rule_address_taken")
	isProblem(add(agent.AuthRule{MAC: rules[1].MAC, UserID: user}), "mac", "field_rule_mac_taken")
	isProblem(add(agent.AuthRule{MAC: "02:00:00:00:00:09", UserID: 99}), "user_id", "field_rule_user")
	isProblem(s.ChangeAuthRule(ctx, rules[2].ID, func(r *agent.AuthRule) error { r.Address = rules[0].Address; return nil }), "ip", "field_rule_address_taken")
	check(t, s.ChangeAuthRule(ctx, rules[0].ID, func(r *agent.AuthRule) error { r.Comment = "its own address is no conflict"; return nil }))
	for what, err := range map[string]error{
		"change": s.ChangeAuthRule(ctx, 99, func(*agent.AuthRule) error { return nil }),
		"delete": s.DeleteAuthRule(ctx, 99),
	} {
		if !errors.Is(err, agent.ErrNotFound) {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := s.writer.ExecContext(ctx, `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)
		INSERT INTO auth_rules (enabled, address, mac, user_id, always, comment) SELECT TRUE, 'n' || i, '', $2, FALSE, '' FROM n`,
		agent.MaxAuthRules-len(rules), int64(user))
	check(t, err)
	isProblem(add(agent.AuthRule{MAC: "02:00:00:00:00:09", UserID: user}), "ip", "field_too_many_rules")
}

// TestRulesInForce: a disabled rule is not in force, nor is one of an account that is disabled or refused.
func TestRulesInForce(t *testing.T) {
	s := newStore(t)
	ctx := t.Context()
	user, rules := exampleRules(t, s)
	has := func(want int) {
		t.Helper()
		got, err := s.RulesInForce(ctx)
		check(t, err)
		if len(got) != want {
			t.Errorf("%d rules, want %d: %v", len(got), want, got)
		}
	}
	has(2)
	for _, change := range []func(*agent.User){
		func(u *agent.User) { u.Enabled = false },
		func(u *agent.User) { u.Enabled = true; u.Refused = agent.CodeAccountExpired },
	} {
		_, err := s.UpdateUser(ctx, user, func(u *agent.User) error { change(u); return nil })
		check(t, err)
		has(0)
	}
	_, err := s.UpdateUser(ctx, user, func(u *agent.User) error { u.Refused = ""; return nil })
	check(t, err)
	check(t, s.ChangeAuthRule(ctx, rules[2].ID, func(r *agent.AuthRule) error { r.Enabled = true; return nil }))
	has(3)
}
