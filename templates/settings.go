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
	}
}

func hours(d time.Duration) string { return strconv.FormatFloat(d.Hours(), 'f', -1, 64) }

// FormOfUser is how a saved account stands in its fields.
func FormOfUser(u agent.User) UserForm {
	return UserForm{Login: u.Login, Name: u.Name, Phone: u.Phone, Comment: u.Comment,
		Enabled: u.Enabled, RemoteAccess: u.RemoteAccess, Admin: u.Admin}
}
