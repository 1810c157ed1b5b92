//go:build browser

package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// keys presses keys where the focus is.
func (b *tab) keys(keys string) {
	b.t.Helper()
	b.do(fmt.Sprintf("press %q", keys), chromedp.KeyEvent(keys))
}

// tabsTo presses Tab until the element that matches the selector has the focus.
func (b *tab) tabsTo(selector string) {
	b.t.Helper()
	for range 200 {
		if b.says(fmt.Sprintf("document.activeElement?.matches(%q)", selector)) {
			return
		}
		b.keys(kb.Tab)
	}
	b.t.Fatalf("Tab never reaches %s", selector)
}

// says reports whether a condition is true in the page. During a navigation nothing is.
func (b *tab) says(condition string) bool {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	is, err := chromedp.Run(ctx, chromedp.Evaluate[bool]("Boolean("+condition+")"))
	return err == nil && is
}

// becomes is holds for a condition that needs no other words.
func (b *tab) becomes(condition string) {
	b.t.Helper()
	b.holds("the page", condition)
}

// holds waits until a condition is true in the page, across navigations.
func (b *tab) holds(what, condition string) {
	b.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !b.says(condition) {
		select {
		case <-tick.C:
		case <-deadline:
			b.t.Fatalf("%s: never true: %s; the focus is in %q, the page says %q", what, condition, b.text(":focus"), b.text("body"))
		}
	}
}

// inView is true if the focused field and its label are below the sticky header and above the lower edge.
const inView = `(() => {
	const field = document.activeElement.getBoundingClientRect();
	const label = document.activeElement.labels[0].getBoundingClientRect();
	const top = document.querySelector("header.top").getBoundingClientRect().bottom;
	return label.top >= top && field.bottom <= innerHeight;
})()`

// follows presses Enter on the focused link. A keyboard sends no character after a key that was used; KeyEvent does, and the character would
// send the form of the field that has the focus by then.
func (b *tab) follows() {
	b.t.Helper()
	b.do("follow the link", chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for _, key := range kb.Encode('\r') {
			if key.Type == kb.KeyChar {
				continue
			}
			if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, *key); err != nil {
				return err
			}
		}
		return nil
	}))
}

// retypes replaces the text of the focused field.
func (b *tab) retypes(text string) {
	b.t.Helper()
	b.do("select the text", chromedp.Evaluate[chromedp.Void]("document.activeElement.select()"))
	b.keys(text)
}

// TestWrongFieldsInChromium: by keyboard alone, in both languages and at both widths, wrong fields of the VPN and of an account are found by
// the message at the top and fixed. The first one has the focus, also without script.
func TestWrongFieldsInChromium(t *testing.T) {
	g := startGateway(t)
	b := g.chromium(t)
	b.setsUp(g)
	admin := g.rest("boss", adminPassword)
	admin.must("POST", "/user_backend/users", map[string]any{"login": "ivanov", "name": "Иванов", "psw": adminPassword}, nil)
	for _, lang := range []struct{ code, count, saved string }{
		{"ru", "Исправьте 2 выделенных поля", "Изменения сохранены"},
		{"en", "Fix 2 highlighted fields", "Changes saved"},
	} {
		if lang.code == "en" {
			b.click(`form[action="/language"] button`)
			b.becomes(`document.documentElement.lang === "en"`)
		}
		for _, width := range []int64{1280, 390} {
			b.do("set the width", chromedp.EmulateViewport(width, 900))
			name := fmt.Sprintf("wrong-%s-%d", lang.code, width)

			b.open("/admin/agent/vpn")
			b.tabsTo("#vpn_network")
			b.retypes("10.0.0.0/40")
			b.tabsTo("#dns")
			b.retypes("nothing")
			b.keys(kb.Enter)
			b.sees("[data-marked]", lang.count)
			b.focuses("vpn_network")
			b.window(name + "-vpn")
			b.retypes("10.128.0.0/16")
			b.do("to the message", chromedp.Evaluate[chromedp.Void](`document.getElementById("content").focus()`))
			b.tabsTo(`[data-marked] a[href="#dns"]`)
			b.follows()
			b.focuses("dns")
			b.retypes("10.0.0.53")
			b.keys(kb.Enter)
			b.sees("[data-toasts]", lang.saved)

			b.open("/admin/users/2")
			b.tabsTo("#login")
			b.retypes(" ")
			b.tabsTo("#name")
			b.keys(kb.Enter)
			b.becomes(`document.querySelector("[data-marked] a[href='#login']")`)
			b.focuses("login")
			b.window(name + "-account")
			b.retypes("ivanov")
			b.keys(kb.Enter)
			b.sees("[data-toasts]", lang.saved)
		}
		b.do("back to the wide window", chromedp.EmulateViewport(1280, 900))
	}
}

// focuses waits until the field with this id has the focus, and checks that it is in view.
func (b *tab) focuses(id string) {
	b.t.Helper()
	b.becomes(fmt.Sprintf("document.activeElement?.id === %q", id))
	if !b.says(inView) {
		b.t.Errorf("%s has the focus, but is not in view", id)
	}
}

// window takes a screenshot of what the window shows.
func (b *tab) window(name string) {
	b.t.Helper()
	if b.shot == "" {
		return
	}
	png, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.shot, name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}
