package templates

import (
	"strconv"
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

// UploadedCertificate is a row of the list.
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

// title returns the first names in the certificate, or a dash.
func (u UploadedCertificate) title() string {
	const shown = 3
	if len(u.Names) > shown {
		return list(u.Names[:shown]) + "…"
	}
	return or(list(u.Names), "—")
}

// use says for which names the certificate is served, or why it is not, and with which class of the style sheet.
func (u UploadedCertificate) use(l *locale.Localizer, now time.Time) (class, text string) {
	switch {
	case u.KeyLost:
		return "bad", l.T("uploaded_key_lost")
	case len(u.Serves) > 0:
		return "ok", l.T("uploaded_serves", locale.Args{"Names": list(u.Serves)})
	case now.After(u.Leaf().NotAfter):
		return "warn", l.T("uploaded_expired")
	}
	return "muted", l.T("uploaded_unused")
}
