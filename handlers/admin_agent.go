package handlers

import (
	"context"
	"net/http"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/idna"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// Settings are the gateway's settings and what follows from a change of them.
type Settings interface {
	Current() agent.Settings
	// Update changes the settings in one transaction. When it returns they are stored and in force: certificates are
	// re-issued and sessions that no longer fit are over. What is wrong with the new settings is agent.Problems.
	Update(ctx context.Context, change func(*agent.Settings) error) error
}

func (s *Site) adminAgent(c echo.Context) error {
	return s.render(c, http.StatusOK, templates.AdminAgent(s.page(c), s.adminAgentData(c)))
}

// adminAgentData is the page of the saved settings.
func (s *Site) adminAgentData(c echo.Context) templates.AdminAgentData {
	now := s.Settings.Current()
	d := templates.AdminAgentData{
		Enabled:        now.Enabled,
		Domain:         unicodeName(now.Domain),
		Saved:          now.Domain != "",
		SavedDomain:    now.Domain,
		Rollout:        s.rollout(now.Domain),
		Unsigned:       !s.Installer.Signed(),
		Pin:            s.Root.Pin(),
		Form:           templates.FormOfSettings(now),
		NetworksUnseen: !now.NetworksSeen,
		Sessions:       len(s.Sessions.Sessions()),
		VPNUnavailable: !s.Tunnel.Available(),
		VPNUserspace:   s.Tunnel.Available() && !s.Tunnel.Forwards(),
		Gateway:        s.Gateway.State(),
		VPN:            templates.FormOfVPN(now),
	}
	if unicode := unicodeName(now.Domain); unicode != now.Domain {
		d.DomainUnicode = unicode
	}
	d.InstallerReady = s.Installer.Ready() == nil
	d.NoDriver = d.InstallerReady && !s.Downloads.Driver()
	return d
}

// unicodeName is how people read a name that is kept as punycode.
func unicodeName(host string) string {
	if name, err := idna.Display.ToUnicode(host); err == nil {
		return name
	}
	return host
}
