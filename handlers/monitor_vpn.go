package handlers

import (
	"net/http"
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
	var vpn []agent.LiveSession
	for _, live := range s.Sessions.Sessions() {
		if live.Kind == agent.KindVPN {
			vpn = append(vpn, live)
		}
	}
	return vpn
}

// vpnSessionsOf counts an account's live VPN sessions.
func (s *Site) vpnSessionsOf(id agent.UserID) int {
	n := 0
	for _, live := range s.vpnSessions() {
		if live.UserID == id {
			n++
		}
	}
	return n
}
