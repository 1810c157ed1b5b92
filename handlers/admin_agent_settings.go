package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminAgentSettings(c echo.Context) error {
	form := templates.SettingsForm{LocalNetworks: c.FormValue("local_networks"), DevicePolicy: c.FormValue("device_policy"),
		Numbers: map[string]string{}}
	for _, n := range agent.AgentNumbers() {
		form.Numbers[n.Name] = c.FormValue(n.Name)
	}
	return s.saveForm(c, settingsForm{
		tab:      templates.AgentAccess,
		act:      agent.ActSettingsSaved,
		read:     func(n *agent.Settings) agent.Problems { return readSettings(n, form) },
		question: func(ending int) templates.ConfirmData { return templates.ConfirmSettings(who(c).L, form, ending) },
		typed:    func(d *templates.AdminAgentData) { d.Form = form },
	})
}

// settingsForm is one submitted form of the page.
type settingsForm struct {
	tab      templates.AgentTab                     // that has the form
	act      agent.ActCode                          // when it is saved
	read     func(*agent.Settings) agent.Problems   // applies the form; returns what cannot be parsed
	question func(ending int) templates.ConfirmData // to ask before sessions end
	typed    func(*templates.AdminAgentData)        // puts the typed values into the page
}

// saveForm saves a form. It first asks for confirmation if sessions would end, and shows the page again if the form is
// invalid.
func (s *Site) saveForm(c echo.Context, f settingsForm) error {
	wanted := s.Settings.Current()
	problems := f.read(&wanted)
	problems = append(problems, withoutNoted(problems, append(wanted.Check(), wanted.CheckChange(s.Settings.Current())...))...)
	if len(problems) == 0 {
		if ending := s.Sessions.WouldEnd(wanted); ending > 0 && c.FormValue("confirm") != "1" {
			return s.render(c, http.StatusOK, templates.Confirm(s.page(c), f.question(ending)))
		}
		err := s.updateSettings(c, f.act, func(n *agent.Settings) { f.read(n) })
		if err == nil {
			return done(c, locale.ToastSaved, string(f.tab))
		}
		if !errors.As(err, &problems) {
			return err
		}
	}
	d, err := s.adminAgentData(c, f.tab)
	if err != nil {
		return err
	}
	f.typed(&d)
	d.Errors = fieldTexts(who(c).L, problems)
	p := s.page(c)
	p.Alert = who(c).L.T(locale.AlertCheckFields)
	return s.renderAgent(c, http.StatusBadRequest, p, d)
}

// readSettings applies the form to the settings.
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
