package directory

import (
	"context"
	"errors"

	"github.com/alexedwards/argon2id"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// ChangePassword checks the password as Authenticate does and replaces it. Refusals besides those of Authenticate:
// CodePasswordRejected with Policy; the account's Refusal.
func (l *Local) ChangePassword(ctx context.Context, c agent.Credentials, newPassword string) (agent.User, error) {
	var found account
	var hash string
	var err error
	turn := l.queue.do(ctx, newCaller(c.Origin, c.Peer), func() {
		if found, err = l.check(ctx, c); err != nil {
			return
		}
		if err = found.refuseNew(c.Password, newPassword); err != nil {
			return
		}
		hash, err = argon2id.CreateHash(spelling.Password(newPassword), params)
	})
	if turn != nil {
		return agent.User{}, refusal(turn)
	}
	if err != nil {
		return agent.User{}, err
	}
	err = l.accounts.ChangePassword(ctx, found.ID, found.hash, opaqueMark+hash)
	if errors.Is(err, agent.ErrNotFound) { // changed meanwhile
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	found.MustChange = false
	return found.User, err
}

// refuseNew returns why the account may not get the new password, or nil.
func (found account) refuseNew(password, newPassword string) error {
	if code := found.Refusal(); code != "" {
		return agent.Refuse(code)
	}
	same := spelling.Password(password) == spelling.Password(newPassword)
	long := len(spelling.Password(newPassword)) > agent.MaxPassword
	if agent.CheckPassword(newPassword).Code == "" && !long && !(same && found.MustChange) {
		return nil
	}
	policy := &agent.PasswordPolicy{MinLength: agent.MinPassword}
	if found.MustChange {
		policy.History = 1
	}
	return &agent.Error{Code: agent.CodePasswordRejected, Policy: policy}
}
