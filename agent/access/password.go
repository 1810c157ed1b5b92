package access

import (
	"context"
	"strings"
	"time"
	"unicode/utf8"

	"ideco-agent/agent"
)

// PasswordChange is a request to change a password.
type PasswordChange struct {
	SignIn      // with the old password
	NewPassword string
}

// maxNewPassword is the longest new password in bytes, for every directory.
const maxNewPassword = 1024

// changeLimit is how long a change may take. It replaces the deadline of the request, which does not stop a change.
const changeLimit = 45 * time.Second

// ChangePassword changes a password and returns the account. The throttle counts it as an attempt, like SignIn. Refusals: those of
// SignIn, CodePasswordRejected, CodePasswordElsewhere. A change that has begun does not stop when ctx ends. Otherwise a peer could try a
// password and disconnect before the attempt is counted. The caller must void the person's resume tokens and sign out the browsers. Live
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
	return g.tryPassword(ctx, p.SignIn, func(ctx context.Context, a agent.Account, c agent.Credentials) (agent.User, error) {
		if err := g.logins.full(a.UserID, p.DeviceID); err != nil { // refuse before the change, not after it
			return agent.User{}, err
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), changeLimit)
		defer cancel()
		if a.ChangePassword != nil {
			return a.ChangePassword(ctx, c, p.NewPassword)
		}
		_, err := a.Authenticate(ctx, c) // CodePasswordElsewhere is only for the right password
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
