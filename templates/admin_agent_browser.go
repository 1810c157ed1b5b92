package templates

import (
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// BrowserSignIn fills the card for signing in by a browser.
type BrowserSignIn struct {
	Networks string         // the form field, one a line
	NotLocal []netip.Prefix // saved networks that are not a part of a local one any more
	Length   time.Duration  // of a session, without rights of groups and accounts
	Trusted  bool           // browsers trust the portal's certificate
	API      string         // URL of the captive portal API (RFC 8908); empty unless Trusted
	Scope    netip.Addr     // example of a network's address in the commands for DHCP servers
}

// NewBrowserSignIn returns the card of saved settings. portal is the portal's URL, with a slash at the end.
func NewBrowserSignIn(s agent.Settings, trusted bool, portal string) BrowserSignIn {
	b := BrowserSignIn{Networks: joined(s.BrowserSignIn, "\n"), Length: s.Length(agent.KindWeb), Trusted: trusted, Scope: netip.MustParseAddr("192.168.20.0")}
	if trusted {
		b.API = portal + "captive-portal/api"
	}
	for i := len(s.BrowserSignIn) - 1; i >= 0; i-- {
		n := s.BrowserSignIn[i]
		if n.Addr().Is4() && n.Bits() < 32 {
			b.Scope = n.Addr()
		}
		if !s.HasLocalNetwork(n) {
			b.NotLocal = append(b.NotLocal, n)
		}
	}
	return b
}

// captivePortalLine is what makes a server announce the captive portal API (RFC 8910).
type captivePortalLine struct{ id, server, text string }

func (b BrowserSignIn) lines() []captivePortalLine {
	return []captivePortalLine{
		{"dnsmasq", "dnsmasq", "dhcp-option=114," + b.API},
		{"kea", "Kea", `{ "name": "v4-captive-portal", "data": "` + b.API + `" }`},
		{"mikrotik", "MikroTik", `/ip dhcp-server option add name=captive-portal code=114 value="'` + b.API + `'"`},
		{"windows-dhcp", "Windows DHCP", `Add-DhcpServerv4OptionDefinition -OptionId 114 -Name "Captive portal" -Type String; ` +
			"Set-DhcpServerv4OptionValue -ScopeId " + b.Scope.String() + ` -OptionId 114 -Value "` + b.API + `"`},
		{"radvd", "radvd (IPv6)", `AdvCaptivePortalAPI "` + b.API + `";`},
	}
}
