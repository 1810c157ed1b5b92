package templates

import (
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/templates/guide"
	"ideco-agent/templates/locale"
)

// TestHelp: every "?" shows a text of the manuals and links to its section.
func TestHelp(t *testing.T) {
	for _, lang := range locale.Languages {
		found := 0
		for name, page := range samples(locale.For(lang)) {
			render(t, page).Find(".popover").Each(func(_ int, popover *goquery.Selection) {
				found++
				link := popover.Find("p:last-child > a")
				path, section, _ := strings.Cut(link.AttrOr("href", ""), "#")
				want, err := goquery.NewDocumentFromReader(strings.NewReader(string(guide.Help(lang, strings.TrimPrefix(path, "/guide/"), section))))
				if err != nil {
					t.Fatal(err)
				}
				text := strings.TrimSpace(want.Text())
				if got := popover.Find("p:first-child").Text(); text == "" || got != text {
					t.Errorf("%s, %s: %q leads to %q", lang, name, got, text)
				}
			})
		}
		if found < 6 {
			t.Errorf("%s: only %d popovers", lang, found)
		}
	}
}

// TestContents: the contents link to all pages and to the sections of the open one.
func TestContents(t *testing.T) {
	open, _ := guide.Find("en", "rest")
	doc := render(t, Guide(Page{L: locale.For("en"), Path: "/guide/rest"}, open))
	if got := doc.Find(".sections > ul > li > a").Length(); got != len(guide.Names) {
		t.Errorf("%d pages", got)
	}
	doc.Find(".sections .inner a").Each(func(_ int, a *goquery.Selection) {
		if _, id, _ := strings.Cut(a.AttrOr("href", ""), "#"); doc.Find("main h2#"+id).Length() != 1 {
			t.Errorf("nothing is at %s", a.AttrOr("href", ""))
		}
	})
	if got := doc.Find(`a[aria-current="page"]`).AttrOr("href", ""); got != "/guide/rest" {
		t.Errorf("the open page is %q", got)
	}
}
