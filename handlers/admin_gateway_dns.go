package handlers

import (
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminGatewayDNS opens the gateway's own DNS servers before login.
func (s *Site) adminGatewayDNS(c echo.Context) error {
	if err := s.updateSettings(c, agent.ActGatewaySaved, func(n *agent.Settings) { n.OpenServers(s.serversToOpen(*n)) }); err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/gateway")
}
