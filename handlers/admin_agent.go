package handlers

import (
	"context"
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"
	"golang.org/x/net/idna"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
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

func (s *Site) adminAgentState(c echo.Context) error {
	enabled := c.FormValue("enabled") == "1"
	live, closed := len(s.Sessions.Sessions()), s.Gateway.State().Enforces()
	if !enabled && (live > 0 || closed) && c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), templates.ConfirmAgentOff(who(c).L, live, closed)))
	}
	if err := s.setState(c, enabled); err != nil {
		return err
	}
	if enabled {
		return done(c, locale.ToastAgentOn, "/admin/agent")
	}
	return done(c, locale.ToastAgentOff, "/admin/agent")
}

func (s *Site) setState(c echo.Context, enabled bool) error {
	err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
		n.Enabled = enabled
		return nil
	})
	if err == nil {
		s.securityEvent(c, "agent_switched", "enabled", enabled)
	}
	return err
}

func (s *Site) adminAgentDomain(c echo.Context) error {
	typed := c.FormValue("auth_domain")
	domain, removed, problem := agent.ParseDomain(typed)
	if problem.Code == "" {
		err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
			n.Domain = domain
			return nil
		})
		if err != nil {
			return err
		}
		s.securityEvent(c, "domain_saved", "domain", domain)
		if removed == "" {
			return done(c, locale.ToastSaved, "/admin/agent")
		}
		d := s.adminAgentData(c)
		d.DomainNotice = who(c).L.T(locale.DomainRemoved, locale.Args{"Removed": removed, "Domain": d.Domain})
		p := s.page(c)
		p.Toast = who(c).L.T(locale.ToastSaved)
		return s.render(c, http.StatusOK, templates.AdminAgent(p, d))
	}
	d := s.adminAgentData(c)
	d.Domain, d.DomainError = agent.Clean(typed, 253), who(c).L.Problem(problem)
	return s.render(c, http.StatusBadRequest, templates.AdminAgent(s.page(c), d))
}

func (s *Site) adminAgentSettings(c echo.Context) error {
	form := templates.SettingsForm{LocalNetworks: c.FormValue("local_networks"), DevicePolicy: c.FormValue("device_policy"),
		Numbers: map[string]string{}}
	for _, n := range agent.AgentNumbers() {
		form.Numbers[n.Name] = c.FormValue(n.Name)
	}
	return s.saveForm(c, settingsForm{
		event:    "settings_saved",
		read:     func(n *agent.Settings) agent.Problems { return readSettings(n, form) },
		question: func(misfits int) templates.ConfirmData { return templates.ConfirmSettings(who(c).L, form, misfits) },
		typed:    func(d *templates.AdminAgentData) { d.Form = form },
	})
}

// settingsForm is one of the page's forms, read.
type settingsForm struct {
	event    string                                  // in the log, when it is saved
	read     func(*agent.Settings) agent.Problems    // changes what the form holds; tells what cannot be read
	question func(misfits int) templates.ConfirmData // before sessions end
	typed    func(*templates.AdminAgentData)         // puts into the page what the person typed
}

// saveForm saves a form, asks before sessions end that no longer fit, or shows the page again with what is wrong.
func (s *Site) saveForm(c echo.Context, f settingsForm) error {
	wanted := s.Settings.Current()
	problems := f.read(&wanted)
	if problems == nil {
		problems = wanted.Check()
		if misfits := s.Sessions.Misfits(wanted); len(problems) == 0 && misfits > 0 && c.FormValue("confirm") != "1" {
			return s.render(c, http.StatusOK, templates.Confirm(s.page(c), f.question(misfits)))
		}
	}
	if len(problems) == 0 {
		err := s.Settings.Update(c.Request().Context(), func(n *agent.Settings) error {
			f.read(n)
			return nil
		})
		if err == nil {
			s.securityEvent(c, f.event)
			return done(c, locale.ToastSaved, "/admin/agent")
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	d := s.adminAgentData(c)
	f.typed(&d)
	d.Errors = fieldTexts(who(c).L, problems)
	p := s.page(c)
	p.Alert = who(c).L.T(locale.AlertCheckFields)
	return s.render(c, http.StatusBadRequest, templates.AdminAgent(p, d))
}

// readSettings reads the form into the settings and leaves everything else as it is.
func readSettings(n *agent.Settings, form templates.SettingsForm) agent.Problems {
	nets, problem := agent.ParseNetworks("local_networks", form.LocalNetworks)
	problems := problemsOf(problem)
	for _, number := range agent.AgentNumbers() {
		problems = append(problems, problemsOf(number.Parse(n, form.Numbers[number.Name]))...)
	}
	n.LocalNetworks, n.NetworksSeen = nets, true
	n.DevicePolicy = agent.DevicePolicy(form.DevicePolicy)
	return problems
}
