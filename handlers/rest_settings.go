package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

func (s *Site) restState(c echo.Context) error {
	return c.JSON(http.StatusOK, map[string]bool{"enabled": s.Settings.Current().Enabled})
}

func (s *Site) restSetState(c echo.Context) error {
	var body struct {
		Enabled *bool `json:"enabled"`
	}
	if err := decode(c, &body); err != nil {
		return err
	}
	if body.Enabled == nil {
		return agent.Problems{{Field: "enabled", Code: "field_required"}}
	}
	if err := s.setState(c, *body.Enabled); err != nil {
		return err
	}
	return s.restState(c)
}

// settingsJSON are the settings as REST answers them.
type settingsJSON struct {
	AuthDomain      *string  `json:"auth_domain"`
	LocalTunnel     bool     `json:"local_tunnel"`
	LocalNetworks   []string `json:"local_networks"`
	VPNNetwork      string   `json:"vpn_network"`
	ForwardNets     []string `json:"forward_nets"`
	DNS             []string `json:"dns"`
	DNSSuffix       []string `json:"dns_suffix"`
	SessionHoursLAN float64  `json:"session_hours_lan"`
	SessionHoursVPN float64  `json:"session_hours_vpn"`
	GraceSeconds    int      `json:"grace_seconds"`
	DevicesPerUser  int      `json:"devices_per_user"`
	DevicePolicy    string   `json:"device_policy"`
	JournalDays     int      `json:"journal_days"`
	JournalMB       int      `json:"journal_mb"`
	gatewayJSON
}

func (s *Site) restSettings(c echo.Context) error {
	now := s.Settings.Current()
	out := settingsJSON{
		LocalTunnel:     now.LocalTunnel,
		LocalNetworks:   texts(now.LocalNetworks),
		VPNNetwork:      now.VPNNetwork.String(),
		ForwardNets:     texts(now.ForwardNets),
		DNS:             texts(now.DNS),
		DNSSuffix:       append([]string{}, now.DNSSuffixes...),
		SessionHoursLAN: now.SessionLAN.Hours(),
		SessionHoursVPN: now.SessionVPN.Hours(),
		GraceSeconds:    int(now.Grace / time.Second),
		DevicesPerUser:  now.DevicesPerUser,
		DevicePolicy:    string(now.DevicePolicy),
		JournalDays:     now.JournalDays,
		JournalMB:       now.JournalMB,
		gatewayJSON:     jsonOfGateway(now.GatewaySettings),
	}
	if now.Domain != "" {
		out.AuthDomain = &now.Domain
	}
	return c.JSON(http.StatusOK, out)
}

// settingsChange is a PUT of the settings; what it leaves out stays.
type settingsChange struct {
	AuthDomain      optional[string]   `json:"auth_domain"`
	LocalTunnel     optional[bool]     `json:"local_tunnel"`
	LocalNetworks   optional[[]string] `json:"local_networks"`
	VPNNetwork      optional[string]   `json:"vpn_network"`
	ForwardNets     optional[[]string] `json:"forward_nets"`
	DNS             optional[[]string] `json:"dns"`
	DNSSuffix       optional[[]string] `json:"dns_suffix"`
	SessionHoursLAN optional[float64]  `json:"session_hours_lan"`
	SessionHoursVPN optional[float64]  `json:"session_hours_vpn"`
	GraceSeconds    optional[int]      `json:"grace_seconds"`
	DevicesPerUser  optional[int]      `json:"devices_per_user"`
	DevicePolicy    optional[string]   `json:"device_policy"`
	JournalDays     optional[int]      `json:"journal_days"`
	JournalMB       optional[int]      `json:"journal_mb"`
	gatewayChange
}

// restSetSettings changes settings in force at once; REST does not ask whether sessions may end.
func (s *Site) restSetSettings(c echo.Context) error {
	var body settingsChange
	if err := decode(c, &body, "auth_domain"); err != nil {
		return err
	}
	if err := s.Settings.Update(c.Request().Context(), body.apply); err != nil {
		return err
	}
	s.securityEvent(c, "settings_saved")
	return s.restSettings(c)
}

// apply lays the change over the settings; what cannot be read is agent.Problems.
func (b settingsChange) apply(n *agent.Settings) error {
	var problems agent.Problems
	bad := func(p agent.Problem) { problems = append(problems, problemsOf(p)...) }
	if b.AuthDomain.Set {
		n.Domain = ""
		if b.AuthDomain.Value != nil {
			domain, removed, p := agent.ParseDomain(*b.AuthDomain.Value)
			if removed != "" { // a script is told, where the page takes it off and says so
				p = agent.Problem{Field: "auth_domain", Code: "field_domain", Value: removed}
			}
			bad(p)
			n.Domain = domain
		}
	}
	if b.LocalNetworks.Value != nil {
		nets, p := agent.NormalizeNetworks("local_networks", *b.LocalNetworks.Value)
		bad(p)
		n.LocalNetworks, n.NetworksSeen = nets, true
	}
	if b.ForwardNets.Value != nil {
		nets, p := agent.NormalizeNetworks("forward_nets", *b.ForwardNets.Value)
		bad(p)
		n.ForwardNets = nets
	}
	if b.VPNNetwork.Value != nil {
		network, p := parseNetwork("vpn_network", *b.VPNNetwork.Value)
		bad(p)
		n.VPNNetwork = network
	}
	if b.DNS.Value != nil {
		dns, p := parseAddresses("dns", *b.DNS.Value)
		bad(p)
		n.DNS = dns
	}
	if b.DNSSuffix.Value != nil {
		suffixes, p := agent.ParseSuffixes("dns_suffix", *b.DNSSuffix.Value)
		bad(p)
		n.DNSSuffixes = suffixes
	}
	b.LocalTunnel.into(&n.LocalTunnel)
	if b.SessionHoursLAN.Value != nil {
		n.SessionLAN = hoursToDuration(*b.SessionHoursLAN.Value)
	}
	if b.SessionHoursVPN.Value != nil {
		n.SessionVPN = hoursToDuration(*b.SessionHoursVPN.Value)
	}
	if b.GraceSeconds.Value != nil {
		n.Grace = time.Duration(min(max(*b.GraceSeconds.Value, -1), 1<<30)) * time.Second
	}
	b.DevicesPerUser.into(&n.DevicesPerUser)
	b.JournalDays.into(&n.JournalDays)
	b.JournalMB.into(&n.JournalMB)
	if b.DevicePolicy.Value != nil {
		n.DevicePolicy = agent.DevicePolicy(*b.DevicePolicy.Value)
	}
	bad(b.gatewayChange.apply(n))
	if len(problems) > 0 {
		return problems
	}
	return nil
}

func texts[T interface{ String() string }](list []T) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}
