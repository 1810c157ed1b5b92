package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminCertificateRoot announces the next root after a confirmation.
func (s *Site) adminCertificateRoot(c echo.Context) error {
	if s.Certificates.RootChange() != nil {
		return done(c, locale.ToastRootAnnounced, templates.RootPath) // by somebody else meanwhile
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmRootChange(who(c).L, time.Now().Add(agent.RootNotice))))
	}
	if err := s.Certificates.AnnounceRoot(c.Request().Context(), who(c).User.FullLogin()); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActRootAnnounced})
	return done(c, locale.ToastRootAnnounced, templates.RootPath)
}

// adminCertificateRootCancel cancels an announced change after a confirmation.
func (s *Site) adminCertificateRootCancel(c echo.Context) error {
	if s.Certificates.RootChange() == nil {
		return done(c, locale.ToastRootCancelled, templates.RootPath)
	}
	if c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmRootCancel(who(c).L)))
	}
	if err := s.Certificates.CancelRoot(c.Request().Context(), who(c).User.FullLogin()); err != nil {
		return err
	}
	s.act(c, agent.Act{Code: agent.ActRootCancelled})
	return done(c, locale.ToastRootCancelled, templates.RootPath)
}
