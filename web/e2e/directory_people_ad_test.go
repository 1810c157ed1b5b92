//go:build ad

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/needs"
)

// account is an account in REST.
type account struct {
	ID     string `json:"id"`
	Login  string `json:"login"`
	Domain string `json:"domain_name"`
	Remote bool   `json:"remote_access"`
}

// accounts returns the accounts of directories with this login.
func (r rest) accounts(login string) (list []account) {
	r.g.t.Helper()
	var all []account
	r.must("GET", "/user_backend/users", nil, &all)
	for _, a := range all {
		if a.Login == login && a.Domain != "" {
			list = append(list, a)
		}
	}
	return list
}

// ask is login with the language of the answer.
func (o *officeAD) ask(from, language, login, password, device string) reply {
	o.t.Helper()
	w, _, err := o.dial(from, http.Header{"Accept-Language": {language}})
	if err != nil {
		o.t.Fatal(err)
	}
	return w.ask(authorize(login, password, device))
}

// TestPeopleAD: employees log in with the agent and in the browser as they do in Windows, and are told why they cannot.
func TestPeopleAD(t *testing.T) {
	o := newOfficeAD(t, "--tunnel", "netstack", "--wireguard-port", "0")
	o.admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"127.0.0.0/16"}, "auth_domain": "gw.example.test", "grace_seconds": 2}, nil)
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)
	under := func(name string, test func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			outer := o.gateway.t
			defer func() { o.gateway.t = outer }()
			o.gateway.t = t
			test(t)
		})
	}
	under("forms", o.loginForms)
	under("refusals", o.refusals)
	under("groups", o.groups)
	under("conversion", o.conversion)
	under("page", o.addedOnThePage)
}

// loginForms: every form of a login is the same account, in the agent and in the cabinet.
func (o *officeAD) loginForms(t *testing.T) {
	number := 0
	for login, forms := range map[string][]string{
		"alice": {"alice", "ALICE", " alice ", `EXAMPLE\alice`, `example\Alice`, `example.test\alice`, "example.test/alice", "EXAMPLE/alice",
			"alice@example.test", "Alice@EXAMPLE.TEST"},
		"dave":        {"dave", `EXAMPLE\dave`, "dave@example.test", "david.jones@example.test"},
		"carol":       {"carol@corp.example", "CAROL@Corp.Example", "carol@example.test"},
		"Иван Петров": {"Иван Петров", "иван петров", `EXAMPLE\ИВАН ПЕТРОВ`, "example.test/Иван Петров", "Иван Петров@example.test"},
	} {
		for _, form := range forms {
			number++
			if r := o.login(form, directorylab.Password, number); !r.Authorized || r.NeedTunnel {
				t.Errorf("%q in the agent: %+v", form, r)
			}
			v := o.visitor(netip.Addr{})
			v.signIn(form, directorylab.Password)
			v.open("/cabinet")
			if v.at.Path != "/cabinet" || !v.says("main", "Личный кабинет") {
				t.Errorf("%q in the browser: %s (%d)\n%s", form, v.at.Path, v.status, v.text())
				continue
			}
			if v.page.Find(`form[action="/cabinet/password"]`).Length() != 1 {
				t.Errorf("%q cannot change the password of the domain in the cabinet", form)
			}
		}
		if list := o.admin.accounts(login); len(list) != 1 || list[0].Domain != directorylab.Domain {
			t.Errorf("accounts of %s: %+v", login, list)
		}
	}
	v := o.visitor(netip.Addr{})
	v.signIn("alice", directorylab.Password)
	v.open("/cabinet")
	if v.says("main", "нет установщика") || v.page.Find(`a[href="/download/IdecoAgent.msi"]`).Length() == 0 {
		needs.Skip(t, "this build has no installer (make build, with wixl and msitools installed)")
	}
	if response, msi := v.download("Скачать Ideco агент"); response.StatusCode != http.StatusOK || len(msi) < 100_000 {
		t.Errorf("download: %d, %d bytes", response.StatusCode, len(msi))
	}
}

