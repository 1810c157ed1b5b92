package templates

import "ideco-agent/templates/locale"

// path is where the form of the account goes.
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
