package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminAgentState(c echo.Context) error {
	enabled, tab := c.FormValue("enabled") == "1", agentTab(c)
	off := s.Settings.Current()
	off.Enabled = false
	live, closed := s.Sessions.WouldEnd(off), s.Gateway.State().Enforces()
	if !enabled && (live > 0 || closed) && c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmAgentOff(who(c).L, tab, live, closed)))
	}
	if err := s.setState(c, enabled); err != nil {
		return err
	}
	if enabled {
		return done(c, locale.ToastAgentOn, string(tab))
	}
	return done(c, locale.ToastAgentOff, string(tab))
}

func (s *Site) restState(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]bool{"enabled": s.Settings.Current().Enabled})
}

func (s *Site) restSetState(c echo.Context) error {
	var body struct {
		Enabled *bool `json:"enabled"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if body.Enabled == nil {
		return agent.Problems{{Field: "enabled", Code: "field_required"}}
	}
	if err := s.setState(c, *body.Enabled); err != nil {
		return err
	}
	return s.restState(c)
}

func (s *Site) setState(c echo.Context, enabled bool) error {
	return s.updateSettings(c, agent.ActAgentSwitched, func(n *agent.Settings) { n.Enabled = enabled }, "enabled", enabled)
}
