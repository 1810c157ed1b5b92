//go:build ad

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/netlab"
	"ideco-agent/web"
)

// Addresses in the lab: of the gateway, of computers in the LAN, and of strangers.
const officeGateway = "10.77.5.20"

var (
	officeLAN = []string{"10.77.5.21", "10.77.5.11", "10.77.5.12"}
	strangers = []string{"198.51.100.1", "198.51.100.2", "203.0.113.7"}
)

// newGuessedAD starts a gateway inside this process that strangers and computers in the LAN can reach. wait moves the clock of its
// throttle.
func newGuessedAD(t *testing.T) (o *officeAD, wait func(time.Duration)) {
	t.Helper()
	o = &officeAD{ad: directorylab.NewAD(t), gateway: &gateway{t: t, data: t.TempDir() + "/data", flags: []string{web.TunnelOff}}}
	for _, network := range []string{"198.51.100.0/24", "203.0.113.0/24"} {
		netlab.Run(t, "ip", "route", "replace", "local", network, "dev", "lo")
	}
	began, passed := time.Now(), new(atomic.Int64)
	o.now = func() time.Time { return began.Add(time.Duration(passed.Load())) }
	o.where = freeAddresses(t, officeGateway)
	o.startHere()
	t.Cleanup(o.stopHere)
	o.admin = o.administrator()
	o.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	o.admin.must("PUT", settingPath, map[string]any{"local_networks": []string{"10.77.5.0/24"}}, nil)
	o.addAD(map[string]any{"controllers": []string{directorylab.DC2, directorylab.DC1}})
	return o, func(d time.Duration) { passed.Add(int64(d)) }
}

// browse signs in from an address as a browser does, and returns the code of the refusal.
func (o *officeAD) browse(from, login, password string) string {
	user := rest{o.client(netip.MustParseAddr(from)), o.gateway}
	_, body := user.call("POST", "/web/auth/login", map[string]string{"login": login, "password": password})
	var answer struct{ Code string }
	if err := json.Unmarshal(body, &answer); err != nil {
		return err.Error()
	}
	return answer.Code
}

// TestLockoutAD: 60 wrong passwords within half an hour never lock an account in the domain. Each that the gateway lets pass is one
// bind, and all others are none.
func TestLockoutAD(t *testing.T) {
	o, wait := newGuessedAD(t)
	for i := range 2 { // of five devices
		if r := o.ask(officeLAN[i], "en", "alice", directorylab.Password, fmt.Sprint("device", i)); !r.Authorized {
			t.Fatalf("%+v", r)
		}
	}
	forms := []string{"alice", "ALICE", `EXAMPLE\alice`, "example.test/alice", "alice@example.test", `example.test\Alice`, " alice "}
	from := slices.Concat(strangers, officeLAN)
	tries, before := 0, 0
	const atOnce = 6
	for round := range 10 {
		switch round % 5 {
		case 1:
			o.ad.Second.Drop()
		case 2:
			o.ad.Second.Stop()
		case 3:
			o.ad.Second.Start(t)
		case 4:
			o.ad.Stop()
			o.ad.Start(t)
		}
		var sent atomic.Int64
		var all sync.WaitGroup
		for i := range atOnce {
			tries++
			form, address, device := forms[tries%len(forms)], from[(tries+round)%len(from)], fmt.Sprint("device", tries%5)
			all.Go(func() {
				code := ""
				if i%2 == 0 {
					code = o.ask(address, "en", form, "wrong", device).Code
				} else {
					code = o.browse(address, form, "wrong")
				}
				switch code {
				case "bad_credentials":
					sent.Add(1)
				case "too_many_attempts":
				default:
					t.Errorf("%q from %s: %q", form, address, code)
				}
			})
		}
		all.Wait()
		after := o.ad.BadPasswords(t, "alice")
		if after != before+int(sent.Load()) {
			t.Errorf("round %d: badPwdCount went from %d to %d with %d binds", round, before, after, sent.Load())
		}
		before = after
		wait(3 * time.Minute)
	}
	if tries != 60 || before == 0 || before > 2 || o.ad.Locked(t, "alice") || !o.neverLocked("alice") {
		t.Errorf("after %d tries: badPwdCount %d, locked %v", tries, before, o.ad.Locked(t, "alice"))
	}

	wait(30 * time.Minute)
	if r := o.ask(officeLAN[0], "en", "alice", directorylab.Password, "device0"); !r.Authorized {
		t.Errorf("the right password on a known device: %+v", r)
	}
	if n := o.ad.BadPasswords(t, "alice"); n != 0 {
		t.Errorf("after the right password: badPwdCount %d", n)
	}

	// Strangers get half of the attempts, so they do not keep the person out.
	for i := range 12 {
		o.ask(strangers[i%len(strangers)], "en", forms[i%len(forms)], "wrong", fmt.Sprint("theirs", i%5))
	}
	if n := o.ad.BadPasswords(t, "alice"); n != 1 {
		t.Errorf("after tries of strangers: badPwdCount %d", n)
	}
	if r := o.ask(officeLAN[1], "en", "alice", directorylab.Password, "device1"); !r.Authorized {
		t.Errorf("the right password after tries of strangers: %+v", r)
	}
}

// neverLocked reports whether the domain says that it has not locked a person.
func (o *officeAD) neverLocked(login string) bool {
	values := o.ad.Attributes(o.t, o.ad.PersonDN(login), "lockoutTime")
	return len(values) == 0 || values[0] == "0"
}

// TestSilentLockoutAD: a wrong password that a silent controller may still compare counts, whatever the person is told.
func TestSilentLockoutAD(t *testing.T) {
	o, wait := newGuessedAD(t)
	if r := o.ask(officeLAN[0], "en", "bob", directorylab.Password, "device0"); !r.Authorized {
		t.Fatalf("%+v", r)
	}
	o.ad.Pause()
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			r := o.ask(officeLAN[i%len(officeLAN)], "en", "bob", "wrong", fmt.Sprint("device", i))
			if r.Code != "directory_unreachable" && r.Code != "too_many_attempts" {
				t.Errorf("%+v", r)
			}
		})
	}
	all.Wait()
	o.ad.Continue()
	netlab.Eventually(t, "the directory answers", func() bool {
		return o.browse(officeLAN[1], "dave", directorylab.Password) == ""
	})
	for range 3 {
		all.Go(func() { o.ask(officeLAN[0], "en", "bob", "wrong", "device0") })
	}
	all.Wait()
	if n := o.ad.BadPasswords(t, "bob"); n > 2 || o.ad.Locked(t, "bob") || !o.neverLocked("bob") {
		t.Errorf("badPwdCount %d, locked %v", n, o.ad.Locked(t, "bob"))
	}
	wait(31 * time.Minute)
	if r := o.ask(officeLAN[0], "en", "bob", directorylab.Password, "device0"); !r.Authorized {
		t.Errorf("the right password: %+v", r)
	}
	if status, body := o.admin.call("GET", "/healthz", nil); status != http.StatusOK {
		t.Errorf("%d %s", status, body)
	}
}
