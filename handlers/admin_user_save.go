package handlers

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

func (s *Site) adminUserSave(c echo.Context, u agent.User) error {
	form := userForm(c)
	changed, problems := applyUserForm(u, form)
	if len(problems) == 0 && c.FormValue("confirm") != "1" {
		tree, err := s.Groups.GroupTree(c.Request().Context())
		if err != nil {
			return err
		}
		if question, asks := s.confirmUser(c, tree, u, tree.Inherit(changed), form); asks {
			return s.askUser(c, question)
		}
	}
	_, err := s.changeUser(c, u.ID, func(u agent.User) (agent.User, error) {
		u, problems := applyUserForm(u, form)
		return u, asProblems(problems)
	})
	if errors.As(err, &problems) {
		return s.userPage(c, http.StatusBadRequest, u, form, problems, "")
	}
	if errors.Is(err, agent.ErrLastAdministrator) {
		return s.userPage(c, http.StatusConflict, u, form, nil, locale.AlertLastAdministrator)
	}
	if err != nil {
		return err
	}
	return done(c, locale.ToastSaved, templates.UserRow(userList(c), u.ID))
}

// askUser shows a question about an account. Both answers lead back to the list from which the account was opened.
func (s *Site) askUser(c echo.Context, d templates.ConfirmData) error {
	list := userList(c)
	if value := templates.ListValue(list); value != "" {
		d.Fields = append(d.Fields, templates.HiddenField{Name: templates.ListField, Value: value})
	}
	d.Cancel = templates.WithList(d.Cancel, list)
	return s.render(c, http.StatusOK, templates.Confirm(s.page(c), d))
}

// confirmUser returns the question to ask if the change ends live sessions, or makes an administrator by a group.
func (s *Site) confirmUser(c echo.Context, tree agent.GroupTree, before, after agent.User, form templates.UserForm) (templates.ConfirmData, bool) {
	if before.Enabled && !after.Enabled {
		n := len(s.sessionsOf(before.ID))
		return templates.ConfirmUserOff(who(c).L, before.ID, form, n), n > 0
	}
	ending := s.Sessions.EndingUnder(tree, []agent.User{after})[before.ID]
	if ending > 0 && before.RemoteAccess && !after.RemoteAccess && ending <= s.vpnSessionsOf(before.ID) {
		return templates.ConfirmUserVPN(who(c).L, before, form, ending), true
	}
	if ending > 0 {
		return templates.ConfirmUserSessions(who(c).L, before, form, ending), true
	}
	if after.AdminByGroups && !before.Administrator() && !after.Admin {
		from := tree.Apply(after, s.Settings.Current()).From.Admin
		return templates.ConfirmUserAdmin(who(c).L, before, form, from.Group.Name), true
	}
	return templates.ConfirmData{}, false
}

// userChange is the body of a POST or PUT of an account. A PUT keeps the fields that it leaves out. The fields below the empty line are
// part of the answer, and ignored. Setting RemoteAccess overrules the groups.
type userChange struct {
	Name         optional[string] `json:"name"`
	Login        optional[string] `json:"login"`
	Psw          optional[string] `json:"psw"` // POST only
	Enabled      optional[bool]   `json:"enabled"`
	PhoneNumber  optional[string] `json:"phone_number"`
	MustChange   optional[bool]   `json:"must_change"` // only local accounts
	Comment      optional[string] `json:"comment"`
	RemoteAccess optional[bool]   `json:"remote_access"`
	ByGroups     optional[bool]   `json:"remote_by_groups"`
	Admin        optional[bool]   `json:"admin"`
	ParentID     json.RawMessage  `json:"parent_id"`
	Devices      json.RawMessage  `json:"devices_per_user"` // as in rightsFields
	SessionLAN   json.RawMessage  `json:"session_hours_lan"`
	SessionVPN   json.RawMessage  `json:"session_hours_vpn"`
	ForwardNets  json.RawMessage  `json:"forward_nets"`

	ID           any `json:"id"`
	Created      any `json:"created"`
	Refused      any `json:"refused"`
	AdminByGroup any `json:"admin_by_group"`
	LastLogin    any `json:"last_login"`
	DomainType   any `json:"domain_type"`
	DomainName   any `json:"domain_name"`
	LDAPGUID     any `json:"ldap_guid"`
}

