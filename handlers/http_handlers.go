package handlers

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/labstack/echo/v4/middleware"

	"ideco-agent/agent"
)

// PortalHandler serves the portal.
func (s *Site) PortalHandler() http.Handler {
	e := s.newEcho(page)
	e.Use(s.crossOrigin())
	return s.register(e, s.portalRoutes())
}

// AgentHandler serves the agent endpoint.
func (s *Site) AgentHandler() http.Handler {
	return s.register(s.newEcho(plain), s.agentRoutes())
}

// Port80Handler serves plain HTTP on all addresses. One listener also covers the gateway's address in the tunnel, so the
// handler chooses by the connection's local address.
func (s *Site) Port80Handler() http.Handler {
	outside, inside := s.httpHandler(), s.register(s.newEcho(plain), s.tunnelRoutes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local, ok := localAddress(r.Context()); ok && local == s.Settings.Current().VPNGateway() {
			inside.ServeHTTP(w, r)
			return
		}
		outside.ServeHTTP(w, r)
	})
}

func localAddress(ctx context.Context) (netip.Addr, bool) {
	a, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.Addr{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return agent.Unmap(ap.Addr()), err == nil
}

// httpHandler serves plain HTTP outside the tunnel.
func (s *Site) httpHandler() http.Handler {
	return s.register(s.newEcho(plain, s.askToStart), s.httpRoutes())
}

// newEcho returns what all listeners share: peers by TCP address, one error handler, and requests for unknown hosts refused
// after the exceptions. Requests without a route are answered in form f.
func (s *Site) newEcho(f form, exceptions ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.answerError
	e.Use(s.answerInTime, s.recoverPanic, securityHeaders, markREST(s.restPaths()), s.setVisitor(f))
	e.Use(exceptions...)
	e.Use(s.knownHost)
	return e
}

func (s *Site) register(e *echo.Echo, routes []route) http.Handler {
	for _, r := range routes {
		most := maxBody
		if r.rule == anybody || r.rule == setup {
			most = maxBodyAnybody
		}
		// The body is read only after admit.
		guards := []echo.MiddlewareFunc{s.setForm(r.form), s.admit(r.rule, r.form), middleware.BodyLimit(most), protectForm(r.form)}
		e.Add(r.method, r.path, r.handler, guards...)
		if r.method == http.MethodGet && r.form != rest {
			e.Add(http.MethodHead, r.path, r.handler, guards...)
		}
	}
	return e
}

// The largest request body, in bytes: without a login and signed in. The largest form has the list of local networks.
const (
	maxBodyAnybody = "8K"
	maxBody        = "256K"
)

// Timeouts of the servers of these routes. WriteTimeout starts when an answer begins. Downloads have deadlines of their own.
const (
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = time.Minute
	WriteTimeout      = 30 * time.Second
	IdleTimeout       = 15 * time.Second
)
