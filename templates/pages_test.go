package templates

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/a-h/templ"

	"ideco-agent/agent"
	"ideco-agent/static"
	"ideco-agent/templates/guide"
	"ideco-agent/templates/locale"
)

// hostile is input that must not become markup.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(2)>' {{.}} javascript:alert(3)`

var now = time.Date(2026, 11, 23, 14, 5, 0, 0, time.Local)

func bytesOf(n uint64) *uint64 { return &n }

func someSession(id string, kind agent.Kind) agent.LiveSession {
	s := agent.LiveSession{State: agent.StateConnected, Rx: bytesOf(1503238553), Tx: bytesOf(10), Handshake: now}
	s.ID, s.UserID, s.Kind = id, 7, kind
	s.Login, s.Name, s.Device.Name = hostile, hostile, hostile
	s.Address, s.ExternalIP = netip.MustParseAddr("10.0.0.5"), netip.MustParseAddr("203.0.113.9")
	s.Started = now.Add(-2*time.Hour - 5*time.Minute)
	return s
}

// someEntries are an open session, one through the VPN that has ended, and a refusal.
func someEntries() []agent.JournalEntry {
	open := agent.JournalEntry{ID: "one", UserID: 7, Login: hostile, Name: hostile, Group: hostile, Directory: hostile, Device: hostile, MAC: hostile, Kind: agent.KindLAN,
		Inner: netip.MustParseAddr("10.0.0.5"), Started: now.Add(-time.Hour)}
	ended := agent.JournalEntry{ID: "two", UserID: 8, Login: hostile, Kind: agent.KindVPN, Way: agent.WayPassword, Tunnel: netip.MustParseAddr("10.128.0.5"),
		Outer: netip.MustParseAddr("203.0.113.9"), Started: now.Add(-time.Hour), Ended: now, Rx: 1503238553, Reason: agent.ReasonEvicted}
	return []agent.JournalEntry{open, ended, {ID: "three", Login: "***", Started: now, Ended: now, Refusal: agent.CodeBadCredentials}}
}

