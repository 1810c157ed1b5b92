//go:build browser

package e2e

import (
	"context"
	"fmt"
	"strings"

	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keyboard is a person without a mouse: keys do everything on a page, and scripts only read it.
type keyboard struct {
	*tab
	stops int
}

// stop is the element that has the focus.
type stop struct {
	Is      string // for messages
	Body    bool   // nothing has the focus
	Visible bool   // there is an outline or a shadow, and it is in the window
	Wanted  bool   // it matches the selector that is looked for
}

// press sends keys to what has the focus.
func (k *keyboard) press(what, keys string) {
	k.t.Helper()
	k.do(what, chromedp.KeyEvent(keys, asKeyboard))
}

// asKeyboard makes chromedp send a key as a keyboard does: Chromium then drops the character if the page has already handled the key
// going down. Otherwise Enter on a link that moves the focus to a field would also submit the form of that field.
func asKeyboard(key *input.DispatchKeyEventParams) {
	if key.Type == kb.KeyDown {
		key.Type = kb.KeyRawDown
	}
}

// focus returns the stop. wanted is the selector that is looked for.
func (k *keyboard) focus(wanted string) stop {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.ctx, patience)
	defer cancel()
	s, err := chromedp.Run(ctx, chromedp.Evaluate[stop](focusScript(wanted)))
	if err != nil {
		k.t.Fatal(err)
	}
	return s
}

// focusScript returns a JavaScript expression whose value is the stop.
func focusScript(wanted string) string {
	return fmt.Sprintf(`(() => {
		const at = document.activeElement || document.body;
		if (!at) return { Is: "a page that loads", Body: true };
		const style = getComputedStyle(at), box = at.getBoundingClientRect();
		return {
			Is: at.outerHTML.slice(0, 120),
			Body: at === document.body,
			Visible: (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0 || style.boxShadow !== "none") &&
				box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
			Wanted: at.matches(%q),
		};
	})()`, wanted)
}

// tabTo presses Tab until an element that matches the selector has the focus. Each stop on the way must be visible. If an element does not
// let the focus go, the test fails after 300 stops.
func (k *keyboard) tabTo(wanted string) {
	k.t.Helper()
	var passed []string
	for range 300 {
		s := k.focus(wanted)
		if s.Wanted {
			return
		}
		k.press("Tab", kb.Tab)
		next := k.focus(wanted)
		if !next.Body && !next.Visible { // the page may still scroll to it
			k.holds("the focus can be seen: "+next.Is, "("+focusScript(wanted)+").Visible")
		}
		k.stops++
		passed = append(passed, next.Is)
	}
	k.t.Fatalf("Tab never reaches %s; the last stops are\n%s", wanted, strings.Join(passed[len(passed)-20:], "\n"))
}

// fills types a value into a field in place of what is there.
func (k *keyboard) fills(name, value string) {
	k.t.Helper()
	k.tabTo(fmt.Sprintf("[name=%q]", name))
	k.do("select all", chromedp.KeyEvent("a", chromedp.KeyModifiers(chromedp.ModifierCtrl)))
	k.press("type into "+name, value)
}

// skips goes to the content by the link that is the first stop of a page.
func (k *keyboard) skips() {
	k.t.Helper()
	k.press("Tab", kb.Tab)
	k.holds("the first stop is the link to the content", "(s => s.Wanted && s.Visible)("+focusScript("a.skip")+")")
	k.press("Enter", kb.Enter)
	k.holds("the content has the focus", `document.activeElement?.id === "content"`)
}

// goesTo opens a page by its link in the navigation, which a narrow window hides behind a button.
func (k *keyboard) goesTo(path string, narrow bool) {
	k.t.Helper()
	if narrow {
		k.tabTo("#nav-toggle")
		k.press("Space", " ")
	}
	k.tabTo(fmt.Sprintf(`#sections a[href=%q]`, path))
	k.press("Enter", kb.Enter)
	k.holds("at "+path, fmt.Sprintf(`document.readyState === "complete" && location.pathname.startsWith(%q)`, path))
}

// signsIn signs the administrator in.
func (k *keyboard) signsIn() {
	k.t.Helper()
	k.open("/login")
	k.fills("login", "boss")
	k.fills("password", adminPassword)
	k.press("Enter", kb.Enter)
	k.holds("signed in", `document.getElementById("sections") !== null`)
}

// setWidth sets the width of the window.
func (k *keyboard) setWidth(width int64) {
	k.t.Helper()
	k.do("width", chromedp.EmulateViewport(width, 900))
}
