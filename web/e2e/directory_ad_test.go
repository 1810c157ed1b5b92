//go:build ad

package e2e

import (
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
)

// officeAD is a gateway with the domain controller of the lab as its directory.
type officeAD struct {
	*gateway
	admin rest
	ad    *directorylab.AD
	path  string // of the directory in REST
}

func newOfficeAD(t *testing.T, flags ...string) *officeAD {
	t.Helper()
	o := &officeAD{ad: directorylab.NewAD(t), gateway: startGateway(t, flags...)}
	o.admin = o.administrator()
	o.admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	o.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.0/8"}}, nil)
	o.addAD(map[string]any{"login_groups": []string{"VPN-Users"}, "remote_groups": []string{o.ad.GroupDN("Staff")}})
	return o
}

// addAD adds the domain of the lab to the gateway, with these settings.
func (o *officeAD) addAD(settings map[string]any) {
	o.t.Helper()
	all := map[string]any{"name": directorylab.Domain, "user": o.ad.SearchDN, "password": directorylab.SearchPassword,
		"dns_ips": []string{directorylab.DNSServer.Addr().String()}, "ca_pem": string(o.ad.CA.PEM())}
	maps.Copy(all, settings)
	var created struct{ ID int }
	o.admin.must("POST", "/ad_backend/domains", all, &created)
	o.path = fmt.Sprint("/ad_backend/domains/", created.ID)
}

// login logs in on a device of its own and keeps the connection.
func (o *officeAD) login(login, password string, number int) reply {
	o.t.Helper()
	return o.wire(fmt.Sprint("127.0.1.", number)).ask(authorize(login, password, fmt.Sprint("device-", number)))
}

// checkNow has the gateway check the accounts: it does so after every change of the settings.
func (o *officeAD) checkNow(minutes int) {
	o.t.Helper()
	o.admin.must("PUT", o.path, map[string]any{"check_minutes": minutes}, nil)
}

func logins(list []session) (logins []string) {
	for _, s := range list {
		logins = append(logins, s.Login)
	}
	slices.Sort(logins)
	return logins
}

// TestDirectoryAD: people of a domain log in, lose access with their account, and keep it when the directory's answer is not to
// be trusted.
func TestDirectoryAD(t *testing.T) {
	o := newOfficeAD(t)
	for i, c := range []struct{ login, password, code string }{
		{"alice", directorylab.Password, ""},
		{`EXAMPLE\bob`, directorylab.Password, ""},
		{"Иван Петров@" + directorylab.Domain, directorylab.Password, ""},
		{"bob", "wrong", "bad_credentials"},
		{"carol", directorylab.Password, "not_permitted"},
		{"disabled", directorylab.Password, "account_disabled"},
		{"nobody@" + directorylab.Domain, directorylab.Password, "bad_credentials"},
	} {
		if r := o.login(c.login, c.password, 1+i); r.Code != c.code || r.Authorized != (c.code == "") {
			t.Errorf("%s: %+v", c.login, r)
		}
	}
	everybody := []string{"alice", "bob", "Иван Петров"}
	if got := logins(o.admin.sessions()); !slices.Equal(got, everybody) {
		t.Fatalf("sessions of %q", got)
	}
	var users []struct {
		Login  string `json:"login"`
		Remote bool   `json:"remote_access"`
		ID     int64  `json:"id,string"`
	}
	o.admin.must("GET", "/user_backend/users", nil, &users)
	for _, u := range users {
		if u.Remote != (u.Login == "alice") { // by a group in the group
			t.Errorf("%+v", u)
		}
	}

	o.ad.Disable(t, "bob")
	o.checkNow(6)
	o.admin.waitSessions("bob is disabled", func(s []session) bool { return slices.Equal(logins(s), []string{"alice", "Иван Петров"}) })

	// Without its login group everybody would be refused: nobody is, until an administrator confirms it.
	o.ad.Delete(t, o.ad.GroupDN("VPN-Users"))
	o.checkNow(7)
	o.waitLog(`"event":"directory_check_withheld"`)
	if got := logins(o.admin.sessions()); !slices.Equal(got, []string{"alice", "Иван Петров"}) {
		t.Errorf("after the group was deleted: %q", got)
	}
	o.ad.Stop()
	o.checkNow(8)
	o.waitLog("could not be checked")
	if r := o.login("alice", directorylab.Password, 30); r.Code != "directory_unreachable" || !strings.Contains(r.Message, directorylab.Domain) {
		t.Errorf("without a controller: %+v", r)
	}
	if got := logins(o.admin.sessions()); !slices.Equal(got, []string{"alice", "Иван Петров"}) {
		t.Errorf("without a controller: %q", got)
	}

	o.admin.must("DELETE", o.path, nil, nil)
	o.admin.waitSessions("the directory is deleted", func(s []session) bool { return len(s) == 0 })
	if status, body := o.admin.call("GET", "/user_backend/users", nil); status != http.StatusOK || strings.Contains(string(body), "alice") {
		t.Errorf("%d %s", status, body)
	}
}

// TestConvertAD: a local account becomes that of the person with the same login. It keeps its number, and the password of the
// domain is the right one from then on.
func TestConvertAD(t *testing.T) {
	o := newOfficeAD(t)
	id := o.admin.user(map[string]any{"login": "alice"})
	o.admin.user(map[string]any{"login": "somebody"})
	if r := o.login("alice", directorylab.Password, 1); r.Code != "bad_credentials" { // a local account wins over a bare login
		t.Errorf("before: %+v", r)
	}
	if r := o.login("alice@"+directorylab.Domain, directorylab.Password, 2); !r.Authorized {
		t.Errorf("the person of the domain: %+v", r)
	}
	var report struct {
		OK    bool `json:"ok"`
		Local []struct {
			ID    int64
			Login string
		} `json:"local_logins"`
	}
	o.admin.must("POST", o.path+"/test", map[string]any{"login": "alice@" + directorylab.Domain}, &report)
	if !report.OK || len(report.Local) != 1 || report.Local[0].ID != id {
		t.Errorf("%+v", report)
	}
	number := strings.TrimPrefix(o.path, "/ad_backend/domains/")
	v := o.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/directories/" + number)
	token, _ := v.page.Find(`input[name="_csrf"]`).Attr("value")
	request, err := http.NewRequest("POST", v.resolve("/admin/directories/"+number+"/convert"),
		strings.NewReader(url.Values{"_csrf": {token}, "user": {fmt.Sprint(id)}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	v.load(request)
	v.submit("/admin/directories/"+number+"/convert", nil) // the answer to the question
	o.admin.waitSessions("the account that was merged ends its session", func(s []session) bool { return len(s) == 0 })
	if r := o.login("alice", userPassword, 3); r.Code != "bad_credentials" {
		t.Errorf("the former password: %+v", r)
	}
	if r := o.login("alice", directorylab.Password, 4); !r.Authorized {
		t.Errorf("afterwards: %+v", r)
	}
	var users []struct {
		Login  string `json:"login"`
		Domain string `json:"domain_name"`
		ID     int64  `json:"id,string"`
	}
	o.admin.must("GET", "/user_backend/users", nil, &users)
	for _, u := range users {
		if u.Login == "alice" && (u.ID != id || u.Domain != directorylab.Domain) || u.Login == "somebody" && u.Domain == directorylab.Domain {
			t.Errorf("%+v", u)
		}
	}
}

// waitLog waits for a text in the gateway's log.
func (o *officeAD) waitLog(text string) {
	o.t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(o.log.String(), text) {
		select {
		case <-tick.C:
		case <-deadline:
			o.t.Fatalf("the log does not say %q", text)
		}
	}
}
