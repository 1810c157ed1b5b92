package handlers

import (
	"context"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
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
		s.Log.Error("read the interfaces", "error", err)
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