// refusals: each reason has its own answer, the same in the agent and in the browser.
func (o *officeAD) refusals(t *testing.T) {
	o.ad.SetPassword(t, "dave", "An0ther-Passw0rd!")
	cases := []struct{ login, password, code, ru, en string }{
		{"disabled", directorylab.Password, "account_disabled", "Учётная запись отключена", "switched off"},
		{"expired", directorylab.Password, "account_expired", "Срок действия учётной записи истёк", "has expired"},
		{"nohours", directorylab.Password, "logon_restricted", "ограничения по времени или по компьютерам", "logon hours or computers"},
		{"otherpc", directorylab.Password, "logon_restricted", "ограничения по времени или по компьютерам", "logon hours or computers"},
		{"pwexpired", directorylab.Password, "password_expired", "Срок действия пароля истёк", "password has expired"},
		{"mustchange", directorylab.Password, "password_must_change", "Перед входом пароль нужно сменить", "must be changed before"},
		{"locked", directorylab.Password, "account_locked", "временно заблокирована в домене", "domain has locked"},
		{"smartcard", directorylab.Password, "smartcard_required", "только по смарт-карте", "smart card only"},
		{"dave", "wrong", "bad_credentials", "Неверный логин или пароль", "Wrong login or password"},
		{"nobody", directorylab.Password, "bad_credentials", "Неверный логин или пароль", "Wrong login or password"},
		{"PC1$", directorylab.Password, "bad_credentials", "Неверный логин или пароль", "Wrong login or password"},
		{"nobody@other.test", directorylab.Password, "bad_credentials", "Неверный логин или пароль", "Wrong login or password"},
	}
	var all sync.WaitGroup // a refusal takes 0.3 s
	for i, c := range cases {
		all.Go(func() {
			for language, text := range map[string]string{"ru": c.ru, "en": c.en} {
				r := o.ask(fmt.Sprint("127.0.2.", i+1), language, c.login, c.password, "d")
				if r.Authorized || r.Code != c.code || !strings.Contains(r.Message, text) {
					t.Errorf("%s: %+v", c.login, r)
				}
			}
			if c.code == "bad_credentials" {
				return // two wrong passwords are as many as the gateway sends
			}
			v := o.visitor(netip.Addr{})
			v.signIn(c.login, c.password)
			if v.at.Path != "/login" || !v.says(".banner.bad", c.ru) {
				t.Errorf("%s in the browser: %s (%d)\n%s", c.login, v.at.Path, v.status, v.text())
			}
			user := rest{o.client(netip.Addr{}), o.gateway}
			status, body := user.call("POST", "/web/auth/login", map[string]string{"login": c.login, "password": c.password})
			var answer struct{ Code string }
			if _ = json.Unmarshal(body, &answer); status == http.StatusOK || answer.Code != c.code {
				t.Errorf("%s in REST: %d %s", c.login, status, body)
			}
		})
	}
	all.Wait()
	if r := o.ask("127.0.2.90", "en", "dave", "An0ther-Passw0rd!", "d"); r.Code != "too_many_attempts" || !strings.Contains(r.Message, "Too many attempts") {
		t.Errorf("after two wrong passwords: %+v", r)
	}
	if n := o.ad.BadPasswords(t, "dave"); n != 2 || o.ad.Locked(t, "dave") {
		t.Errorf("badPwdCount %d, locked %v", n, o.ad.Locked(t, "dave"))
	}
}

// groups: only members of the login groups log in, and only members of the remote groups from outside.
func (o *officeAD) groups(t *testing.T) {
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{"VPN-Users"}}, nil)
	const outside = "127.9.0.1"
	for _, c := range []struct{ login, from, code string }{
		{"alice", outside, ""},
		{"alice", "127.0.3.1", ""},
		{"bob", "127.0.3.2", ""},
		{"bob", outside, "vpn_not_allowed"},
		{"carol", "127.0.3.3", "not_permitted"},
		{"carol", outside, "not_permitted"},
	} {
		r := o.ask(c.from, "ru", c.login, directorylab.Password, c.login+" at "+c.from)
		if r.Code != c.code || r.Authorized != (c.code == "") || r.NeedTunnel != (c.code == "" && c.from == outside) {
			t.Errorf("%s from %s: %+v", c.login, c.from, r)
		}
	}
	if r := o.ask("127.0.3.200", "ru", "carol", directorylab.Password, "d"); !strings.Contains(r.Message, "не разрешён вход через Ideco агент") {
		t.Errorf("%+v", r)
	}
	o.ad.AddTo(t, "Staff", o.ad.PersonDN("bob"))
	if r := o.ask(outside, "ru", "bob", directorylab.Password, "d"); !r.Authorized || !r.NeedTunnel {
		t.Errorf("bob as a member of Staff: %+v", r)
	}
	o.ad.RemoveFrom(t, "Staff", o.ad.PersonDN("bob"))
	sessions := o.admin.sessions()
	of := func(login, kind string) bool {
		return slices.ContainsFunc(sessions, func(s session) bool { return s.Login == login && s.Kind == kind })
	}
	if !of("alice", "vpn") || !of("alice", "lan") || !of("bob", "vpn") {
		t.Errorf("%+v", sessions)
	}
}

