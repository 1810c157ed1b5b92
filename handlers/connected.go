package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// connected shows a person in the tunnel that it works.
func (s *Site) connected(c echo.Context) error {
	v := who(c)
	d := templates.ConnectedData{}
	for _, live := range s.Sessions.Sessions() {
		if live.Kind == agent.KindVPN && live.Address == v.Peer.Addr {
			d = templates.ConnectedData{Login: live.Login, Address: live.Address.String(), Since: live.Started, Userspace: !s.Tunnel.Forwards()}
		}
	}
	c.Response().Header().Set(echo.HeaderContentSecurityPolicy, templates.WelcomeCSP())
	return s.render(c, http.StatusOK, templates.Connected(templates.Page{L: v.L, Path: "/", Theme: v.Theme}, d))
}
