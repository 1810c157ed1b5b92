//go:build browser

package e2e

import (
	"testing"
)

// TestCertificateInChromium: the page says in plain words what the gateway is served with and what to do, refuses a certification
// authority that does not answer, and schedules a change of the root.
func TestCertificateInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	b.open("/admin/certificate")
	b.sees(".verdict", "Имя шлюза ещё не задано")
	b.pictures("certificate-new")
	b.click(".verdict .button")
	b.types("auth_domain", "gw.company.ru\r") // Enter saves the domain and accepts no offer
	b.sees(".toast", "Изменения сохранены")
	b.sees(".banner.info", "Let's Encrypt бесплатно выдаёт доверенный")
	b.pictures("agent-certificate-offer")

	b.click(`.sections a[href="/admin/certificate"]`)
	b.sees(".verdict h2", "Шлюз gw.company.ru открывается с собственным сертификатом шлюза.")
	b.sees(".verdict dl", "Автоматический сертификат выключен")
	b.sees(".served", "портал и агенты")
	b.click(".served li:first-child summary")
	b.click("#root .unfold summary")
	b.sees("#root", "certutil -addstore -f Root ideco-root.crt")
	b.pictures("certificate-own")

	b.click("#ca_other")
	b.click("#acme .unfold summary")
	b.types("directory", "http://ca.company.ru")
	b.click("#acme .button.primary")
	b.sees("#directory-note", "начиная с https://")
	b.types("directory", "https://127.0.0.1:1/directory")
	b.types("eab_key_id", "kid-1")
	b.click("#acme .button.primary")
	b.sees("#acme .banner.bad", "Центр сертификации не отвечает: 127.0.0.1:1.")
	b.pictures("certificate-refused")

	b.open("/admin/certificate")
	b.click("#root .unfold:last-of-type summary")
	b.click(`form[action="/admin/certificate/next-root"] button`)
	b.sees(".question", "Сменить корневой сертификат?")
	b.pictures("certificate-root-question")
	b.click(".question button.danger")
	b.sees(".toast", "Смена корневого сертификата назначена")
	b.sees("#root .banner.warn", "Новый корневой сертификат начнёт действовать")
	b.click("#history summary")
	b.sees("#history", "Назначена смена корневого сертификата")
	b.pictures("certificate-root-announced")
	b.click(`form[action="/admin/certificate/next-root/cancel"] button`)
	b.click(".question button.danger")
	b.sees(".toast", "Смена корневого сертификата отменена")
}
