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

// PortalHandler is the portal.
func (s *Site) PortalHandler() http.Handler {
	e := s.newEcho(page)
	e.Use(s.crossOrigin())
	return s.register(e, s.portalRoutes())
}

// AgentHandler is the agent endpoint.
func (s *Site) AgentHandler() http.Handler {
	return s.register(s.newEcho(plain), s.agentRoutes())
}

// Port80Handler is plain HTTP on every address of the gateway. One handler chooses by the local address of the
// connection, because a listener on all addresses takes the port inside the tunnel too.
func (s *Site) Port80Handler() http.Handler {
	outside, inside := s.HTTPHandler(), s.register(s.newEcho(plain), s.tunnelRoutes())
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

// HTTPHandler is what plain HTTP answers.
func (s *Site) HTTPHandler() http.Handler {
	return s.register(s.newEcho(plain, s.askToStart), s.httpRoutes())
}

// newEcho is what all listeners share: peers by their TCP address alone, errors answered in one place, unknown hosts
// turned away before anything else but the exceptions looks at the request. What meets no route is answered in the
// listener's form.
func (s *Site) newEcho(f form, exceptions ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.answerError
	e.Use(s.answerInTime, s.recoverPanic, securityHeaders, markREST(s.restPaths()), s.meet(f))
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
		// The body is read after admit alone.
		guards := []echo.MiddlewareFunc{s.spoken(r.form), s.admit(r.rule, r.form), middleware.BodyLimit(most), inForm(r.form)}
		e.Add(r.method, r.path, r.handler, guards...)
		if r.method == http.MethodGet && r.form != rest {
			e.Add(http.MethodHead, r.path, r.handler, guards...)
		}
	}
	return e
}

// The largest body of a request, in bytes: of anybody, and of a person who is signed in. The largest form is the list of
// local networks.
const (
	maxBodyAnybody = "8K"
	maxBody        = "256K"
)

// Timeouts of the servers in front of these routes. WriteTimeout counts anew from where an answer begins, however long the
// work before it takes; a download has a deadline of its own.
const (
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = time.Minute
	WriteTimeout      = 30 * time.Second
	IdleTimeout       = 15 * time.Second
)
