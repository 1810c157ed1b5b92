package pipe

import (
	"reflect"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

var (
	ivanov  = Caller{Person{1, "S-1-5-21-1-1001"}, false}
	petrov  = Caller{Person{2, "S-1-5-21-1-1002"}, false}
	boss    = Caller{Person{3, "S-1-5-21-1-500"}, true}
	ivanov2 = Caller{Person{4, ivanov.User}, false} // logged on twice
	runAs   = Caller{Person{1, petrov.User}, false} // another user in the same session, by "run as"
)

func TestStatus(t *testing.T) {
	access := client.Status{State: client.Authorized, Mode: client.ModeLAN, Address: "10.0.0.5", Server: "gw.ru", Login: "ivanov", Message: "m",
		Notices: []client.Notice{{Code: "expiring", Message: "Скоро."}}}
	asks := client.Status{State: client.Connecting, Server: "gw.ru", Login: "ivanov"}
	back := client.Status{State: client.Reconnecting, Server: "gw.ru", Login: "ivanov"}
	refused := client.Status{State: client.Failed, Server: "gw.ru", Login: "ivanov", Code: "bad_credentials", Message: "Нет."}
	ended := client.Status{State: client.Ended, Server: "gw.ru", Login: "ivanov", Code: "admin", Message: "m"}
	out := client.Status{State: client.Ended, Code: "logout", Message: "Вы вышли."}
	ready := client.Status{State: session.Ready, Server: "gw.ru", Message: "m"}
	probes := client.Status{State: client.Connecting, Server: "gw.ru"}
	resting := client.Status{State: session.Resting}
	taken := client.Status{State: session.Resting, Message: locale.Text(locale.Russian, locale.AccessTaken)}
	left := out
	stopped := out
	stopped.Code, stopped.Message = session.Stopped, locale.Text(locale.Russian, locale.AccessStopped)
	left.Code, left.Message = session.Taken, locale.Text(locale.Russian, locale.AccessLeft)

	yours := claim{owner: ivanov.Person}
	for _, c := range []struct {
		name   string
		claim  claim
		who    Caller
		is     client.Status
		shows  client.Status
		whose  session.Control
		canEnd bool
	}{
		{"nothing yet", claim{}, ivanov, resting, resting, session.Free, false},
		{"the gateway answers", claim{}, petrov, ready, ready, session.Free, false},
		{"a probe after somebody's access", yours, petrov, probes, probes, session.Free, false},
		{"own access", yours, ivanov, access, access, session.Yours, false},
		{"own attempt", yours, ivanov, asks, asks, session.Yours, false},
		{"own access comes back", yours, ivanov, back, back, session.Yours, false},
		{"own end", yours, ivanov, ended, ended, session.Free, false},
		{"own end against the will", claim{ivanov.Person, locale.AccessLeft}, ivanov, out, left, session.Free, false},
		{"own end with the service", claim{ivanov.Person, locale.AccessStopped}, ivanov, out, stopped, session.Free, false},
		{"own end by the gateway, before the will came", claim{ivanov.Person, locale.AccessLeft}, ivanov, ended, ended, session.Free, false},
		{"own refusal", yours, ivanov, refused, refused, session.Free, false},
		{"another's access", yours, petrov, access, taken, session.Other, false},
		{"another's attempt", yours, petrov, asks, taken, session.Other, false},
		{"another's access comes back", yours, petrov, back, taken, session.Other, false},
		{"another's access, for an administrator", yours, boss, access, taken, session.Other, true},
		{"the same user in another Windows session", yours, ivanov2, access, taken, session.Other, false},
		{"another user in the same Windows session", yours, runAs, access, taken, session.Other, false},
		{"another's end", yours, petrov, ended, resting, session.Free, false},
		{"another's logout", claim{ivanov.Person, locale.AccessLeft}, petrov, out, resting, session.Free, false},
		{"another's refusal", yours, boss, refused, resting, session.Free, false},
		{"access that nobody asked for", claim{}, petrov, access, taken, session.Other, false},
	} {
		want := session.Status{Status: c.shows, Control: c.whose, CanEnd: c.canEnd}
		if got := c.claim.status(c.who, c.is, locale.Russian); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestEnds(t *testing.T) {
	access, ended := client.Status{State: client.TunnelUp}, client.Status{State: client.Ended}
	mine := claim{owner: ivanov.Person}
	if !mine.ends(1, access) || mine.ends(2, access) || mine.ends(1, ended) {
		t.Error("the access ends with its owner's Windows session and no other")
	}
}
