package handlers

import (
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

func (s *Site) monitorVPN(c echo.Context) error {
	d, err := s.monitorData(c, templates.VPNTable, c.QueryParam)
	if err != nil {
		return err
	}
	if d.Allowed, err = s.Accounts.CountRemoteAccess(c.Request().Context()); err != nil {
		return err
	}
	d.Unavailable = !s.Tunnel.Available()
	return s.monitor(c, templates.MonitorVPN, d)
}

// vpnSessionsOf counts an account's live VPN sessions.
func (s *Site) vpnSessionsOf(id agent.UserID) int {
	return len(slices.DeleteFunc(s.sessionsOf(id), func(live agent.LiveSession) bool { return live.Kind != agent.KindVPN }))
}
