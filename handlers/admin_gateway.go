package handlers

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Gateway is this machine between its networks.
type Gateway interface {
	// Interfaces are those that can be chosen, without loopback and the gateway's own tunnel.
	Interfaces() ([]agent.Interface, error)
	// Preview is the rules that settings make, for people to read; empty when there are none.
	Preview(agent.Settings) string
	State() agent.GatewayState
	// EnableForwarding makes the kernel pass packets between interfaces, until it starts anew.
	EnableForwarding(context.Context) error
}

// errTrialOver says that a confirmation came for a choice that is not on trial any more.
var errTrialOver = errors.New("this choice is not on trial any more")

func (s *Site) adminGateway(c echo.Context) error {
	return s.renderGateway(c, http.StatusOK, s.page(c), s.adminGatewayData(c))
}

func (s *Site) renderGateway(c echo.Context, status int, p templates.Page, d templates.AdminGatewayData) error {
	p.Path = "/admin/gateway" // also of an answer to a form, whose own path no browser may GET
	return s.render(c, status, templates.AdminGateway(p, d))
}

// adminGatewayData is the page of the saved settings.
func (s *Site) adminGatewayData(c echo.Context) templates.AdminGatewayData {
	now := s.Settings.Current()
	interfaces, err := s.Gateway.Interfaces()
	if err != nil { // a choice must be confirmed or taken back all the same
		s.Log.Error("read the interfaces", "err", err)
	}
	d := templates.AdminGatewayData{
		State:             s.Gateway.State(),
		AgentEnabled:      now.Enabled,
		InterfacesUnknown: err != nil,
		Form:              templates.FormOfGateway(now.GatewaySettings, interfaces),
		Preview:           s.Gateway.Preview(now),
		Chosen:            now.Guards(),
		Returned:          now.Trial.Returned,
		NotLocal:          notLocal(now, interfaces),
	}
	if err == nil {
		d.Gone = gone(now, interfaces)
	}
	if now.OnTrial() {
		d.Trial = trialName(now)
		d.TrialLeft = min(max(time.Until(now.Trial.Until), 0), agent.TrialLength)
	}
	return d
}

// notLocal are the networks of the chosen LAN interfaces whose hosts do not count as being in the LAN.
func notLocal(s agent.Settings, interfaces []agent.Interface) (nets []netip.Prefix) {
	for _, i := range interfaces {
		if !s.Guards() || !slices.Contains(s.LANInterfaces, i.Name) {
			continue
		}
		for _, a := range i.Addrs {
			if !s.InLocalNetworks(a.Addr()) {
				nets = append(nets, a.Masked())
			}
		}
	}
	return nets
}

// gone are the chosen interfaces that this machine does not have now.
func gone(s agent.Settings, interfaces []agent.Interface) (names []string) {
	for _, name := range append(slices.Clone(s.LANInterfaces), s.WANInterfaces...) {
		if !slices.ContainsFunc(interfaces, func(i agent.Interface) bool { return i.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// trialName tells one trial from another, so that nobody confirms what somebody else has chosen since.
func trialName(s agent.Settings) string { return strconv.FormatInt(s.Trial.Until.UnixMilli(), 36) }

// adminGatewaySave puts the choice in force at once. It stays only when it is confirmed.
func (s *Site) adminGatewaySave(c echo.Context) error {
	typed, change, problems := s.readGateway(c)
	if problems == nil {
		err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
			choice := n.GatewaySettings
			change(&choice)
			n.TryGateway(choice, time.Now())
			return nil
		})
		if err == nil {
			s.securityEvent(c, "gateway_saved")
			if s.Settings.Current().OnTrial() {
				return c.Redirect(http.StatusSeeOther, "/admin/gateway") // where the question stands
			}
			return done(c, locale.ToastSaved, "/admin/gateway")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	return s.refuseGateway(c, typed, problems)
}

// adminGatewayPreview shows the rules for what is chosen on the page and changes nothing.
func (s *Site) adminGatewayPreview(c echo.Context) error {
	typed, change, problems := s.readGateway(c)
	wanted := s.Settings.Current()
	if problems == nil {
		change(&wanted.GatewaySettings)
		problems = wanted.Check()
	}
	if len(problems) > 0 {
		return s.refuseGateway(c, typed, problems)
	}
	d := s.adminGatewayData(c)
	d.Form, d.Preview, d.Chosen, d.PreviewTyped = typed, s.Gateway.Preview(wanted), wanted.Guards(), true
	return s.renderGateway(c, http.StatusOK, s.page(c), d)
}

// refuseGateway is the page with what was typed and what is wrong with it.
func (s *Site) refuseGateway(c echo.Context, typed templates.GatewayForm, problems agent.Problems) error {
	d := s.adminGatewayData(c)
	d.Form, d.Errors = typed, fieldTexts(who(c).L, problems)
	p := s.page(c)
	p.Alert = who(c).L.T(locale.AlertCheckFields)
	return s.renderGateway(c, http.StatusBadRequest, p, d)
}

// readGateway reads the form: as it was typed, and as a change of the settings that leaves everything else as it is.
func (s *Site) readGateway(c echo.Context) (templates.GatewayForm, func(*agent.GatewaySettings), agent.Problems) {
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
	wanted.VPNPeersMayTalk = values.Get("vpn_peers_may_talk") == "1"
	timeout := values.Get(agent.FirewallTimeout.Name)
	agent.FirewallTimeout.Parse(&wanted, timeout) // no number is none, and the settings say what fits

	interfaces, _ := s.Gateway.Interfaces()
	typed := templates.FormOfGateway(wanted.GatewaySettings, interfaces)
	typed.OpenBeforeLogin = values.Get("open_before_login")
	typed.FirewallTimeout = timeout
	return typed, func(g *agent.GatewaySettings) { *g = wanted.GatewaySettings }, problemsOf(problem)
}

// adminGatewayKeep confirms the choice in force.
func (s *Site) adminGatewayKeep(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).KeepGateway, "gateway_kept", locale.ToastGatewayKept)
}

// adminGatewayReturn takes it back before its time.
func (s *Site) adminGatewayReturn(c echo.Context) error {
	return s.endTrial(c, (*agent.Settings).ReturnGateway, "gateway_returned", locale.ToastGatewayReturned)
}

func (s *Site) endTrial(c echo.Context, end func(*agent.Settings), event, toast string) error {
	err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
		if !n.OnTrial() || c.FormValue("trial") != trialName(*n) {
			return errTrialOver
		}
		end(n)
		return nil
	})
	if errors.Is(err, errTrialOver) {
		return done(c, locale.ToastTrialOver, "/admin/gateway") // the page says what is in force
	}
	if err != nil {
		return err
	}
	s.securityEvent(c, event)
	return done(c, toast, "/admin/gateway")
}

// adminGatewayForwarding switches the forwarding of packets on. What the process may not do, an administrator can.
func (s *Site) adminGatewayForwarding(c echo.Context) error {
	if err := s.Gateway.EnableForwarding(c.Request().Context()); err != nil {
		s.Log.Error("switch forwarding on", "err", err)
		p := s.page(c)
		p.Alert = who(c).L.T(locale.AlertForwarding)
		return s.renderGateway(c, http.StatusInternalServerError, p, s.adminGatewayData(c))
	}
	s.securityEvent(c, "forwarding_on")
	return done(c, locale.ToastForwardingOn, "/admin/gateway")
}
