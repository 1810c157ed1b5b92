//go:build browser

package e2e

import (
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestCertificateUploadInChromium uploads a certificate, first with mistakes, and removes it.
func TestCertificateUploadInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "gw.company.test"}, nil)
	root := issueUnder(t, nil, "Company root", 480*time.Hour)
	issuer := issueUnder(t, root, "Company issuing CA 2", 480*time.Hour)
	leaf := issueUnder(t, issuer, "gateway", 240*time.Hour, "gw.company.test", "*.very-long-name-of-a-department.company.test", "vpn.company.test", "mail.company.test")
	cert, key := saved(t, "gw.crt", []byte(leaf.pem())), saved(t, "gw.key", []byte(leaf.keyPEM(t)))
	pfx := saved(t, "gw.pfx", leaf.pfx(t, "secret", issuer, root))

	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/certificate")
	b.sees("#uploaded", "Загруженные сертификаты")
	b.click("#uploaded > details > summary")
	b.pictures("certificate-upload")
	choose := func(files ...string) {
		t.Helper()
		b.do("choose files", chromedp.SetUploadFiles(chromedp.CSS("#files"), files))
	}
	const button = `form[action="/admin/certificate/upload"] button[type=submit]`
	choose(cert, key)
	b.click(button)
	b.sees("#files-note", "Не хватает сертификата издателя «Company issuing CA 2»")
	b.pictures("certificate-upload-issuer")
	choose(pfx)
	b.click(button)
	b.sees("#password-note", "Файл защищён паролем")
	choose(pfx)
	b.types("password", "secret")
	b.click(button)
	b.sees(".toast", "Сертификат загружен")
	b.sees("#uploaded .things", "Действует для gw.company.test")
	b.pictures("certificate-uploaded")
	b.click("#uploaded .things button")
	b.sees("main", "Сейчас он действует для gw.company.test")
	b.pictures("certificate-remove")
	b.click(`main form[action$="/delete"] button`)
	b.sees(".toast", "Сертификат удалён")
	b.sees(".verdict", "собственным сертификатом")
}
