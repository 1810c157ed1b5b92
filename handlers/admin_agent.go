package handlers

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/idna"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// Settings reads and changes the gateway's settings.
type Settings interface {
	Current() agent.Settings
	// Update changes the settings in one transaction. On return they are stored and in force: certificates are re-issued,
	// and sessions that no longer fit have ended. Errors: agent.Problems if the new settings are invalid.
	Update(ctx context.Context, change func(*agent.Settings) error) error
}

// updateSettings is changeSettings for a change that always succeeds.
func (s *Site) updateSettings(c echo.Context, code agent.ActCode, change func(*agent.Settings), attrs ...any) error {
	return s.changeSettings(c, code, func(n *agent.Settings) error {
		change(n)
		return nil
	}, attrs...)
}

// changeSettings is Settings.Update, with the act that it is and the attributes of its log entry.
func (s *Site) changeSettings(c echo.Context, code agent.ActCode, change func(*agent.Settings) error, attrs ...any) error {
	var changes []agent.ActChange
	err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
		before, was := settingsValues(*n), n.Domain
		if err := change(n); err != nil {
			return err
		}
		n.KeepFormerDomain(was) // as Update does afterwards, so that the act has the former domain too
		changes = difference(before, settingsValues(*n))
		return nil
	})
	if err == nil {
		s.act(c, agent.Act{Code: code, Changes: changes}, attrs...)
	}
	return err
}

// adminAgent shows a tab of the page Ideco-agent.
func (s *Site) adminAgent(tab templates.AgentTab) echo.HandlerFunc {
	return func(c echo.Context) error {
		d, err := s.adminAgentData(c, tab)
		if err != nil {
			return err
		}
		return s.renderAgent(c, http.StatusOK, s.page(c), d)
	}
}

func (s *Site) renderAgent(c echo.Context, status int, p templates.Page, d templates.AdminAgentData) error {
	p.Path, p.Query = string(d.Tab), "" // not those of the form, whose path may have no GET route
	return s.render(c, status, templates.AdminAgent(p, d))
}

// agentTab returns the tab on which a form was submitted: only what stands in the list of tabs is believed.
func agentTab(c echo.Context) templates.AgentTab {
	if tab := templates.AgentTab(c.FormValue("tab")); slices.Contains(templates.AgentTabs, tab) {
		return tab
	}
	return templates.AgentConnection
}

// adminAgentData returns the data of a tab for the saved settings.
func (s *Site) adminAgentData(c echo.Context, tab templates.AgentTab) (templates.AdminAgentData, error) {
	now := s.Settings.Current()
	d := templates.AdminAgentData{
		Tab:           tab,
		Enabled:       now.Enabled,
		Domain:        unicodeName(now.Domain),
		Saved:         now.Domain != "",
		SavedDomain:   now.Domain,
		Deployment:    s.deployment(now.Domain),
		InstallerSize: uint64(s.Installer.Size()),
		Unsigned:      !s.Installer.Signed(),
		Pin:           s.Root.Pin(),
		Certificate:   s.certificateSummary(now.Domain),
		Form:          templates.NewSettingsForm(now),
		Sessions:      len(s.Sessions.Sessions()),
		VPN:           templates.NewVPNForm(now),
		Browser:       s.browserSignIn(now),
	}
	var err error
	if d.State, err = s.state(c); err != nil {
		return d, err
	}
	if unicode := unicodeName(now.Domain); unicode != now.Domain {
		d.DomainUnicode = unicode
	}
	d.InstallerReady = s.Installer.Ready() == nil
	d.NoDriver = d.InstallerReady && !s.Downloads.Driver()
	if len(now.FormerDomains) == 0 {
		return d, nil
	}
	agents, err := s.agentsByHost(c)
	for _, name := range now.FormerDomains {
		d.FormerDomains = append(d.FormerDomains, templates.FormerDomain{Name: name, Shown: unicodeName(name), Agents: agents[name]})
	}
	return d, err
}

// unicodeName decodes a punycode name for display.
func unicodeName(host string) string {
	if name, err := idna.Display.ToUnicode(host); err == nil {
		return name
	}
	return host
}
