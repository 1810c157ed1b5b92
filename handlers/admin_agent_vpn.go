package handlers

import (
	"net/netip"
	"strings"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// adminAgentVPN saves the settings of the tunnel. Agents get them when they connect the next time; the firewall applies them
// at once. Sessions with an address outside the new VPN network end.
func (s *Site) adminAgentVPN(c echo.Context) error {
	form := templates.VPNForm{
		Network:     c.FormValue("vpn_network"),
		Forward:     c.FormValue("forward"),
		ForwardNets: c.FormValue("forward_nets"),
		DNS:         c.FormValue("dns"),
		DNSSuffix:   c.FormValue("dns_suffix"),
		LocalTunnel: c.FormValue("local_tunnel") == "1",
	}
	return s.saveForm(c, settingsForm{
		tab:      templates.AgentVPN,
		act:      agent.ActVPNSettingsSaved,
		read:     func(settings *agent.Settings) agent.Problems { return readVPN(settings, form) },
		question: func(ending int) templates.ConfirmData { return templates.ConfirmVPN(who(c).L, form, ending) },
		typed:    func(d *templates.AdminAgentData) { d.VPN = form },
	})
}

// readVPN applies the form to the settings and returns what cannot be parsed.
func readVPN(settings *agent.Settings, form templates.VPNForm) agent.Problems {
	network, p1 := parseNetwork("vpn_network", form.Network)
	nets, p2 := agent.ParseNetworks("forward_nets", form.ForwardNets)
	switch {
	case form.Forward == templates.ForwardAll:
		nets, p2 = nil, agent.Problem{} // no networks in the settings = everything
	case p2.Code == "" && len(nets) == 0:
		p2 = agent.Problem{Field: "forward_nets", Code: "field_required"}
	}
	dns, p3 := parseAddresses("dns", words(form.DNS))
	suffixes, p4 := agent.ParseSuffixes("dns_suffix", words(form.DNSSuffix))
	settings.VPNNetwork, settings.ForwardNets, settings.DNS, settings.DNSSuffixes = network, nets, dns, suffixes
	settings.LocalTunnel = form.LocalTunnel
	return problemsOf(p1, p2, p3, p4)
}

// words splits a typed list at spaces, commas and semicolons.
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
