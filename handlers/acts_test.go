package handlers

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// actsSince returns the codes of the acts after one with this ID, the oldest first, and the ID of the newest.
func (a administration) actsSince(last int64) (acts []agent.Act, newest int64) {
	a.t.Helper()
	page, err := a.site.Acts.Acts(a.t.Context(), agent.ActQuery{Limit: 100})
	if err != nil {
		a.t.Fatal(err)
	}
	newest = last
	for _, act := range slices.Backward(page.Acts) {
		if act.ID > last {
			acts = append(acts, act)
			newest = max(newest, act.ID)
		}
	}
	return acts, newest
}

// notActs are the routes whose requests are no acts, and why. The journal of acts has what somebody changes for others or for the gateway.
var notActs = map[string]string{
	"POST /login/sso":                             "signs in like POST /login, with a ticket",
	"POST /web/auth/sso":                          "signs in like POST /login, with a ticket",
	"POST /login/password":                        "changes the own password like POST /cabinet/password, and signs in like POST /login",
	"POST /setup/:token":                          "works only while there is no administrator; see TestFirstAdministratorIsAnAct",
	"POST /logout":                                "ends only the visitor's own sign-in",
	"DELETE /web/auth/login":                      "ends only the visitor's own sign-in",
	"DELETE /web/admin/auth/login":                "ends only the visitor's own sign-in",
	"POST /language":                              "a preference of this browser",
	"POST /theme":                                 "a preference of this browser",
	"POST /admin/columns":                         "a preference of this browser",
	"POST /admin/system/doctor":                   "looks and changes nothing",
	"POST /admin/system/backups/key":              "shows a new key and keeps nothing",
	"POST /admin/system/backups/restore":          "changes nothing before it is confirmed",
	"POST /admin/system/backups/restore/apply":    "see TestRestorePage",
	"POST " + webAuthPath:                         "the journal of authorisations has it",
	"POST /web_authd/logout":                      "the journal of authorisations has it",
	"DELETE /monitor_backend/sessions/logout/:ip": "the journal of authorisations has it",
	"POST /cabinet/sessions/:id/end":              "the person's own session; the journal of authorisations has it",
	"POST /cabinet/browsers/:id/end":              "the person's own browser",
	"POST /admin/gateway/preview":                 "changes nothing",
	"POST " + importPath:                          "changes nothing before it is confirmed",
	"POST /admin/groups/directory":                "changes nothing",
	"POST /admin/groups/directory/take":           "changes nothing",
	"POST /admin/directories/:id/groups":          "changes nothing",
}

