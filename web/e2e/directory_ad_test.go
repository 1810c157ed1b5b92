//go:build ad

package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
)

// officeAD is a gateway with the domain controller of the lab as its directory.
type officeAD struct {
	*gateway
	boss rest
	ad   *directorylab.AD
	path string // of the directory in REST
}

func newOfficeAD(t *testing.T) *officeAD {
	t.Helper()
	o := &officeAD{ad: directorylab.NewAD(t), gateway: startGateway(t)}
	o.boss = o.administrator()
	o.boss.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	o.boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{"127.0.0.0/8"}}, nil)
	var created struct{ ID int }
	o.boss.must("POST", "/ad_backend/domains", map[string]any{"name": directorylab.Domain, "user": o.ad.ServiceDN, "password": directorylab.ServicePassword,
		"dns_ips": []string{directorylab.DNSServer.Addr().String()}, "ca_pem": string(o.ad.CA.PEM()), "login_groups": []string{"VPN-Users"},
		"remote_groups": []string{o.ad.GroupDN("Staff")}}, &created)
	o.path = fmt.Sprint("/ad_backend/domains/", created.ID)
	return o
}

// login logs in on a device of its own and keeps the connection.
func (o *officeAD) login(login, password string, number int) reply {
	o.t.Helper()
	return o.wire(fmt.Sprint("127.0.1.", number)).ask(authorize(login, password, fmt.Sprint("device-", number)))
}

// checkNow has the gateway check the accounts: it does so after every change of the settings.
func (o *officeAD) checkNow(minutes int) {
	o.t.Helper()
	o.boss.must("PUT", o.path, map[string]any{"check_minutes": minutes}, nil)
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
	if got := logins(o.boss.sessions()); !slices.Equal(got, everybody) {
		t.Fatalf("sessions of %q", got)
	}
	var users []struct {
		Login  string `json:"login"`
		Remote bool   `json:"remote_access"`
		ID     int64
	}
	o.boss.must("GET", "/user_backend/users", nil, &users)
	for _, u := range users {
		if u.Remote != (u.Login == "alice") { // by a group in the group
			t.Errorf("%+v", u)
		}
	}

	o.ad.Disable(t, "bob")
	o.checkNow(6)
	o.boss.waitSessions("bob is disabled", func(s []session) bool { return slices.Equal(logins(s), []string{"alice", "Иван Петров"}) })

	// Without its login group everybody would be refused: nobody is, until an administrator confirms it.
	o.ad.Delete(t, o.ad.GroupDN("VPN-Users"))
	o.checkNow(7)
	o.waitLog(`"event":"directory_check_withheld"`)
	if got := logins(o.boss.sessions()); !slices.Equal(got, []string{"alice", "Иван Петров"}) {
		t.Errorf("after the group was deleted: %q", got)
	}
	o.ad.Stop()
	o.checkNow(8)
	o.waitLog("could not be checked")
	if r := o.login("alice", directorylab.Password, 30); r.Code != "directory_unreachable" || !strings.Contains(r.Message, directorylab.Domain) {
		t.Errorf("without a controller: %+v", r)
	}
	if got := logins(o.boss.sessions()); !slices.Equal(got, []string{"alice", "Иван Петров"}) {
		t.Errorf("without a controller: %q", got)
	}

	o.boss.must("DELETE", o.path, nil, nil)
	o.boss.waitSessions("the directory is deleted", func(s []session) bool { return len(s) == 0 })
	if status, body := o.boss.call("GET", "/user_backend/users", nil); status != http.StatusOK || strings.Contains(string(body), "alice") {
		t.Errorf("%d %s", status, body)
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
