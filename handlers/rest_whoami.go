package handlers

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates/locale"
)

// whoamiJSON is the signed-in account as the vendor's gateways describe an administrator, without the fields that mean nothing here.
type whoamiJSON struct {
	ID         string   `json:"id"` // as in the list of accounts
	Login      string   `json:"login"`
	Name       string   `json:"name"`
	DomainName *string  `json:"domain_name"` // null for a local account
	RoleID     string   `json:"role_id"`     // "predefined_admin_write" for an administrator, else "user"
	RoleName   string   `json:"role_name"`
	Competence []string `json:"competence"`    // what the role permits
	Blocked    int      `json:"blocked_flags"` // always 0: nothing more is needed to sign in
}

func (s *Site) restWhoami(c echo.Context) error {
	v := who(c)
	out := whoamiJSON{ID: idText(v.User.ID), Login: v.User.Login, Name: v.User.Name, RoleID: "user", RoleName: v.L.T(locale.RoleUser), Competence: []string{}}
	if !v.User.Local() {
		out.DomainName = &v.User.Directory
	}
	if v.User.Administrator() && s.administrationAnswers(v) {
		out.RoleID, out.RoleName = "predefined_admin_write", v.L.T(locale.RoleAdmin)
		out.Competence = []string{"admin_read", "admin_write"}
	}
	return c.JSON(http.StatusOK, out)
}
