package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// welcome is the page of plain HTTP: start the agent, or go to the portal.
func (s *Site) welcome(c echo.Context) error {
	return s.renderWelcome(c, http.StatusOK, templates.Page{L: who(c).L, Path: "/", Theme: who(c).Theme})
}

// answerChallenge answers a CA that checks a name of the gateway, also while the firewall blocks its host.
func (s *Site) answerChallenge(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.Challenge(c.Response(), c.Request()) {
			return nil
		}
		return next(c)
	}
}

// askToStart answers hosts that the firewall blocks with the welcome page, for any name and path, because the firewall
// redirects their HTTP here. It uses nothing of the request but its language. It closes the connection: after a login,
// further requests belong to the real host.
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

// turnedAway reports whether a peer is a LAN host that the firewall blocks.
func (s *Site) turnedAway(peer agent.Peer) bool {
	return peer.Inside && !s.Addressing.Own(peer.Addr) && !s.Sessions.IsConnected(peer.Addr) && s.Gateway.State().RedirectsBrowsers()
}

func (s *Site) renderWelcome(c echo.Context, status int, p templates.Page) error {
	arrival, _ := localAddress(c.Request().Context())
	d := templates.WelcomeData{PortalURL: s.Portal(arrival), AgentEnabled: s.Settings.Current().Enabled}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomeCSP())
	return s.render(c, status, templates.Welcome(p, d))
}
