package handlers

import (
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminUserUnlock lifts the throttle of an account after wrong passwords.
func (s *Site) adminUserUnlock(c echo.Context, u agent.User) error {
	s.Gate.Unlock(u)
	s.act(c, actOnAccount(agent.ActThrottleLifted, u), "account", u.Login)
	return done(c, locale.ToastThrottleLifted, ownPath(c))
}
