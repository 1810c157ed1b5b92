//go:build ad

package e2e

import (
	"fmt"
	"strings"
	"testing"

	directorylab "ideco-agent/agent/directory/lab"
)

// TestTwoDirectoriesAD: a bare login belongs to the default directory, and the name of a domain chooses any. Two people with the same
// login are two accounts, and the failure of one directory is none of the other.
func TestTwoDirectoriesAD(t *testing.T) {
	o := newOfficeAD(t)
	o.admin.must("PUT", o.path, map[string]any{"login_groups": []string{}}, nil)
	second := directorylab.NewOpenLDAP(t, true)
	var created struct{ ID int }
	o.admin.must("POST", "/ad_backend/domains", map[string]any{"kind": "openldap", "name": "branch.test", "user": second.SearchDN,
		"password": directorylab.SearchPassword, "dns_ips": []string{directorylab.DNSServer.Addr().String()}, "ca_pem": string(second.CA.PEM()),
		"controllers": []string{directorylab.LDAP}, "remote_groups": []string{"Sales"}}, &created)
	branch := fmt.Sprint("/ad_backend/domains/", created.ID)

	number := 0
	// try logs in and returns the domain of the account.
	try := func(login string) string {
		t.Helper()
		number++
		r := o.login(login, directorylab.Password, number)
		if !r.Authorized {
			return r.Code
		}
		for _, s := range o.admin.sessions() {
			if s.ID == r.Session {
				return s.Domain
			}
		}
		return "no session"
	}
	want := func(when string, domains map[string]string) {
		t.Helper()
		for login, domain := range domains {
			if got := try(login); got != domain {
				t.Errorf("%s: %s is of %q, want %q", when, login, got, domain)
			}
		}
	}
	both := map[string]string{
		`EXAMPLE\alice`: directorylab.Domain, `example.test\alice`: directorylab.Domain, "alice@example.test": directorylab.Domain,
		`branch.test\alice`: "branch.test", "branch.test/alice": "branch.test", "alice@branch.test": "branch.test", "Иван Петров@branch.test": "branch.test",
		"dave@branch.test": "bad_credentials", `other\alice`: "bad_credentials",
	}
	want("the first is the default", both)
	want("the first is the default", map[string]string{"alice": directorylab.Domain, "dave": directorylab.Domain})
	list := o.admin.accounts("alice")
	if len(list) != 2 || list[0].ID == list[1].ID || list[0].Domain == list[1].Domain {
		t.Errorf("%+v", list)
	}
	for _, a := range list {
		if !a.Remote {
			t.Errorf("%+v", a)
		}
	}
	if r := o.wire("127.0.1.200").ask(authorize("alice", directorylab.Password, "one")); !r.Authorized {
		t.Errorf("%+v", r)
	}
	if r := o.wire("127.0.1.200").ask(authorize("alice@branch.test", directorylab.Password, "other")); r.Code != "address_busy" {
		t.Errorf("another alice at the same address: %+v", r)
	}

	o.admin.must("PUT", branch, map[string]any{"default": true}, nil)
	want("the second is the default", both)
	want("the second is the default", map[string]string{"alice": "branch.test", "carol": "bad_credentials"})
	var all []struct {
		Name    string
		Default bool
	}
	o.admin.must("GET", "/ad_backend/domains", nil, &all)
	for _, d := range all {
		if d.Default != (d.Name == "branch.test") {
			t.Errorf("%+v", all)
		}
	}

	second.Stop()
	want("the second is away", map[string]string{"alice": "directory_unreachable", `branch.test\bob`: "directory_unreachable",
		`EXAMPLE\alice`: directorylab.Domain, "bob@example.test": directorylab.Domain})
	if r := o.login(`branch.test\bob`, directorylab.Password, 150); !strings.Contains(r.Message, "branch.test") {
		t.Errorf("%+v", r)
	}
	second.Start(t)
}