// TestEveryChangeIsAnAct makes a request to every route that changes something, and looks which acts were recorded. No secret that was sent
// is in the journal of acts, on its page, in its file, in REST or in the log.
func TestEveryChangeIsAnAct(t *testing.T) {
	const mark = "M4RKED" // part of every secret
	a := newAdministration(t)
	log := &lockedLog{}
	a.site.Log = slog.New(slog.NewTextHandler(log, nil))
	c := restClient{t, a.h, a.boss}
	done := map[string]bool{}
	_, last := a.actsSince(0)
	expect := func(route string, status int, want ...agent.ActCode) {
		t.Helper()
		done[route] = true
		acts, newest := a.actsSince(last)
		var codes []agent.ActCode
		for _, act := range acts {
			codes = append(codes, act.Code)
			source := agent.ActByPage
			if a.site.restPaths()[firstSegment(strings.Fields(route)[1])] {
				source = agent.ActByREST
			}
			if act.Source != source || act.Peer.Addr != inLAN || !act.Peer.Inside || act.By == 0 || act.Login == "" || time.Since(act.At) > time.Hour {
				t.Errorf("%s: %+v", route, act)
			}
		}
		if last = newest; !slices.Equal(codes, want) || status >= 400 {
			t.Errorf("%s: status %d, acts %v instead of %v", route, status, codes, want)
		}
	}
	post := func(route, path string, form url.Values, want ...agent.ActCode) *httptest.ResponseRecorder {
		t.Helper()
		w := a.post(path, form)
		expect("POST "+route, w.Code, want...)
		return w
	}
	call := func(method, route, path, body string, want ...agent.ActCode) map[string]any {
		t.Helper()
		status, answer := c.call(method, path, body)
		expect(method+" "+route, status, want...)
		return answer
	}
	yes := url.Values{"confirm": {"1"}}
	secret := mark + " correct horse"
	psw := func(name string) url.Values { return url.Values{name: {secret}, "psw2": {secret}} }

	boss := a.boss
	a.boss, c.cookies = nil, nil
	post("/login", "/login", url.Values{"login": {"boss"}, "password": {password}}, agent.ActSignedIn)
	call("POST", "/web/auth/login", "/web/auth/login", `{"login":"boss","password":"`+password+`"}`, agent.ActSignedIn)
	a.boss, c.cookies = boss, boss
	own := psw("psw")
	own.Set("current", password)
	post("/cabinet/password", "/cabinet/password", own, agent.ActPasswordChanged)

	post("/admin/agent/state", "/admin/agent/state", url.Values{"enabled": {"0"}, "confirm": {"1"}}, agent.ActAgentSwitched)
	post("/admin/agent/domain", "/admin/agent/domain", url.Values{"auth_domain": {"permitted.ru"}, "confirm": {"1"}}, agent.ActDomainSaved)
	a.post("/admin/agent/domain", url.Values{"auth_domain": {"gw.example.test"}, "confirm": {"1"}})
	_, last = a.actsSince(last)
	post("/admin/agent/domain/forget", "/admin/agent/domain/forget", url.Values{"name": {"permitted.ru"}, "confirm": {"1"}}, agent.ActFormerDomainRemoved)
	settings := url.Values{"local_networks": {"192.168.7.0/24"}, "device_policy": {"refuse"}, "confirm": {"1"}}
	now := a.site.Settings.Current()
	for _, n := range agent.AgentNumbers() {
		settings.Set(n.Name, n.Text(&now))
	}
	post("/admin/agent/settings", "/admin/agent/settings", settings, agent.ActSettingsSaved)
	post("/admin/agent/browser", "/admin/agent/browser", url.Values{"browser_sign_in_networks": {"192.168.7.0/24"}, "confirm": {"1"}}, agent.ActBrowserNetworksSaved)
	post("/admin/agent/vpn", "/admin/agent/vpn", url.Values{"vpn_network": {"10.99.0.0/24"}, "forward": {"all"}, "confirm": {"1"}}, agent.ActVPNSettingsSaved)
	for _, part := range []string{"wireguard", "agent-server"} {
		for _, method := range []string{"PUT", "PATCH"} {
			path := "/agent_backend/" + part
			call(method, path+"/state", path+"/state", `{"enabled":true}`, agent.ActAgentSwitched)
			call(method, path+"/setting", path+"/setting", `{"dns":["192.168.7.5"]}`, agent.ActSettingsSaved)
		}
	}

	post("/admin/gateway", "/admin/gateway", choice("lan", "wan"), agent.ActGatewaySaved)
	post("/admin/gateway/return", "/admin/gateway/return", a.trial(), agent.ActGatewayReturned)
	a.post("/admin/gateway", choice("lan", "wan"))
	_, last = a.actsSince(last)
	post("/admin/gateway/keep", "/admin/gateway/keep", a.trial(), agent.ActGatewayKept)
	post("/admin/gateway/dns", "/admin/gateway/dns", nil, agent.ActGatewaySaved)
	post("/admin/gateway/forwarding", "/admin/gateway/forwarding", nil, agent.ActForwardingOn)
	post("/admin/gateway/dns", "/admin/gateway/dns", nil, agent.ActGatewaySaved)

	eab := base64.RawURLEncoding.EncodeToString([]byte(mark + mark))
	acme := url.Values{"ca": {"other"}, "directory": {"https://ca.example.test/dir"}, "email": {"it@company.ru"}, "eab_key_id": {"kid"}, "eab_hmac_key": {eab}}
	terms := url.Values{"form": {hidden(t, a.post("/admin/certificate/acme", acme).Body.String(), "form")}}
	post("/admin/certificate/terms", "/admin/certificate/terms", terms, agent.ActACMESaved)
	post("/admin/certificate/acme", "/admin/certificate/acme", url.Values{"ca": {"off"}}, agent.ActACMESaved)
	call("PUT", "/certificates/acme", "/certificates/acme", `{"eab":{"key_id":"kid","hmac_key":"`+eab+`"},"directory":"https://ca.example.test/dir","accept_terms":true}`, agent.ActACMESaved)
	post("/admin/certificate/retry", "/admin/certificate/retry", nil, agent.ActCertificateOrdered)
	call("POST", "/certificates/retry", "/certificates/retry", "", agent.ActCertificateOrdered)
	w := a.uploadFiles(url.Values{"text": {"-----BEGIN PRIVATE KEY-----\n" + mark}, "password": {secret}})
	expect("POST "+uploadPath, w.Code, agent.ActCertificateUploaded)
	post("/admin/certificate/uploaded/:id/delete", "/admin/certificate/uploaded/1/delete", yes, agent.ActCertificateRemoved)
	call("POST", restCertificatesPath, restCertificatesPath, `{"pem":"`+mark+`","password":"`+secret+`"}`, agent.ActCertificateUploaded)
	call("DELETE", "/certificates/:id", "/certificates/1", "", agent.ActCertificateRemoved)
	post("/admin/certificate/next-root", "/admin/certificate/next-root", yes, agent.ActRootAnnounced)
	post("/admin/certificate/next-root/cancel", "/admin/certificate/next-root/cancel", yes, agent.ActRootCancelled)

	post("/admin/groups", "/admin/groups", groupValues("Офис"), agent.ActGroupCreated)
	post("/admin/groups/:id", "/admin/groups/1", groupValues("Контора", "devices_per_user", "3", "confirm", "1"), agent.ActGroupChanged)
	call("POST", "/user_backend/groups", "/user_backend/groups", `{"name":"Склад"}`, agent.ActGroupCreated)
	post("/admin/groups/:id/place", "/admin/groups/2/place", url.Values{"way": {"up"}}, agent.ActGroupChanged)
	call("PUT", "/user_backend/groups/:id", "/user_backend/groups/2", `{"comment":"ворота"}`, agent.ActGroupChanged)
	call("DELETE", "/user_backend/groups/:id", "/user_backend/groups/2", "", agent.ActGroupDeleted)

	create := userValues("login", "petrova", "psw", secret)
	post("/admin/users", "/admin/users", create, agent.ActAccountCreated)
	id := idText(a.named("petrova").ID)
	call("POST", "/user_backend/users", "/user_backend/users", `{"login":"sidorov","psw":"`+secret+`"}`, agent.ActAccountCreated)
	post("/admin/users/:id", "/admin/users/"+id, userValues("login", "petrova", "name", "Анна", "confirm", "1"), agent.ActAccountChanged)
	call("PUT", "/user_backend/users/:id", "/user_backend/users/"+id, `{"comment":"бухгалтерия"}`, agent.ActAccountChanged)
	must := psw("psw")
	must.Set("must_change", "1")
	post("/admin/users/:id/password", "/admin/users/"+id+"/password", must, agent.ActPasswordChanged, agent.ActAccountChanged)
	call("PUT", "/user_backend/change_password/:id", "/user_backend/change_password/"+id, `{"psw":"`+secret+`"}`, agent.ActPasswordChanged)
	post("/admin/users/:id/lift", "/admin/users/"+id+"/lift", nil, agent.ActThrottleLifted)
	post("/admin/monitor/vpn/:id/deny", "/admin/monitor/vpn/"+id+"/deny", yes, agent.ActVPNDenied)
	call("PATCH", "/user_backend/users/:id/disable-vpn", "/user_backend/users/"+id+"/disable-vpn", "", agent.ActVPNDenied)
	post("/admin/users/:id/rules", "/admin/users/"+id+"/rules", url.Values{"rule_ip": {"192.168.7.50"}}, agent.ActRuleAdded)
	post("/admin/users/:id/rules/:rule/state", "/admin/users/"+id+"/rules/1/state", url.Values{"enabled": {"0"}, "confirm": {"1"}}, agent.ActRuleChanged)
	post("/admin/users/:id/rules/:rule/delete", "/admin/users/"+id+"/rules/1/delete", yes, agent.ActRuleDeleted)
	call("POST", "/auth/rules", "/auth/rules", `{"ip":"192.168.7.51","user_id":2}`, agent.ActRuleAdded)
	call("PATCH", "/auth/rules/:id", "/auth/rules/2", `{"comment":"принтер"}`, agent.ActRuleChanged)
	call("DELETE", "/auth/rules/:id", "/auth/rules/2", "", agent.ActRuleDeleted)
	question := a.post("/admin/users/bulk", a.bulkForm("disable", "petrova", "sidorov")).Body.String()
	post("/admin/users/bulk", "/admin/users/bulk", confirmation(t, question), agent.ActAccountsChanged)
	token := importToken(t, a.uploadAccounts("a.csv", "login;password\nnew;"+secret+"\npetrova;"+secret+"\n").Body.String())
	post("/admin/users/import/apply", "/admin/users/import/apply", token, agent.ActAccountCreated, agent.ActAccountChanged, agent.ActAccountsImported)
	liveSession(t, a.site, "ivanov")
	post("/admin/monitor/sessions/:id/end", "/admin/monitor/sessions/"+a.site.Sessions.Sessions()[0].ID+"/end", nil, agent.ActSessionEnded)
	liveSession(t, a.site, "ivanov")
	call("DELETE", "/monitor_backend/auth_sessions/:id", "/monitor_backend/auth_sessions/"+a.site.Sessions.Sessions()[0].ID, "", agent.ActSessionEnded)
	post("/admin/users/:id/delete", "/admin/users/"+id+"/delete", yes, agent.ActAccountDeleted)
	call("DELETE", "/user_backend/users/:id", "/user_backend/users/"+idText(a.named("sidorov").ID), "", agent.ActAccountDeleted)
	post("/admin/groups/:id/delete", "/admin/groups/1/delete", yes, agent.ActGroupDeleted)

	directory := directoryForm("company.local")
	directory.Set("password", secret)
	post("/admin/directories/:id/test", "/admin/directories/new/test", directory, agent.ActDirectoryTested)
	post("/admin/directories/:id", "/admin/directories/new", directory, agent.ActDirectorySaved)
	call("POST", "/ad_backend/domains", "/ad_backend/domains", `{"name":"second.local","user":"ideco@second.local","password":"`+secret+`","keytab":"`+
		base64.StdEncoding.EncodeToString([]byte(mark))+`"}`, agent.ActDirectorySaved)
	call("PUT", "/ad_backend/domains/:id", "/ad_backend/domains/2", `{"password":"`+secret+`","check_minutes":9}`, agent.ActDirectorySaved)
	call("POST", "/ad_backend/domains/:id/test", "/ad_backend/domains/2/test", `{}`, agent.ActDirectoryTested)
	w = a.postFiles("/admin/directories/1/keytab", nil, "keytab", "gw.keytab", mark)
	expect("POST /admin/directories/:id/keytab", w.Code, agent.ActKeytabSaved)
	post("/admin/directories/:id/keytab/remove", "/admin/directories/1/keytab/remove", yes, agent.ActKeytabRemoved)
	fake := a.site.Directories.(*fakeDirectories)
	fake.status[1] = agent.DirectoryStatus{Withheld: &agent.WithheldCheck{Sessions: 3}}
	post("/admin/directories/:id/confirm", "/admin/directories/1/confirm", url.Values{"confirm": {"1"}, "sessions": {"3"}}, agent.ActDirectoryConfirmed)
	post("/admin/directories/:id/convert", "/admin/directories/1/convert", url.Values{"user": {"3"}, "confirm": {"1"}}, agent.ActAccountsConverted)
	post("/admin/directories/:id/delete", "/admin/directories/1/delete", yes, agent.ActDirectoryDeleted)
	call("DELETE", "/ad_backend/domains/:id", "/ad_backend/domains/2", "", agent.ActDirectoryDeleted)

	for path, code := range map[string]agent.ActCode{"/admin/users/export.csv": agent.ActAccountsExported, "/admin/users.csv": agent.ActAccountsExported, "/admin/monitor/sessions.csv": agent.ActSessionsExported,
		"/admin/monitor/vpn.csv": agent.ActSessionsExported, templates.JournalPath + ".csv": agent.ActJournalExported,
		templates.JournalPath + ".xlsx": agent.ActJournalExported, templates.ActsTable.CSV: agent.ActActsExported} {
		a.get(path)
		expect("GET "+path, http.StatusOK, code)
	}

	post("/admin/system/backups", "/admin/system/backups", url.Values{"backup_hour": {"4"}, "backup_keep": {"9"}}, agent.ActBackupSettingsSaved)
	post("/admin/system/backups/make", "/admin/system/backups/make", nil, agent.ActBackupMade)
	passphrase := url.Values{"passphrase": {secret}, "passphrase2": {secret}}
	post("/admin/system/backups/download", "/admin/system/backups/download", passphrase, agent.ActBackupDownloaded)
	made := a.site.Backups.State().Files[0].Name
	a.get("/admin/system/backups/files/" + made)
	expect("GET /admin/system/backups/files/:id", http.StatusOK, agent.ActBackupDownloaded)
	post("/admin/system/backups/files/:id/delete", "/admin/system/backups/files/"+made+"/delete", yes, agent.ActBackupDeleted)
	call("POST", "/backups", "/backups", "", agent.ActBackupMade)

	w = a.post(templates.BundlePath, nil)
	expect("POST "+templates.BundlePath, w.Code, agent.ActSupportFile)

	for _, r := range a.site.portalRoutes() {
		name := r.method + " " + r.path
		if r.method != "GET" && !done[name] && notActs[name] == "" {
			t.Errorf("%s: neither recorded here nor an exception", name)
		}
		if done[name] && notActs[name] != "" {
			t.Errorf("%s: recorded, and an exception", name)
		}
	}

	a.site.Log = slog.New(slog.DiscardHandler)
	_, rows := c.call("GET", "/acts?limit=1000", "")
	answer, _ := json.Marshal(rows)
	var table strings.Builder
	if err := a.site.Acts.EachAct(t.Context(), agent.ActQuery{}, func(one agent.Act) error {
		b, err := json.Marshal(one)
		table.Write(b)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	pages := ""
	for n := range 4 {
		pages += a.get(fmt.Sprintf("%s?page=%d", templates.ActsPath, n+1))
	}
	secrets := []string{mark, eab, base64.StdEncoding.EncodeToString([]byte(mark)), password}
	for _, cookie := range a.boss {
		secrets = append(secrets, cookie.Value)
	}
	for name, text := range map[string]string{"table": table.String(), "page": pages, "file": a.get(templates.ActsTable.CSV), "REST": string(answer), "log": log.String()} {
		if !strings.Contains(text, "petrova") {
			t.Errorf("%s: lacks the acts", name)
		}
		for _, secret := range secrets {
			if strings.Contains(text, secret) {
				t.Errorf("%s: has %q", name, secret)
			}
		}
	}
}

// noAdministrator lets the first administrator be created.
type noAdministrator struct{ Accounts }

func (n noAdministrator) CreateFirstAdministrator(ctx context.Context, u agent.User, hash string) (agent.UserID, error) {
	return n.CreateUser(ctx, u, hash)
}

// TestFirstAdministratorIsAnAct: the first administrator is the one who does it.
func TestFirstAdministratorIsAnAct(t *testing.T) {
	a := newAdministration(t)
	_, last := a.actsSince(0)
	a.site.Accounts = noAdministrator{a.site.Accounts}
	a.boss = nil
	w := a.post("/setup/the-token", url.Values{"login": {"first"}, "psw": {password}, "psw2": {password}})
	acts, _ := a.actsSince(last)
	if w.Code != http.StatusSeeOther || len(acts) != 1 || acts[0].Code != agent.ActFirstAdministrator || acts[0].Login != "first" || acts[0].Name != "first" {
		t.Errorf("%d, %+v", w.Code, acts)
	}
}

// changesText returns the changes of the newest act as text: "field: before > after".
func (a administration) changesText() string {
	a.t.Helper()
	page, err := a.site.Acts.Acts(a.t.Context(), agent.ActQuery{Limit: 1})
	if err != nil || len(page.Acts) != 1 {
		a.t.Fatal(page, err)
	}
	var lines []string
	for _, c := range page.Acts[0].Changes {
		lines = append(lines, fmt.Sprintf("%s: %s > %s", c.Field, c.Before, c.After))
	}
	return string(page.Acts[0].Code) + " " + page.Acts[0].Name + "\n" + strings.Join(lines, "\n")
}

// TestBeforeAndAfter: an act has the fields that changed, and no others.
func TestBeforeAndAfter(t *testing.T) {
	a := newAdministration(t)
	c := restClient{t, a.h, a.boss}
	for _, step := range []struct {
		name string
		do   func()
		want string
	}{
		{"settings", func() {
			c.call("PUT", "/agent_backend/wireguard/setting", `{"session_hours_lan":8,"dns_suffix":["company.local"],"dns":[]}`)
		}, "settings_saved \ndns_suffix: [] > [\"company.local\"]\nsession_hours_lan: 24 > 8"},
		{"nothing", func() { c.call("PUT", "/agent_backend/wireguard/setting", `{"session_hours_lan":8}`) }, "settings_saved \n"},
		{"switch", func() { c.call("PUT", "/agent_backend/wireguard/state", `{"enabled":false}`) }, "agent_switched \nenabled: true > false"},
		{"domain", func() { c.call("PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"a.ru"}`) }, "settings_saved \nauth_domain:  > \"a.ru\""},
		{"another domain", func() { c.call("PUT", "/agent_backend/wireguard/setting", `{"auth_domain":"b.ru"}`) },
			"settings_saved \nauth_domain: \"a.ru\" > \"b.ru\"\nformer_domains: [] > [\"a.ru\"]"},
		{"group", func() { c.call("POST", "/user_backend/groups", `{"name":"Офис","devices_per_user":2}`) },
			"group_created Офис\ndevices_per_user:  > 2\nname:  > \"Офис\""},
		{"group renamed", func() { c.call("PUT", "/user_backend/groups/1", `{"name":"Контора","devices_per_user":null}`) },
			"group_changed Контора\ndevices_per_user: 2 > \nname: \"Офис\" > \"Контора\""},
		{"account", func() { c.call("PUT", "/user_backend/users/2", `{"name":"Иванов","parent_id":1,"admin":true}`) },
			"account_changed ivanov\nadmin: false > true\nname:  > \"Иванов\"\nparent_id:  > \"Контора\""},
		{"password", func() { c.call("PUT", "/user_backend/change_password/2", `{"psw":"another long one"}`) }, "password_changed ivanov\npsw:  > "},
		{"VPN", func() { c.call("PUT", "/user_backend/users/2", `{"remote_access":true}`) }, "account_changed ivanov\nremote_access: false > true"},
		{"VPN denied", func() { c.call("PATCH", "/user_backend/users/2/disable-vpn", "") }, "vpn_denied ivanov\nremote_access: true > false"},
		{"rule", func() { c.call("POST", "/auth/rules", `{"ip":"192.168.7.60","user_id":2,"comment":"касса"}`) },
			"auth_rule_added 192.168.7.60\ncomment:  > \"касса\"\nenabled:  > true\nip:  > \"192.168.7.60\"\nuser_id:  > \"ivanov\""},
		{"rule changed", func() { c.call("PATCH", "/auth/rules/1", `{"user_id":3}`) }, "auth_rule_changed 192.168.7.60\nuser_id: \"ivanov\" > \"off\""},
		{"gateway on trial", func() { a.post("/admin/gateway", choice("lan", "wan")) },
			"gateway_saved \nlan_interfaces: [] > [\"lan0\"]\nwan_interfaces: [] > [\"wan0\"]"},
		{"gateway reverted", func() { a.post("/admin/gateway/return", a.trial()) },
			"gateway_returned \nlan_interfaces: [\"lan0\"] > []\nwan_interfaces: [\"wan0\"] > []"},
	} {
		if step.do(); a.changesText() != step.want {
			t.Errorf("%s: %s\ninstead of: %s", step.name, a.changesText(), step.want)
		}
	}
}

// TestBulkActs: a bulk action is one act. Accounts that had different values before get an act each, too.
func TestBulkActs(t *testing.T) {
	a := newAdministration(t)
	office, _, _ := people(t, a)
	_, last := a.actsSince(0)
	do := func(act string, logins ...string) (acts []agent.Act) {
		t.Helper()
		question := a.post("/admin/users/bulk", a.bulkForm(act, logins...)).Body.String()
		a.wants(a.post("/admin/users/bulk", confirmation(t, question)), http.StatusSeeOther)
		acts, last = a.actsSince(last)
		return acts
	}
	same := do("disable", "ivanov", "petrova")
	if len(same) != 1 || same[0].Count != 2 || !slices.Equal(same[0].Names, []string{"ivanov", "petrova"}) || len(same[0].Changes) != 1 || same[0].Changes[0].Field != "enabled" {
		t.Errorf("%+v", same)
	}
	if _, err := a.site.Accounts.UpdateUser(t.Context(), a.named("ivanov").ID, func(u *agent.User) error { u.Group = 0; return nil }); err != nil {
		t.Fatal(err)
	}
	several := do(fmt.Sprint("group:", office), "ivanov", "petrova")
	if len(several) != 3 || several[0].Code != agent.ActAccountChanged || several[2].Code != agent.ActAccountsChanged || several[2].Changes != nil {
		t.Errorf("%+v", several)
	}
}

// TestLongListsOfNamesAreCut: an act on very many objects has only a part of the names, and how many they are.
func TestLongListsOfNamesAreCut(t *testing.T) {
	a := newAdministration(t)
	each := make([]agent.Act, agent.MaxActNames+1)
	for i := range each {
		each[i].Name = fmt.Sprint(i)
	}
	a.site.record(newContext(a.site), summaryOf(agent.ActAccountsChanged, each))
	var acts []agent.Act
	err := a.site.Acts.EachAct(t.Context(), agent.ActQuery{Kind: agent.ActsOnAccounts}, func(act agent.Act) error {
		acts = append(acts, act)
		return nil
	})
	if err != nil || len(acts) != 1 || acts[0].Count != len(each) || len(acts[0].Names) != agent.MaxActNames {
		t.Errorf("%d acts, %v", len(acts), err)
	}
}

// TestActFieldsHaveNames: every field that can change has a name in both languages.
func TestActFieldsHaveNames(t *testing.T) {
	objects := map[agent.ActKind]any{
		agent.ActsOnAccounts:     jsonOfUser(agent.User{}, nil),
		agent.ActsOnGroups:       groupFields(&agent.Group{}, new(string)),
		agent.ActsOnRules:        ruleFields(&agent.AuthRule{}),
		agent.ActsOnDirectories:  directoryFields(&agent.DirectorySettings{}),
		agent.ActsOnSettings:     settingsFields(&agent.Settings{}),
		agent.ActsOnCertificates: map[string]any{"directory": "", "email": "", "eab_key_id": "", "terms": "", "directory_root_pem": "", "eab_hmac_key": ""},
	}
	derived := []string{"id", "created", "last_login", "domain_type", "ldap_guid", "refused"} // see accountValues
	for kind, object := range objects {
		b, err := json.Marshal(object)
		fields := map[string]any{}
		if err == nil {
			err = json.Unmarshal(b, &fields)
		}
		if err != nil {
			t.Fatal(err)
		}
		for field := range fields {
			if slices.Contains(derived, field) {
				continue
			}
			for _, lang := range locale.Languages {
				if name := locale.For(lang).ActField(kind, field); strings.HasPrefix(name, "act_field_") {
					t.Errorf("%s: the field %s of %s has no name", lang, field, kind)
				}
			}
		}
	}
}

// TestActsPage: the page shows acts in words, and the filter selects.
func TestActsPage(t *testing.T) {
	a := newAdministration(t)
	c := restClient{t, a.h, a.boss}
	c.call("PUT", "/user_backend/users/2", `{"name":"=cmd|' /C calc'!A0","remote_access":true,"session_hours_vpn":1.5}`)
	add := func(acts ...agent.Act) {
		if err := a.site.Acts.AddActs(t.Context(), acts...); err != nil {
			t.Fatal(err)
		}
	}
	add(agent.Act{At: time.Date(2026, 1, 5, 12, 0, 0, 0, time.Local), Source: agent.ActByGateway, Code: agent.ActGatewayExpired},
		agent.Act{At: time.Date(2026, 1, 6, 12, 0, 0, 0, time.Local), Source: agent.ActByCommand, Code: agent.ActAdministratorReset, Object: "1", Name: "boss"})
	page := a.get(templates.ActsPath)
	for _, text := range []string{"Изменена учётная запись ivanov", "Доступ через VPN", "Выключено", "Включено", "ещё 1 поле", "1,5 ч", "как в группе или в настройках",
		"192.168.7.20", "REST", "Настройки шлюза никто не подтвердил", "командная строка", "190 дней"} {
		if !says(t, page, "main", text) {
			t.Errorf("%q is not on the page", text)
		}
	}
	for query, want := range map[string]int{"": 4, "?q=IVANOV": 1, "?q=192.168.7.2": 2, "?q=nobody": 0, "?who=boss": 2, "?who=*:gateway": 1, "?who=*:command": 1,
		"?kind=account": 2, "?kind=sign_in": 1, "?kind=nonsense": 4, "?from=2026-01-05&to=2026-01-05": 1, "?to=2026-01-06": 2, "?from=x": 0, "?from=2026-02-01&to=2026-01-01": 0,
		"?page=99": 4} {
		if n := everyElement(t, a.get(templates.ActsPath+query), "tbody tr").Length(); n != want {
			t.Errorf("%q: %d acts instead of %d", query, n, want)
		}
	}
	file := a.get(templates.ActsTable.CSV + "?q=ivanov")
	if !strings.HasPrefix(file, "\ufeffКогда;") || strings.Contains(file, ";=") || !strings.Contains(file, "Имя: — → =cmd") || strings.Count(file, "\r\n") != 2 {
		t.Errorf("%q", file)
	}
	status, answer := c.call("GET", "/acts?limit=1&offset=1&kind=account", "")
	if status != 200 || answer["rows"] != 1.0 || answer["rows_before_limit_at_least"] != 2.0 || answer["data"].([]any)[0].(map[string]any)["code"] != "administrator_reset" {
		t.Errorf("%d %v", status, answer)
	}
	for _, query := range []string{"limit=1001", "limit=x", "offset=-1", "kind=x", "source=x", "from=yesterday"} {
		if status, _ := c.call("GET", "/acts?"+query, ""); status != 542 {
			t.Errorf("%s: %d", query, status)
		}
	}
	// The value that a spreadsheet program would take for a formula comes first in its cell.
	add(agent.Act{At: time.Now(), Source: agent.ActByPage, Login: "=1+1", Code: agent.ActSignedIn, Peer: agent.Peer{Addr: netip.MustParseAddr("203.0.113.9")}})
	if file := a.get(templates.ActsTable.CSV); strings.Contains(file, ";=1+1") || !strings.Contains(file, "=1+1") {
		t.Errorf("%q", file)
	}
}

// TestNobodyChangesActs: the site map has no route that changes or deletes an act.
func TestNobodyChangesActs(t *testing.T) {
	for _, r := range (&Site{}).portalRoutes() {
		if strings.Contains(r.path, "acts") && r.method != "GET" {
			t.Errorf("%s %s", r.method, r.path)
		}
	}
}

// actsFail is an Acts that records nothing.
type actsFail struct{ *store.Store }

func (actsFail) AddActs(context.Context, ...agent.Act) error { return errors.New("no acts") }

// TestUnrecordedActs: if acts cannot be recorded, the change stays, and the log says who has changed what.
func TestUnrecordedActs(t *testing.T) {
	for what, do := range map[string]func(a administration){
		"a bulk action": func(a administration) {
			page := a.wants(a.post("/admin/users/bulk", a.bulkForm("disable", "ivanov")), http.StatusOK)
			a.saved(a.post("/admin/users/bulk", confirmation(a.t, page)))
		},
		"REST": func(a administration) {
			c := restClient{a.t, a.h, a.boss}
			if status, answer := c.call("PUT", "/user_backend/users/2", `{"enabled":false}`); status != http.StatusOK {
				a.t.Errorf("%d %v", status, answer)
			}
		},
	} {
		a := newAdministration(t)
		log := &lockedLog{}
		a.site.Log, a.site.Acts = slog.New(slog.NewTextHandler(log, nil)), actsFail{a.realStore()}
		do(a)
		if a.named("ivanov").Enabled {
			t.Errorf("%s: the account is still enabled", what)
		}
		if got := log.String(); !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "by=boss objects=[ivanov] error=\"no acts\"") {
			t.Errorf("%s: %s", what, got)
		}
	}
}
