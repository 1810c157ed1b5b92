package guide

import (
	"encoding/xml"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
)

var languages = []string{"ru", "en"}

func document(t *testing.T, p Page) *goquery.Document {
	t.Helper()
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(string(p.Lead + p.Body)))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// ids returns the ids of a page's sections, in order.
func ids(t *testing.T, p Page) []string {
	t.Helper()
	return document(t, p).Find("h2, h3").Map(func(_ int, h *goquery.Selection) string { return h.AttrOr("id", "") })
}

// TestLanguages: both languages have the same files, and in them the same sections in the same order.
func TestLanguages(t *testing.T) {
	for _, lang := range languages {
		entries, err := os.ReadDir(lang)
		if err != nil || len(entries) != len(Names) {
			t.Errorf("%s has %d files, %v; the pages are %d", lang, len(entries), err, len(Names))
		}
	}
	for i, ru := range Pages("ru") {
		if en := Pages("en")[i]; !slices.Equal(ids(t, ru), ids(t, en)) {
			t.Errorf("%s:\nru %q\nen %q", ru.Name, ids(t, ru), ids(t, en))
		}
	}
}

// TestLinks: links between pages name existing sections; all others use HTTPS.
func TestLinks(t *testing.T) {
	for _, lang := range languages {
		for _, p := range Pages(lang) {
			document(t, p).Find("a").Each(func(_ int, a *goquery.Selection) {
				to := a.AttrOr("href", "")
				path, inside := strings.CutPrefix(to, "/guide/")
				if !inside {
					if !strings.HasPrefix(to, "https://") {
						t.Errorf("%s/%s: link to %q", lang, p.Name, to)
					}
					return
				}
				page, section, _ := strings.Cut(path, "#")
				other, ok := Find(lang, page)
				if !ok || section != "" && !slices.Contains(ids(t, other), section) {
					t.Errorf("%s/%s: nothing is at %s", lang, p.Name, to)
				}
			})
		}
	}
}

// TestShortHelp: the text of a popover is short.
func TestShortHelp(t *testing.T) {
	for _, lang := range languages {
		for _, p := range Pages(lang) {
			for _, section := range append([]string{""}, ids(t, p)...) {
				help, err := goquery.NewDocumentFromReader(strings.NewReader(string(Help(lang, p.Name, section))))
				if err != nil {
					t.Fatal(err)
				}
				if n := len([]rune(help.Text())); n < 10 || n > 400 {
					t.Errorf("%s/%s#%s: the first paragraph has %d characters", lang, p.Name, section, n)
				}
			}
		}
	}
}

// TestRenderRefuses: render refuses pages that break the rules of the package comment.
func TestRenderRefuses(t *testing.T) {
	for name, source := range map[string]string{
		"no title":             "Text.\n",
		"no short help":        "# Title\n\n- list\n",
		"a section without id": "# Title\n\nText.\n\n## Section\n\nText.\n",
		"an id twice":          "# Title\n\nText.\n\n## A {#a}\n\nText.\n\n## B {#a}\n\nText.\n",
		"a link to a file":     "# Title\n\nText.\n\n[x](../README)\n",
	} {
		if _, err := render("page", []byte(source)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	p, err := render("page", []byte("# Title\n\nText <script>x</script>.\n\n## A {#a}\n\nSee [b](#a), [c](other.md#d).\n"))
	if err != nil || strings.Contains(string(p.Lead), "<script") {
		t.Errorf("%+v, %v", p, err)
	}
	if want := `<p>See <a href="/guide/page#a">b</a>, <a href="/guide/other#d">c</a>.</p>`; !strings.Contains(string(p.Body), want) {
		t.Errorf("got %s, want %s in it", p.Body, want)
	}
}

// TestWords: bold words are texts of the portal, the agent's window or its policy.
func TestWords(t *testing.T) {
	for _, lang := range languages {
		known := wordsOf(t, lang)
		for _, p := range Pages(lang) {
			document(t, p).Find("strong").Each(func(_ int, bold *goquery.Selection) {
				for _, word := range strings.Split(strings.Join(strings.Fields(bold.Text()), " "), " → ") {
					if !known(word) {
						t.Errorf("%s/%s.md: %q is written nowhere in the product", lang, p.Name, word)
					}
				}
			})
		}
	}
}

// TestMessages: troubleshooting has every refusal with its code and text, and every reason why a session ends.
func TestMessages(t *testing.T) {
	for _, lang := range languages {
		p, _ := Find(lang, "troubleshooting")
		doc, catalogue := document(t, p), catalogueOf(t, lang)
		for _, code := range refusals(t) {
			message, ok := catalogue[code].(string)
			if heading := doc.Find("#" + code).Text(); !ok || !matcher(message).MatchString(heading) {
				t.Errorf("%s: the section %q has the heading %q, want %q", lang, code, heading, message)
			}
		}
		cells := doc.Find("td:first-child strong").Map(func(_ int, s *goquery.Selection) string { return s.Text() })
		for id, message := range catalogue {
			if (strings.HasPrefix(id, "ended_") || strings.HasPrefix(id, "enforcement_") || strings.HasPrefix(id, "store_")) &&
				!slices.Contains([]string{"enforcement_on", "store_unavailable", "store_meanwhile"}, id) &&
				!slices.ContainsFunc(cells, matcher(message.(string)).MatchString) {
				t.Errorf("%s: no row for %q", lang, message)
			}
		}
	}
}

// refusals returns the codes in package agent.
func refusals(t *testing.T) (codes []string) {
	t.Helper()
	source, err := os.ReadFile("../../agent/refusal_codes.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, match := range regexp.MustCompile(`Code\w+ +Code = "([a-z_]+)"`).FindAllStringSubmatch(string(source), -1) {
		codes = append(codes, match[1])
	}
	if len(codes) < 20 {
		t.Fatalf("only %d codes are found", len(codes))
	}
	return codes
}

// TestFlags: the manual names every flag of the gateway and its environment variable.
func TestFlags(t *testing.T) {
	source, err := os.ReadFile("../../cmd/ideco-portal/main.go")
	if err != nil {
		t.Fatal(err)
	}
	variables := regexp.MustCompile(`env:"(IDECO_[A-Z_]+)"`).FindAllStringSubmatch(string(source), -1)
	if len(variables) < 9 {
		t.Fatalf("only %d variables are found", len(variables))
	}
	for _, lang := range languages {
		p, _ := Find(lang, "operating")
		for _, v := range variables {
			flag := "--" + strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(v[1], "IDECO_")), "_", "-")
			if !strings.Contains(string(p.Body), "<td><code>"+flag+"</code></td>\n<td><code>"+v[1]+"</code></td>") {
				t.Errorf("%s: no row for %s and %s", lang, flag, v[1])
			}
		}
	}
}

