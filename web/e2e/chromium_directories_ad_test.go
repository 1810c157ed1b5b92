//go:build ad && browser

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	directorylab "ideco-agent/agent/directory/lab"
)

// TestDirectoryADInChromium goes from the empty page of directories to the first login from the domain: with the keyboard where
// an administrator presses Enter, and with a certificate that is trusted on the page.
func TestDirectoryADInChromium(t *testing.T) {
	directorylab.NewAD(t)
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)

	b.open("/admin/directories/new")
	b.types("name", directorylab.Domain)
	b.types("user", "svc-ldap@"+directorylab.Domain)
	b.types("password", directorylab.SearchPassword)
	b.types("dns_ips", directorylab.Address(directorylab.Silent).String())
	b.types("test_login", "alice"+kb.Enter)
	b.sees("#report", "Серверы DNS не отвечают")
	b.types("dns_ips", directorylab.DNSServer.Addr().String())
	b.click("#test")
	b.sees("#password-note", "Пароль нужно ввести ещё раз")
	b.types("password", directorylab.SearchPassword)
	b.click("#test")
	b.sees("#report", "которому шлюз не доверяет: Lab AD CA")
	b.pictures("directory-ad-untrusted")
	b.click("[name=trust]")
	b.sees("#report", "Домен блокирует после 3 неверных паролей за 30 мин")
	b.sees("[aria-labelledby=person-title]", "Domain Users, Sales, Staff, Users, VPN-Users")
	b.pictures("directory-ad-works")
	b.types("group_text", "VPN"+kb.Enter)
	b.sees("#groups", "CN=VPN-Users,OU=Groups,DC=example,DC=test")
	b.click("[name=add_login]")
	b.click(`[formaction$="/groups#groups-title"]`)
	b.do("the group is in the list", chromedp.WaitNotPresent(chromedp.CSS(".everybody")))
	b.click("#directory .button.primary")
	b.sees(".table", "Отвечает")
	b.sees(".table", "dc1.example.test:636")
	b.pictures("directories-ad")

	b.open("/admin/directories")
	b.click(".table a")
	b.types("test_login", "carol"+kb.Enter)
	b.sees("#report", "Человек не входит ни в одну из групп, которым можно входить")
	b.logsOut()
	b.types("login", `EXAMPLE\alice`)
	b.types("password", directorylab.Password)
	b.click("main form button[type=submit]")
	b.sees("h1", "Личный кабинет")
	b.pictures("cabinet-ad")
}
