package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Accounts are the local accounts.
type Accounts interface {
	// LocalAccount returns the account that a login means in any spelling, and the hash of its password as Hash made it,
	// which is empty when it has none. Errors: agent.ErrNotFound.
	LocalAccount(ctx context.Context, login string) (user agent.User, hash string, err error)
	// RenewHash replaces a hash by another one of the same password, unless it is no longer old.
	RenewHash(ctx context.Context, id agent.UserID, old, renewed string) error
	// ChangePassword replaces a hash by that of another password and clears MustChange. Errors: agent.ErrNotFound if the hash is no
	// longer former.
	ChangePassword(ctx context.Context, id agent.UserID, former, hash string) error
}

// Local is the directory of the accounts that the gateway itself keeps.
type Local struct {
	accounts Accounts
	log      *slog.Logger
	queue    *queue
	matches  func(password, hash string) (bool, error)
}

// NewLocal makes the directory of local accounts.
func NewLocal(accounts Accounts, log *slog.Logger) *Local {
	return &Local{accounts: accounts, log: log, queue: hashing, matches: matches}
}

// Authenticate returns the account that login and password belong to, in any state. Errors: an *agent.Error with
// CodeBadCredentials, or with CodeTooManyAttempts and Wait when too many are waiting to be checked; the context's error;
// any other error is a fault of the gateway.
func (l *Local) Authenticate(ctx context.Context, c agent.Credentials) (agent.User, error) {
	var found account
	var renewed string
	var err error
	turn := l.queue.do(ctx, newCaller(c.Origin, c.Peer), func() {
		if found, err = l.check(ctx, c); err == nil {
			renewed, err = found.renew(c.Password)
		}
	})
	if turn != nil {
		return agent.User{}, refusal(turn)
	}
	if err != nil {
		return agent.User{}, err
	}
	if renewed != found.hash {
		if err := l.accounts.RenewHash(ctx, found.ID, found.hash, renewed); err != nil { // the next login tries again
			l.log.WarnContext(ctx, "the hash of a password was not renewed", "user", found.ID, "error", err)
		}
	}
	return found.User, nil
}

// Find returns the account that a login means. Its Authenticate is that of Local. For a login that means nobody, the key is
// the same in all its spellings.
func (l *Local) Find(ctx context.Context, login string) (agent.Account, error) {
	found, err := l.find(ctx, login)
	switch {
	case errors.Is(err, agent.ErrNotFound):
		return agent.Account{Key: agent.LocalDirectory + "/" + spelling.Login(login), Authenticate: l.Authenticate, ChangePassword: l.ChangePassword}, nil
	case err != nil:
		return agent.Account{}, err
	}
	return agent.Account{Key: found.AccountKey(), Known: true, UserID: found.ID, Authenticate: l.Authenticate,
		ChangePassword: l.ChangePassword}, nil
}

// Knows returns the account that a login means, without a check of any password. The result must not be disclosed to the
// person who typed the login.
func (l *Local) Knows(ctx context.Context, login string) (agent.UserID, bool, error) {
	found, err := l.find(ctx, login)
	if errors.Is(err, agent.ErrNotFound) {
		return 0, false, nil
	}
	if err != nil {
		return 0, false, err
	}
	return found.ID, true, nil
}

// account is a local account with the hash of its password.
type account struct {
	agent.User
	hash string // with its mark, if any; empty = no password
}

// check hashes exactly once, whatever was typed.
func (l *Local) check(ctx context.Context, c agent.Credentials) (account, error) {
	found, err := l.find(ctx, c.Login)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return account{}, err
	}
	possible := err == nil && found.hash != ""
	if !possible {
		found.hash = opaqueMark + dummyHash
	}
	password := c.Password
	hash, opaque := strings.CutPrefix(found.hash, opaqueMark)
	if opaque {
		password = spelling.Password(password)
	}
	if len(password) > agent.MaxPassword || password == "" {
		password, possible, hash = password[:min(len(password), agent.MaxPassword)], false, dummyHash
	}
	ok, err := l.matches(password, hash)
	if err != nil {
		return account{}, fmt.Errorf("check the password of user %d: %w", found.ID, err)
	}
	if !ok || !possible {
		return account{}, agent.Refuse(agent.CodeBadCredentials)
	}
	return found, nil
}

// renew returns the hash as Hash would make it now of the account's password: found.hash itself if it has the mark.
func (found account) renew(password string) (string, error) {
	opaque := spelling.Password(password)
	switch {
	case strings.HasPrefix(found.hash, opaqueMark), len(opaque) > agent.MaxPassword:
		return found.hash, nil
	case opaque == password: // the hash is right and only lacks the mark
		return opaqueMark + found.hash, nil
	}
	hash, err := argon2id.CreateHash(opaque, params)
	return opaqueMark + hash, err
}

// find looks up a login, which may be any text. Errors: agent.ErrNotFound.
func (l *Local) find(ctx context.Context, login string) (account, error) {
	if !mayBeLocal(login) {
		return account{}, agent.ErrNotFound
	}
	user, hash, err := l.accounts.LocalAccount(ctx, login)
	return account{user, hash}, err
}

// mayBeLocal reports whether a login can be a local account's: it has no domain, and a database accepts the text.
func mayBeLocal(login string) bool {
	return len(login) <= agent.MaxLoginTyped && utf8.ValidString(login) && !strings.ContainsAny(login, "\\/@\x00") &&
		strings.TrimSpace(login) != ""
}
