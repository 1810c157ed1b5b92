package handlers

import (
	"context"
	"net"
	"net/http"
	"net/netip"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// tunnelRoutes is the site map of the gateway's address inside the tunnel.
func (s *Site) tunnelRoutes() []route {
	return []route{
		{"GET", "/", anybody, plain, s.connected},
	}
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

// connected tells a person behind the tunnel that it works.
func (s *Site) connected(c echo.Context) error {
	v := who(c)
	d := templates.ConnectedData{}
	for _, live := range s.Sessions.Sessions() {
		if live.Kind == agent.KindVPN && live.Address == v.Peer.Addr {
			d = templates.ConnectedData{Login: live.Login, Address: live.Address.String(), Since: live.Started, Userspace: !s.Tunnel.Forwards()}
		}
	}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomePolicy())
	return s.render(c, http.StatusOK, templates.Connected(templates.Page{L: v.L, Path: "/", Theme: v.Theme}, d))
}
