package templates

import (
	"time"

	"ideco-agent/templates/locale"
)

// RootPath is the part of the page Сертификат with the root certificate.
const RootPath = "/admin/certificate#root"

// ConfirmRootChange asks before the next root is announced; from is when it will become the root.
func ConfirmRootChange(l *locale.Localizer, from time.Time) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_root_title"),
		Text:   l.T("confirm_root_text", locale.Args{"Time": l.Date(from)}),
		Action: "/admin/certificate/next-root",
		Fields: []HiddenField{confirmed},
		Button: l.T("confirm_root_button"),
		Cancel: RootPath,
	}
}

// ConfirmRootCancel asks before an announced change of the root is cancelled.
func ConfirmRootCancel(l *locale.Localizer) ConfirmData {
	return ConfirmData{
		Title:  l.T("confirm_root_cancel_title"),
		Text:   l.T("confirm_root_cancel_text"),
		Action: "/admin/certificate/next-root/cancel",
		Fields: []HiddenField{confirmed},
		Button: l.T("confirm_root_cancel_button"),
		Cancel: RootPath,
	}
}

// ConfirmCertificateRemove asks before an uploaded certificate is removed.
func ConfirmCertificateRemove(l *locale.Localizer, u UploadedCertificate) ConfirmData {
	text := l.T("confirm_certificate_unused")
	if len(u.Serves) > 0 {
		text = l.T("confirm_certificate_serves", locale.Args{"Names": list(u.Serves)})
	}
	return ConfirmData{
		Title:  l.T("confirm_certificate_title", locale.Args{"Names": u.title()}),
		Text:   text + " " + l.T("confirm_certificate_text"),
		Action: u.path("delete"),
		Fields: []HiddenField{confirmed},
		Button: l.T("uploaded_remove"),
		Cancel: UploadedPath,
	}
}
