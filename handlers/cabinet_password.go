package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/templates/locale"
)

// cabinetPassword changes the account's own password. The throttle applies to the current one, so that an unattended browser
// cannot be used to guess it.
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
