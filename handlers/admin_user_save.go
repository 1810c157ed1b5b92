package handlers

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserSave(c echo.Context, u agent.User) error {
	form := userForm(c)
	changed := applyUserForm(u, form)
	if question, asks := s.confirmLoss(c, u, changed, form); asks && c.FormValue("confirm") != "1" {
		return s.render(c, http.StatusOK, templates.Confirm(s.page(c), question))
	}
	_, err := s.changeUser(c, u.ID, func(u agent.User) agent.User { return applyUserForm(u, form) })
	if problems := (agent.Problems)(nil); errors.As(err, &problems) {
		return s.userPage(c, http.StatusBadRequest, u, form, problems, "")
	}
	if errors.Is(err, agent.ErrLastAdministrator) {
		return s.userPage(c, http.StatusConflict, u, form, nil, locale.AlertLastAdministrator)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSaved, "/admin/users")
}

// confirmLoss returns the question to ask if the change ends live sessions.
func (s *Site) confirmLoss(c echo.Context, before, after agent.User, form templates.UserForm) (templates.ConfirmData, bool) {
	if before.Enabled && !after.Enabled {
		n := len(s.sessionsOf(before.ID))
		return templates.ConfirmUserOff(who(c).L, before.ID, form, n), n > 0
	}
	if before.RemoteAccess && !after.RemoteAccess {
		n := s.vpnSessionsOf(before.ID)
		return templates.ConfirmUserVPN(who(c).L, before, form, n), n > 0
	}
	return templates.ConfirmData{}, false
}

// userChange is the body of a POST or PUT of an account. A PUT keeps the fields that it leaves out. The last four fields are
// accepted for the vendor's scripts and ignored. Setting RemoteAccess of an account of a directory overrules its groups.
type userChange struct {
	Name         optional[string] `json:"name"`
	Login        optional[string] `json:"login"`
	Psw          optional[string] `json:"psw"` // POST only
	Enabled      optional[bool]   `json:"enabled"`
	PhoneNumber  optional[string] `json:"phone_number"`
	Comment      optional[string] `json:"comment"`
	RemoteAccess optional[bool]   `json:"remote_access"`
	ByGroups     optional[bool]   `json:"remote_by_groups"` // only accounts of directories
	Admin        optional[bool]   `json:"admin"`

	Refused    any `json:"refused"` // part of the answer; ignored
	ParentID   any `json:"parent_id"`
	DomainType any `json:"domain_type"`
	DomainName any `json:"domain_name"`
	LDAPGUID   any `json:"ldap_guid"`
}

// nullableUserFields are the vendor's fields that are null in the answer, and so may be null in a request.
var nullableUserFields = []string{"parent_id", "domain_name", "ldap_guid", "refused"}

func (b userChange) apply(u agent.User) agent.User {
	if u.Local() {
		b.Login.into(&u.Login)
		b.Name.into(&u.Name)
		b.PhoneNumber.into(&u.Phone)
		b.Admin.into(&u.Admin)
	}
	b.Enabled.into(&u.Enabled)
	b.Comment.into(&u.Comment)
	b.RemoteAccess.into(&u.RemoteAccess)
	if !u.Local() {
		u.RemoteByGroups = u.RemoteByGroups && b.RemoteAccess.Value == nil
		b.ByGroups.into(&u.RemoteByGroups)
	}
	return cleanUser(u)
}

// owned returns the fields that the directory sets and the body would change.
func (b userChange) owned(u agent.User) (problems agent.Problems) {
	if u.Local() {
		if b.ByGroups.Value != nil && *b.ByGroups.Value {
			return agent.Problems{{Field: "remote_by_groups", Code: "field_remote_by_groups"}}
		}
		return nil
	}
	admin := b.Admin.Value != nil && *b.Admin.Value != u.Admin
	for _, f := range []struct {
		field   string
		changes bool
	}{{"login", differs(b.Login, u.Login)}, {"name", differs(b.Name, u.Name)}, {"phone_number", differs(b.PhoneNumber, u.Phone)}, {"admin", admin}} {
		if f.changes {
			problems = append(problems, agent.Problem{Field: f.field, Code: "field_directory_owned", Value: u.Directory})
		}
	}
	return problems
}

func differs(o optional[string], now string) bool { return o.Value != nil && *o.Value != now }

func (s *Site) restUserChange(c echo.Context, u agent.User) error {
	var body userChange
	if err := decode(c, &body, nullableUserFields...); err != nil {
		return err
	}
	if body.Psw.Set { // has its own route; do not ignore it silently
		return agent.Problems{{Field: "psw", Code: "field_password_elsewhere"}}
	}
	if problems := body.owned(u); problems != nil {
		return problems
	}
	u, err := s.changeUser(c, u.ID, body.apply)
	if err != nil {
		return err
	}
	kinds, err := s.directoryKinds(c.Request().Context())
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jsonOfUser(u, kinds))
}

// changeUser changes an account and ends the sessions that it no longer permits. Errors: agent.Problems if a field is
// invalid.
func (s *Site) changeUser(c echo.Context, id agent.UserID, change func(agent.User) agent.User) (agent.User, error) {
	u, err := s.Accounts.UpdateUser(c.Request().Context(), id, func(u *agent.User) error {
		*u = change(*u)
		if problems := checkUser(*u); len(problems) > 0 {
			return problems
		}
		return nil
	})
	if errors.Is(err, agent.ErrLoginTaken) {
		return agent.User{}, agent.Problems{{Field: "login", Code: locale.FieldLoginTaken}}
	}
	if err != nil {
		return agent.User{}, err
	}
	s.securityEvent(c, "account_changed", "account", u.Login, "enabled", u.Enabled, "admin", u.Administrator(), "remote_access", u.RemoteAccess)
	return u, s.enforce(c, u)
}