// conversion: a local account that becomes one of the directory keeps its number, its rights, its devices and its sessions.
func (o *officeAD) conversion(t *testing.T) {
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)
	id := o.admin.user(map[string]any{"login": "strict", "remote_access": true})
	before := o.wire("127.0.4.1")
	if r := before.ask(authorize("strict", userPassword, "laptop")); !r.Authorized {
		t.Fatalf("with the local password: %+v", r)
	}
	v := o.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	page := "/admin/directories/" + strings.TrimPrefix(o.path, "/ad_backend/domains/")
	v.open(page)
	v.submitTo(page, page+"/test", nil)
	v.sees("#report", "Каталог готов к работе")
	v.page.Find(`form[action="`+page+`/convert"] input[value="`+fmt.Sprint(id)+`"]`).SetAttr("checked", "checked")
	v.submit(page+"/convert", nil)
	v.submit(page+"/convert", nil) // the answer to the question
	if list := o.admin.accounts("strict"); len(list) != 1 || list[0].ID != fmt.Sprint(id) || !list[0].Remote || list[0].Domain != directorylab.Domain {
		t.Errorf("%+v", list)
	}
	if !slices.ContainsFunc(o.admin.sessions(), func(s session) bool { return s.Login == "strict" && s.Address == "127.0.4.1" }) {
		t.Error("the session ended")
	}
	if r := o.ask("127.0.4.2", "ru", "strict", userPassword, "laptop"); r.Code != "bad_credentials" {
		t.Errorf("with the former password: %+v", r)
	}
	if log := o.log.String(); !strings.Contains(log, `"origin":"device","device":"laptop"`) {
		t.Error("the device is not known any more")
	}
	if r := o.ask("127.9.0.4", "ru", `EXAMPLE\strict`, directorylab.Password, "laptop"); !r.Authorized || !r.NeedTunnel {
		t.Errorf("with the password of the domain, from outside: %+v", r)
	}
	if list := o.admin.accounts("strict"); len(list) != 1 || list[0].ID != fmt.Sprint(id) || !list[0].Remote {
		t.Errorf("after a login: %+v", list)
	}
}

// addedOnThePage: what the page's form adds works like what REST adds.
func (o *officeAD) addedOnThePage(t *testing.T) {
	o.admin.must("DELETE", o.path, nil, nil)
	v := o.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/directories/new")
	typed := map[string]string{"kind": "ad", "name": "Example.Test", "user": "svc-ldap@" + directorylab.Domain, "password": directorylab.SearchPassword,
		"dns_ips": directorylab.DNSServer.Addr().String(), "ca_pem": string(o.ad.CA.PEM()), "login_groups": "VPN-Users\r\n"}
	typed["test_login"] = "alice"
	v.submitTo("/admin/directories/new", "/admin/directories/new/test", typed)
	v.sees("#report", "Каталог готов к работе")
	v.sees("main", o.ad.PersonDN("alice"))
	typed["login_groups"] = "Nobodies"
	v.submit("/admin/directories/new", typed)
	if v.status != http.StatusBadRequest || !v.says("main", "Nobodies") {
		t.Errorf("an unknown group: %d\n%s", v.status, v.text())
	}
	typed["login_groups"] = "VPN-Users"
	v.submit("/admin/directories/new", typed)
	if v.at.Path != "/admin/directories" || !v.says("table", directorylab.Domain) {
		t.Fatalf("%s (%d)\n%s", v.at.Path, v.status, v.text())
	}
	for login, code := range map[string]string{"alice": "", "carol": "not_permitted"} {
		if r := o.ask("127.0.5.1", "ru", login, directorylab.Password, "d"); r.Code != code || r.Authorized != (code == "") {
			t.Errorf("%s: %+v", login, r)
		}
	}
}
