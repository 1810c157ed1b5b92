package handlers

import (
	"errors"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminAgentDomain saves the domain. It first asks for confirmation if that replaces another one.
func (s *Site) adminAgentDomain(c echo.Context) error {
	typed := c.FormValue("auth_domain")
	domain, cutOff, problem := agent.ParseDomain(typed)
	if problem.Code != "" {
		return s.domainRefused(c, typed, problem)
	}
	if now := s.Settings.Current(); now.Domain != "" && domain != now.Domain && c.FormValue("confirm") != "1" {
		wanted := now
		wanted.Domain = domain
		wanted.KeepFormerDomain(now.Domain)
		if problems := append(wanted.Check(), wanted.CheckChange(now)...); len(problems) > 0 { // Update would refuse it after the confirmation
			return s.domainRefused(c, typed, problems[0])
		}
		agents, err := s.agentsByHost(c)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmDomain(who(c).L, templates.DomainChange{
			Typed: typed, From: unicodeName(now.Domain), To: unicodeName(domain), Agents: agents[now.Domain], NewRoot: !s.Root.Permits(domain)})))
	}
	err := s.updateSettings(c, agent.ActDomainSaved, func(n *agent.Settings) { n.Domain = domain }, "domain", domain) // and keeps the former domain
	if problems := (agent.Problems{}); errors.As(err, &problems) {
		return s.domainRefused(c, typed, problems[0])
	}
	if err != nil {
		return err
	}
	if cutOff == "" {
		return done(c, locale.ToastSaved, "/admin/agent")
	}
	d, err := s.adminAgentData(c, templates.AgentConnection)
	if err != nil {
		return err
	}
	d.DomainNotice = who(c).L.T(locale.DomainRemoved, locale.Args{"Removed": cutOff, "Domain": d.Domain})
	p := s.page(c)
	p.Toast = who(c).L.T(locale.ToastSaved)
	return s.renderAgent(c, http.StatusOK, p, d)
}

// domainRefused shows the page again with what was typed.
func (s *Site) domainRefused(c echo.Context, typed string, problem agent.Problem) error {
	d, err := s.adminAgentData(c, templates.AgentConnection)
	if err != nil {
		return err
	}
	d.Domain, d.DomainError = agent.Clean(typed, 253), who(c).L.Problem(problem)
	return s.renderAgent(c, http.StatusBadRequest, s.page(c), d)
}

// adminAgentDomainForget removes a former domain, after a confirmation. Agents that know the gateway by it cannot connect any
// more.
func (s *Site) adminAgentDomainForget(c echo.Context) error {
	name := c.FormValue("name")
	if !slices.Contains(s.Settings.Current().FormerDomains, name) {
		return done(c, locale.ToastSaved, "/admin/agent") // removed meanwhile
	}
	if c.FormValue("confirm") != "1" {
		agents, err := s.agentsByHost(c)
		if err != nil {
			return err
		}
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c),
			templates.ConfirmDomainForget(who(c).L, templates.FormerDomain{Name: name, Shown: unicodeName(name), Agents: agents[name]})))
	}
	err := s.updateSettings(c, agent.ActFormerDomainRemoved, func(n *agent.Settings) {
		n.FormerDomains = slices.DeleteFunc(slices.Clone(n.FormerDomains), func(former string) bool { return former == name })
	}, "domain", name)
	if err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/agent")
}
