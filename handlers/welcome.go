package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
)

// welcome is what plain HTTP says: start the agent, or go to the portal.
func (s *Site) welcome(c echo.Context) error {
	d := templates.WelcomeData{PortalURL: s.Portal(), AgentEnabled: s.Settings.Current().Enabled}
	p := templates.Page{L: who(c).L, Path: "/", Theme: who(c).Theme}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomePolicy())
	return s.render(c, http.StatusOK, templates.Welcome(p, d))
}

// health answers 200 when all parts run, for load balancers and monitoring.
func (s *Site) health(c echo.Context) error {
	if err := s.Health(c.Request().Context()); err != nil {
		s.Log.Error("health", "err", err)
		return c.String(http.StatusServiceUnavailable, "not healthy: see the log\n")
	}
	return c.String(http.StatusOK, "ok\n")
}
