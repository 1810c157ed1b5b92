package templates

import (
	"strings"

	"ideco-agent/agent"
)

// NewSettingsForm fills the form with saved settings.
func NewSettingsForm(s agent.Settings) SettingsForm {
	f := SettingsForm{LocalNetworks: joined(s.LocalNetworks, "\n"), DevicePolicy: string(s.DevicePolicy), Numbers: map[string]string{}}
	for _, n := range agent.AgentNumbers() {
		f.Numbers[n.Name] = n.Text(&s)
	}
	return f
}

// NewVPNForm fills the form with saved settings.
func NewVPNForm(s agent.Settings) VPNForm {
	f := VPNForm{Network: s.VPNNetwork.String(), Forward: ForwardAll, ForwardNets: joined(s.ForwardNets, "\n"),
		DNS: joined(s.DNS, " "), DNSSuffix: strings.Join(s.DNSSuffixes, " "), LocalTunnel: s.LocalTunnel}
	if len(s.ForwardNets) > 0 {
		f.Forward = ForwardChosen
	}
	return f
}

// NewUserForm fills the form with a saved account.
func NewUserForm(u agent.User) UserForm {
	return UserForm{Login: u.Login, Name: u.Name, Phone: u.Phone, Comment: u.Comment,
		Enabled: u.Enabled, RemoteAccess: u.RemoteAccess, ByGroups: u.RemoteByGroups, Admin: u.Admin, Group: groupValue(u.Group), RightsForm: NewRightsForm(u.Rights)}
}

// hidden returns the form's fields for a confirmation page.
func (f SettingsForm) hidden() []HiddenField {
	fields := []HiddenField{{"local_networks", f.LocalNetworks}, {"device_policy", f.DevicePolicy}}
	for _, n := range agent.AgentNumbers() {
		fields = append(fields, HiddenField{n.Name, f.Numbers[n.Name]})
	}
	return fields
}

func (f VPNForm) hidden() []HiddenField {
	fields := []HiddenField{{"vpn_network", f.Network}, {"forward", f.Forward}, {"forward_nets", f.ForwardNets}, {"dns", f.DNS},
		{"dns_suffix", f.DNSSuffix}}
	return append(fields, ticked("local_tunnel", f.LocalTunnel)...)
}

func (f UserForm) hidden() []HiddenField {
	fields := []HiddenField{{"login", f.Login}, {"name", f.Name}, {"phone", f.Phone}, {"comment", f.Comment}}
	fields = append(append(fields, HiddenField{"parent_id", f.Group}), f.RightsForm.hidden()...)
	fields = append(fields, ticked("enabled", f.Enabled)...)
	if f.ByGroups {
		fields = append(fields, HiddenField{"remote_access", RemoteByGroups})
	} else {
		fields = append(fields, ticked("remote_access", f.RemoteAccess)...)
	}
	return append(fields, ticked("admin", f.Admin)...)
}

// ticked is a checkbox as a browser submits it.
func ticked(name string, on bool) []HiddenField {
	if !on {
		return nil
	}
	return []HiddenField{{name, "1"}}
}
