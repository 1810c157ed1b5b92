package access

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"ideco-agent/agent"
)

// PasswordChange is a change of a password under the old one.
type PasswordChange struct {
	SignIn      // with the old password
	NewPassword string
}

// maxNewPassword limits a new password for any directory, in bytes.
const maxNewPassword = 1024

// changeLimit limits a change for which the person may no longer wait.
const changeLimit = 45 * time.Second

// ChangePassword changes a password and returns the account. It is an attempt like SignIn, with its refusals, and
// CodePasswordRejected and CodePasswordElsewhere. A change that has begun goes on although ctx ends: otherwise a peer that disconnects
// could try passwords that are not counted, and find out later which one was right. The caller voids the person's resume tokens and signs out the browsers; live
// sessions go on.
func (g *Gate) ChangePassword(ctx context.Context, p PasswordChange) (agent.User, error) {
	started := time.Now()
	user, err := g.changePassword(ctx, p)
	if err != nil {
		holdBack(ctx, started)
		return agent.User{}, err
	}
	g.log.InfoContext(ctx, "security", "event", "password_changed", "account", user.Login, "directory", user.Directory,
		"peer", p.Peer.String(), "by", user.Login)
	return user, nil
}

func (g *Gate) changePassword(ctx context.Context, p PasswordChange) (agent.User, error) {
	if p.NewPassword == "" || len(p.NewPassword) > maxNewPassword || strings.ContainsRune(p.NewPassword, 0) || !utf8.ValidString(p.NewPassword) {
		return agent.User{}, agent.Refuse(agent.CodePasswordRejected)
	}
	return g.count(ctx, p.SignIn, func(ctx context.Context, a agent.Account, c agent.Credentials) (agent.User, error) {
		if err := g.logins.full(a.UserID, p.DeviceID); err != nil { // afterwards the password would be changed
			return agent.User{}, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeLimit)
		defer cancel()
		if a.ChangePassword != nil {
			return a.ChangePassword(ctx, c, p.NewPassword)
		}
		_, err := a.Authenticate(ctx, c) // only who knows the password is told that it is changed elsewhere
		if err == nil {
			return agent.User{}, agent.Refuse(agent.CodePasswordElsewhere)
		}
		switch agent.AsError(err).Code {
		case agent.CodePasswordExpired, agent.CodePasswordMustChange:
			return agent.User{}, agent.Refuse(agent.CodePasswordElsewhere)
		}
		return agent.User{}, err
	})
}
