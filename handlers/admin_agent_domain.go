package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminAgentDomain(c echo.Context) error {
	typed := c.FormValue("auth_domain")
	domain, removed, problem := agent.ParseDomain(typed)
	if problem.Code == "" {
		err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
			n.Domain = domain
			return nil
		})
		if problems := (agent.Problems)(nil); errors.As(err, &problems) {
			problem = problems[0]
		} else if err != nil {
			return err
		} else {
			return s.domainSaved(c, domain, removed)
		}
	}
	d := s.adminAgentData(c)
	d.Domain, d.DomainError = agent.Clean(typed, 253), who(c).L.Problem(problem)
	return s.render(c, http.StatusBadRequest, templates.AdminAgent(s.page(c), d))
}

// domainSaved shows the page after the domain was saved, with what was removed from the typed text.
func (s *Site) domainSaved(c echo.Context, domain, removed string) error {
	s.securityEvent(c, "domain_saved", "domain", domain)
	if removed == "" {
		return done(c, locale.ToastSaved, "/admin/agent")
	}
	d := s.adminAgentData(c)
	d.DomainNotice = who(c).L.T(locale.DomainRemoved, locale.Args{"Removed": removed, "Domain": d.Domain})
	p := s.page(c)
	p.Toast = who(c).L.T(locale.ToastSaved)
	return s.render(c, http.StatusOK, templates.AdminAgent(p, d))
}
