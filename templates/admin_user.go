package templates

import (
	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// path is the action of the account's form.
func (d AdminUserData) path() string {
	if d.ID == 0 {
		return "/admin/users"
	}
	return userPath(d.ID)
}

func (d AdminUserData) heading(l *locale.Localizer) string {
	if d.ID == 0 {
		return l.T("user_new_title")
	}
	return d.Title
}

// remote is the chosen value of remote_access.
func (d AdminUserData) remote() string {
	switch {
	case d.Form.ByGroups:
		return RemoteByGroups
	case d.Form.RemoteAccess:
		return "1"
	}
	return "0"
}

// ownRights reports whether the folded part of the form has an error, or rights of the account's own.
func (d AdminUserData) ownRights() bool {
	for _, n := range agent.RightsNumbers() {
		if d.Form.Numbers[n.Name] != "" || d.Errors[n.Name] != "" {
			return true
		}
	}
	return d.Form.Forward != "" && d.Form.Forward != ForwardInherited || d.Errors["forward"] != "" || d.Errors["forward_nets"] != ""
}

// back is the URL of the list from which the account was opened, at its row.
func (d AdminUserData) back() string {
	switch {
	case d.List.Table == nil:
		return UsersTable.Path
	case d.ID == 0:
		return d.List.URL()
	}
	return UserRow(d.List, d.ID)
}
