//go:build ad && browser

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"

	directorylab "ideco-agent/agent/directory/lab"
)

// TestSSOADInChromium: Chromium signs in with the ticket of kinit where it is allowed to, under the gateway's name and under a CNAME
// of it. Where it is not, the page says so, and no box of the browser asks for a password. The administrator uploads the keytab on
// the page.
func TestSSOADInChromium(t *testing.T) {
	o := newOfficeAD(t)
	o.ad.DNS.Set(t, ssoName+". A 127.0.0.1", ssoAlias+". CNAME "+ssoName+".")
	o.ad.Set(t, "CN=svc-http,OU=Services,"+directorylab.BaseDN, "servicePrincipalName", "HTTP/"+ssoName, "HTTP/"+ssoAlias)
	o.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": ssoAlias}, nil)
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)
	env := o.kinit("alice", directorylab.Password)

	boss := o.chromium(t)
	boss.open("/login")
	boss.sees("h1", "Вход")
	if boss.text(`[action="/login/sso"] button`) != "" {
		t.Error("the button is there without a keytab")
	}
	boss.types("login", "boss")
	boss.types("password", adminPassword)
	boss.click("main form button[type=submit]")
	boss.sees("h1", "Обзор")
	boss.open("/admin/directories")
	boss.click(".table a")
	boss.sees("[aria-labelledby=sso-title]", "Keytab не загружен")
	boss.pictures("directory-keytab-none")
	boss.do("choose the keytab", chromedp.SetUploadFiles(chromedp.CSS("#keytab"), []string{o.ad.Keytab(t)}))
	boss.click(`form[action$="/keytab"] button`)
	boss.sees("[aria-labelledby=sso-title]", "HTTP/portal.example.test@EXAMPLE.TEST")
	boss.sees("[aria-labelledby=sso-title]", "HTTP/portal.example.test: ключ есть")
	boss.sees("[aria-labelledby=sso-title]", "HTTP/sso.example.test: ключа нет")
	boss.pictures("directory-keytab")
	boss.click("#test")
	boss.sees("#report", "В keytab нет ключа для HTTP/sso.example.test")
	boss.pictures("directory-keytab-steps")

	unused := o.chromium(t, chromedp.Env(env...))
	unused.open(o.portalURL(ssoAlias, "/login"))
	unused.sees("main", "Войти без пароля")
	unused.pictures("login-sso")
	unused.click(`[action="/login/sso"] button`)
	unused.sees("main", "Браузер не отправил билет домена")
	unused.pictures("login-sso-no-ticket")
	unused.click(`a.button[href="/login"]`)
	unused.sees("h1", "Вход")

	allowed := o.chromium(t, chromedp.Env(env...), chromedp.Flag("auth-server-allowlist", ssoAlias+","+ssoName))
	allowed.open(o.portalURL(ssoAlias, "/login"))
	allowed.click(`[action="/login/sso"] button`)
	allowed.sees("main", "Браузер не отправил билет домена") // the first challenge only makes Chromium load the Kerberos library
	allowed.click(`[action="/login/sso"] button`)
	allowed.sees("h1", "Личный кабинет")
	allowed.sees("body", "alice")

	o.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": ssoName}, nil)
	allowed.open(o.portalURL(ssoName, "/login"))
	allowed.click(`[action="/login/sso"] button`)
	allowed.sees("h1", "Личный кабинет")
}
