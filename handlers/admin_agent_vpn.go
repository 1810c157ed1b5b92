package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// adminAgentVPN saves the settings of the tunnel. They hold for tunnels that are made from now on; sessions that no
// longer fit the VPN network end.
func (s *Site) adminAgentVPN(c echo.Context) error {
	form := templates.VPNForm{
		Network:     c.FormValue("vpn_network"),
		Forward:     c.FormValue("forward"),
		ForwardNets: c.FormValue("forward_nets"),
		DNS:         c.FormValue("dns"),
		DNSSuffix:   c.FormValue("dns_suffix"),
		LocalTunnel: c.FormValue("local_tunnel") == "1",
	}
	change, problems := parseVPN(form)
	if problems == nil {
		wanted := s.Settings.Current()
		change(&wanted)
		problems = wanted.Check()
		if misfits := s.Sessions.Misfits(wanted); len(problems) == 0 && misfits > 0 && c.FormValue("confirm") != "1" {
			return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmVPN(who(c).L, form, misfits)))
		}
	}
	if len(problems) == 0 {
		err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
			change(n)
			return nil
		})
		if err == nil {
			s.securityEvent(c, "vpn_settings_saved")
			return done(c, locale.ToastSaved, "/admin/agent")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	d := s.adminAgentData(c)
	d.VPN, d.Errors = form, fieldTexts(who(c).L, problems)
	p := s.page(c)
	p.Alert = who(c).L.T(locale.AlertCheckFields)
	return s.render(c, http.StatusBadRequest, templates.AdminAgent(p, d))
}

// parseVPN reads the form into a change of the settings that leaves everything else as it is.
func parseVPN(form templates.VPNForm) (func(*agent.Settings), agent.Problems) {
	network, p1 := parseNetwork("vpn_network", form.Network)
	nets, p2 := agent.ParseNetworks("forward_nets", form.ForwardNets)
	switch {
	case form.Forward == templates.ForwardAll:
		nets, p2 = nil, agent.Problem{}
	case p2.Code == "" && len(nets) == 0:
		p2 = agent.Problem{Field: "forward_nets", Code: "field_required"}
	}
	dns, p3 := parseAddresses("dns", words(form.DNS))
	suffixes, p4 := agent.ParseSuffixes("dns_suffix", words(form.DNSSuffix))
	return func(n *agent.Settings) {
		n.VPNNetwork, n.ForwardNets, n.DNS = network, nets, dns
		n.DNSSuffixes = suffixes
		n.LocalTunnel = form.LocalTunnel
	}, problemsOf(p1, p2, p3, p4)
}

// words splits a list that a person has typed.
func words(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) })
}

func parseNetwork(field, text string) (netip.Prefix, agent.Problem) {
	p, err := netip.ParsePrefix(strings.TrimSpace(text))
	if err != nil {
		return netip.Prefix{}, agent.Problem{Field: field, Code: "field_network", Value: agent.Clean(text, 64)}
	}
	return p.Masked(), agent.Problem{}
}

func parseAddresses(field string, list []string) ([]netip.Addr, agent.Problem) {
	addrs := make([]netip.Addr, 0, len(list))
	for _, text := range list {
		a, err := netip.ParseAddr(text)
		if err != nil {
			return nil, agent.Problem{Field: field, Code: "field_address", Value: agent.Clean(text, 64)}
		}
		addrs = append(addrs, a)
	}
	return addrs, agent.Problem{}
}
