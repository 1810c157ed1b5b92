//go:build browser

package e2e

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/chromedp/chromedp"

	"ideco-agent/handlers"
	"ideco-agent/templates/guide"
	"ideco-agent/templates/locale"
)

// wrongField is true in a page with a wrong field.
const wrongField = `document.readyState === "complete" && document.querySelector("[aria-invalid=true]") !== null`

// TestAccessibilityInChromium checks every page of Site.Pages with axe-core, with data in it, and what no address opens, such as refused
// forms.
func TestAccessibilityInChromium(t *testing.T) {
	t.Parallel()
	for _, lang := range locale.Languages {
		t.Run(lang, func(t *testing.T) {
			t.Parallel()
			checkPages(t, lang)
		})
	}
}

func checkPages(t *testing.T, lang string) {
	t.Helper()
	g := startGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")
	a := g.axe(t, lang)
	began := time.Now()

	link := g.setupLink()
	a.visit("/")
	a.visit("/login")
	a.visit(link)
	a.types("login", "boss and more")
	a.types("psw", "short")
	a.types("psw2", "shorter")
	a.click("main form button[type=submit]")
	a.holds("refused", wrongField)
	a.check("refused setup")
	a.types("login", "boss")
	a.types("psw", adminPassword)
	a.types("psw2", adminPassword)
	a.click("main form button[type=submit]")
	a.reads("nav", "nav_accounts")
	a.check("the page after the setup")
	for _, path := range []string{"/admin/overview", "/admin/directories", "/admin/monitor/sessions", "/admin/monitor/vpn", "/admin/journal", "/admin/gateway"} {
		a.visit(path)
	}

	admin := g.rest("boss", adminPassword)
	params := g.fill(admin)
	a.signInForAccess()
	socks := freeAddress(t)
	agent := g.agent("remote", userPassword, "laptop", "--tunnel", "netstack", "--socks", socks)
	agent.waits("tunnel")
	g.agent("user2", "wrong password", "other").exits(3) // a refusal for the journal

	pages := (&handlers.Site{}).Pages()
	for _, pattern := range pages.Portal {
		paths := []string{pattern}
		if strings.Contains(pattern, ":") {
			if paths = params[pattern]; len(paths) == 0 {
				t.Errorf("name some paths for the page %s in this test", pattern)
			}
		}
		for _, path := range paths {
			if g.isHTML(admin, path) {
				a.visit(path)
			}
		}
	}
	a.formAndSearches()
	for _, path := range pages.HTTP {
		a.do("open "+path, chromedp.Navigate("http://"+g.where.HTTP[0]+path), chromedp.WaitReady(chromedp.CSS("h1")))
		a.check("plain HTTP " + path)
	}
	inside := g.axe(t, lang, chromedp.ProxyServer("socks5://"+socks))
	for _, path := range pages.Tunnel {
		inside.do("open "+path, chromedp.Navigate(strings.TrimSuffix(insidePage, "/")+path), chromedp.WaitReady(chromedp.CSS("h1")))
		inside.check("in the tunnel " + path)
	}

	a.visit("/cabinet")
	a.click(`form[action="/logout"] button`)
	a.reads("h1", "login_title")
	a.strangers(link)
	t.Logf("%d pages in %v", a.checked+inside.checked, time.Since(began).Round(time.Second))
}

