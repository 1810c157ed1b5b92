package handlers

import (
	"errors"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
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
		Now:            time.Now(),
	}
	for _, live := range s.Sessions.Sessions() {
		if live.UserID == v.User.ID {
			d.Sessions = append(d.Sessions, live)
		}
	}
	for _, b := range browsers {
		if b.Expires.After(d.Now) && d.Now.Sub(b.LastSeen) <= browserIdle {
			d.Browsers = append(d.Browsers, templates.BrowserRow{BrowserSession: b, Current: b.ID == v.Browser.ID})
		}
	}
	p := s.page(c)
	if v.User.Admin && !s.administrationAnswers(v) {
		p.Alert = v.L.T(locale.AlertOutside, locale.Args{"Address": v.Peer.String()})
	}
	return s.render(c, status, templates.Cabinet(p, d))
}

// cabinetPassword changes the person's own password. The current one is checked by the same rules as a sign-in, so that
// an unattended browser does not let anybody guess it.
func (s *Site) cabinetPassword(c echo.Context) error {
	v := who(c)
	if !v.User.Local() {
		return refusal{http.StatusForbidden, locale.Forbidden}
	}
	if p := checkNewPassword(c); p.Code != "" {
		return s.cabinetPage(c, http.StatusBadRequest, agent.Problems{p})
	}
	_, err := s.Gate.SignIn(c.Request().Context(), access.SignIn{
		Login:    v.User.Login,
		Password: c.FormValue("current"),
		Peer:     v.Peer,
		DeviceID: browserDevice(c),
	})
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code == agent.CodeBadCredentials {
		return s.cabinetPage(c, http.StatusBadRequest, agent.Problems{{Field: "current", Code: locale.FieldPasswordWrong}})
	}
	if err != nil {
		return err
	}
	if err := s.changePassword(c, *v.User, c.FormValue("psw")); err != nil {
		return err
	}
	return done(c, locale.ToastPasswordChanged, "/cabinet")
}

// cabinetEndSession ends one of the person's own sessions; another person's does not exist here.
func (s *Site) cabinetEndSession(c echo.Context) error {
	id := c.Param("id")
	for _, live := range s.Sessions.Sessions() {
		if live.ID == id && live.UserID == who(c).User.ID {
			err := s.Sessions.End(c.Request().Context(), id, agent.ReasonLogout)
			if err != nil && !errors.Is(err, agent.ErrNotFound) {
				return err
			}
			return done(c, locale.ToastSessionEnded, "/cabinet")
		}
	}
	return done(c, locale.ToastSessionGone, "/cabinet")
}

// cabinetEndBrowser signs the person out in another browser; another person's does not exist here.
func (s *Site) cabinetEndBrowser(c echo.Context) error {
	ctx, id := c.Request().Context(), c.Param("id")
	record, err := s.Browsers.BrowserSession(ctx, id)
	if err == nil && record.UserID != who(c).User.ID {
		err = agent.ErrNotFound
	}
	if errors.Is(err, agent.ErrNotFound) {
		return done(c, locale.ToastBrowserEnded, "/cabinet")
	}
	if err != nil {
		return err
	}
	if err := s.Browsers.EndBrowserSession(ctx, id); err != nil {
		return err
	}
	return done(c, locale.ToastBrowserEnded, "/cabinet")
}
