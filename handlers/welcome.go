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

// welcome is the gateway's own page on plain HTTP. It tells people to start the agent or to sign in, and links to the portal.
func (s *Site) welcome(c echo.Context) error {
	peer := who(c).Peer
	if !s.signsInByBrowser(peer) {
		return s.renderWelcome(c, http.StatusOK, templates.WelcomeData{})
	}
	if _, ok := s.connectedSession(peer); ok {
		return s.renderWelcome(c, http.StatusOK, templates.WelcomeData{Online: true})
	}
	return s.leadToSignIn(c)
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

// interceptBlocked answers requests of hosts that the firewall blocks, for any name and path: the firewall redirects their HTTP here. It
// reads no cookies, which belong to the requested host. It closes the connection, because requests after a login are for that host.
func (s *Site) interceptBlocked(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		v := who(c)
		if s.openedBeforeAccess(c) {
			panic(http.ErrAbortHandler) // closes the connection; browsers repeat the request on a new one
		}
		if !s.isBlocked(v.Peer) && !s.isBlockedDespiteSession(c) {
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

// isBlocked reports whether a peer is a LAN host that the firewall blocks.
func (s *Site) isBlocked(peer agent.Peer) bool {
	return peer.Inside && !s.Addressing.Own(peer.Addr) && !s.Sessions.IsConnected(peer.Addr) && s.Gateway.State().RedirectsBrowsers()
}

// isBlockedDespiteSession reports whether the firewall blocks a host whose address has a session. The firewall lets sessions of kinds
// web and static through for one MAC, and another computer may have the address now. Connections from before JoinSession are blocked too.
func (s *Site) isBlockedDespiteSession(c echo.Context) bool {
	live, ok := s.connectedSession(who(c).Peer)
	return ok && live.Kind != agent.KindLAN && s.Gateway.State().RedirectsBrowsers() && !s.Addressing.Known(hostOf(c.Request()))
}

// openedBeforeAccess reports whether a request for another host comes over a connection that was opened, and redirected, before its
// host had access. Browsers open connections ahead of time.
func (s *Site) openedBeforeAccess(c echo.Context) bool {
	live, ok := s.connectedSession(who(c).Peer)
	opened, known := c.Request().Context().Value(openedKey{}).(time.Time)
	return ok && known && opened.Before(live.Started) && !s.Addressing.Known(hostOf(c.Request()))
}

func (s *Site) renderWelcome(c echo.Context, status int, d templates.WelcomeData) error {
	d.PortalURL, d.AgentEnabled = s.portalURL(c), s.Settings.Current().Enabled
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomeCSP())
	return s.render(c, status, templates.Welcome(templates.Page{L: who(c).L, Path: "/", Theme: who(c).Theme}, d))
}
