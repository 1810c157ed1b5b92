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
