package templates

import (
	"net/url"
	"strconv"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// UsersTable is the table of the page Пользователи → Учётные записи. The keys of sorted columns are those of [agent.UserSort].
var UsersTable = &Table{
	Name: "users", Path: "/admin/users", Title: "users_title", CSV: "/admin/users.csv", Sort: string(agent.UserByLogin),
	Sizes: []int{50, 100, 200},
	Columns: []Column{
		{Key: string(agent.UserByState), Label: "column_state", Sortable: true, Icon: true},
		{Key: string(agent.UserByLogin), Label: "column_login", Sortable: true, Fixed: true},
		{Key: string(agent.UserByName), Label: "column_name", Sortable: true},
		{Key: "group", Label: "column_group"},
		{Key: string(agent.UserByRemote), Label: "column_vpn", Sortable: true, Down: true},
		{Key: string(agent.UserByRole), Label: "column_role", Sortable: true, Down: true},
		{Key: string(agent.UserByLastLogin), Label: "column_last_login", Sortable: true, Down: true},
		{Key: string(agent.UserByCreated), Label: "column_created", Sortable: true, Down: true, Off: true},
	},
}

// ListField is the field of an account's page that brings back to the list: the fields of the list's query string, encoded.
const ListField = "list"

// WithList adds the page of the list from which an account was opened to a URL of the account.
func WithList(path string, list TableView) string {
	query := ListValue(list)
	if query == "" {
		return path
	}
	path, anchor, found := strings.Cut(path, "#")
	path += "?" + url.Values{ListField: {query}}.Encode()
	if found {
		path += "#" + anchor
	}
	return path
}

// ListValue is the value of ListField; empty for the first page without filter and in the usual order.
func ListValue(list TableView) string {
	if list.Table == nil {
		return ""
	}
	return fieldValues(list.Fields()).Encode()
}

// UserRow returns the URL of a page of the list at the row of an account.
func UserRow(list TableView, id agent.UserID) string { return list.URL() + "#" + userRowID(id) }

func userRowID(id agent.UserID) string { return "user-" + userID(id) }

// Pairs returns the fields of the query string that are set.
func (f UserFilterForm) Pairs() (fields []HiddenField) {
	for _, one := range []HiddenField{{"q", f.Query}, {"directory", f.Directory}, {"group", f.Group}, {"remote", f.Remote},
		{"role", f.Role}, {"state", f.State}, {"login", f.Login}, {"when", f.When}} {
		if one.Value != "" {
			fields = append(fields, one)
		}
	}
	return fields
}

// empty reports whether the filter selects all accounts.
func (f UserFilterForm) empty() bool { return f == UserFilterForm{} }

// folded reports whether only Query is set, so that the other fields are hidden.
func (f UserFilterForm) folded() bool { return f == UserFilterForm{Query: f.Query} }

// directoryOptions are the choices of the directory.
func (d AdminUsersData) directoryOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any")}, {agent.LocalDirectory, l.T("filter_local")}}
	for _, name := range d.Directories {
		options = append(options, option{name, name})
	}
	return options
}

func (d AdminUsersData) groupOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any_group")}, {NoGroup, l.T("filter_no_group")}}
	for _, g := range d.Groups {
		options = append(options, option{groupID(g.ID), g.Path})
	}
	return options
}

func remoteOptions(l *locale.Localizer) []option {
	return []option{{"", l.T("filter_any")}, {"1", l.T("filter_remote_yes")}, {"0", l.T("filter_remote_no")}}
}

func roleOptions(l *locale.Localizer) []option {
	return []option{{"", l.T("filter_any")}, {"admin", l.T("filter_admins")}}
}

func stateOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any")}}
	for _, state := range agent.UserStates {
		options = append(options, option{string(state), l.T("filter_state_" + string(state))})
	}
	return options
}

func loginOptions(l *locale.Localizer) []option {
	options := []option{{"", l.T("filter_any")}}
	for _, kind := range []string{LoginNever, LoginBefore, LoginSince} {
		options = append(options, option{kind, l.T("filter_login_" + kind)})
	}
	return options
}

func groupID(id agent.GroupID) string { return strconv.FormatInt(int64(id), 10) }

// actTitle names a bulk act.
func actTitle(l *locale.Localizer, act, group string) string {
	switch id, is := strings.CutPrefix(act, ActGroup); {
	case is && id == "0":
		return l.T("bulk_no_group")
	case is:
		return l.T("bulk_group", locale.Args{"Group": group})
	}
	return l.T("bulk_" + act)
}

// fullName is the name of an account with its login and directory, for a tooltip.
func fullName(u agent.User) string {
	text := u.Login
	if !u.Local() {
		text += " · " + u.Directory
	}
	if u.Name != "" {
		text = u.Name + " · " + text
	}
	return text
}
