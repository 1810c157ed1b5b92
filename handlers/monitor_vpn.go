package handlers

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

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
	return slices.DeleteFunc(s.Sessions.Sessions(), func(live agent.LiveSession) bool { return live.Kind != agent.KindVPN })
}

// vpnSessionsOf counts an account's live VPN sessions.
func (s *Site) vpnSessionsOf(id agent.UserID) int {
	return len(slices.DeleteFunc(s.vpnSessions(), func(live agent.LiveSession) bool { return live.UserID != id }))
}
