package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminCertificateRetry starts a try to order certificates.
func (s *Site) adminCertificateRetry(c echo.Context) error {
	err := s.orderNow(c)
	if problems := problemsIn(err); problems != nil {
		return s.refuseCertificate(c, http.StatusTooManyRequests, who(c).L.Problem(problems[0]), func(*templates.AdminCertificateData) {})
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastOrdering, "/admin/certificate")
}

func (s *Site) restCertificatesRetry(c echo.Context) error {
	return doneREST(c, s.orderNow(c))
}

func (s *Site) orderNow(c echo.Context) error {
	if err := s.Certificates.Order(c.Request().Context()); err != nil {
		return err
	}
	s.securityEvent(c, "certificate_ordered")
	return nil
}
