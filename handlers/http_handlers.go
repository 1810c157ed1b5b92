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
	return compressTexts(s.register(e, s.portalRoutes()))
}

// AgentHandler serves the agent endpoint.
func (s *Site) AgentHandler() http.Handler {
	return s.register(s.newEcho(plain), s.agentRoutes())
}

// HTTPHandler serves plain HTTP, outside the tunnel and inside. The same listener may cover the gateway's address in the
// tunnel, so the handler tells the two apart by the connection's local address.
func (s *Site) HTTPHandler() http.Handler {
	outside, inTunnel := s.outsideTunnelHandler(), s.register(s.newEcho(plain), s.tunnelRoutes())
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if local, ok := localAddress(r.Context()); ok && local == s.Settings.Current().VPNGateway() {
			inTunnel.ServeHTTP(w, r)
			return
		}
		outside.ServeHTTP(w, r)
	})
}

func localAddress(ctx context.Context) (netip.Addr, bool) {
	ap, ok := localAddrPort(ctx)
	return ap.Addr(), ok
}

// localAddrPort returns the gateway's address and port to which the connection came.
func localAddrPort(ctx context.Context) (netip.AddrPort, bool) {
	a, ok := ctx.Value(http.LocalAddrContextKey).(net.Addr)
	if !ok {
		return netip.AddrPort{}, false
	}
	ap, err := netip.ParseAddrPort(a.String())
	return netip.AddrPortFrom(agent.Unmap(ap.Addr()), ap.Port()), err == nil
}

func (s *Site) outsideTunnelHandler() http.Handler {
	return s.register(s.newEcho(plain, s.answerChallenge, s.interceptBlocked), s.httpRoutes())
}

// newEcho returns an Echo with what all listeners share: peers by TCP address, one error handler, and knownHost. The
// exceptions run before knownHost. A request without a route is answered like a route of kind k.
func (s *Site) newEcho(k kind, exceptions ...echo.MiddlewareFunc) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.IPExtractor = echo.ExtractIPDirect()
	e.HTTPErrorHandler = s.answerError
	e.Use(s.answerInTime, s.recoverPanic, securityHeaders, markREST(s.restPaths()), s.setVisitor(k))
	e.Use(exceptions...)
	e.Use(s.knownHost)
	return e
}

func (s *Site) register(e *echo.Echo, routes []route) http.Handler {
	vendor := map[string]bool{}
	for _, r := range s.vendorRoutes() {
		vendor[r.method+r.path] = true
	}
	for _, r := range routes {
		limit := maxBody
		if r.rule == anybody || r.rule == setup {
			limit = maxBodyAnybody
		}
		switch {
		case r.path == importPath:
			limit = maxBodyImport
		case r.path == uploadPath, r.path == restCertificatesPath:
			limit = maxBodyUpload
		}
		limited, forgery := middleware.BodyLimit(limit), s.preventForgery(r.kind)
		if r.path == restorePath {
			limited, forgery = middleware.BodyLimit(maxBodyRestore), s.preventForgeryOfUpload
		}
		// The body is read only after admit, but for signInAgain.
		guards := []echo.MiddlewareFunc{s.setKind(r.kind, vendor[r.method+r.path]), s.admit(r.rule, r.kind), limited, forgery}
		e.Add(r.method, r.path, r.handler, guards...)
		if r.method == http.MethodGet && r.kind != rest {
			e.Add(http.MethodHead, r.path, r.handler, guards...)
		}
	}
	return e
}

// The largest request body, before login and after it, of a file of accounts, and of a certificate. The list of local networks makes the largest
// one of the others.
const (
	maxBodyAnybody = "8K"
	maxBody        = "256K"
	maxBodyImport  = "11M" // more than accountcsv.MaxBytes
	maxBodyUpload  = "2M"  // more than agent.MaxUpload in base64
	maxBodyRestore = "4G"  // of a backup, which is never held in memory
)

// importPath takes a file of accounts.
const importPath = "/admin/users/import"

// maxFormMemory is more than every limit of a body, so that an uploaded file is never written to disk.
const maxFormMemory = 12 << 20

// Timeouts of the servers of these routes. answerInTime restarts WriteTimeout when an answer begins. Downloads have deadlines
// of their own.
const (
	ReadHeaderTimeout = 10 * time.Second
	ReadTimeout       = time.Minute
	WriteTimeout      = 30 * time.Second
	IdleTimeout       = 15 * time.Second
)
