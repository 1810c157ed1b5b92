package templates

import (
	"net/http"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// ErrorFor returns the default texts for a status. ref may be empty.
func ErrorFor(l *locale.Localizer, status int, ref string) ErrorData {
	d := ErrorData{Status: status, Ref: ref}
	switch {
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		d.Title, d.Text = l.T("error_not_found_title"), l.T(locale.NotFound)
	case status == http.StatusUnauthorized:
		d.Title, d.Text = l.T("error_signed_out_title"), l.T(locale.NotSignedIn)
	case status == http.StatusForbidden:
		d.Title, d.Text = l.T("error_forbidden_title"), l.T(locale.Forbidden)
	case status == http.StatusRequestEntityTooLarge:
		d.Title, d.Text = l.T("error_refused_title"), l.T(locale.TooLarge)
	case status == http.StatusMisdirectedRequest:
		d.Title, d.Text = l.T("error_refused_title"), l.T(locale.Misdirected)
	case status >= 400 && status < 500:
		d.Title, d.Text = l.T("error_refused_title"), l.T(locale.BadRequest)
	default:
		d.Title, d.Text = l.T("error_internal_title"), l.Refusal(&agent.Error{Code: agent.CodeInternal, Ref: ref})
	}
	return d
}

// refUntold reports whether there is a reference that Text does not contain.
func (d ErrorData) refUntold() bool { return d.Ref != "" && !strings.Contains(d.Text, d.Ref) }
