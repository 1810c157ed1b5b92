package window

import (
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
	"ideco-agent/agent/client/settings"
)

func TestWantsAtStart(t *testing.T) {
	both := settings.Personal{AutoConnect: true, SavePassword: true}
	for _, c := range []struct {
		name     string
		personal settings.Personal
		banned   bool
		saved    bool
		want     bool
	}{
		{"all there", both, false, true, true},
		{"no password", both, false, false, false},
		{"banned", both, true, true, false},
		{"not wanted", settings.Personal{SavePassword: true}, false, true, false},
		{"not to be saved any more", settings.Personal{AutoConnect: true}, false, true, false},
	} {
		if got := wantsAtStart(c.personal, settings.Bans{SavedPassword: c.banned}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Only a session that has run out is begun again by the program itself.
func TestWantsAfter(t *testing.T) {
	in := view(client.Authorized, "", "")
	saves := settings.Personal{SavePassword: true}
	for _, reason := range agent.Reasons {
		ended := view(client.Ended, string(reason), "")
		if got, want := wantsAfter(in, ended, saves, settings.Bans{}, true), reason == agent.ReasonExpired; got != want {
			t.Errorf("%s: %v", reason, got)
		}
		if wantsAfter(in, ended, saves, settings.Bans{}, false) || wantsAfter(ended, ended, saves, settings.Bans{}, true) ||
			wantsAfter(in, ended, settings.Personal{AutoConnect: true}, settings.Bans{}, true) {
			t.Errorf("%s: wanted for no reason", reason)
		}
	}
	if wantsAfter(in, view(client.Ended, seat.Taken, ""), saves, settings.Bans{}, true) {
		t.Error("what was taken is not to be had again at once")
	}
	for _, code := range agent.Codes {
		if wantsAfter(in, view(client.Failed, string(code), ""), saves, settings.Bans{}, true) {
			t.Errorf("%s: wanted", code)
		}
	}
}

// The service takes the access with it when it stops or fails, and the program asks for it again when it is there again.
func TestWantsAfterService(t *testing.T) {
	both := settings.Personal{AutoConnect: true, SavePassword: true}
	in, out := view(client.Authorized, "", ""), view(client.Ended, "logout", "")
	lost := view(client.Reconnecting, "lost", "")
	entering := view(client.Connecting, "", "")
	entering.Login, entering.Control = "ivanov", seat.Yours
	other := view(keeper.Resting, "", "")
	other.Control = seat.Other
	without := func(code string) seat.View {
		v := view(keeper.Resting, "", "")
		v.Problem = &seat.Problem{Code: code}
		return v
	}
	gone, stopped := without(seat.ServiceStopped), view(client.Ended, seat.Stopped, "")
	for _, c := range []struct {
		name     string
		was, is  seat.View
		personal settings.Personal
		saved    bool
		want     bool
	}{
		{"it fails", in, gone, both, true, true},
		{"it is stopped", in, stopped, both, true, true},
		{"it fails while the access comes back", lost, gone, both, true, true},
		{"it fails during the login", entering, gone, both, true, true},
		{"gone still", gone, gone, both, true, false},
		{"stopped, and then gone", stopped, gone, both, true, false},
		{"nobody was in", view(keeper.Ready, "", ""), gone, both, true, false},
		{"after a logout", out, gone, both, true, false},
		{"after the administrator's end", view(client.Ended, "admin", ""), gone, both, true, false},
		{"after a refusal", view(client.Failed, "bad_credentials", ""), gone, both, true, false},
		{"somebody else was in", other, gone, both, true, false},
		{"another program answers", in, without(seat.ServiceUntrusted), both, true, false},
		{"logged out", in, out, both, true, false},
		{"not chosen", in, gone, settings.Personal{SavePassword: true}, true, false},
		{"no password", in, gone, both, false, false},
	} {
		if got := wantsAfter(c.was, c.is, c.personal, settings.Bans{}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if wantsAfter(c.was, c.is, c.personal, settings.Bans{SavedPassword: true}, c.saved) {
			t.Errorf("%s: wanted against the policy", c.name)
		}
	}
}

func TestNextStep(t *testing.T) {
	refused, away := view(client.Failed, "bad_credentials", ""), view(client.Failed, "unreachable", "")
	refused.Login, away.Login = "ivanov", "ivanov"
	waiting := view(keeper.Ready, "", "")
	waiting.Problem = &seat.Problem{Code: seat.ServiceStopped}
	other := view(keeper.Ready, "", "")
	other.Control = seat.Other
	for _, c := range []struct {
		name string
		is   seat.View
		want step
	}{
		{"nothing yet", view(keeper.Resting, "", ""), stepProbe},
		{"under way", view(client.Connecting, "", ""), stepWait},
		{"the gateway is there", view(keeper.Ready, "", ""), stepLogin},
		{"it is not", view(client.Failed, "unreachable", ""), stepWait},
		{"it is another one", view(client.Failed, "not_trusted", ""), stepWait},
		{"gone just before the login", away, stepProbe},
		{"refused", refused, stepOver},
		{"in", view(client.Authorized, "", ""), stepOver},
		{"run out", view(client.Ended, "expired", ""), stepLogin},
		{"ended otherwise", view(client.Ended, "admin", ""), stepOver},
		{"no service", waiting, stepWait},
		{"the service stops", view(client.Ended, seat.Stopped, ""), stepWait},
		{"taken", other, stepOver},
	} {
		if got := nextStep(c.is); got != c.want {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}

func TestPlaceOf(t *testing.T) {
	for _, c := range []struct {
		vouched, service bool
		want             place
	}{{true, true, inService}, {true, false, here}, {false, true, here}, {false, false, here}} {
		if got := placeOf(c.vouched, c.service); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
