package e2e

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// visitor is a browser without scripts: it loads pages and submits their forms.
type visitor struct {
	t      testing.TB
	client *http.Client
	base   *url.URL
	at     *url.URL
	status int
	header http.Header
	page   *goquery.Document
}

func (g *gateway) visitor(from netip.Addr) *visitor {
	g.t.Helper()
	base, err := url.Parse("https://" + g.where.Portal[0])
	if err != nil {
		g.t.Fatal(err)
	}
	return &visitor{t: g.t, client: g.client(from), base: base, at: base}
}

// open loads a page; redirects are followed.
func (v *visitor) open(path string) {
	v.t.Helper()
	request, err := http.NewRequest("GET", v.resolve(path), nil)
	if err != nil {
		v.t.Fatal(err)
	}
	v.load(request)
}

func (v *visitor) resolve(path string) string {
	v.t.Helper()
	u, err := v.at.Parse(path)
	if err != nil {
		v.t.Fatal(err)
	}
	return u.String()
}

func (v *visitor) load(request *http.Request) {
	v.t.Helper()
	response, err := v.client.Do(request)
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	v.status, v.header, v.at = response.StatusCode, response.Header, response.Request.URL
	v.page, err = goquery.NewDocumentFromReader(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
}

// submit sends the form with this action, with its values and the typed ones.
func (v *visitor) submit(action string, typed map[string]string) {
	v.t.Helper()
	v.submitTo(action, action, typed)
}

// submitTo is submit by a button with an action of its own.
func (v *visitor) submitTo(of, action string, typed map[string]string) {
	v.t.Helper()
	form := v.page.Find(`form[method=post][action="` + of + `"]`).First()
	if form.Length() == 0 {
		v.t.Fatalf("%s has no form for %s", v.at.Path, of)
	}
	values := url.Values{}
	form.Find("input, textarea, select").Each(func(_ int, field *goquery.Selection) {
		name, _ := field.Attr("name")
		kind, _ := field.Attr("type")
		if _, checked := field.Attr("checked"); name == "" || (kind == "checkbox" || kind == "radio") && !checked {
			return
		}
		value, _ := field.Attr("value")
		if goquery.NodeName(field) == "textarea" {
			value = field.Text()
		}
		if goquery.NodeName(field) == "select" {
			value = field.Find("option[selected]").AttrOr("value", field.Find("option").First().AttrOr("value", ""))
		}
		values.Add(name, value)
	})
	for name, value := range typed {
		if form.Find(`[name="`+name+`"]`).Length() == 0 {
			v.t.Fatalf("the form for %s has no field %s", of, name)
		}
		values.Set(name, value)
	}
	request, err := http.NewRequest("POST", v.resolve(action), strings.NewReader(values.Encode()))
	if err != nil {
		v.t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	v.load(request)
}

// says reports whether an element that matches the selector contains the text.
func (v *visitor) says(parts, text string) (found bool) {
	v.page.Find(parts).Each(func(_ int, part *goquery.Selection) { found = found || strings.Contains(visible(part), text) })
	return found
}

// sees fails the test unless an element that matches the selector contains the text.
func (v *visitor) sees(parts, text string) {
	v.t.Helper()
	if !v.says(parts, text) {
		v.t.Fatalf("%s (%d) does not say %q in %s but:\n%s", v.at.Path, v.status, text, parts, v.text())
	}
}

// seesNot fails the test if the page contains the text.
func (v *visitor) seesNot(text string) {
	v.t.Helper()
	if have := v.text(); strings.Contains(have, text) {
		v.t.Fatalf("%s says %q", v.at.Path, text)
	}
}

func (v *visitor) text() string { return visible(v.page.Find("body")) }

// visible returns the text with white space folded.
func visible(part *goquery.Selection) string { return strings.Join(strings.Fields(part.Text()), " ") }

// download follows the link with the label.
func (v *visitor) download(label string) (*http.Response, []byte) {
	v.t.Helper()
	var href string
	v.page.Find("a[href]").EachWithBreak(func(_ int, a *goquery.Selection) bool {
		if visible(a) != label {
			return true
		}
		href, _ = a.Attr("href")
		return false
	})
	if href == "" {
		v.t.Fatalf("%s has no link %q", v.at.Path, label)
	}
	response, err := v.client.Get(v.resolve(href))
	if err != nil {
		v.t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		v.t.Fatal(err)
	}
	if response.StatusCode != http.StatusOK {
		v.t.Fatalf("%s: %d %s", href, response.StatusCode, b)
	}
	return response, b
}

func (v *visitor) signIn(login, password string) {
	v.t.Helper()
	v.open("/login")
	v.submit("/login", map[string]string{"login": login, "password": password})
}
