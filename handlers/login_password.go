package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// loginPassword changes a password that has expired or must be changed, and signs the account in.
func (s *Site) loginPassword(c echo.Context) error {
	v := who(c)
	d := templates.LoginData{Login: agent.Clean(c.FormValue("login"), agent.MaxLoginTyped), Change: true}
	problems := checkTypedTwice(c)
	if c.FormValue("password") == "" {
		problems = append(problems, agent.Problem{Field: "password", Code: "field_required"})
	}
	if problems != nil {
		d.Errors = fieldTexts(v.L, problems)
		return s.render(c, http.StatusBadRequest, templates.Login(s.page(c), d))
	}
	u, err := s.changeOwnPassword(c.Request().Context(), access.PasswordChange{
		SignIn: access.SignIn{
			Login:    c.FormValue("login"),
			Password: c.FormValue("password"),
			Peer:     v.Peer,
			DeviceID: browserDevice(c),
		},
		NewPassword: c.FormValue("psw"),
	}, agent.ActByPage, "")
	if refused := (*agent.Error)(nil); errors.As(err, &refused) && refused.Code != agent.CodeInternal {
		retryAfter(c, refused)
		switch text := v.L.Refusal(refused); refused.Code {
		case agent.CodePasswordRejected:
			d.Errors = map[string]string{"psw": text}
		case agent.CodeBadCredentials:
			d.Errors = map[string]string{"password": text}
		case agent.CodeTooManyAttempts, agent.CodeDirectoryUnreachable, agent.CodeStoreUnavailable:
			d.Error = text
		default: // a new password does not help
			d.Error, d.Change, d.SSO = text, false, s.offersSSO(v.Peer)
		}
		return s.render(c, statusOf(refused.Code), templates.Login(s.page(c), d))
	}
	if err != nil {
		return err
	}
	if err := s.finishSignIn(c, u); err != nil {
		return err
	}
	if !u.Local() {
		return c.Redirect(http.StatusSeeOther, cabinetChanged)
	}
	return done(c, locale.ToastPasswordChanged, s.homeOf(v))
}
