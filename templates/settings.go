package templates

import (
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
)

// FormOfSettings is how saved settings stand in their fields.
func FormOfSettings(s agent.Settings) SettingsForm {
	nets := make([]string, len(s.LocalNetworks))
	for i, n := range s.LocalNetworks {
		nets[i] = n.String()
	}
	return SettingsForm{
		LocalNetworks:   strings.Join(nets, "\n"),
		SessionHoursLAN: hours(s.SessionLAN),
		SessionHoursVPN: hours(s.SessionVPN),
		GraceSeconds:    strconv.FormatInt(int64(s.Grace/time.Second), 10),
		DevicesPerUser:  strconv.Itoa(s.DevicesPerUser),
		DevicePolicy:    string(s.DevicePolicy),
		JournalDays:     strconv.Itoa(s.JournalDays),
		JournalMB:       strconv.Itoa(s.JournalMB),
	}
}

// FormOfVPN is how the saved settings of the tunnel stand in their fields.
func FormOfVPN(s agent.Settings) VPNForm {
	f := VPNForm{Network: s.VPNNetwork.String(), Forward: ForwardAll, DNSSuffix: strings.Join(s.DNSSuffixes, " "),
		LocalTunnel: s.LocalTunnel}
	nets := make([]string, len(s.ForwardNets))
	for i, n := range s.ForwardNets {
		f.Forward, nets[i] = ForwardChosen, n.String()
	}
	dns := make([]string, len(s.DNS))
	for i, a := range s.DNS {
		dns[i] = a.String()
	}
	f.ForwardNets, f.DNS = strings.Join(nets, "\n"), strings.Join(dns, " ")
	return f
}

func hours(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }

// FormOfUser is how a saved account stands in its fields.
func FormOfUser(u agent.User) UserForm {
	return UserForm{Login: u.Login, Name: u.Name, Phone: u.Phone, Comment: u.Comment,
		Enabled: u.Enabled, RemoteAccess: u.RemoteAccess, Admin: u.Admin}
}
