package templates

import (
	"strconv"
	"strings"

	"ideco-agent/templates/locale"
)

// ConfirmBulk asks before a bulk act. The confirmation is valid for this number of accounts and sessions only.
func ConfirmBulk(l *locale.Localizer, q BulkQuestion) ConfirmData {
	text := []string{consequence(l, "confirm_bulk_sessions", "confirm_settings_none", q.Sessions)}
	if q.Same > 0 {
		text = append(text, l.N("confirm_bulk_same", q.Same))
	}
	if q.Admins > 0 {
		text = append(text, l.N("confirm_bulk_admins", q.Admins))
	}
	text = append(text, spared(l, q)...)
	scope := "checked"
	if q.All {
		scope = "all"
	}
	fields := append(q.List.Fields(), HiddenField{"act", q.Act}, HiddenField{"scope", scope}, confirmed,
		HiddenField{"accounts", strconv.Itoa(q.Concerned)}, HiddenField{"sessions", strconv.Itoa(q.Sessions)})
	for _, id := range q.Chosen {
		fields = append(fields, HiddenField{"user", userID(id)})
	}
	act := actTitle(l, q.Act, q.Group)
	return ConfirmData{
		Title:  l.N("confirm_bulk_title", q.Concerned, locale.Args{"Act": act}),
		Text:   strings.Join(text, " "),
		Action: "/admin/users/bulk",
		Fields: fields,
		Button: act,
		Cancel: q.List.URL(),
	}
}

// BulkNothing says why a bulk act would change nothing.
func BulkNothing(l *locale.Localizer, q BulkQuestion) string {
	return strings.Join(append([]string{l.T("bulk_nothing")}, spared(l, q)...), " ")
}

// spared says which accounts and sessions are left out.
func spared(l *locale.Localizer, q BulkQuestion) (text []string) {
	if q.ByRule {
		text = append(text, l.T("confirm_bulk_rules"))
	}
	if q.Own {
		text = append(text, l.T("confirm_bulk_own"))
	}
	if q.LastAdmin != "" {
		text = append(text, l.T("confirm_bulk_last_admin", locale.Args{"Login": q.LastAdmin}))
	}
	return text
}
