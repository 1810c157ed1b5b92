//go:build browser

package e2e

import (
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// TestSignInForAccessInChromium: without scripts and without cookies, a person goes from the page at the gateway's address to the form,
// signs in, gets a link to the wanted page, extends the session and logs out.
func TestSignInForAccessInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	networks := []string{"127.0.0.0/8"}
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"local_networks": networks, "browser_sign_in_networks": networks}, nil)
	admin.user(map[string]any{"login": "anna", "name": "Анна Каренина"})
	b := g.chromium(t)
	if _, err := chromedp.Call(b.ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}); err != nil {
		t.Fatal(err)
	}
	forget := func() {
		t.Helper()
		if _, err := chromedp.Call(b.ctx, network.ClearBrowserCookies, cdp.Empty{}); err != nil {
			t.Fatal(err)
		}
	}
	const submit = "main form button[type=submit]"

	byAddress := "http://" + g.where.HTTP[0] + "/sign-in"
	b.do("open the page by address", chromedp.Navigate(byAddress), chromedp.WaitReady(chromedp.CSS("h1")))
	b.sees("main", "обычном браузере")
	b.sees(".link a", "https://")
	b.pictures("sign-in-by-address")

	b.open("/")
	b.sees("h1", "Вход в интернет")
	wanted := "http://shop.example/some/page?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"
	b.open("/web_authd/auth?origin=" + url.QueryEscape(wanted))
	b.sees("main", wanted)
	b.pictures("sign-in-form")
	forget()
	b.types("login", "anna")
	b.types("password", "не тот пароль")
	b.click(submit)
	b.sees(".banner.bad", "Неверный логин или пароль")
	b.pictures("sign-in-refused")
	forget()
	b.types("password", userPassword)
	b.click(submit)
	b.sees("h1", "Вы в сети")
	b.sees("main", "Анна Каренина")
	b.sees("main span.url", wanted)
	b.pictures("sign-in-online")

	var list []session
	admin.must("GET", "/monitor_backend/auth_sessions", nil, &list)
	if len(list) != 1 || list[0].Kind != "web" || list[0].Login != "anna" || !strings.HasPrefix(list[0].Address, "127.0.0.") {
		t.Errorf("the sessions are %+v", list)
	}

	b.click(`main a[href="/web_authd/auth?again"]`)
	b.sees("h1", "Вход в интернет")
	b.types("login", "anna")
	b.types("password", userPassword)
	b.click(submit)
	b.sees("h1", "Вы в сети")
	b.do("open the page by address", chromedp.Navigate(byAddress), chromedp.WaitReady(chromedp.CSS("h1")))
	b.sees("h1", "Вы в сети")
	b.pictures("sign-in-by-address-online")

	b.open("/web_authd/auth")
	b.sees("h1", "Вы в сети")
	forget()
	b.click(submit)
	b.sees("h1", "Вход в интернет")
	b.pictures("sign-in-logged-out")
	admin.must("GET", "/monitor_backend/auth_sessions", nil, &list)
	if len(list) != 0 {
		t.Errorf("after logging out the sessions are %+v", list)
	}
}
