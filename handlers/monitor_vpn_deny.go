package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// monitorDenyVPN asks, and then revokes the right. It returns to the page of the table from which the form came.
func (s *Site) monitorDenyVPN(c echo.Context, u agent.User) error {
	d, err := s.monitorData(c, templates.VPNTable, c.FormValue)
	if err != nil {
		return err
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmVPNDeny(who(c).L, u, s.vpnSessionsOf(u.ID), d.View)))
	}
	back := d.View.AtRow(rowBeside(d.Sessions, func(l agent.LiveSession) bool { return l.UserID == u.ID }).ID)
	if err := s.denyVPN(c, u); err != nil {
		return err
	}
	return done(c, locale.ToastVPNDenied, back)
}

func (s *Site) restUserDisableVPN(c echo.Context, u agent.User) error {
	return doneREST(c, s.denyVPN(c, u))
}

// denyVPN revokes the right to connect from outside and ends the sessions that need it.
func (s *Site) denyVPN(c echo.Context, u agent.User) error {
	ctx := c.Request().Context()
	if err := s.Accounts.SetRemoteAccess(ctx, u.ID, false); err != nil {
		return err
	}
	before := u
	u.RemoteAccess, u.RemoteByGroups = false, false
	s.Sessions.UserChanged(context.WithoutCancel(ctx), u)
	s.act(c, actOnAccount(agent.ActVPNDenied, u, s.accountChanges(c, before, u)...), "account", u.Login)
	return nil
}
