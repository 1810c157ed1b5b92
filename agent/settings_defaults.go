package agent

import (
	"net/netip"
	"time"
)

// DefaultSettings are the settings of a new gateway. LocalNetworks are added at the first start.
func DefaultSettings() Settings {
	s := Settings{
		VPNNetwork:      netip.MustParsePrefix("10.128.0.0/16"),
		DevicePolicy:    DeviceEvict,
		GatewaySettings: GatewaySettings{Masquerade: true},
	}
	for _, n := range Numbers() {
		n.Set(&s, n.Default)
	}
	return s
}

// MaxDevices is the highest value of Settings.DevicesPerUser.
const MaxDevices = 100

// SessionNumbers are the numbers for sessions on the page «Ideco-agent».
var SessionNumbers = []NumberSetting{
	{Name: "session_hours_lan", Key: "session_lan", Code: "field_session_hours", Unit: time.Hour, Fraction: true,
		Default: 24, Min: 0.001, Max: 365 * 24, Field: func(s *Settings) any { return &s.SessionLAN }},
	{Name: "session_hours_vpn", Key: "session_vpn", Code: "field_session_hours", Unit: time.Hour, Fraction: true,
		Default: 12, Min: 0.001, Max: 365 * 24, Field: func(s *Settings) any { return &s.SessionVPN }},
	{Name: "grace_seconds", Key: "grace", Code: "field_grace", Unit: time.Second,
		Default: 30, Min: 0, Max: 3600, Field: func(s *Settings) any { return &s.Grace }},
	{Name: "devices_per_user", Key: "devices_per_user", Code: "field_devices", Unit: 1,
		Default: 5, Min: 1, Max: MaxDevices, Field: func(s *Settings) any { return &s.DevicesPerUser }},
}

// JournalNumbers are the limits of the journal on the same page.
var JournalNumbers = []NumberSetting{
	{Name: "journal_days", Key: "journal_days", Code: "field_journal_days", Unit: 1,
		Default: 365, Min: 1, Max: 3650, Field: func(s *Settings) any { return &s.JournalDays }},
	{Name: "journal_mb", Key: "journal_mb", Code: "field_journal_mb", Unit: 1,
		Default: 500, Min: 10, Max: 100000, Field: func(s *Settings) any { return &s.JournalMB }},
}

// FirewallTimeout is the number on the page «Шлюз».
var FirewallTimeout = NumberSetting{Name: "firewall_timeout_seconds", Key: "firewall_timeout", Code: "field_firewall_timeout", Unit: time.Second,
	Default: 60, Min: 10, Max: 600, Field: func(s *Settings) any { return &s.FirewallTimeout }}
