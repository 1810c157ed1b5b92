package directory

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"ideco-agent/agent"
)

// Accounts are the local accounts.
type Accounts interface {
	// LocalAccount returns the account with a normalised login and the argon2id hash of its password, which is empty
	// when it has none. Errors: agent.ErrNotFound.
	LocalAccount(ctx context.Context, login string) (user agent.User, hash string, err error)
}

// Local is the directory of the accounts that the gateway itself keeps.
type Local struct {
	accounts Accounts
	queue    *queue
	matches  func(password, hash string) (bool, error)
}

// NewLocal makes the directory of local accounts.
func NewLocal(accounts Accounts) *Local {
	dummyHash() // now, so that the first unknown login takes no longer than the next
	return &Local{accounts: accounts, queue: hashing, matches: matches}
}

// Authenticate returns the account that login and password belong to, in whatever state it is. Errors: an *agent.Error
// with CodeBadCredentials, or with CodeTooManyAttempts and Wait when too many are waiting to be checked; the
// context's error; any other error is a fault of the gateway.
func (l *Local) Authenticate(ctx context.Context, c agent.Credentials) (user agent.User, err error) {
	turn := l.queue.do(ctx, newCaller(c.Origin, c.Peer), func() { user, err = l.check(ctx, c) })
	if turn != nil {
		return agent.User{}, refusal(turn)
	}
	return user, err
}

// Knows tells which account a login means, without a check of any password. It must not be told to the person who
// typed the login.
func (l *Local) Knows(ctx context.Context, login string) (agent.UserID, bool, error) {
	user, _, err := l.find(ctx, login)
	if errors.Is(err, agent.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return user.ID, true, nil
}

// check hashes exactly once, whatever was typed.
func (l *Local) check(ctx context.Context, c agent.Credentials) (agent.User, error) {
	user, hash, err := l.find(ctx, c.Login)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return agent.User{}, err
	}
	password, possible := c.Password, err == nil && hash != ""
	if len(password) > agent.MaxPassword || password == "" {
		password, possible = password[:min(len(password), agent.MaxPassword)], false
	}
	if !possible {
		hash = dummyHash()
	}
	ok, err := l.matches(password, hash)
	if err != nil {
		return agent.User{}, fmt.Errorf("check the password of user %d: %w", user.ID, err)
	}
	if !ok || !possible {
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	return user, nil
}

// find looks a login up that may be anything. Errors: agent.ErrNotFound.
func (l *Local) find(ctx context.Context, login string) (agent.User, string, error) {
	if !mayBeLocal(login) {
		return agent.User{}, "", agent.ErrNotFound
	}
	return l.accounts.LocalAccount(ctx, agent.NormalizeLogin(login))
}

// mayBeLocal tells apart what cannot be a local login: one with a domain, and what no database would want to see.
func mayBeLocal(login string) bool {
	return len(login) <= agent.MaxLoginTyped && utf8.ValidString(login) && !strings.ContainsAny(login, "\\/@\x00") &&
		agent.NormalizeLogin(login) != ""
}
