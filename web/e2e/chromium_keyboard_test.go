//go:build browser

package e2e

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyboard starts a browser in a language, a theme and a width.
func (g *gateway) keyboard(t *testing.T, lang, theme string, width int64) *keyboard {
	t.Helper()
	options := []chromedp.ExecAllocatorOption{chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang)}
	if theme == "dark" {
		options = append(options, chromedp.Flag("blink-settings", "preferredColorScheme=0"))
	}
	k := &keyboard{tab: g.chromium(t, options...)}
	k.setWidth(width)
	k.open("/login")
	k.holds(theme, fmt.Sprintf(`matchMedia("(prefers-color-scheme: dark)").matches === %v`, theme == "dark"))
	k.holds(lang, fmt.Sprintf(`document.documentElement.lang === %q`, lang))
	return k
}

// TestFirstHourByKeyboardInChromium: by keyboard alone, from the printed link to the first connected agent.
func TestFirstHourByKeyboardInChromium(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		lang, theme string
		width       int64
	}{{"ru", "light", 1280}, {"en", "dark", 390}} {
		t.Run(fmt.Sprintf("%s-%s-%d", c.lang, c.theme, c.width), func(t *testing.T) {
			g := startGateway(t)
			k := g.keyboard(t, c.lang, c.theme, c.width)
			narrow := c.width < 800
			k.open(g.setupLink())
			k.fills("login", "boss")
			k.fills("psw", adminPassword)
			k.fills("psw2", adminPassword)
			k.press("Enter", kb.Enter)
			k.holds("the first steps", `document.querySelector("ol.first-steps li.current[data-step=address]") !== null`)

			k.goesTo("/admin/agent", narrow)
			k.tabTo("button[role=switch]")
			k.press("Space", " ")
			k.holds("switched on", `document.readyState === "complete" && document.querySelector("button[role=switch][aria-checked=true]") !== null`)
			k.fills("auth_domain", "127.0.0.1")
			k.press("Enter", kb.Enter)
			k.holds("the address is saved", `document.readyState === "complete" && document.querySelector(".toast") !== null && document.querySelector("[name=auth_domain]").value === "127.0.0.1"`)

			// The roles of real interfaces would be those of this computer.
			g.rest("boss", adminPassword).must("PUT", settingPath, map[string]any{"lan_interfaces": []string{"lan0"}, "wan_interfaces": []string{"wan0"}}, nil)
			k.goesTo("/admin/gateway", narrow)
			k.skips()
			k.fills("open_before_login", "192.0.2.53:53")
			k.tabTo(`form[action="/admin/gateway"] button.primary`)
			k.press("Enter", kb.Enter)
			k.holds("the question has the focus", `document.activeElement?.id === "trial"`)
			k.tabTo(`form[action="/admin/gateway/keep"] button`)
			k.press("Enter", kb.Enter)
			k.holds("kept", `document.readyState === "complete" && document.getElementById("trial") === null && document.querySelector(".toast") !== null`)

			k.goesTo("/admin/users", narrow)
			k.tabTo(`main a[href="/admin/users/new"]`)
			k.press("Enter", kb.Enter)
			k.holds("the form", `document.readyState === "complete" && location.pathname === "/admin/users/new"`)
			k.fills("login", "ivanov")
			k.fills("psw", userPassword)
			k.tabTo("[name=must_change][type=checkbox]")
			k.press("Space", " ")
			k.tabTo("main form button.primary")
			k.press("Enter", kb.Enter)
			k.holds("the account is made", `document.readyState === "complete" && location.pathname !== "/admin/users/new" && document.querySelector(".toast") !== null`)

			agent := g.agent("ivanov", userPassword, "laptop")
			agent.waits("authorized")
			k.goesTo("/admin/agent", narrow)
			k.holds("no first steps", `document.getElementById("state") !== null && document.querySelector("ol.first-steps") === null`)
			agent.signal(syscall.SIGTERM)
			agent.exits(0)
			t.Logf("%d stops", k.stops)
		})
	}
}

// TestWrongFieldByKeyboardInChromium: a refused form has the focus in its wrong field, the banner leads there too, and the corrected
// form is saved.
func TestWrongFieldByKeyboardInChromium(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	g.administrator()
	k := g.keyboard(t, "ru", "dark", 1280)
	k.signsIn()
	k.open("/admin/users/new")
	k.fills("login", "two words")
	k.fills("psw", userPassword)
	k.press("Enter", kb.Enter)
	k.holds("the wrong field has the focus", `document.activeElement?.name === "login" && document.activeElement.getAttribute("aria-invalid") === "true"`)
	k.do("leave the field", chromedp.KeyEvent(kb.Tab))
	k.tabTo(`[data-marked] a[href="#login"]`)
	loaded := evaluate[float64](k.tab, "performance.timeOrigin")
	k.press("Enter", kb.Enter)
	k.holds("the link leads to the field", `document.activeElement?.name === "login" && document.activeElement.getBoundingClientRect().top > document.querySelector("header.top").getBoundingClientRect().bottom`)
	k.fills("login", "petrov")
	k.fills("psw", userPassword)
	k.holds("the link did not send the form", fmt.Sprintf("performance.timeOrigin === %v", loaded))
	k.press("Enter", kb.Enter)
	k.holds("saved", `location.pathname !== "/admin/users/new" && document.querySelector(".toast") !== null`)
}

// TestOneOfManySessionsByKeyboardInChromium: one of 300 sessions is found by search and ended, and the search is kept.
func TestOneOfManySessionsByKeyboardInChromium(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"127.0.0.0/8", "192.168.0.0/16"}}, nil)
	for i := range 10 {
		id := admin.user(map[string]any{"login": fmt.Sprintf("person%d", i)})
		for j := range 30 {
			if i+j > 0 { // the agent's session is the 300th
				admin.must("POST", "/auth/rules", map[string]any{"ip": fmt.Sprintf("192.168.%d.%d", 10+i, 10+j), "user_id": id, "always_logged": true}, nil)
			}
		}
	}
	admin.user(map[string]any{"login": "person7-laptop"})
	agent := g.agent("person7-laptop", userPassword, "laptop")
	agent.waits("authorized")
	admin.waitSessions("300 sessions", func(s []session) bool { return len(s) == 300 })
	k := g.keyboard(t, "en", "light", 390)
	k.signsIn()
	k.goesTo("/admin/monitor/sessions", true)
	k.fills("q", "person7")
	k.press("Enter", kb.Enter)
	k.holds("those found", `document.readyState === "complete" && location.search.includes("person7") && document.querySelectorAll("tbody tr").length === 31`)
	k.tabTo("tbody button[formaction$='/end']")
	place := `[...document.querySelectorAll("tbody tr")].indexOf(document.activeElement?.closest("tbody tr"))`
	k.holds("in the table", place+" >= 0")
	k.press("Enter", kb.Enter)
	if e := agent.waits("ended"); e.Code != "admin" {
		t.Errorf("the agent was told %+v", e)
	}
	k.holds("one is ended", `document.querySelectorAll("tbody tr").length === 30 && document.querySelector(".toast") !== null`)
	k.holds("the search is kept", `document.querySelector("[name=q]").value === "person7" && location.search.includes("person7")`)
	k.holds("the place is kept", place+" >= 0")
}
