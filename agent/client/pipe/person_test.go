package pipe

import (
	"reflect"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/session"
)

var (
	ivanov        = Caller{Person{1, "S-1-5-21-1-1001"}, false}
	petrov        = Caller{Person{2, "S-1-5-21-1-1002"}, false}
	administrator = Caller{Person{3, "S-1-5-21-1-500"}, true}
	ivanov2       = Caller{Person{4, ivanov.User}, false} // logged on twice
	runAs         = Caller{Person{1, petrov.User}, false} // another user in the same session, by "run as"
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
	resting := client.Status{State: session.Idle}
	taken := client.Status{State: session.Idle, Message: locale.Text(locale.Russian, locale.AccessTaken)}
	left := out
	stopped := out
	stopped.Code, stopped.Message = session.ServiceStops, locale.Text(locale.Russian, locale.AccessStopped)
	left.Code, left.Message = session.EndedLocally, locale.Text(locale.Russian, locale.AccessLeft)

	yours := claim{owner: ivanov.Person}
	for _, c := range []struct {
		name   string
		claim  claim
		who    Caller
		is     client.Status
		shows  client.Status
		whose  session.Holder
		canEnd bool
	}{
		{"nothing yet", claim{}, ivanov, resting, resting, session.Nobody, false},
		{"the gateway answers", claim{}, petrov, ready, ready, session.Nobody, false},
		{"a probe after another's access", yours, petrov, probes, probes, session.Nobody, false},
		{"own access", yours, ivanov, access, access, session.You, false},
		{"own attempt", yours, ivanov, asks, asks, session.You, false},
		{"own access reconnects", yours, ivanov, back, back, session.You, false},
		{"own end", yours, ivanov, ended, ended, session.Nobody, false},
		{"own end, by the service", claim{ivanov.Person, locale.AccessLeft}, ivanov, out, left, session.Nobody, false},
		{"own end, because the service stops", claim{ivanov.Person, locale.AccessStopped}, ivanov, out, stopped, session.Nobody, false},
		{"own end, by the gateway before the service", claim{ivanov.Person, locale.AccessLeft}, ivanov, ended, ended, session.Nobody, false},
		{"own refusal", yours, ivanov, refused, refused, session.Nobody, false},
		{"another's access", yours, petrov, access, taken, session.Other, false},
		{"another's attempt", yours, petrov, asks, taken, session.Other, false},
		{"another's access reconnects", yours, petrov, back, taken, session.Other, false},
		{"another's access, for an administrator", yours, administrator, access, taken, session.Other, true},
		{"the same user in another Windows session", yours, ivanov2, access, taken, session.Other, false},
		{"another user in the same Windows session", yours, runAs, access, taken, session.Other, false},
		{"another's end", yours, petrov, ended, resting, session.Nobody, false},
		{"another's logout", claim{ivanov.Person, locale.AccessLeft}, petrov, out, resting, session.Nobody, false},
		{"another's refusal", yours, administrator, refused, resting, session.Nobody, false},
		{"access without an owner", claim{}, petrov, access, taken, session.Other, false},
	} {
		want := session.Status{Status: c.shows, Holder: c.whose, CanEnd: c.canEnd}
		if got := c.claim.status(c.who, c.is, locale.Russian); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestHeldIn(t *testing.T) {
	access, ended := client.Status{State: client.TunnelUp}, client.Status{State: client.Ended}
	mine := claim{owner: ivanov.Person}
	if !mine.heldIn(1, access) || mine.heldIn(2, access) || mine.heldIn(1, ended) {
		t.Error("heldIn is true for the owner's Windows session only, while there is access")
	}
}
