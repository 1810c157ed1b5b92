package templates

import (
	"net/url"
	"strconv"

	"ideco-agent/templates/locale"
)

func (d AdminUsersData) from() int     { return (d.Page-1)*d.Size + 1 }
func (d AdminUsersData) to() int       { return d.from() + len(d.Users) - 1 }
func (d AdminUsersData) hasNext() bool { return d.to() < d.Total }

// pageURL returns the URL of another page of the same search.
func (d AdminUsersData) pageURL(page int) string {
	query := url.Values{}
	if d.Query != "" {
		query.Set("q", d.Query)
	}
	query.Set("page", strconv.Itoa(page))
	return "/admin/users?" + query.Encode()
}

func (d AdminUsersData) rangeText(l *locale.Localizer) string {
	return l.T("paging_range", locale.Args{"From": d.from(), "To": d.to(), "Total": d.Total})
}
