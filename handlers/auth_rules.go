package handlers

import (
	"context"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// AuthRules are the rules that authorise an address or a MAC without a login. Methods return after the sessions of rules have been changed.
type AuthRules interface {
	AuthRules(context.Context) ([]agent.AuthRule, error)
	// AddAuthRule adds a rule. Errors: agent.Problems.
	AddAuthRule(context.Context, agent.AuthRule) (agent.RuleID, error)
	// ChangeAuthRule changes a rule in one transaction. Errors: agent.Problems; agent.ErrNotFound; the error of change.
	ChangeAuthRule(ctx context.Context, id agent.RuleID, change func(*agent.AuthRule) error) error
	// DeleteAuthRule deletes a rule. Errors: agent.ErrNotFound.
	DeleteAuthRule(context.Context, agent.RuleID) error
}

// addRule adds a rule. problems are those found already. Errors: agent.Problems.
func (s *Site) addRule(c echo.Context, r agent.AuthRule, problems agent.Problems) (agent.RuleID, error) {
	if problems = s.checkRule(r, agent.AuthRule{}, problems); len(problems) > 0 {
		return 0, problems
	}
	id, err := s.AuthRules.AddAuthRule(c.Request().Context(), r)
	if err != nil {
		return 0, err
	}
	r.ID = id
	s.ruleEvent(c, agent.ActRuleAdded, agent.AuthRule{}, r)
	return id, nil
}

// changeRule changes a rule. Errors: agent.Problems; agent.ErrNotFound; the error of change.
func (s *Site) changeRule(c echo.Context, id agent.RuleID, change func(*agent.AuthRule) error) (r agent.AuthRule, err error) {
	var before agent.AuthRule
	err = s.AuthRules.ChangeAuthRule(c.Request().Context(), id, func(rule *agent.AuthRule) error {
		before = *rule
		if err := change(rule); err != nil {
			return err
		}
		r = *rule
		return asProblems(s.checkRule(r, before, nil))
	})
	if err == nil {
		s.ruleEvent(c, agent.ActRuleChanged, before, r)
	}
	return r, err
}

func (s *Site) deleteRule(c echo.Context, id agent.RuleID) error {
	rules, _ := s.AuthRules.AuthRules(c.Request().Context()) // deleting reports the error
	if err := s.AuthRules.DeleteAuthRule(c.Request().Context(), id); err != nil {
		return err
	}
	before := agent.AuthRule{ID: id}
	if i := slices.IndexFunc(rules, func(r agent.AuthRule) bool { return r.ID == id }); i >= 0 {
		before = rules[i]
	}
	s.act(c, actOn(agent.ActRuleDeleted, id, ruleName(before), s.ruleChanges(c, before, agent.AuthRule{})...), "rule", id)
	return nil
}

// checkRule adds the problems of a rule to those found already.
func (s *Site) checkRule(r, before agent.AuthRule, problems agent.Problems) agent.Problems {
	more := r.Check(s.Settings.Current(), before)
	if r.Address.IsValid() && r.Address != before.Address && s.Addressing.Own(r.Address) {
		more = append(more, agent.Problem{Field: "ip", Code: "field_rule_own", Value: r.Address.String()})
	}
	return append(problems, withoutNoted(problems, more)...)
}

func (s *Site) ruleEvent(c echo.Context, code agent.ActCode, before, r agent.AuthRule) {
	s.act(c, actOn(code, r.ID, ruleName(r), s.ruleChanges(c, before, r)...), "rule", r.ID, "user", r.UserID, "address", r.Address, "mac", r.MAC, "enabled", r.Enabled)
}
