package handlers

import (
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// restLogoutAddress ends the session of kind web at the caller's address, for logoff scripts on computers in the LAN. It needs no login,
// so it refuses other addresses, also for administrators.
func (s *Site) restLogoutAddress(c echo.Context) error {
	peer := who(c).Peer
	if a, err := netip.ParseAddr(c.Param("ip")); err != nil || agent.Unmap(a) != peer.Addr {
		return refusal{http.StatusForbidden, locale.OwnAddressOnly}
	}
	return doneREST(c, s.Sessions.LogoutAddress(c.Request().Context(), peer))
}
