package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminGatewaySave applies the choice at once, as a trial that must be confirmed.
func (s *Site) adminGatewaySave(c echo.Context) error {
	typed, choice, problems := s.readGateway(c)
	if len(problems) == 0 {
		err := s.updateSettings(c, agent.ActGatewaySaved, func(n *agent.Settings) { n.TryGateway(choice, time.Now()) })
		if err == nil {
			if s.Settings.Current().OnTrial() {
				return c.Redirect(http.StatusSeeOther, "/admin/gateway") // which asks for the confirmation
			}
			return done(c, locale.ToastSaved, "/admin/gateway")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	return s.refuseGateway(c, typed, problems)
}

// adminGatewayPreview shows the rules for the submitted choice and changes nothing.
func (s *Site) adminGatewayPreview(c echo.Context) error {
	typed, choice, problems := s.readGateway(c)
	if len(problems) > 0 {
		return s.refuseGateway(c, typed, problems)
	}
	wanted := s.Settings.Current()
	wanted.GatewaySettings = choice
	d := s.adminGatewayData(c)
	d.Form, d.Preview, d.Chosen, d.PreviewTyped = typed, s.Gateway.Preview(wanted), wanted.InterfacesChosen(), true
	return s.renderGateway(c, http.StatusOK, s.page(c), d)
}

// refuseGateway shows the page again with the typed values and their errors.
func (s *Site) refuseGateway(c echo.Context, typed templates.GatewayForm, problems agent.Problems) error {
	d := s.adminGatewayData(c)
	d.Form, d.Errors = typed, fieldTexts(who(c).L, problems)
	p := s.page(c)
	p.Alert = who(c).L.T(locale.AlertCheckFields)
	return s.renderGateway(c, http.StatusBadRequest, p, d)
}

// readGateway parses the form. It returns the typed values for the page, the settings that they stand for, and all that is wrong with
// them.
func (s *Site) readGateway(c echo.Context) (templates.GatewayForm, agent.GatewaySettings, agent.Problems) {
	var wanted agent.Settings
	values, err := c.FormParams()
	if err != nil {
		values = url.Values{}
	}
	for i, name := range values["interface"] {
		switch values.Get("role_" + strconv.Itoa(i)) {
		case templates.RoleLAN:
			wanted.LANInterfaces = append(wanted.LANInterfaces, name)
		case templates.RoleWAN:
			wanted.WANInterfaces = append(wanted.WANInterfaces, name)
		}
	}
	open, problem := agent.NormalizeOpen("open_before_login", words(values.Get("open_before_login")))
	wanted.OpenBeforeLogin = open
	wanted.Masquerade = values.Get("masquerade") == "1"
	wanted.DNSInLAN = values.Get("dns_in_lan") == "1"
	wanted.VPNPeersMayTalk = values.Get("vpn_peers_may_talk") == "1"
	timeout := values.Get(agent.FirewallTimeout.Name)
	agent.FirewallTimeout.Parse(&wanted, timeout) // an invalid number becomes 0, which Check refuses

	interfaces, _ := s.Gateway.Interfaces() // adminGatewayData logs the error
	typed := templates.NewGatewayForm(wanted.GatewaySettings, interfaces)
	typed.OpenBeforeLogin = values.Get("open_before_login")
	typed.FirewallTimeout = timeout
	candidate := s.Settings.Current()
	candidate.GatewaySettings = wanted.GatewaySettings
	problems := problemsOf(problem)
	return typed, wanted.GatewaySettings, append(problems, withoutNoted(problems, candidate.Check())...)
}
