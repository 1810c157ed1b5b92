package handlers

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"path/filepath"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// home redirects to the start page of the visitor. A visitor who is not signed in, on a host without access, is redirected to browser
// sign-in if that host may use it.
func (s *Site) home(c echo.Context) error {
	v := who(c)
	if _, connected := s.connectedSession(v.Peer); v.User == nil && !connected && s.signsInByBrowser(v.Peer) {
		return c.Redirect(http.StatusSeeOther, webAuthPath)
	}
	return c.Redirect(http.StatusSeeOther, s.homeOf(v))
}

func (s *Site) homeOf(v *visitor) string {
	switch {
	case v.User == nil:
		return "/login"
	case v.User.Administrator() && s.administrationAnswers(v):
		return overviewPath
	}
	return "/cabinet"
}

func (s *Site) loginPage(c echo.Context) error {
	if v := who(c); v.User != nil {
		return c.Redirect(http.StatusSeeOther, s.homeOf(v))
	}
	return s.render(c, http.StatusOK, templates.Login(s.page(c), templates.LoginData{SSO: s.offersSSO(who(c).Peer), SetupLink: s.setupLinkFile(c)}))
}

func (s *Site) login(c echo.Context) error {
	login := c.FormValue("login")
	err := s.signIn(c, login, c.FormValue("password"))
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code != agent.CodeInternal {
		retryAfter(c, refused)
		d := templates.LoginData{Login: agent.Clean(login, agent.MaxLoginTyped), Error: who(c).L.Refusal(refused),
			SSO: s.offersSSO(who(c).Peer), SetupLink: s.setupLinkFile(c), Change: refused.MayChange, Rules: who(c).L.PasswordRules(refused.Policy)}
		if d.Change {
			d.Error = who(c).L.T(locale.ChangeFirst[refused.Code])
		}
		return s.render(c, statusOf(refused.Code), templates.Login(s.page(c), d))
	}
	if err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, s.homeOf(who(c)))
}

// setupLinkFile returns the path of the file with the setup link, for the sign-in page to show. It is empty when there is an administrator
// already, and for visitors who may not see administration.
func (s *Site) setupLinkFile(c echo.Context) string {
	if !s.administrationAnswers(who(c)) || !s.Setup.Needed(c.Request().Context()) {
		return ""
	}
	return filepath.Join(s.System().DataDir, "setup-link")
}

func (s *Site) restLogin(c echo.Context) error {
	_, body, err := readObject(c)
	if err != nil {
		return err
	}
	var login, password string
	fields := map[string]any{"login": &login, "password": &password}
	maps.DeleteFunc(body, func(name string, _ json.RawMessage) bool { return fields[name] == nil }) // scripts send other fields too, such as rest_path
	if err := decodeFields(fields, body); err != nil {
		return err
	}
	return doneREST(c, s.signIn(c, login, password))
}

// signIn checks the password and signs the account in on this browser.
func (s *Site) signIn(c echo.Context, login, password string) error {
	v := who(c)
	u, err := s.Gate.SignIn(c.Request().Context(), access.SignIn{
		Login:    login,
		Password: password,
		Peer:     v.Peer,
		DeviceID: browserDevice(c),
	})
	if err != nil {
		return err
	}
	return s.finishSignIn(c, u)
}

// finishSignIn signs an account in on this browser after its password or ticket was accepted.
func (s *Site) finishSignIn(c echo.Context, u agent.User) error {
	if err := s.signInBrowser(c, u); err != nil {
		return err
	}
	who(c).User = &u
	s.securityEvent(c, string(agent.ActSignedIn))
	if u.Administrator() {
		s.record(c, agent.Act{Code: agent.ActSignedIn})
	}
	return nil
}

func (s *Site) logout(c echo.Context) error {
	if err := s.signOutBrowser(c); err != nil {
		return err
	}
	return c.Redirect(http.StatusSeeOther, "/login")
}

func (s *Site) restLogout(c echo.Context) error {
	return doneREST(c, s.signOutBrowser(c))
}
