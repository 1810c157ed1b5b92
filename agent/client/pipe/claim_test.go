package pipe

import (
	"reflect"
	"testing"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/seat"
)

var (
	ivanov  = Caller{Person{1, "S-1-5-21-1-1001"}, false}
	petrov  = Caller{Person{2, "S-1-5-21-1-1002"}, false}
	boss    = Caller{Person{3, "S-1-5-21-1-500"}, true}
	ivanov2 = Caller{Person{4, ivanov.User}, false} // logged on twice
	session = Caller{Person{1, petrov.User}, false} // another user in the same session, by "run as"
)

func TestView(t *testing.T) {
	access := keeper.Status{State: client.Authorized, Mode: client.ModeLAN, Address: "10.0.0.5", Server: "gw.ru", Login: "ivanov", Message: "m",
		Notices: []keeper.Notice{{Code: "expiring", Message: "Скоро."}}}
	asks := keeper.Status{State: client.Connecting, Server: "gw.ru", Login: "ivanov"}
	back := keeper.Status{State: client.Reconnecting, Server: "gw.ru", Login: "ivanov"}
	refused := keeper.Status{State: client.Failed, Server: "gw.ru", Login: "ivanov", Code: "bad_credentials", Message: "Нет."}
	ended := keeper.Status{State: client.Ended, Server: "gw.ru", Login: "ivanov", Code: "admin", Message: "m"}
	out := keeper.Status{State: client.Ended, Code: "logout", Message: "Вы вышли."}
	ready := keeper.Status{State: keeper.Ready, Server: "gw.ru", Message: "m"}
	probes := keeper.Status{State: client.Connecting, Server: "gw.ru"}
	resting := keeper.Status{State: keeper.Resting}
	taken := keeper.Status{State: keeper.Resting, Message: locale.Text(locale.Russian, locale.SeatTaken)}
	left := out
	stopped := out
	stopped.Code, stopped.Message = seat.Stopped, locale.Text(locale.Russian, locale.SeatStopped)
	left.Code, left.Message = seat.Taken, locale.Text(locale.Russian, locale.SeatLeft)

	yours := claim{owner: ivanov.Person}
	for _, c := range []struct {
		name   string
		claim  claim
		who    Caller
		is     keeper.Status
		shows  keeper.Status
		whose  seat.Control
		canEnd bool
	}{
		{"nothing yet", claim{}, ivanov, resting, resting, seat.Free, false},
		{"the gateway answers", claim{}, petrov, ready, ready, seat.Free, false},
		{"a probe after somebody's access", yours, petrov, probes, probes, seat.Free, false},
		{"own access", yours, ivanov, access, access, seat.Yours, false},
		{"own attempt", yours, ivanov, asks, asks, seat.Yours, false},
		{"own access comes back", yours, ivanov, back, back, seat.Yours, false},
		{"own end", yours, ivanov, ended, ended, seat.Free, false},
		{"own end against the will", claim{ivanov.Person, locale.SeatLeft}, ivanov, out, left, seat.Free, false},
		{"own end with the service", claim{ivanov.Person, locale.SeatStopped}, ivanov, out, stopped, seat.Free, false},
		{"own end by the gateway, before the will came", claim{ivanov.Person, locale.SeatLeft}, ivanov, ended, ended, seat.Free, false},
		{"own refusal", yours, ivanov, refused, refused, seat.Free, false},
		{"another's access", yours, petrov, access, taken, seat.Other, false},
		{"another's attempt", yours, petrov, asks, taken, seat.Other, false},
		{"another's access comes back", yours, petrov, back, taken, seat.Other, false},
		{"another's access, for an administrator", yours, boss, access, taken, seat.Other, true},
		{"the same user in another Windows session", yours, ivanov2, access, taken, seat.Other, false},
		{"another user in the same Windows session", yours, session, access, taken, seat.Other, false},
		{"another's end", yours, petrov, ended, resting, seat.Free, false},
		{"another's logout", claim{ivanov.Person, locale.SeatLeft}, petrov, out, resting, seat.Free, false},
		{"another's refusal", yours, boss, refused, resting, seat.Free, false},
		{"access that nobody asked for", claim{}, petrov, access, taken, seat.Other, false},
	} {
		want := seat.View{Status: c.shows, Control: c.whose, CanEnd: c.canEnd}
		if got := c.claim.view(c.who, c.is, locale.Russian); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestEnds(t *testing.T) {
	access, ended := keeper.Status{State: client.TunnelUp}, keeper.Status{State: client.Ended}
	mine := claim{owner: ivanov.Person}
	if !mine.ends(1, access) || mine.ends(2, access) || mine.ends(1, ended) {
		t.Error("the access ends with its owner's Windows session and no other")
	}
}
