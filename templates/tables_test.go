package templates

import (
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/templates/locale"
)

// TestTablesHaveNames: every column of every table has a name in both languages, keys are unique, and the default order is one of them.
func TestTablesHaveNames(t *testing.T) {
	for _, table := range Tables {
		seen := map[string]bool{}
		for _, c := range table.Columns {
			for _, lang := range locale.Languages {
				if name := locale.For(lang).T(c.Label); name == c.Label {
					t.Errorf("%s: column %s has no name in %s", table.Name, c.Key, lang)
				}
			}
			if seen[c.Key] {
				t.Errorf("%s: two columns are called %s", table.Name, c.Key)
			}
			seen[c.Key] = true
		}
		if key := strings.TrimPrefix(table.Sort, "-"); key != "" && !table.CanSort(key) {
			t.Errorf("%s: cannot be sorted by %q", table.Name, key)
		}
	}
}

// view is a page of the sessions with a filter.
func view(page, total int) TableView {
	return TableView{Table: SessionsTable, Query: []HiddenField{{"q", "a&b"}}, Sort: "rx", Down: true, Page: page, Size: 50, Total: total, Hidden: map[string]bool{"device": true}}
}

func TestTableHeadSorts(t *testing.T) {
	doc := render(t, MonitorSessions(monitorPage(), MonitorData{View: view(3, 293)}))
	for column, want := range map[string]struct{ sort, href string }{
		"rx":    {"descending", "q=a%26b&sort=rx"},
		"tx":    {"none", "q=a%26b&sort=-tx"},
		"kind":  {"none", "q=a%26b&sort=kind"},
		"login": {"none", "q=a%26b"}, // the default order
	} {
		th := doc.Find("th.col-" + column)
		if got := th.AttrOr("aria-sort", ""); got != want.sort {
			t.Errorf("%s: aria-sort %q, want %q", column, got, want.sort)
		}
		if got := th.Find("a").AttrOr("href", ""); got != "/admin/monitor/sessions?"+want.href {
			t.Errorf("%s: %q, want %q", column, got, want.href)
		}
	}
	if doc.Find("th.col-device").Length() != 0 {
		t.Error("a hidden column is shown")
	}
	if th := doc.Find("th.col-action"); th.Find("a").Length() != 0 || th.AttrOr("aria-sort", "") != "" {
		t.Error("the column of buttons can be sorted")
	}
}

func TestTablePaging(t *testing.T) {
	for _, c := range []struct {
		page, total             int
		atLeast                 bool
		text, previous, further string
	}{
		{1, 50, false, "", "", ""},
		{1, 293, false, "из 6 1–50 из 293", "", "2"},
		{3, 293, false, "из 6 101–150 из 293", "2", "4"},
		{6, 293, false, "из 6 251–293 из 293", "5", ""},
		{2, 500, true, "из 10+ 51–100 из 500+", "", "3"}, // a link to the first page has no number
	} {
		v := view(c.page, c.total)
		v.AtLeast = c.atLeast
		doc := render(t, tablePaging(Page{L: locale.For("ru")}, v))
		var texts []string
		doc.Find("nav span:not(a span)").Each(func(_ int, s *goquery.Selection) { texts = append(texts, s.Text()) })
		if text := strings.Join(texts, " "); text != c.text {
			t.Errorf("page %d of %d: %q, want %q", c.page, c.total, text, c.text)
		}
		for rel, want := range map[string]string{"prev": c.previous, "next": c.further} {
			at, err := url.Parse(doc.Find("a[rel="+rel+"]").AttrOr("href", ""))
			if err != nil || at.Query().Get("page") != want || want != "" && (at.Query().Get("q") != "a&b" || at.Query().Get("sort") != "-rx") {
				t.Errorf("page %d of %d, %s: %v", c.page, c.total, rel, at)
			}
		}
		if c.text != "" {
			fields := map[string]string{}
			doc.Find("form input").Each(func(_ int, s *goquery.Selection) { fields[s.AttrOr("name", "")] = s.AttrOr("value", "") })
			if fields["q"] != "a&b" || fields["sort"] != "-rx" || fields["page"] != decimal(c.page) {
				t.Errorf("the form that jumps has %v", fields)
			}
		}
	}
}

func TestTableTools(t *testing.T) {
	doc := render(t, tableTools(Page{L: locale.For("ru"), Path: "/admin/monitor/sessions", Query: "q=a", CSRF: "x"}, view(3, 293)))
	if got := doc.Find("a[download]").AttrOr("href", ""); got != "/admin/monitor/sessions.csv?q=a%26b&sort=-rx" {
		t.Errorf("the file is at %q", got)
	}
	if doc.Find(`input[name=column][value=device][checked]`).Length() != 0 || doc.Find(`input[name=column][value=kind][checked]`).Length() != 1 ||
		doc.Find(`input[name=column][value=login]`).Length() != 0 {
		t.Error(doc.Find("fieldset").Html())
	}
}
