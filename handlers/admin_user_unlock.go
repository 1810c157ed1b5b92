package handlers

import (
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminUserLift lets a person sign in again at once whose account is closed for a while after wrong passwords.
func (s *Site) adminUserLift(c echo.Context, u agent.User) error {
	s.Gate.Lift(u.ID)
	s.securityEvent(c, "throttle_lifted", "account", u.Login)
	return done(c, locale.ToastThrottleLifted, "/admin/users/"+c.Param("id"))
}
