package handlers

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// adminCertificateRetry orders the certificates now instead of at the planned time.
func (s *Site) adminCertificateRetry(c echo.Context) error {
	err := s.orderNow(c)
	if problems := problemsIn(err); problems != nil {
		return s.refuseCertificate(c, http.StatusTooManyRequests, who(c).L.Problem(problems[0]), nil)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastOrdering, "/admin/certificate")
}

func (s *Site) restCertificatesRetry(c echo.Context) error {
	err := s.orderNow(c)
	if problems := problemsIn(err); problems != nil {
		return c.JSON(http.StatusTooManyRequests, restError{problems[0].Code, who(c).L.Problem(problems[0]), nil})
	}
	return doneREST(c, err)
}

// orderNow starts ordering. If it is too soon, it sets the header Retry-After and returns an agent.Problem, whose value is the minutes to
// wait.
func (s *Site) orderNow(c echo.Context) error {
	err := s.Certificates.Order(c.Request().Context())
	if err == nil {
		s.act(c, agent.Act{Code: agent.ActCertificateOrdered})
	}
	for _, problem := range problemsIn(err) {
		if minutes, err := strconv.Atoi(problem.Value); err == nil && problem.Code == locale.FieldOrderTooSoon {
			c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(60*minutes))
		}
	}
	return err
}