// samples returns all pages in many states, filled with hostile text.
func samples(l *locale.Localizer) map[string]templ.Component {
	admin := &agent.User{ID: 1, Login: hostile, Name: hostile, Directory: agent.LocalDirectory, Admin: true, Enabled: true}
	remote := &agent.User{ID: 2, Login: "petrova", Directory: hostile, Enabled: true, Refused: agent.CodeNotPermitted}
	page := func(path string, user *agent.User) Page {
		return Page{L: l, Path: path, User: user, CSRF: "token-" + hostile, Theme: hostile, Toast: hostile, Alert: hostile, Ending: []agent.CertificateEnd{{Name: hostile, Source: agent.SourceUploaded, NotAfter: now}}}
	}
	waiting := someSession("two", agent.KindVPN)
	waiting.State, waiting.Rx, waiting.Tx, waiting.Handshake, waiting.Device.Name = agent.StateWaiting, nil, nil, time.Time{}, ""
	live := []agent.LiveSession{someSession("one", agent.KindLAN), waiting, someSession("three", agent.KindWeb), someSession("four", agent.KindStatic)}
	errors := map[string]string{}
	for _, name := range []string{"login", "name", "psw", "psw2", "current", "phone", "comment", "enabled", "admin", "remote_access",
		"local_networks", "browser_sign_in_networks", "session_hours_lan", "session_hours_vpn", "grace_seconds", "devices_per_user", "device_policy",
		"journal_days", "journal_mb",
		"parent_id", "forward", "forward_nets", "directory_group",
		"kind", "user", "password", "dns_ips", "controllers", "transport", "tls_name", "ldap_paths", "ca_pem", "login_groups", "remote_groups",
		"lockout_limit", "lockout_minutes", "check_minutes",
		"directory", "directory_root_pem", "email", "eab_key_id", "eab_hmac_key",
		"lan_interfaces", "wan_interfaces", "open_before_login", "firewall_timeout_seconds"} {
		errors[name] = hostile
	}
	form := SettingsForm{LocalNetworks: hostile, DevicePolicy: "evict", Numbers: map[string]string{}}
	for _, n := range agent.AgentNumbers() {
		form.Numbers[n.Name] = hostile
	}
	account := UserForm{Login: hostile, Name: hostile, Phone: hostile, Comment: hostile, Enabled: true}
	inherited := agent.GroupTree{}.Apply(*admin, agent.DefaultSettings())
	inGroup := agent.User{Directory: hostile, DirectoryGroups: []string{hostile}, RemoteByGroups: true}
	impact := GroupImpact{Accounts: 7, LoseRemote: 1, Sessions: 2, LoseAdmin: 3, GainAdmin: 4, Other: 5}
	browsers := []BrowserRow{
		{BrowserSession: agent.BrowserSession{ID: "aa", UserAgent: hostile, Created: now, LastSeen: now}, Current: true},
		{BrowserSession: agent.BrowserSession{ID: "bb", UserAgent: "Mozilla/5.0 (Windows NT 10.0) Firefox/140.0", Address: netip.MustParseAddr("::1")}},
	}
	full := AdminAgentData{Enabled: true, Domain: hostile, DomainError: hostile, DomainNotice: hostile, Saved: true, SavedDomain: hostile,
		DomainUnicode: "шлюз.рф", InstallerReady: true, NoDriver: true, Unsigned: true, Deployment: Deployment{hostile, hostile, hostile, true, hostile, []string{hostile}, []Program{{hostile, hostile, hostile}}}, Pin: hostile, Form: form, Errors: errors, Sessions: 3, State: State{Conditions: hostileConditions(), Steps: FirstSteps(nil)},
		VPN: VPNForm{Network: hostile, Forward: ForwardChosen, ForwardNets: hostile, DNS: hostile, DNSSuffix: hostile, LocalTunnel: true}, Certificate: CertificateSummary{CertificateTrusted, now}, Browser: BrowserSignIn{Networks: hostile, NotLocal: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Length: time.Hour, Trusted: true, API: hostile}}
	off := full
	off.Enabled, off.Certificate, off.Browser.Trusted = false, CertificateSummary{State: CertificateFailed}, false
	missing := full
	missing.InstallerReady, missing.Certificate = false, CertificateSummary{State: CertificateOffered}
	cabinet := CabinetData{AgentEnabled: true, Domain: hostile, InstallerReady: true, Unsigned: true, Sessions: live, Browsers: browsers, Errors: errors, Now: now}
	wanted := "https://gw.company.ru:8443/?" + hostile
	return map[string]templ.Component{
		"connected":           Connected(page("/", nil), ConnectedData{Login: hostile, Address: hostile, Since: now}),
		"login":               Login(page("/login", nil), LoginData{Login: hostile, Error: hostile, SSO: true}),
		"sign in again":       SignInAgain(page("/admin/users", nil), SignInAgainData{Action: hostile, Fields: []HiddenField{{hostile, hostile}}, Secrets: true, Login: hostile, Error: hostile}),
		"send again":          SignInAgain(page("/admin/users", admin), SignInAgainData{Action: "/admin/users", Fields: []HiddenField{{hostile, hostile}}}),
		"login sso":           LoginSSO(page("/login", nil), LoginSSOData{Error: hostile, Help: "sso_clock"}),
		"login sso ticket":    LoginSSO(page("/login", nil), LoginSSOData{NoTicket: true}),
		"setup":               Setup(page("/setup/x", nil), SetupData{Token: "abc", Login: hostile, Name: hostile, Errors: errors}),
		"confirm off":         Confirm(page("/admin/agent/state", admin), ConfirmAgentOff(l, AgentConnection, 3, true)),
		"confirm vpn":         Confirm(page("/admin/agent/vpn", admin), ConfirmVPN(l, full.VPN, 2)),
		"confirm save":        Confirm(page("/admin/agent/settings", admin), ConfirmSettings(l, form, 1)),
		"confirm user":        Confirm(page("/admin/users/7", admin), ConfirmUserOff(l, 7, account, 0)),
		"confirm delete":      Confirm(page("/admin/users/7/delete", admin), ConfirmUserDelete(l, *admin, 5)),
		"confirm deny":        Confirm(page("/admin/monitor/vpn/7/deny", admin), ConfirmVPNDeny(l, *admin, 2, monitorView(VPNTable, 3))),
		"error":               Error(page("/", nil), ErrorData{Status: 500, Title: hostile, Text: hostile, Ref: "K4T7-QM2A"}),
		"error person":        Error(page("/", admin), ErrorFor(l, http.StatusForbidden, "")),
		"welcome":             Welcome(page("/", nil), WelcomeData{PortalURL: "https://gw.company.ru:8443", AgentEnabled: true}),
		"welcome off":         Welcome(page("/", nil), WelcomeData{}),
		"welcome refresh":     Welcome(page("/", nil), WelcomeData{PortalURL: "https://gw.company.ru:8443/", AgentEnabled: true, SignInQuery: "origin=" + url.QueryEscape(hostile)}),
		"welcome by hand":     Welcome(page("/", nil), WelcomeData{PortalURL: "https://gw.company.ru:8443/", AgentEnabled: true, SignInByHand: true}),
		"welcome nowhere":     Welcome(page("/", nil), WelcomeData{AgentEnabled: true, SignInByHand: true}),
		"welcome online":      Welcome(page("/", nil), WelcomeData{PortalURL: "https://gw.company.ru:8443/", AgentEnabled: true, Online: true}),
		"web auth":            WebAuth(page("/web_authd/auth", nil), WebAuthData{Token: "token-" + hostile, Origin: wanted, Login: hostile, Error: hostile, Change: true, Program: true}),
		"web online":          WebOnline(page("/web_authd/auth", nil), WebOnlineData{WebAuthData{Token: "token-" + hostile, Origin: wanted}, someSession("web", agent.KindWeb), now}),
		"web online rule":     WebOnline(page("/web_authd/auth", nil), WebOnlineData{Session: someSession("rule", agent.KindStatic), Now: now}),
		"agent":               AdminAgent(page("/admin/agent", admin), full),
		"agent rollout":       AdminAgent(page("/admin/agent/rollout", admin), onTab(AgentRollout, full)),
		"agent rollout none":  AdminAgent(page("/admin/agent/rollout", admin), onTab(AgentRollout, missing)),
		"agent access":        AdminAgent(page("/admin/agent/access", admin), onTab(AgentAccess, full)),
		"agent vpn":           AdminAgent(page("/admin/agent/vpn", admin), onTab(AgentVPN, full)),
		"login new":           Login(page("/login", nil), LoginData{SetupLink: "/var/lib/ideco-portal/setup-link"}),
		"cabinet phone":       Cabinet(page("/cabinet", admin), CabinetData{AgentEnabled: true, Domain: hostile, System: "iOS", InstallerReady: true, Now: now}),
		"agent off":           AdminAgent(page("/admin/agent", admin), off),
		"agent missing":       AdminAgent(page("/admin/agent", admin), missing),
		"agent new":           AdminAgent(page("/admin/agent", admin), AdminAgentData{InstallerReady: true}),
		"users":               AdminUsers(page("/admin/users", admin), AdminUsersData{Filter: UserFilterForm{Query: hostile, Directory: hostile, Group: hostile, When: hostile}, WhenError: hostile, Users: []agent.User{*admin, *remote}, View: testView(UsersTable, 6), Directories: []string{hostile}, Groups: []GroupChoice{{ID: 1, Path: hostile, Local: true}}, Paths: map[agent.UserID]string{admin.ID: hostile}}),
		"users none":          AdminUsers(page("/admin/users", admin), AdminUsersData{Filter: UserFilterForm{Query: hostile}, View: testView(UsersTable, 0)}),
		"users empty":         AdminUsers(page("/admin/users", admin), AdminUsersData{View: testView(UsersTable, 0)}),
		"bulk":                Confirm(page("/admin/users/bulk", admin), ConfirmBulk(l, BulkQuestion{Filter: UserFilterForm{Query: hostile}, List: testView(UsersTable, 6), Act: ActGroup + "1", Group: hostile, Concerned: 2, Same: 1, Sessions: 1, Admins: 1, Own: true, LastAdmin: hostile})),
		"import":              AdminImport(page("/admin/users/import", admin), AdminImportData{Error: hostile, Columns: []ImportColumn{{hostile, hostile}}}),
		"import mistakes":     AdminImport(page("/admin/users/import", admin), AdminImportData{Preview: &ImportPreview{File: hostile, Total: 3, Mistakes: []ImportMistake{{2, hostile, hostile}, {3, "", hostile}}, Unknown: []string{hostile}}}),
		"import preview":      AdminImport(page("/admin/users/import", admin), AdminImportData{Preview: &ImportPreview{Token: hostile, File: hostile, NewCount: 1, Changes: 9, Unchanged: 4, Passwords: 1, Locked: 1, Sessions: 2, Admins: 1, New: []ImportChange{{2, hostile, []ImportField{{hostile, "", hostile}}}}, Changed: []ImportChange{{3, hostile, []ImportField{{hostile, hostile, hostile}}}}}}),
		"import nothing":      AdminImport(page("/admin/users/import", admin), AdminImportData{Preview: &ImportPreview{File: hostile, Unchanged: 4}}),
		"user new":            AdminUser(page("/admin/users/new", admin), AdminUserData{Local: true, Form: account, Errors: errors}),
		"user":                AdminUser(page("/admin/users/7", admin), AdminUserData{ID: 7, Local: true, Self: true, Title: hostile, Form: account, Sessions: 1}),
		"user remote":         AdminUser(page("/admin/users/2", admin), AdminUserData{ID: 2, Directory: hostile, Title: hostile, LastAdmin: true}),
		"sessions":            MonitorSessions(page("/admin/monitor/sessions", admin), monitorData(SessionsTable, live)),
		"sessions none":       MonitorSessions(page("/admin/monitor/sessions", admin), monitorData(SessionsTable, nil)),
		"sessions off":        MonitorSessions(page("/admin/monitor/sessions", admin), MonitorData{View: monitorView(SessionsTable, 0), Now: now}),
		"vpn":                 MonitorVPN(page("/admin/monitor/vpn", admin), monitorData(VPNTable, live[1:2])),
		"vpn none":            MonitorVPN(page("/admin/monitor/vpn", admin), MonitorData{View: monitorView(VPNTable, 0), Unavailable: true, Now: now}),
		"cabinet":             Cabinet(page("/cabinet", admin), cabinet),
		"gateway":             AdminGateway(page("/admin/gateway", admin), fullGateway(errors)),
		"gateway trial":       AdminGateway(page("/admin/gateway", admin), gatewayOnTrial()),
		"gateway new":         AdminGateway(page("/admin/gateway", admin), AdminGatewayData{State: agent.GatewayState{Enforcement: agent.EnforcementIdle}}),
		"certificate":         AdminCertificate(page("/admin/certificate", admin), fullCertificate(errors, agent.OrderFailed)),
		"certificate runs":    AdminCertificate(page("/admin/certificate", admin), fullCertificate(nil, agent.OrderRunning)),
		"certificate off":     AdminCertificate(page("/admin/certificate", admin), AdminCertificateData{Domain: hostile, Form: ACMEForm{CA: CAOff}, Saved: ACMEForm{CA: CAOff}, Changed: now, Now: now}),
		"certificate new":     AdminCertificate(page("/admin/certificate", admin), AdminCertificateData{Form: ACMEForm{CA: CAOff}, Now: now}),
		"certificate terms":   CertificateTerms(page("/admin/certificate/acme", admin), CertificateTermsData{Token: hostile, CA: hostile, Terms: hostile}),
		"confirm root":        Confirm(page("/admin/certificate/next-root", admin), ConfirmRootChange(l, now)),
		"confirm certificate": Confirm(page("/admin/certificate/uploaded/1/delete", admin), ConfirmCertificateRemove(l, UploadedCertificate{ID: 1, Serves: []string{hostile}})),
		"confirm root stay":   Confirm(page("/admin/certificate/next-root/cancel", admin), ConfirmRootCancel(l)),
		"guide":               Guide(page("/guide/rest", admin), guidePage(l, "rest")),
		"guide stranger":      Guide(page("/guide/agent", nil), guidePage(l, "agent")),
		"directories":         AdminDirectories(page("/admin/directories", admin), AdminDirectoriesData{Directories: someDirectories(), Now: now}),
		"directories new":     AdminDirectories(page("/admin/directories", admin), AdminDirectoriesData{Now: now}),
		"directory new":       AdminDirectory(page("/admin/directories/new", admin), AdminDirectoryData{Form: NewDirectoryForm(agent.DirectorySettings{}), Report: someReport(), GroupsSearched: true}),
		"directory":           AdminDirectory(page("/admin/directories/3", admin), fullDirectory(errors)),
		"directory failed":    AdminDirectory(page("/admin/directories/3", admin), AdminDirectoryData{ID: 3, PasswordStored: true, GroupsError: hostile}),
		"confirm directory":   Confirm(page("/admin/directories/3/delete", admin), ConfirmDirectoryDelete(l, someDirectories()[0].DirectorySettings, 5, 2)),
		"confirm check":       Confirm(page("/admin/directories/3/confirm", admin), ConfirmCheck(l, someDirectories()[0].DirectorySettings, *someDirectories()[0].Status.Withheld)),
		"confirm convert":     Confirm(page("/admin/directories/3/convert", admin), ConfirmConvert(l, someDirectories()[0].DirectorySettings, []agent.User{*admin})),
		"user refused": AdminUser(page("/admin/users/2", admin), AdminUserData{ID: 2, Directory: hostile, Title: hostile, Refused: agent.CodeAccountExpired, Form: UserForm{ByGroups: true, RightsForm: fullRights()}, Errors: errors,
			Inherited: Inherited{someGroups(), someGroups().Apply(inGroup, agent.DefaultSettings())}, Applied: someGroups().Apply(inGroup, agent.DefaultSettings()), DirectoryGroups: someGroups().Below(2)}),
		"groups":            AdminGroups(page("/admin/groups", admin), AdminGroupsData{Tree: someGroups(), Accounts: map[agent.GroupID]int{1: 5, 2: 1}, Directories: true}),
		"groups found":      AdminGroups(page("/admin/groups", admin), AdminGroupsData{Tree: someGroups(), Query: "o"}),
		"groups none":       AdminGroups(page("/admin/groups", admin), AdminGroupsData{Tree: someGroups(), Query: hostile + "x"}),
		"groups empty":      AdminGroups(page("/admin/groups", admin), AdminGroupsData{Directories: true}),
		"group":             AdminGroup(page("/admin/groups/3", admin), fullGroup(errors)),
		"group new":         AdminGroup(page("/admin/groups/new", admin), AdminGroupData{Form: NewGroupForm(agent.Group{Directory: agent.LocalDirectory}), Inherited: Inherited{Rights: inherited}}),
		"group none":        AdminGroup(page("/admin/groups/1", admin), AdminGroupData{ID: 1, Name: hostile, Form: NewGroupForm(agent.Group{Directory: agent.LocalDirectory}), Tree: someGroups(), Inherited: Inherited{Rights: inherited}}),
		"group search":      AdminGroupDirectory(page("/admin/groups/directory", admin), foundInDirectory()),
		"group searched":    AdminGroupDirectory(page("/admin/groups/directory", admin), AdminGroupDirectoryData{Directories: []string{hostile}, Searched: true, Text: hostile}),
		"group unreachable": AdminGroupDirectory(page("/admin/groups/directory", admin), AdminGroupDirectoryData{Directories: []string{hostile}, Error: hostile}),
		"group alone":       AdminGroupDirectory(page("/admin/groups/directory", admin), AdminGroupDirectoryData{}),
		"confirm group":     Confirm(page("/admin/groups/3", admin), ConfirmGroup(l, 3, fullGroup(errors).Form, impact, true)),
		"confirm leave":     Confirm(page("/admin/groups/3", admin), ConfirmGroup(l, 3, fullGroup(errors).Form, impact, false)),
		"confirm no group":  Confirm(page("/admin/groups/3/delete", admin), ConfirmGroupDelete(l, someGroups().Below(0)[0], impact, hostile)),
		"confirm group off": Confirm(page("/admin/groups/3/delete", admin), ConfirmGroupDelete(l, someGroups().Below(2)[0], impact, "")),
		"confirm admin":     Confirm(page("/admin/users/7", admin), ConfirmUserAdmin(l, *admin, account, hostile)),
		"confirm length":    Confirm(page("/admin/users/7", admin), ConfirmUserSessions(l, *admin, account, 2)),
		"journal":           AdminJournal(page("/admin/journal", admin), AdminJournalData{Filter: JournalFilterForm{hostile, hostile, hostile, hostile, hostile, hostile, hostile, hostile}, Errors: map[string]string{"from": hostile, "to": hostile}, Entries: someEntries(), View: testView(JournalTable, 10_000), Last: true, Days: 190, Accounts: map[agent.UserID]bool{7: true}, Now: now}),
		"overview":          AdminOverview(page("/admin/overview", admin), someOverview()),
		"overview empty":    AdminOverview(page("/admin/overview", admin), AdminOverviewData{Now: now}),
		"journal none":      AdminJournal(page("/admin/journal", admin), AdminJournalData{Filter: JournalFilterForm{Query: hostile}, View: testView(JournalTable, 0)}),
		"journal empty":     AdminJournal(page("/admin/journal", admin), AdminJournalData{View: testView(JournalTable, 0)}),
		"cabinet remote":    Cabinet(page("/cabinet", remote), CabinetData{Now: now}),
	}
}

