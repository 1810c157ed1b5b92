package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// adminGatewayForwarding switches the forwarding of packets on. What the process may not do, an administrator can.
func (s *Site) adminGatewayForwarding(c echo.Context) error {
	if err := s.Gateway.EnableForwarding(c.Request().Context()); err != nil {
		s.Log.Error("switch forwarding on", "error", err)
		p := s.page(c)
		p.Alert = who(c).L.T(locale.AlertForwarding)
		return s.renderGateway(c, http.StatusInternalServerError, p, s.adminGatewayData(c))
	}
	s.securityEvent(c, "forwarding_on")
	return done(c, locale.ToastForwardingOn, "/admin/gateway")
}
