//go:build gateway && browser

package e2e

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"ideco-agent/agent/netlab"
)

// chromiumIn starts a browser in a place.
func (g *guarded) chromiumIn(t *testing.T, place string, extra ...chromedp.ExecAllocatorOption) *tab {
	t.Helper()
	program := filepath.Join(t.TempDir(), "chromium")
	script := fmt.Sprintf("#!/bin/sh\nexec ip netns exec %s chromium \"$@\"\n", g.Name(place))
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return g.gateway.chromium(t, append(extra, chromedp.ExecPath(program))...)
}

// goes opens a page of any scheme.
func (b *tab) goes(url string) {
	b.t.Helper()
	b.do("open "+url, chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("body")))
}

// TestFirewallChromium: a browser in the LAN that opens a page on the Internet is led to sign-in, and gets its page afterwards. After
// logging out it is led to sign-in again.
func TestFirewallChromium(t *testing.T) {
	inLab(t, func(t *testing.T, w lab) {
		g := w.guard(t, map[string]any{"browser_sign_in_networks": []string{lanOne}})
		g.person("anna")
		w.serveHTTP(t, inNet, netip.AddrPortFrom(server, 80), "<h1>the page</h1>")
		to := w.Serve(t, inNet, netip.AddrPortFrom(server, 0), netlab.Paced)
		page := "http://" + server.String() + "/some/page?a=1&b=%3Cscript%3E"

		g.findsItsName()
		b := g.chromiumIn(t, inOne)
		b.goes(page)
		b.sees("h1", "Вход в интернет")
		b.sees("main", page)
		b.pictures("sign-in")
		b.types("login", "anna")
		b.types("password", "не тот")
		b.click("main form button[type=submit]")
		b.sees(".banner.bad", "Неверный логин или пароль")
		b.types("password", userPassword)
		b.click("main form button[type=submit]")
		b.sees("h1", "Вы в сети")
		b.pictures("signed-in")
		running := w.Download(t, "a download", inOne, one, to)
		b.sees("main .url", page)
		b.goes(page)
		b.sees("h1", "the page")
		if at := b.location(); at != page {
			t.Errorf("the browser is at %s", at)
		}
		g.oneSession("of the browser", ofKind("web"))

		b.goes("http://10.77.1.1/")
		b.sees("main", "Доступ в интернет открыт")
		b.goes("https://" + domain + ":" + portalPort + signInPath)
		b.sees("h1", "Вы в сети")
		b.click(`form[action="/web_authd/logout"] button`)
		stops(t, running, time.Now(), cutWithin)
		g.nobody()
		b.goes(page)
		b.sees("h1", "Вход в интернет")

		// The page that a phone opens after its probe shows the portal's address, with a link to the form there.
		phone := g.chromiumIn(t, inTwo, chromedp.Flag("host-resolver-rules", "MAP *.gstatic.com "+server.String()))
		phone.goes("http://connectivitycheck.gstatic.com/generate_204")
		phone.sees("main", "https://"+domain+":"+portalPort+"/")
		if at := phone.location(); at != "http://10.77.1.1/sign-in" {
			t.Errorf("the phone is at %s", at)
		}
		phone.pictures("sign-in-plain")
		phone.click("main .address a")
		phone.sees("h1", "Вход в интернет")
		phone.types("login", "anna")
		phone.types("password", userPassword)
		phone.click("main form button[type=submit]")
		phone.sees("h1", "Вы в сети")
	})
}

// location returns the URL of the page.
func (b *tab) location() string {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Evaluate[string]("location.href"))
	if err != nil {
		b.t.Fatal(err)
	}
	return at
}
