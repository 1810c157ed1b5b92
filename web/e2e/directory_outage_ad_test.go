//go:build ad

package e2e

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/netlab"
)

// How many people of the domain are connected, and how many others log in when a controller falls silent.
const (
	crowd    = 300
	inFlight = 50
)

// TestOutageAD: what goes wrong in the domain or with the gateway's rights there ends no session, one disabled account ends its own,
// and a controller that falls silent keeps nobody out.
func TestOutageAD(t *testing.T) {
	o := newOfficeAD(t)
	people := o.ad.AddUsers(t, "Bulk", crowd+inFlight)
	o.ad.AddGroup(t, "Connected", people...)
	unit := "OU=Bulk," + directorylab.BaseDN
	o.admin.must("PUT", o.path, map[string]any{"controllers": []string{directorylab.DC2, directorylab.DC1}, "password": directorylab.SearchPassword,
		"ldap_paths": []string{unit, o.ad.PeopleDN}, "login_groups": []string{"Connected", "VPN-Users"}}, nil)
	var agents []*swarmAgent
	for i := range crowd {
		agents = append(agents, &swarmAgent{number: i + 1})
	}
	command := swarmCommand{Do: "login", Server: o.where.Agents[0], Roots: o.rootPEM(), Users: crowd + 1, Logins: "bulk-p%04d", Password: directorylab.Password}
	began := time.Now()
	if err := eachAgent(agents, command); err != nil {
		t.Fatal(err)
	}
	took := time.Since(began)
	t.Logf("%d logins took %v", crowd, took)
	// A login after a failure waits behind those in flight. On a busy machine they alone may take more than a second.
	limit := max(3*time.Second, 2*time.Second+2*took*inFlight/crowd)
	connected := o.admin.sessions()
	untouched := func(what string) {
		t.Helper()
		now := o.admin.sessions()
		for _, s := range connected {
			if !slices.Contains(now, s) {
				t.Errorf("%s: the session of %s ended or changed", what, s.Login)
			}
		}
	}
	if len(connected) != crowd {
		t.Fatalf("%d sessions", len(connected))
	}
	minutes := 5
	// check has the accounts checked and waits until the log says the result once more.
	check := func(result string) {
		t.Helper()
		before := strings.Count(o.log.String(), result)
		minutes++
		o.checkNow(minutes)
		netlab.Eventually(t, result, func() bool { return strings.Count(o.log.String(), result) > before })
	}
	const failed, again, withheld = "could not be checked", "can be checked again", `"event":"directory_check_withheld"`

	// A controller falls silent with logins in flight.
	var all sync.WaitGroup
	unanswered := 0
	var mu sync.Mutex
	for i := range inFlight {
		w := o.wire(fmt.Sprint("127.2.0.", i+1))
		all.Go(func() {
			r := w.ask(authorize(fmt.Sprintf("bulk-p%04d", crowd+1+i), directorylab.Password, fmt.Sprint("late-", i)))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case r.Authorized:
			case r.Code == "directory_unreachable":
				unanswered++
			default:
				t.Errorf("a login in flight: %+v", r)
			}
		})
	}
	o.ad.Second.Pause()
	began = time.Now()
	r := o.login("alice", directorylab.Password, 1)
	took = time.Since(began)
	if !r.Authorized || took > limit {
		t.Errorf("the next login after %v, limit %v: %+v", took, limit, r)
	}
	all.Wait()
	t.Logf("the next login took %v; %d of %d in flight were told that the directory does not answer", took, unanswered, inFlight)
	untouched("a silent controller")
	o.ad.Second.Continue()

	// All of them fall silent, and are stopped.
	o.ad.Pause()
	began = time.Now()
	if r := o.login("bob", directorylab.Password, 2); r.Code != "directory_unreachable" || time.Since(began) > 5*time.Second {
		t.Errorf("without any controller, after %v: %+v", time.Since(began), r)
	}
	check(failed)
	untouched("silent controllers")
	o.ad.Continue()
	o.waitReachable()
	check(again)
	o.ad.Stop()
	check(failed)
	untouched("stopped controllers")
	o.ad.Start(t)
	o.waitReachable()
	check(again)
	untouched("controllers that are back")

	// One account is disabled, and then many at once.
	set := func(flags string, dns ...string) {
		t.Helper()
		for _, dn := range dns {
			o.ad.Set(t, dn, "userAccountControl", flags)
		}
	}
	// endsOne checks the accounts after one was disabled.
	endsOne := func(what, login string) {
		t.Helper()
		minutes++
		o.checkNow(minutes)
		its := func(s session) bool { return s.Login == login }
		o.admin.waitSessions(what, func(list []session) bool { return !slices.ContainsFunc(list, its) })
		connected = slices.DeleteFunc(connected, its)
		untouched(what)
	}
	set("514", people[6])
	endsOne("one disabled account", "bulk-p0007")
	set("514", people[50:90]...)
	check(withheld)
	untouched("forty disabled accounts")
	set("512", people[50:90]...)

	// The unit of the people is renamed, or cannot be read.
	rename := func(dn, name string) {
		t.Helper()
		if err := o.ad.Admin(t).ModifyDN(ldap.NewModifyDNRequest(dn, "OU="+name, true, "")); err != nil {
			t.Fatal(err)
		}
	}
	rename(unit, "Renamed")
	check(withheld)
	untouched("a renamed base")
	o.admin.must("PUT", o.path, map[string]any{"ldap_paths": []string{}}, nil)
	set("514", strings.Replace(people[7], "OU=Bulk", "OU=Renamed", 1))
	endsOne("a renamed unit below the base, and one disabled account", "bulk-p0008")
	o.admin.must("PUT", o.path, map[string]any{"ldap_paths": []string{unit, o.ad.PeopleDN}}, nil)
	rename("OU=Renamed,"+directorylab.BaseDN, "Bulk")
	descriptor := o.ad.Attributes(t, unit, "nTSecurityDescriptor")
	o.ad.DenyRead(t, unit)
	check(withheld)
	untouched("a unit that cannot be read")
	o.ad.Set(t, unit, "nTSecurityDescriptor", descriptor...)
	descriptor = o.ad.Attributes(t, directorylab.BaseDN, "nTSecurityDescriptor")
	o.ad.DenyRead(t, directorylab.BaseDN)
	check(failed)
	untouched("a domain that cannot be read")
	o.ad.Set(t, directorylab.BaseDN, "nTSecurityDescriptor", descriptor...)
	check(again)
	untouched("a domain that can be read again")

	// The login group is deleted, until the administrator confirms that its people lose access.
	o.ad.Delete(t, o.ad.GroupDN("Connected"))
	check(withheld)
	untouched("a deleted login group")
	v := o.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/directories")
	v.sees(".banner.warn", directorylab.Domain)
	v.sees(".banner.warn", "Connected")
	confirm := "/admin/directories/" + strings.TrimPrefix(o.path, "/ad_backend/domains/") + "/confirm"
	v.submit(confirm, nil)
	v.submit(confirm, nil) // the answer to the question
	o.admin.waitSessions("the check is confirmed", func(list []session) bool { return slices.Equal(logins(list), []string{"alice"}) })
}

// waitReachable waits until the gateway has noticed that a controller answers.
func (o *officeAD) waitReachable() {
	o.t.Helper()
	netlab.Eventually(o.t, "the directory answers", func() bool {
		var all []struct{ Reachable bool }
		o.admin.must("GET", "/ad_backend/domains", nil, &all)
		return all[0].Reachable
	})
}
