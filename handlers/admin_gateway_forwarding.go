package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminGatewayForwarding enables packet forwarding, now and at each start. The process may lack the right; then the page shows how to do it
// by hand.
func (s *Site) adminGatewayForwarding(c echo.Context) error {
	err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
		n.Forwarding = true
		return nil
	})
	if err != nil {
		return err
	}
	if err := s.Gateway.EnableForwarding(c.Request().Context()); err != nil {
		s.Log.Error("switch forwarding on", "error", err)
		p := s.page(c)
		p.Alert = who(c).L.T(locale.AlertForwarding)
		return s.renderGateway(c, http.StatusInternalServerError, p, s.adminGatewayData(c))
	}
	s.act(c, agent.Act{Code: agent.ActForwardingOn})
	return done(c, locale.ToastForwardingOn, "/admin/gateway")
}
