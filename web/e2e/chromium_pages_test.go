//go:build browser

package e2e

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestTrialStaysInView: the question of a trial has the focus and stays below the header while the page scrolls, also on a phone. A link
// to a part of the page does not lead behind it.
func TestTrialStaysInView(t *testing.T) {
	g := startGateway(t)
	g.administrator().must("PUT", settingPath, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.open("/admin/gateway")
	b.types("open_before_login", "10.0.0.53:53")
	b.click(`form[action="/admin/gateway"] button.primary`)
	b.sees("#trial", "Подтвердите настройки")
	b.holds("the focus", `document.activeElement.id === "trial"`)
	for _, width := range []int64{1280, 390} {
		b.do("scroll down", chromedp.EmulateViewport(width, 844), chromedp.Evaluate[chromedp.Void](`scrollTo({ top: document.documentElement.scrollHeight, behavior: "instant" })`))
		b.holds("in view", `(() => { const at = document.getElementById("trial").getBoundingClientRect(); return at.top >= 56 && at.bottom <= 844 / 2; })()`)
		b.holds("scrolled", `scrollY > 0`)
		b.do("follow a link", chromedp.Evaluate[chromedp.Void](`location.hash = ""; location.hash = "open_before_login"`))
		b.holds("below the question", `document.getElementById("open_before_login").getBoundingClientRect().top >= document.getElementById("trial").getBoundingClientRect().bottom`)
	}
	b.pictures("gateway-question")
}

// TestNavigationOnPhone: the navigation unfolds and folds by keyboard; its control can be seen, and is not there in a wide window.
func TestNavigationOnPhone(t *testing.T) {
	g := startGateway(t)
	g.administrator()
	b := g.chromium(t)
	b.logsIn("boss", adminPassword)
	b.sees("nav", "Учётные записи")
	b.holds("a wide window", `getComputedStyle(document.getElementById("nav-toggle")).display === "none"`)
	b.do("a phone", chromedp.EmulateViewport(390, 844))
	const open = `getComputedStyle(document.getElementById("sections")).display !== "none"`
	b.holds("folded", "!("+open+")")
	b.do("focus", chromedp.Evaluate[chromedp.Void](`document.getElementById("nav-toggle").focus()`))
	for _, key := range []string{" ", kb.Enter} {
		b.do("unfold", chromedp.KeyEvent(key))
		b.holds("unfolded", open)
		b.do("fold", chromedp.KeyEvent(kb.Tab), chromedp.KeyEvent(kb.Escape))
		b.holds("folded", "!("+open+")")
		b.holds("the focus", `document.activeElement.id === "nav-toggle"`)
	}
	b.do("unfold", chromedp.KeyEvent(kb.Enter))
	b.holds("the control is in view", `(() => { const at = document.getElementById("nav-toggle").getBoundingClientRect(); return at.width >= 40 && at.height >= 40 && at.left >= 0; })()`)
	b.pictures("navigation-open")
}

// TestSetupLinkPlace: without an administrator the sign-in page says where the link is, and a wrong link what to do.
func TestSetupLinkPlace(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.open("/login")
	b.sees("#setup-link", "setup-link")
	b.pictures("login-new")
	b.open("/setup/used")
	b.sees("h1", "Ссылка больше не действует")
	b.pictures("setup-over")
}
