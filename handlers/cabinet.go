package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) cabinet(c echo.Context) error {
	return s.cabinetPage(c, http.StatusOK, nil)
}

// cabinetPage shows the cabinet. problems are texts by field of the form for the password.
func (s *Site) cabinetPage(c echo.Context, status int, problems map[string]string) error {
	v, now := who(c), s.Settings.Current()
	browsers, err := s.Browsers.BrowserSessions(c.Request().Context(), v.User.ID)
	if err != nil {
		return err
	}
	d := templates.CabinetData{
		AgentEnabled:   now.Enabled,
		Domain:         unicodeName(now.Domain),
		System:         templates.System(c.Request().UserAgent()),
		InstallerReady: s.Installer.Ready() == nil,
		InstallerSize:  uint64(s.Installer.Size()),
		Unsigned:       !s.Installer.Signed(),
		Errors:         problems,
		PasswordHere:   s.changesPasswords(c.Request().Context(), v.User.Directory),
		Sessions:       s.sessionsOf(v.User.ID),
		Now:            time.Now(),
	}
	_, connected := s.connectedSession(v.Peer)
	d.SignIn = !connected && s.signsInByBrowser(v.Peer)
	d.PasswordWarning = v.L.PasswordExpiring(v.User.PasswordExpires, d.Now, d.PasswordHere)
	if !v.User.Local() && c.QueryParam("password") == "changed" {
		d.PasswordChanged = v.L.T("password_changed_directory")
	}
	for _, b := range browsers {
		if b.Expires.After(d.Now) && d.Now.Sub(b.LastSeen) <= browserIdle {
			d.Browsers = append(d.Browsers, templates.BrowserRow{BrowserSession: b, Current: b.ID == v.Browser.ID})
		}
	}
	p := s.page(c)
	if v.User.Administrator() && !s.administrationAnswers(v) {
		p.Alert = v.L.T(locale.AlertOutside, locale.Args{"Address": v.Peer.String()})
	}
	return s.render(c, status, templates.Cabinet(p, d))
}
