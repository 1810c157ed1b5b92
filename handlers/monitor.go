package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) monitorSessions(c echo.Context) error {
	return s.render(c, http.StatusOK, templates.MonitorSessions(s.page(c), templates.MonitorSessionsData{
		Sessions:     s.Sessions.Sessions(),
		Now:          time.Now(),
		AgentEnabled: s.Settings.Current().Enabled,
	}))
}

func (s *Site) monitorEnd(c echo.Context) error {
	err := s.endSession(c, c.Param("id"))
	if errors.Is(err, agent.ErrNotFound) {
		return done(c, locale.ToastSessionGone, "/admin/monitor/sessions") // it ended while the page was open
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSessionEnded, "/admin/monitor/sessions")
}

// endSession ends a session for the administrator.
func (s *Site) endSession(c echo.Context, id string) error {
	if err := s.Sessions.End(c.Request().Context(), id, agent.ReasonAdmin); err != nil {
		return err
	}
	s.securityEvent(c, "session_ended", "session", id)
	return nil
}

func (s *Site) monitorVPN(c echo.Context) error {
	allowed, err := s.Accounts.CountRemoteAccess(c.Request().Context())
	if err != nil {
		return err
	}
	return s.render(c, http.StatusOK, templates.MonitorVPN(s.page(c), templates.MonitorVPNData{
		Sessions:    s.vpnSessions(),
		Allowed:     allowed,
		Unavailable: !s.Tunnel.Available(),
		Now:         time.Now(),
	}))
}

func (s *Site) vpnSessions() []agent.LiveSession {
	var vpn []agent.LiveSession
	for _, live := range s.Sessions.Sessions() {
		if live.Kind == agent.KindVPN {
			vpn = append(vpn, live)
		}
	}
	return vpn
}

// vpnSessionsOf counts a person's live sessions from outside.
func (s *Site) vpnSessionsOf(id agent.UserID) int {
	n := 0
	for _, live := range s.vpnSessions() {
		if live.UserID == id {
			n++
		}
	}
	return n
}

func (s *Site) monitorDenyVPN(c echo.Context) error {
	u, err := s.userOf(c)
	if err != nil {
		return err
	}
	if c.FormValue("confirm") != "1" {
		d := templates.ConfirmVPNDeny(who(c).L, u, s.vpnSessionsOf(u.ID))
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), d))
	}
	if err := s.denyVPN(c, u); err != nil {
		return err
	}
	return done(c, locale.ToastVPNDenied, "/admin/monitor/vpn")
}
