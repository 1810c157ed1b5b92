package handlers

import (
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) cabinet(c echo.Context) error {
	return s.cabinetPage(c, http.StatusOK, nil)
}

func (s *Site) cabinetPage(c echo.Context, status int, problems agent.Problems) error {
	v, now := who(c), s.Settings.Current()
	browsers, err := s.Browsers.BrowserSessions(c.Request().Context(), v.User.ID)
	if err != nil {
		return err
	}
	d := templates.CabinetData{
		AgentEnabled:   now.Enabled,
		Domain:         unicodeName(now.Domain),
		InstallerReady: s.Installer.Ready() == nil,
		Unsigned:       !s.Installer.Signed(),
		Errors:         fieldTexts(v.L, problems),
		Sessions:       s.sessionsOf(v.User.ID),
		Now:            time.Now(),
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
