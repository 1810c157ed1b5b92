package templates

import "ideco-agent/templates/locale"

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

// byGroups is the id of the label of RemoteByGroups, with its present result if that is known.
func (d AdminUserData) byGroups() string {
	switch {
	case !d.Follows:
		return "remote_by_groups"
	case d.ByGroups:
		return "remote_by_groups_yes"
	}
	return "remote_by_groups_no"
}
