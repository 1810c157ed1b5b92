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

// Gateway reads this machine's network interfaces and firewall state.
type Gateway interface {
	// Interfaces returns the interfaces that can be chosen: all but loopback and the gateway's own tunnel.
	Interfaces() ([]agent.Interface, error)
	// Preview returns the firewall rules for the settings as text; "" if there are none.
	Preview(agent.Settings) string
	State() agent.GatewayState
	// EnableForwarding enables packet forwarding in the kernel until the next reboot.
	EnableForwarding(context.Context) error
}

func (s *Site) adminGateway(c echo.Context) error {
	return s.renderGateway(c, http.StatusOK, s.page(c), s.adminGatewayData(c))
}

func (s *Site) renderGateway(c echo.Context, status int, p templates.Page, d templates.AdminGatewayData) error {
	p.Path = "/admin/gateway" // not the path of the form, which has no GET route
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
		AgentEnabled:      now.Enabled,
		InterfacesUnknown: err != nil,
		Form:              templates.NewGatewayForm(now.GatewaySettings, interfaces),
		Preview:           s.Gateway.Preview(now),
		Chosen:            now.InterfacesChosen(),
		Returned:          now.Trial.Returned,
		NotLocal:          notLocal(now, interfaces),
	}
	if len(now.LANInterfaces)+len(now.WANInterfaces) == 0 {
		d.Form.Propose()
	}
	if _, err := netip.ParseAddr(now.Domain); err != nil {
		d.Name = unicodeName(now.Domain)
	}
	if err == nil {
		d.Gone = missingInterfaces(now, interfaces)
		d.VLANs = unchosenVLANs(now, interfaces)
		d.Uplinks = unchosenUplinks(now, interfaces)
	}
	if now.OnTrial() {
		d.Trial = trialName(now)
		d.TrialLeft = min(max(time.Until(now.Trial.Until), 0), agent.TrialLength)
	}
	return d
}

// notLocal returns the networks of the chosen LAN interfaces that are not among the local networks.
func notLocal(s agent.Settings, interfaces []agent.Interface) (nets []netip.Prefix) {
	for _, i := range interfaces {
		if !s.InterfacesChosen() || !slices.Contains(s.LANInterfaces, i.Name) {
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

// missingInterfaces returns the chosen interfaces that this machine does not have now.
func missingInterfaces(s agent.Settings, interfaces []agent.Interface) (names []string) {
	for _, name := range append(slices.Clone(s.LANInterfaces), s.WANInterfaces...) {
		if !slices.ContainsFunc(interfaces, func(i agent.Interface) bool { return i.Name == name }) {
			names = append(names, name)
		}
	}
	return names
}

// unchosenVLANs returns the VLANs with an address that are not chosen, on chosen interfaces without an address: probably the
// VLANs were meant.
func unchosenVLANs(s agent.Settings, interfaces []agent.Interface) (names []string) {
	chosen := append(slices.Clone(s.LANInterfaces), s.WANInterfaces...)
	for _, parent := range interfaces {
		if len(parent.Addrs) > 0 || !slices.Contains(chosen, parent.Name) {
			continue
		}
		for _, i := range interfaces {
			if i.VLANOf == parent.Name && len(i.Addrs) > 0 && !slices.Contains(chosen, i.Name) {
				names = append(names, i.Name)
			}
		}
	}
	return names
}

// unchosenUplinks returns the interfaces that lead to the Internet and are not chosen, once others are: through them the LAN
// reaches the Internet without a session.
func unchosenUplinks(s agent.Settings, interfaces []agent.Interface) (names []string) {
	for _, i := range interfaces {
		if s.InterfacesChosen() && i.Internet && !slices.Contains(s.LANInterfaces, i.Name) && !slices.Contains(s.WANInterfaces, i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}
