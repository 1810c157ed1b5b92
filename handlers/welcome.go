package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// welcome is what plain HTTP says: start the agent, or go to the portal.
func (s *Site) welcome(c echo.Context) error {
	return s.renderWelcome(c, http.StatusOK, templates.Page{L: who(c).L, Path: "/", Theme: who(c).Theme})
}

// askToStart answers whoever the firewall has turned away, and nobody else, with the page of welcome, whatever name and
// path was asked for: the firewall leads requests for any host here. Nothing of the request is used but its language.
// The connection is closed, because after a login its requests are meant for that host again.
func (s *Site) askToStart(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if !s.turnedAway(who(c).Peer) {
			return next(c)
		}
		c.Response().Header().Set(echo.HeaderConnection, "close")
		c.Response().Header().Set(echo.HeaderVary, "Accept-Language")
		l := locale.For(c.Request().Header.Get("Accept-Language"))
		return s.renderWelcome(c, http.StatusNetworkAuthenticationRequired, templates.Page{L: l, Path: "/"})
	}
}

// turnedAway tells whether a peer is a host of the LAN that the firewall lets nowhere.
func (s *Site) turnedAway(peer agent.Peer) bool {
	return peer.Inside && !s.Hosts.Own(peer.Addr) && !s.Sessions.Authorised(peer.Addr) && s.Gateway.State().TurnsAway()
}

func (s *Site) renderWelcome(c echo.Context, status int, p templates.Page) error {
	d := templates.WelcomeData{PortalURL: s.Portal(), AgentEnabled: s.Settings.Current().Enabled}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomePolicy())
	return s.render(c, status, templates.Welcome(p, d))
}