// TestEvents: the manual names every event in the log.
func TestEvents(t *testing.T) {
	events := map[string]bool{}
	for _, dir := range []string{"../../handlers", "../../agent/access", "../../agent/firewall"} {
		for _, file := range goFiles(t, dir) {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, pattern := range []string{`securityEvent\(c, "([a-z_]+)"`, `"event", "([a-z_]+[a-z])"`, `\.event\("([a-z_]+)"`,
				`sparingKey\{(?:event: )?"([a-z_]+)"`, `event: +"([a-z_]+)"`, `logRefusal\(ctx, "([a-z_]+)"`, `event :?= "([a-z_]+)"`} {
				for _, match := range regexp.MustCompile(pattern).FindAllStringSubmatch(string(source), -1) {
					events[match[1]] = true
				}
			}
		}
	}
	for _, event := range []string{"issued", "renewed", "failed"} { // agent.CertificateEventKinds of orders
		events["certificate_"+event] = true
	}
	for code := range agent.ActCodes {
		switch code {
		case agent.ActAdministratorReset, agent.ActFirewallCleared, agent.ActGatewayExpired, agent.ActSessionsEnded: // only in the journal of acts
		default:
			events[string(code)] = true
		}
	}
	if len(events) < 60 {
		t.Fatalf("only %d events are found: %v", len(events), events)
	}
	for _, lang := range languages {
		p, _ := Find(lang, "operating")
		for event := range events {
			if !strings.Contains(string(p.Body), "<code>"+event+"</code>") {
				t.Errorf("%s: the event %s is not there", lang, event)
			}
		}
	}
}

// wordsOf returns a function that reports whether a text of the portal, the agent or its policy is like this in the
// language.
func wordsOf(t *testing.T, lang string) func(string) bool {
	t.Helper()
	texts := append(agentTexts(t, lang), policyTexts(t, lang)...)
	for _, message := range catalogueOf(t, lang) {
		if text, ok := message.(string); ok {
			texts = append(texts, text)
		}
	}
	var all []*regexp.Regexp
	for _, text := range texts {
		all = append(all, matcher(text))
	}
	return func(word string) bool {
		return slices.ContainsFunc(all, func(one *regexp.Regexp) bool { return one.MatchString(word) })
	}
}

var placeholder = regexp.MustCompile(`\\\{\\\{\\\.\w+\\\}\\\}|\\\{\w+\\\}`)

// matcher matches a text with any values for its placeholders: {{.Name}} in the portal, {name} in the agent.
func matcher(text string) *regexp.Regexp {
	return regexp.MustCompile("^" + placeholder.ReplaceAllString(regexp.QuoteMeta(text), ".+") + "$")
}

func catalogueOf(t *testing.T, lang string) map[string]any {
	t.Helper()
	messages := map[string]any{}
	if _, err := toml.DecodeFile("../locale/"+lang+".toml", &messages); err != nil {
		t.Fatal(err)
	}
	return messages
}

// agentTexts returns the texts of a language from the {Russian, English} pairs in the agent's sources.
func agentTexts(t *testing.T, lang string) (texts []string) {
	t.Helper()
	for _, file := range goFiles(t, "../../agent/client/locale") {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if pair, ok := n.(*ast.CompositeLit); ok && len(pair.Elts) == 2 {
				if literal, ok := pair.Elts[slices.Index(languages, lang)].(*ast.BasicLit); ok {
					if text, err := strconv.Unquote(literal.Value); err == nil {
						texts = append(texts, text)
					}
				}
			}
			return true
		})
	}
	if len(texts) < 50 {
		t.Fatalf("only %d texts of the agent are found", len(texts))
	}
	return texts
}

func policyTexts(t *testing.T, lang string) []string {
	t.Helper()
	region := map[string]string{"ru": "ru-RU", "en": "en-US"}[lang]
	data, err := os.ReadFile("../../agent/installer/policy/" + region + "/IdecoAgent.adml")
	if err != nil {
		t.Fatal(err)
	}
	var adml struct {
		Strings []string `xml:"resources>stringTable>string"`
	}
	if err := xml.Unmarshal(data, &adml); err != nil || len(adml.Strings) == 0 {
		t.Fatalf("%d strings, %v", len(adml.Strings), err)
	}
	return adml.Strings
}

// goFiles returns the sources in a directory without tests.
func goFiles(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("%s: %d files, %v", dir, len(files), err)
	}
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "_test.go") })
}
