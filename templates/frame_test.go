package templates

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func TestThemeAndLanguageSwitches(t *testing.T) {
	for theme, next := range map[string]string{"": "light", "light": "dark", "dark": ""} {
		doc := render(t, Login(Page{L: locale.For("ru"), Path: "/login", Theme: theme}, LoginData{}))
		if got := doc.Find("html").AttrOr("data-theme", ""); got != theme {
			t.Errorf("theme %q is %q on the page", theme, got)
		}
		form := doc.Find(`form[action="/theme"]`)
		if got := form.Find("input[name=theme]").AttrOr("value", "?"); got != next {
			t.Errorf("after %q comes %q, want %q", theme, got, next)
		}
		if got := form.Find("input[name=from]").AttrOr("value", ""); got != "/login" {
			t.Errorf("the switch returns to %q", got)
		}
	}
	for lang, other := range map[string]string{"ru": "en", "en": "ru"} {
		doc := render(t, Login(Page{L: locale.For(lang)}, LoginData{}))
		if got := doc.Find("input[name=lang]").AttrOr("value", ""); got != other {
			t.Errorf("%s switches to %q", lang, got)
		}
	}
}

// TestSwitchNames: the accessible name of the language switch contains its visible text (WCAG 2.5.3), and the navigation has a control
// with a name.
func TestSwitchNames(t *testing.T) {
	for _, lang := range []string{"ru", "en"} {
		doc := adminAgentIn(t, lang)
		button := doc.Find(`form[action="/language"] button`)
		if text := strings.TrimSpace(button.Text()); text == "" || !strings.HasPrefix(button.AttrOr("aria-label", ""), text) {
			t.Errorf("%s: %s", lang, html(button))
		}
		toggle := doc.Find("#nav-toggle")
		if toggle.AttrOr("aria-label", "") == "" || doc.Find("#"+toggle.AttrOr("aria-controls", "")).Length() != 1 || doc.Find("label[for=nav-toggle]").Length() != 0 {
			t.Errorf("%s: %s", lang, html(toggle))
		}
	}
}

func adminAgentIn(t *testing.T, lang string) *goquery.Document {
	t.Helper()
	return render(t, AdminAgent(Page{L: locale.For(lang), Path: "/admin/agent", User: &agent.User{Login: "admin", Admin: true}}, savedAgent()))
}

// TestLoginOfNewGateway: as long as there is no administrator, the sign-in page says where the setup link is. The link itself is not
// there.
func TestLoginOfNewGateway(t *testing.T) {
	for file, command := range map[string]string{
		"":                                 "",
		"/var/lib/ideco-portal/setup-link": "sudo cat /var/lib/ideco-portal/setup-link",
		"/srv/it's new/setup-link":         `sudo cat '/srv/it'\''s new/setup-link'`,
	} {
		doc := render(t, Login(Page{L: locale.For("ru"), Path: "/login"}, LoginData{SetupLink: file}))
		if doc.Find("#setup-link").Text() != command || doc.Find(`form[action="/login"]`).Length() != 1 {
			t.Errorf("%q: %s", file, html(doc.Find("main")))
		}
	}
}

// TestSetupPageKeepsItsAddress: the setup page has no links to other pages and does not show its secret URL.
func TestSetupPageKeepsItsAddress(t *testing.T) {
	doc := render(t, Setup(Page{L: locale.For("ru"), Path: "/setup/secret"}, SetupData{Token: "secret"}))
	if doc.Find("form").Length() != 1 || doc.Find("input[name=from]").Length() != 0 {
		t.Error("a switch that leads away")
	}
	if got := doc.Find("form").AttrOr("action", ""); got != "/setup/secret" {
		t.Errorf("the form goes to %q", got)
	}
}

func TestConfirmCarriesTheWholeForm(t *testing.T) {
	l := locale.For("ru")
	form := UserForm{Login: "ivanov", Name: "Иванов", Phone: "1", Comment: "c", RemoteAccess: true}
	doc := render(t, Confirm(Page{L: l}, ConfirmUserOff(l, 7, form, 2)))
	for name, want := range map[string]string{"login": "ivanov", "name": "Иванов", "phone": "1", "comment": "c", "remote_access": "1",
		"enabled": "", "admin": "", "confirm": "1"} {
		if got := doc.Find(`form[action="/admin/users/7"] input[name=`+name+`]`).AttrOr("value", ""); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if text := doc.Find("main").Text(); !strings.Contains(text, "2 сессии этого человека завершатся") {
		t.Errorf("got %q", text)
	}
	if text := ConfirmUserDelete(l, agent.User{ID: 7, Login: "ivanov"}, 0).Text; strings.Contains(text, "0") {
		t.Errorf("nothing ends, but it says %q", text)
	}
}

func TestErrorPageSaysTheReferenceOnce(t *testing.T) {
	l := locale.For("en")
	text := render(t, Error(Page{L: l}, ErrorFor(l, http.StatusInternalServerError, "K4T7-QM2A"))).Find("main").Text()
	if strings.Count(text, "K4T7-QM2A") != 1 {
		t.Errorf("got %q", text)
	}
	for _, status := range []int{400, 403, 404, 405, 413, 415, 421, 500, 502} {
		if d := ErrorFor(l, status, ""); d.Title == "" || d.Text == "" || strings.Contains(d.Title+d.Text, "_") {
			t.Errorf("%d: %+v", status, d)
		}
	}
}

func TestWelcomeCSPAllowsTheStyleOfThePage(t *testing.T) {
	l := locale.For("ru")
	doc := render(t, Welcome(Page{L: l}, WelcomeData{PortalURL: "https://gw.company.ru", AgentEnabled: true}))
	sum := sha256.Sum256([]byte(doc.Find("style").Text()))
	if hash := base64.StdEncoding.EncodeToString(sum[:]); !strings.Contains(WelcomeCSP(), "'sha256-"+hash+"'") {
		t.Errorf("the policy %q does not name %s", WelcomeCSP(), hash)
	}
	if doc.Find("script, link, form").Length() > 0 {
		t.Error("the page asks port 80 for more than itself")
	}
	if got := doc.Find("a").AttrOr("href", ""); got != "https://gw.company.ru" {
		t.Errorf("link %q", got)
	}
}
