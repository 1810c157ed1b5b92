package handlers

import (
	"context"

	"ideco-agent/agent"
)

// AuthRules are the rules that authorise an address or a MAC without a login. When a method returns, the sessions follow.
type AuthRules interface {
	AuthRules(context.Context) ([]agent.AuthRule, error)
	// AddAuthRule adds a rule. Errors: agent.Problems.
	AddAuthRule(context.Context, agent.AuthRule) (agent.RuleID, error)
	// ChangeAuthRule changes a rule in one transaction. Errors: agent.Problems; agent.ErrNotFound; the error of change.
	ChangeAuthRule(ctx context.Context, id agent.RuleID, change func(*agent.AuthRule) error) error
	// DeleteAuthRule deletes a rule. Errors: agent.ErrNotFound.
	DeleteAuthRule(context.Context, agent.RuleID) error
}
