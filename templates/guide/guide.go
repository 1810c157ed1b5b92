// Package guide holds the product's manuals: Markdown pages in Russian and English. The portal serves them under /guide/;
// they can also be read in the repository. Both languages have the same pages and sections.
//
// Rules for the Markdown:
//
//   - Every heading below the title has an id: "## Backup {#backup}". Other pages and the portal link to it, so it must not change.
//   - The first paragraph of the page, and of each section, is its short help, which the portal shows in popovers.
//   - A link to another page names its file: "operating.md#backup".
//   - Bold words are literal texts of the portal, of the agent's window or of its policy; " → " separates menu items.
//     Nothing else is bold.
//   - No HTML.
package guide

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

//go:embed ru/*.md en/*.md
var files embed.FS

// Names lists the pages in the order of the contents.
var Names = []string{"first-steps", "people", "groups", "directories", "sso", "browser-sign-in", "certificates", "operating", "firewall", "windows", "agent", "rest", "troubleshooting", "untried"}

// Page is one page in one language.
type Page struct {
	Name     string
	Title    string
	Lead     template.HTML // the first paragraph
	Body     template.HTML // everything after it
	Sections []Section     // of the second level, in order
	leads    map[string]template.HTML
}

// Section is a heading and the text below it.
type Section struct {
	ID    string
	Title string
}

// Path returns the URL path of a section; "" is the whole page.
func Path(page, section string) string {
	if section != "" {
		section = "#" + section
	}
	return "/guide/" + page + section
}

// Pages returns the pages of a language ("ru" or "en") in the order of Names.
func Pages(lang string) []Page {
	list := make([]Page, len(Names))
	for i, name := range Names {
		list[i], _ = Find(lang, name)
	}
	return list
}

// Find returns a page by name.
func Find(lang, name string) (Page, bool) {
	load, ok := pages[lang+"/"+name]
	if !ok {
		return Page{}, false
	}
	return load(), true
}

// Help returns the first paragraph of a section, or of the page for "". It is empty for an unknown name.
func Help(lang, page, section string) template.HTML {
	p, _ := Find(lang, page)
	if section == "" {
		return p.Lead
	}
	return p.leads[section]
}

var (
	markdown = goldmark.New(goldmark.WithExtensions(extension.Table), goldmark.WithParserOptions(parser.WithHeadingAttribute()))
	pages    = loaders()
)

// loaders returns for each "ru/operating" what parses the page when it is first needed.
func loaders() map[string]func() Page {
	all := map[string]func() Page{}
	for _, lang := range []string{"ru", "en"} {
		for _, name := range Names {
			all[lang+"/"+name] = sync.OnceValue(func() Page { return load(lang, name) })
		}
	}
	return all
}

// load parses an embedded page. It panics on an invalid page, which the tests would find.
func load(lang, name string) Page {
	source, err := files.ReadFile(lang + "/" + name + ".md")
	if err != nil {
		panic(err)
	}
	p, err := render(name, source)
	if err != nil {
		panic(fmt.Sprintf("guide: %s/%s.md: %v", lang, name, err))
	}
	return p
}

// render parses the Markdown of a page.
func render(name string, source []byte) (Page, error) {
	p := Page{Name: name, leads: map[string]template.HTML{}}
	doc := markdown.Parser().Parse(text.NewReader(source))
	title, isHeading := doc.FirstChild().(*ast.Heading)
	if !isHeading || title.Level != 1 {
		return p, fmt.Errorf("does not begin with its title")
	}
	if err := rewriteLinks(doc, name); err != nil {
		return p, err
	}
	p.Title = plain(title, source)
	var err error
	if p.Lead, err = lead(title, source); err != nil {
		return p, err
	}
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		h, isHeading := n.(*ast.Heading)
		if !isHeading || h == title {
			continue
		}
		id, named := h.AttributeString("id")
		if !named {
			return p, fmt.Errorf("%q has no id", plain(h, source))
		}
		section := Section{string(id.([]byte)), plain(h, source)}
		if p.leads[section.ID] != "" {
			return p, fmt.Errorf("two sections have the id %q", section.ID)
		}
		if p.leads[section.ID], err = lead(h, source); err != nil {
			return p, err
		}
		if h.Level == 2 {
			p.Sections = append(p.Sections, section)
		}
	}
	doc.RemoveChild(doc, title.NextSibling()) // the lead
	doc.RemoveChild(doc, title)
	p.Body, err = html(doc, source)
	return p, err
}

// lead renders the paragraph after a heading.
func lead(h *ast.Heading, source []byte) (template.HTML, error) {
	if h.NextSibling() == nil || h.NextSibling().Kind() != ast.KindParagraph {
		return "", fmt.Errorf("%q does not begin with a paragraph", plain(h, source))
	}
	return html(h.NextSibling(), source)
}

func html(n ast.Node, source []byte) (template.HTML, error) {
	var b bytes.Buffer
	err := markdown.Renderer().Render(&b, source, n)
	return template.HTML(focusable.Replace(b.String())), err
}

// focusable lets the keyboard scroll what may be wider than the window.
var focusable = strings.NewReplacer("<pre>", `<pre tabindex="0">`, "<table>", `<table tabindex="0">`)

// rewriteLinks replaces links between files and within a file by links of the portal, which also work in a popover.
func rewriteLinks(doc ast.Node, name string) error {
	return ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		link, isLink := n.(*ast.Link)
		if !isLink || !entering {
			return ast.WalkContinue, nil
		}
		to := string(link.Destination)
		if strings.HasPrefix(to, "https://") {
			return ast.WalkContinue, nil
		}
		page, section, _ := strings.Cut(to, "#")
		if page == "" {
			page = name + ".md"
		}
		page, isFile := strings.CutSuffix(page, ".md")
		if !isFile {
			return ast.WalkStop, fmt.Errorf("the link %q does not name a page", to)
		}
		link.Destination = []byte(Path(page, section))
		return ast.WalkContinue, nil
	})
}

// plain returns the text of a node without markup.
func plain(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, isText := n.(*ast.Text); isText && entering {
			b.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}
