package handlers

import (
	"net/http"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// welcome is the page of plain HTTP: start the agent, sign in, or go to the portal.
func (s *Site) welcome(c echo.Context) error {
	peer := who(c).Peer
	if !s.signsInByBrowser(peer) {
		return s.renderWelcome(c, http.StatusOK, templates.WelcomeData{})
	}
	if _, ok := s.connectedSession(peer); ok {
		return s.renderWelcome(c, http.StatusOK, templates.WelcomeData{Online: true})
	}
	return s.signInHere(c)
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

// askToStart answers hosts that the firewall blocks, for any name and path, because the firewall redirects their HTTP here. It uses
// no cookie of the request, which is the real host's. It closes the connection: after a login, further requests belong to
// the real host.
func (s *Site) askToStart(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := who(c)
		if s.redirectedBefore(c) {
			panic(http.ErrAbortHandler) // closes the connection; browsers repeat the request on a new one
		}
		if !s.turnedAway(v.Peer) && !s.redirectedAnyway(c) {
			return next(c)
		}
		joined := s.Sessions.JoinSession(c.Request().Context(), v.Peer)
		if joined && s.Addressing.Known(hostOf(c.Request())) {
			return next(c)
		}
		c.Response().Header().Set(echo.HeaderConnection, "close")
		c.Response().Header().Set(echo.HeaderVary, "Accept-Language")
		v.L, v.Theme = locale.For(c.Request().Header.Get("Accept-Language")), ""
		if joined {
			return s.repeatRequest(c)
		}
		return s.answerBlocked(c)
	}
}

// repeatRequest makes a host whose address has access by now repeat its request on a new connection, which leads to the real host: the page
// loads again, and probes and forms find their connection closed.
func (s *Site) repeatRequest(c echo.Context) error {
	if r := c.Request(); !safe(r.Method) || slices.Contains(probePaths, r.URL.Path) {
		panic(http.ErrAbortHandler)
	}
	c.Response().Header().Set("Refresh", "1")
	return s.renderWelcome(c, http.StatusNetworkAuthenticationRequired, templates.WelcomeData{Online: true})
}

// turnedAway reports whether a peer is a LAN host that the firewall blocks.
func (s *Site) turnedAway(peer agent.Peer) bool {
	return peer.Inside && !s.Addressing.Own(peer.Addr) && !s.Sessions.IsConnected(peer.Addr) && s.Gateway.State().RedirectsBrowsers()
}

// redirectedAnyway reports whether the firewall blocks a host whose address has a session: it lets the sessions of browsers and of rules
// through for one MAC only, and another computer has the address now. So it is with requests on connections from before JoinSession.
func (s *Site) redirectedAnyway(c echo.Context) bool {
	live, ok := s.connectedSession(who(c).Peer)
	return ok && live.Kind != agent.KindLAN && s.Gateway.State().RedirectsBrowsers() && !s.Addressing.Known(hostOf(c.Request()))
}

// redirectedBefore reports whether the firewall redirected a connection before its host had access. Browsers open connections ahead of
// time, and use them after sign-in.
func (s *Site) redirectedBefore(c echo.Context) bool {
	live, ok := s.connectedSession(who(c).Peer)
	opened, known := c.Request().Context().Value(openedKey{}).(time.Time)
	return ok && known && opened.Before(live.Started) && !s.Addressing.Known(hostOf(c.Request()))
}

func (s *Site) renderWelcome(c echo.Context, status int, d templates.WelcomeData) error {
	d.PortalURL, d.AgentEnabled = s.portalURL(c), s.Settings.Current().Enabled
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomeCSP())
	return s.render(c, status, templates.Welcome(templates.Page{L: who(c).L, Path: "/", Theme: who(c).Theme}, d))
}
