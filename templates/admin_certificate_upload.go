package templates

import (
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// UploadedPath is the part of the page Сертификат with the uploaded certificates.
const UploadedPath = "/admin/certificate#uploaded"

// CertificateUploadData fills the part of the page Сертификат with the uploaded certificates.
type CertificateUploadData struct {
	Uploaded []UploadedCertificate
	Errors   map[string]string // of the form, by field: "certificate", "password"
}

// UploadedCertificate is an uploaded certificate.
type UploadedCertificate struct {
	ID    agent.UploadedCertificateID
	Added time.Time
	agent.Certificate
	Serves  []string // names of the gateway for which it is served, decoded
	KeyLost bool     // its key cannot be decrypted
}

func (u UploadedCertificate) path(act string) string {
	return "/admin/certificate/uploaded/" + strconv.FormatInt(int64(u.ID), 10) + "/" + act
}

// title has the first names of the certificate.
func (u UploadedCertificate) title() string {
	const shown = 3
	if len(u.Names) > shown {
		return list(u.Names[:shown]) + "…"
	}
	return or(list(u.Names), "—")
}

// use says for which names the certificate is served, or why for none.
func (u UploadedCertificate) use(l *locale.Localizer, now time.Time) (class, text string) {
	switch {
	case u.KeyLost:
		return "bad", l.T("uploaded_key_lost")
	case len(u.Serves) > 0:
		return "ok", l.T("uploaded_serves", locale.Args{"Names": strings.Join(u.Serves, ", ")})
	case now.After(u.Leaf().NotAfter):
		return "warn", l.T("uploaded_expired")
	}
	return "muted", l.T("uploaded_unused")
}

// ConfirmCertificateRemove asks before an uploaded certificate is removed.
func ConfirmCertificateRemove(l *locale.Localizer, u UploadedCertificate) ConfirmData {
	text := l.T("confirm_certificate_unused")
	if len(u.Serves) > 0 {
		text = l.T("confirm_certificate_serves", locale.Args{"Names": strings.Join(u.Serves, ", ")})
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
