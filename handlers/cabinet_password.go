package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates/locale"
)

// cabinetChanged is the cabinet with a hint for people of a directory who have changed their password.
const cabinetChanged = "/cabinet?password=changed"

// cabinetPassword changes the account's own password. The throttle applies to the current one, so that an unattended browser
// cannot be used to guess it.
func (s *Site) cabinetPassword(c echo.Context) error {
	v := who(c)
	if !s.changesPasswords(c.Request().Context(), v.User.Directory) {
		return refusal{http.StatusForbidden, locale.Forbidden}
	}
	problems := checkTypedTwice(c)
	if v.User.Local() {
		problems = problemsOf(checkNewPassword(c))
	}
	if problems != nil {
		return s.cabinetPage(c, http.StatusBadRequest, fieldTexts(v.L, problems))
	}
	_, err := s.changeOwnPassword(c.Request().Context(), access.PasswordChange{
		SignIn: access.SignIn{
			Login:    v.User.FullLogin(),
			Password: c.FormValue("current"),
			Peer:     v.Peer,
			DeviceID: browserDevice(c),
		},
		NewPassword: c.FormValue("psw"),
	}, agent.ActByPage, v.Browser.ID)
	if refused := (*agent.Error)(nil); errors.As(err, &refused) {
		switch refused.Code {
		case agent.CodeBadCredentials:
			return s.cabinetPage(c, http.StatusBadRequest, map[string]string{"current": v.L.T(locale.FieldPasswordWrong)})
		case agent.CodePasswordRejected:
			return s.cabinetPage(c, http.StatusBadRequest, map[string]string{"psw": v.L.Refusal(refused)})
		}
	}
	if err != nil {
		return err
	}
	if !v.User.Local() {
		return c.Redirect(http.StatusSeeOther, cabinetChanged)
	}
	return done(c, locale.ToastPasswordChanged, "/cabinet")
}