// fill makes data for all pages, and returns the paths of pages with a parameter.
func (g *gateway) fill(admin rest) map[string][]string {
	g.t.Helper()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "gw.company.test", "local_networks": []string{"127.0.0.0/8", "192.168.7.0/24"},
		"browser_sign_in_networks": []string{"127.0.0.0/8"}, "local_tunnel": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "gateway.company.test"}, nil) // makes gw.company.test a former domain
	var group struct{ ID int64 }
	admin.must("POST", "/user_backend/groups", map[string]any{"name": "Бухгалтерия", "remote_access": true, "session_hours_vpn": 4}, &group)
	remote := admin.user(map[string]any{"login": "remote", "name": "Удалённый Пётр", "remote_access": true, "parent_id": group.ID})
	for i := range 3 {
		admin.user(map[string]any{"login": "user" + strconv.Itoa(i), "name": "Сотрудник Номер " + strconv.Itoa(i), "enabled": i != 1})
	}
	admin.must("POST", "/auth/rules", map[string]any{"ip": "192.168.7.50", "user_id": remote, "comment": "У окна", "always_logged": true}, nil)
	admin.must("POST", "/auth/rules", map[string]any{"mac": "00:1b:63:84:45:e6", "user_id": remote, "enabled": false}, nil)
	var directory struct{ ID int64 }
	admin.must("POST", "/ad_backend/domains", map[string]any{"name": "company.test", "user": "ideco@company.test", "password": "secret of the search account", "controllers": []string{"127.0.0.1:1"}}, &directory)
	backupKey, err := age.GenerateX25519Identity()
	if err != nil {
		g.t.Fatal(err)
	}
	admin.must("PUT", settingPath, map[string]any{"backup_recipient": backupKey.Recipient().String()}, nil)
	var backup struct{ ID string }
	admin.must("POST", "/backups", map[string]any{}, &backup)
	paths := map[string][]string{
		"/setup/:token":                   {"/setup/used"},
		"/admin/users/:id":                {"/admin/users/1", fmt.Sprintf("/admin/users/%d", remote)},
		"/admin/groups/:id":               {fmt.Sprintf("/admin/groups/%d", group.ID)},
		"/admin/system/backups/files/:id": {"/admin/system/backups/files/" + backup.ID},
		"/admin/directories/:id":          {"/admin/directories/new", fmt.Sprintf("/admin/directories/%d", directory.ID)},
	}
	for _, name := range guide.Names {
		paths["/guide/:page"] = append(paths["/guide/:page"], "/guide/"+name)
	}
	return paths
}

// isHTML reports whether a path answers an administrator with a page, and not with a file.
func (g *gateway) isHTML(admin rest, path string) bool {
	g.t.Helper()
	response, err := admin.Get("https://" + g.where.Portal[0] + path)
	if err != nil {
		g.t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusInternalServerError {
		g.t.Errorf("%s: %d", path, response.StatusCode)
	}
	return strings.HasPrefix(response.Header.Get("Content-Type"), "text/html")
}

// signInForAccess checks the pages of a person that signs in with a browser to get access.
func (a *axe) signInForAccess() {
	a.t.Helper()
	a.visit("/web_authd/auth?origin=http%3A%2F%2Fshop.example%2F")
	a.types("login", "user0")
	a.types("password", "не тот пароль")
	a.click("main form button[type=submit]")
	a.reads(".banner.bad", "bad_credentials")
	a.check("refused sign-in for access")
	a.types("login", "user0")
	a.types("password", userPassword)
	a.click("main form button[type=submit]")
	a.reads("h1", "web_online_title")
	a.check("online")
	a.do("open the page by address", chromedp.Navigate("http://"+a.g.where.HTTP[0]+"/sign-in"), chromedp.WaitReady(chromedp.CSS("h1")))
	a.check("online by address")
	a.visit("/web_authd/auth")
	a.click("main form button[type=submit]")
	a.reads("h1", "web_auth_title")
	a.check("logged out of access")
}

// formAndSearches checks a refused form of the administration, searches that find something and nothing, and a page that does not exist.
func (a *axe) formAndSearches() {
	a.t.Helper()
	a.open("/admin/users/new")
	a.types("login", "with space")
	a.click("main form button.primary")
	a.holds("refused", wrongField)
	a.check("a refused account")
	a.visit("/admin/users?q=user")
	a.visit("/admin/users?q=nobody")
	a.visit("/admin/none")
}

// strangers checks the pages of people who are not administrators.
func (a *axe) strangers(link string) {
	a.t.Helper()
	a.types("login", "user0")
	a.types("password", "не тот пароль")
	a.click("main form button[type=submit]")
	a.reads(".banner.bad", "bad_credentials")
	a.check("refused sign-in")
	a.visit(link)
	a.logsIn("user0", userPassword)
	a.reads("h1", "cabinet")
	a.check("the cabinet of an employee")
	a.visit("/admin/users")
	a.visit("/none")
}
