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
	loggingIn := client.Status{State: client.Connecting, Server: "gw.ru", Login: "ivanov"}
	reconnecting := client.Status{State: client.Reconnecting, Server: "gw.ru", Login: "ivanov"}
	refused := client.Status{State: client.Failed, Server: "gw.ru", Login: "ivanov", Code: "bad_credentials", Message: "Нет."}
	ended := client.Status{State: client.Ended, Server: "gw.ru", Login: "ivanov", Code: "admin", Message: "m"}
	loggedOut := client.Status{State: client.Ended, Code: "logout", Message: "Вы вышли."}
	ready := client.Status{State: session.Ready, Server: "gw.ru", Message: "m"}
	probing := client.Status{State: client.Connecting, Server: "gw.ru"}
	idle := client.Status{State: session.Idle}
	taken := client.Status{State: session.Idle, Message: locale.Text(locale.Russian, locale.AccessTaken)}
	left := loggedOut
	stopped := loggedOut
	stopped.Code, stopped.Message = session.ServiceStops, locale.Text(locale.Russian, locale.AccessStopped)
	left.Code, left.Message = session.EndedLocally, locale.Text(locale.Russian, locale.AccessLeft)

	ofIvanov := claim{owner: ivanov.Person}
	for _, c := range []struct {
		name   string
		claim  claim
		who    Caller
		is     client.Status
		shows  client.Status
		whose  session.Holder
		canEnd bool
	}{
		{"nothing yet", claim{}, ivanov, idle, idle, session.Nobody, false},
		{"the gateway answers", claim{}, petrov, ready, ready, session.Nobody, false},
		{"a probe after another's access", ofIvanov, petrov, probing, probing, session.Nobody, false},
		{"own access", ofIvanov, ivanov, access, access, session.You, false},
		{"own attempt", ofIvanov, ivanov, loggingIn, loggingIn, session.You, false},
		{"own access reconnects", ofIvanov, ivanov, reconnecting, reconnecting, session.You, false},
		{"own end", ofIvanov, ivanov, ended, ended, session.Nobody, false},
		{"own end, by the service", claim{ivanov.Person, locale.AccessLeft}, ivanov, loggedOut, left, session.Nobody, false},
		{"own end, because the service stops", claim{ivanov.Person, locale.AccessStopped}, ivanov, loggedOut, stopped, session.Nobody, false},
		{"own end, by the gateway before the service", claim{ivanov.Person, locale.AccessLeft}, ivanov, ended, ended, session.Nobody, false},
		{"own refusal", ofIvanov, ivanov, refused, refused, session.Nobody, false},
		{"another's access", ofIvanov, petrov, access, taken, session.Other, false},
		{"another's attempt", ofIvanov, petrov, loggingIn, taken, session.Other, false},
		{"another's access reconnects", ofIvanov, petrov, reconnecting, taken, session.Other, false},
		{"another's access, for an administrator", ofIvanov, administrator, access, taken, session.Other, true},
		{"the same user in another Windows session", ofIvanov, ivanov2, access, taken, session.Other, false},
		{"another user in the same Windows session", ofIvanov, runAs, access, taken, session.Other, false},
		{"another's end", ofIvanov, petrov, ended, idle, session.Nobody, false},
		{"another's logout", claim{ivanov.Person, locale.AccessLeft}, petrov, loggedOut, idle, session.Nobody, false},
		{"another's refusal", ofIvanov, administrator, refused, idle, session.Nobody, false},
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
	ofIvanov := claim{owner: ivanov.Person}
	if !ofIvanov.heldIn(1, access) || ofIvanov.heldIn(2, access) || ofIvanov.heldIn(1, ended) {
		t.Error("heldIn is true for the owner's Windows session only, while there is access")
	}
}
