//go:build browser

package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"ideco-agent/templates/locale"
)

// axeSource is axe-core 4.14.1, see testdata/axe-core.
//
//go:embed testdata/axe-core/axe.min.js
var axeSource string

// axeLook is one look of a page.
type axeLook struct {
	theme string
	width int64
}

// axeLooks are the looks in each language. Every pair of language, theme and width is among them.
var axeLooks = map[string][]axeLook{
	"ru": {{"light", 1280}, {"dark", 390}},
	"en": {{"dark", 1280}, {"light", 390}},
}

// axeFault is a violation of a rule of axe-core.
type axeFault struct {
	ID, Impact, Help string
	Nodes            []struct {
		HTML           string
		FailureSummary string
	}
}

// axe checks pages in one language with axe-core. Every fault is an error of the test.
type axe struct {
	*tab
	texts   *locale.Localizer
	checked int
	known   map[string]bool // faults of the layout, which each page would repeat
}

func (g *gateway) axe(t *testing.T, lang string, extra ...chromedp.ExecAllocatorOption) *axe {
	t.Helper()
	extra = append(extra, chromedp.Flag("lang", lang), chromedp.Flag("accept-lang", lang))
	a := &axe{tab: g.chromium(t, extra...), texts: locale.For(lang), known: map[string]bool{}}
	// Chromium keeps the source, which takes long to send for each page. The policy of a page does not apply to it.
	if _, err := chromedp.Call(a.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{
		Source: "window.loadAxe = () => {" + axeSource + "\n}",
	}); err != nil {
		t.Fatal(err)
	}
	return a
}

// visit opens a page and checks it.
func (a *axe) visit(path string) {
	a.t.Helper()
	a.open(path)
	a.check(path)
}

// reads waits until an element that matches the selector shows the message.
func (a *axe) reads(parts, id string) {
	a.t.Helper()
	a.sees(parts, a.texts.T(id))
}

// check checks the page in the tab.
func (a *axe) check(name string) {
	a.t.Helper()
	a.checked++
	if lang := evaluate[string](a.tab, "document.documentElement.lang"); lang != a.texts.Lang() {
		a.t.Errorf("%s is in %q", name, lang)
	}
	a.do("load axe-core", chromedp.Evaluate[chromedp.Void](`{
		loadAxe();
		const still = new CSSStyleSheet();
		still.replaceSync("* { transition: none !important; animation: none !important }");
		document.adoptedStyleSheets = [still];
	}`))
	for _, look := range axeLooks[a.texts.Lang()] {
		a.do("look", chromedp.EmulateViewport(look.width, 900), chromedp.Evaluate[chromedp.Void](
			fmt.Sprintf("document.documentElement.dataset.theme = %q", look.theme)))
		ctx, cancel := context.WithTimeout(a.ctx, patience)
		answer, err := chromedp.Run(ctx, chromedp.Evaluate[string](
			`axe.run(document, {resultTypes: ["violations"]}).then(r => JSON.stringify(r.violations))`, chromedp.EvalAwaitPromise))
		cancel()
		var faults []axeFault
		if err == nil {
			err = json.Unmarshal([]byte(answer), &faults)
		}
		if err != nil {
			a.t.Fatalf("%s at %d: %v", name, look.width, err)
		}
		for _, f := range faults {
			var where []string
			for _, n := range f.Nodes {
				key := f.ID + n.HTML
				if a.known[key] || f.ID == "region" && strings.Contains(n.HTML, `id="nav-toggle"`) { // it precedes the header, see layout.templ
					continue
				}
				a.known[key] = true
				where = append(where, fmt.Sprintf("%.200s\n      %s", n.HTML, strings.ReplaceAll(n.FailureSummary, "\n", "\n      ")))
			}
			if len(where) == 0 {
				continue
			}
			a.t.Errorf("%s at %d, %s: %s: %s (%s)\n    %s", name, look.width, look.theme, f.Impact, f.Help, f.ID, strings.Join(where, "\n    "))
		}
	}
	a.do("back to the wide window", chromedp.EmulateViewport(1280, 900))
}
