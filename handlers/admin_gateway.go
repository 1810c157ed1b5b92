package handlers

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// Gateway reads this machine's network interfaces and firewall state.
type Gateway interface {
	// Interfaces returns the interfaces that can be chosen: all but loopback and the gateway's own tunnel.
	Interfaces() ([]agent.Interface, error)
	// Preview returns the firewall rules for the settings as text; "" if there are none.
	Preview(agent.Settings) string
	State() agent.GatewayState
	// NameServers returns the DNS servers that this machine asks, without those on itself.
	NameServers() []netip.Addr
	// DNSListeners returns the addresses at which a program on this machine answers DNS queries; an unspecified one stands for all.
	DNSListeners() []netip.Addr
	// EnableForwarding enables packet forwarding in the kernel until the next boot.
	EnableForwarding(context.Context) error
}

func (s *Site) adminGateway(c echo.Context) error {
	return s.renderGateway(c, http.StatusOK, s.page(c), s.adminGatewayData(c))
}

func (s *Site) renderGateway(c echo.Context, status int, p templates.Page, d templates.AdminGatewayData) error {
	p.Path = "/admin/gateway" // not the path of the form, which has no GET route
	var err error
	if d.Conditions, err = s.Conditions(c.Request().Context()); err != nil {
		return err
	}
	return s.render(c, status, templates.AdminGateway(p, d))
}

// adminGatewayData returns the data of the page for the saved settings.
func (s *Site) adminGatewayData(c echo.Context) templates.AdminGatewayData {
	now := s.Settings.Current()
	interfaces, err := s.Gateway.Interfaces()
	if err != nil { // a trial must still be confirmed or reverted
		s.Log.Error("read the interfaces", "error", err)
	}
	d := templates.AdminGatewayData{
		State:             s.Gateway.State(),
		InterfacesUnknown: err != nil,
		Form:              templates.NewGatewayForm(now.GatewaySettings, interfaces),
		Preview:           s.Gateway.Preview(now),
		Chosen:            now.InterfacesChosen(),
		Forwards:          now.Forwarding,
		Returned:          now.Trial.Returned,
	}
	if len(now.LANInterfaces)+len(now.WANInterfaces) == 0 {
		d.Form.Propose()
	}
	if now.GatewayUntouched() {
		d.Form = d.Form.Proposing(s.serversToOpen(now))
	}
	if now.OnTrial() {
		d.Trial = trialName(now)
		d.TrialLeft = min(max(time.Until(now.Trial.Until), 0), agent.TrialLength)
	}
	return d
}