// testView is a page of a table with a hostile filter, its second one if there are rows.
func testView(t *Table, total int) TableView {
	v := TableView{Table: t, Sort: strings.TrimPrefix(t.Sort, "-"), Down: strings.HasPrefix(t.Sort, "-"), Page: 1, Size: 2, Total: total, AtLeast: total > 1000}
	if total > 0 {
		v.Page, v.Query = 2, []HiddenField{{"q", hostile}}
	}
	return v
}

func render(t *testing.T, c templ.Component) *goquery.Document {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	doc, err := goquery.NewDocumentFromReader(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// each runs a check on every sample in both languages.
func each(t *testing.T, check func(t *testing.T, name string, doc *goquery.Document)) {
	for _, lang := range locale.Languages {
		for name, c := range samples(locale.For(lang)) {
			t.Run(lang+"/"+name, func(t *testing.T) { check(t, name, render(t, c)) })
		}
	}
}

func guidePage(l *locale.Localizer, name string) guide.Page {
	p, _ := guide.Find(l.Lang(), name)
	return p
}

func html(s *goquery.Selection) string {
	text, _ := goquery.OuterHtml(s)
	return text
}

func TestWhatPeopleTypeStaysText(t *testing.T) {
	each(t, func(t *testing.T, name string, doc *goquery.Document) {
		if doc.Find("img, iframe, object, base").Length() > 0 {
			t.Error("markup came through")
		}
		doc.Find("script").Each(func(_ int, s *goquery.Selection) {
			if src := s.AttrOr("src", ""); src != static.URL("app.js") && src != static.URL("live_table.js") || s.Text() != "" {
				t.Errorf("a script: %s", html(s))
			}
		})
		if doc.Find("style").Length() > 0 && !strings.HasPrefix(name, "welcome") && name != "connected" {
			t.Error("an inline style")
		}
		doc.Find("*").Each(func(_ int, s *goquery.Selection) {
			for _, a := range s.Nodes[0].Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "style" {
					t.Errorf("attribute %s of %s", a.Key, html(s))
				}
				if (a.Key == "href" || a.Key == "action" || a.Key == "src") && !isOurs(a.Val) {
					t.Errorf("%s leads to %q", a.Key, a.Val)
				}
			}
		})
	})
}

// isOurs reports whether a link stays on the portal. Only the welcome page has an absolute link to it.
func isOurs(link string) bool {
	u, err := url.Parse(link)
	if err != nil {
		return false
	}
	return u.Scheme == "" && u.Host == "" || u.Host == "gw.company.ru:8443"
}

func TestEveryFormCarriesTheToken(t *testing.T) {
	each(t, func(t *testing.T, _ string, doc *goquery.Document) {
		doc.Find("form").Each(func(_ int, s *goquery.Selection) {
			switch s.AttrOr("method", "") {
			case "get":
				if s.Find("input[name="+CSRFField+"]").Length() > 0 {
					t.Errorf("a token in an address: %s", html(s))
				}
			case "post":
				field := CSRFField
				if strings.HasPrefix(s.AttrOr("action", ""), "/web_authd/") {
					field = WebTokenField
				}
				if s.Find("input[type=hidden][name="+field+"]").AttrOr("value", "") != "token-"+hostile {
					t.Errorf("no token: %s", html(s))
				}
			default:
				t.Errorf("no method: %s", html(s))
			}
		})
	})
}

func TestEverythingHasAName(t *testing.T) {
	each(t, func(t *testing.T, _ string, doc *goquery.Document) {
		doc.Find("input:not([type=hidden]), textarea, select").Each(func(_ int, s *goquery.Selection) {
			label := doc.Find(`label[for="` + s.AttrOr("id", "?") + `"]`)
			if strings.TrimSpace(label.Text()) == "" && s.AttrOr("aria-label", "") == "" {
				t.Errorf("no label: %s", html(s))
			}
		})
		doc.Find("button, a, summary, nav, section").Each(func(_ int, s *goquery.Selection) {
			if s.AttrOr("aria-label", "") == "" && s.AttrOr("aria-labelledby", "") == "" && strings.TrimSpace(s.Text()) == "" {
				t.Errorf("no name: %s", html(s))
			}
		})
		doc.Find(".table th").Each(func(_ int, s *goquery.Selection) {
			if strings.TrimSpace(s.Text()) == "" {
				t.Error("a column without a name")
			}
		})
		doc.Find("svg.chart").Each(func(_ int, s *goquery.Selection) {
			if s.AttrOr("role", "") != "img" || s.AttrOr("aria-label", "") == "" {
				t.Errorf("no name: %s", html(s))
			}
		})
		doc.Find("svg:not(.chart, .chart svg)").Each(func(_ int, s *goquery.Selection) {
			if s.AttrOr("aria-hidden", "") != "true" || s.Children().Length() == 0 {
				t.Errorf("an icon that is read aloud or empty: %s", html(s))
			}
		})
	})
}

func TestIdentifiersAreUniqueAndReferencesFindThem(t *testing.T) {
	each(t, func(t *testing.T, _ string, doc *goquery.Document) {
		seen := map[string]bool{}
		doc.Find("[id]").Each(func(_ int, s *goquery.Selection) {
			if id := s.AttrOr("id", ""); seen[id] {
				t.Errorf("id %q twice", id)
			} else {
				seen[id] = true
			}
		})
		for _, attribute := range []string{"for", "aria-describedby", "aria-labelledby", "aria-controls", "data-copy", "data-tools"} {
			doc.Find("[" + attribute + "]").Each(func(_ int, s *goquery.Selection) {
				if id := s.AttrOr(attribute, ""); !seen[id] {
					t.Errorf("%s names %q, which is not there", attribute, id)
				}
			})
		}
	})
}

func TestEveryPageIsWhole(t *testing.T) {
	each(t, func(t *testing.T, name string, doc *goquery.Document) {
		if n := doc.Find("h1").Length(); n != 1 {
			t.Errorf("%d headings", n)
		}
		if n := doc.Find(".button.primary").Length(); n > 1 {
			t.Errorf("%d primary buttons", n)
		}
		if lang := doc.Find("html").AttrOr("lang", ""); !strings.Contains(t.Name(), "/"+lang+"/") {
			t.Errorf("lang %q", lang)
		}
		if doc.Find("html[data-theme]").Length() > 0 {
			t.Error("a theme that does not exist")
		}
		if strings.Contains(doc.Text(), "<no value>") || strings.TrimSpace(doc.Find("title").Text()) == "" {
			t.Error("a text with a hole")
		}
		doc.Find("link, script").Each(func(_ int, s *goquery.Selection) {
			w := httptest.NewRecorder()
			static.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, s.AttrOr("href", s.AttrOr("src", "")), nil))
			if w.Code != http.StatusOK {
				t.Errorf("%s: %d", html(s), w.Code)
			}
		})
		// On a phone, rows become cards, except in the manuals.
		doc.Find(".table").Each(func(_ int, table *goquery.Selection) {
			columns := []string{}
			table.Find("th").Each(func(_ int, s *goquery.Selection) { columns = append(columns, strings.TrimSpace(s.Text())) })
			table.Find("tbody tr").Each(func(_ int, row *goquery.Selection) {
				row.Find("td").Each(func(i int, cell *goquery.Selection) {
					if i >= len(columns) || cell.AttrOr("data-label", "") != columns[i] {
						t.Errorf("cell %d says %q", i, cell.AttrOr("data-label", ""))
					}
				})
				if n := row.Find("td").Length(); n != len(columns) {
					t.Errorf("%d cells under %d columns", n, len(columns))
				}
			})
		})
	})
}
