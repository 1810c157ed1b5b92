package templates

import (
	"net/url"
	"strconv"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// pages returns the links to the pages before and after this one.
func (d AdminUsersData) pages(l *locale.Localizer) pages {
	from := (d.Page-1)*d.Size + 1
	to := from + len(d.Users) - 1
	links := pages{Range: l.T("paging_range", locale.Args{"From": from, "To": to, "Total": d.Total})}
	if d.Page > 1 {
		links.Previous = d.pageURL(d.Page - 1)
	}
	if to < d.Total {
		links.Next = d.pageURL(d.Page + 1)
	}
	return links
}

// pageURL returns the URL of another page of the same search.
func (d AdminUsersData) pageURL(page int) string {
	query := d.Filter.values()
	query.Set("page", strconv.Itoa(page))
	return "/admin/users?" + query.Encode()
}

// pairs returns the fields of the query string that are set.
func (f UserFilterForm) pairs() (fields []HiddenField) {
	for _, one := range []HiddenField{{"q", f.Query}, {"directory", f.Directory}, {"group", f.Group}, {"remote", f.Remote},
		{"role", f.Role}, {"state", f.State}, {"login", f.Login}, {"when", f.When}} {
		if one.Value != "" {
			fields = append(fields, one)
		}
	}
	return fields
}

func (f UserFilterForm) values() url.Values {
	query := url.Values{}
	for _, one := range f.pairs() {
		query.Set(one.Name, one.Value)
	}
	return query
}

// URL returns the URL of the list with the filter.
func (f UserFilterForm) URL() string {
	if query := f.values().Encode(); query != "" {
		return "/admin/users?" + query
	}
	return "/admin/users"
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