// nullableUserFields are the fields that may be null in a request: those that may be null in the answer, and those that may be at the
// vendor's gateways.
var nullableUserFields = slices.Concat([]string{"phone_number", "parent_id", "domain_name", "ldap_guid", "refused", "last_login"}, nullableRights)

// apply returns the changed account. Errors: agent.Problems if a value is invalid, badJSON.
func (b userChange) apply(u agent.User) (agent.User, error) {
	if u.Local() {
		b.Login.into(&u.Login)
		b.Name.into(&u.Name)
		if b.PhoneNumber.Set {
			u.Phone = ""
			b.PhoneNumber.into(&u.Phone)
		}
		b.MustChange.into(&u.MustChange)
		b.Admin.into(&u.Admin)
	}
	b.Enabled.into(&u.Enabled)
	b.Comment.into(&u.Comment)
	b.RemoteAccess.into(&u.RemoteAccess)
	u.RemoteByGroups = u.RemoteByGroups && b.RemoteAccess.Value == nil
	b.ByGroups.into(&u.RemoteByGroups)
	fields := rightsFields(&u.Rights)
	fields["parent_id"] = (*parentField)(&u.Group)
	given := map[string]json.RawMessage{"parent_id": b.ParentID, "devices_per_user": b.Devices, "session_hours_lan": b.SessionLAN,
		"session_hours_vpn": b.SessionVPN, "forward_nets": b.ForwardNets}
	maps.DeleteFunc(given, func(_ string, value json.RawMessage) bool { return value == nil })
	err := decodeFields(fields, given, nullableUserFields...)
	return cleanUser(u), err
}

// owned returns the fields that the directory sets and the body would change.
func (b userChange) owned(u agent.User) (problems agent.Problems) {
	if u.Local() {
		return nil
	}
	must := b.MustChange.Value != nil && *b.MustChange.Value
	admin := b.Admin.Value != nil && *b.Admin.Value != u.Admin
	for _, f := range []struct {
		field   string
		changes bool
	}{{"login", differs(b.Login, u.Login)}, {"name", differs(b.Name, u.Name)}, {"phone_number", differs(b.PhoneNumber, u.Phone)}, {"admin", admin}, {"must_change", must}} {
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
func (s *Site) changeUser(c echo.Context, id agent.UserID, change func(agent.User) (agent.User, error)) (agent.User, error) {
	tree, err := s.Groups.GroupTree(c.Request().Context())
	if err != nil {
		return agent.User{}, err
	}
	var before agent.User
	u, err := s.Accounts.UpdateUser(c.Request().Context(), id, func(u *agent.User) (err error) {
		before = *u
		*u, err = change(*u)
		var problems agent.Problems
		if err != nil && !errors.As(err, &problems) {
			return err
		}
		return asProblems(append(problems, withoutNoted(problems, append(checkUser(*u, before), checkUserGroup(tree, *u, before.Group)...))...))
	})
	if errors.Is(err, agent.ErrLoginTaken) {
		return agent.User{}, agent.Problems{{Field: "login", Code: locale.FieldLoginTaken}}
	}
	if err != nil {
		return agent.User{}, err
	}
	s.act(c, actOnAccount(agent.ActAccountChanged, u, accountChanges(tree, before, u)...), "account", u.Login, "enabled", u.Enabled, "admin", u.Administrator(), "remote_access", u.RemoteAccess)
	s.noteAdministrator(c, before, u)
	return u, s.endForbiddenSessions(c, u)
}

// checkUserGroup reports a group into which no account can be put. One that the account has already is permitted.
func checkUserGroup(tree agent.GroupTree, u agent.User, was agent.GroupID) agent.Problems {
	g, ok := tree.Group(u.Group)
	switch {
	case u.Group == 0 || ok && u.Group == was || ok && g.Local():
		return nil
	case ok:
		return agent.Problems{{Field: "parent_id", Code: locale.FieldGroupNotLocal, Value: g.Directory}}
	}
	return agent.Problems{{Field: "parent_id", Code: locale.FieldGroup}}
}

// asProblems returns nil for an empty list.
func asProblems(problems agent.Problems) error {
	if len(problems) == 0 {
		return nil
	}
	return problems
}
