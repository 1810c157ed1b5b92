package window

import (
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
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
		if got := logsInAtStart(c.personal, settings.Restrictions{SavedPassword: c.banned}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// Only a session that has run out is begun again by the program itself.
func TestWantsAfter(t *testing.T) {
	in := statusOf(client.Authorized, "", "")
	saves := settings.Personal{SavePassword: true}
	for _, reason := range agent.Reasons {
		ended := statusOf(client.Ended, string(reason), "")
		if got, want := logsInAfter(in, ended, saves, settings.Restrictions{}, true), reason == agent.ReasonExpired; got != want {
			t.Errorf("%s: %v", reason, got)
		}
		if logsInAfter(in, ended, saves, settings.Restrictions{}, false) || logsInAfter(ended, ended, saves, settings.Restrictions{}, true) ||
			logsInAfter(in, ended, settings.Personal{AutoConnect: true}, settings.Restrictions{}, true) {
			t.Errorf("%s: wanted for no reason", reason)
		}
	}
	if logsInAfter(in, statusOf(client.Ended, session.EndedLocally, ""), saves, settings.Restrictions{}, true) {
		t.Error("what was taken is not to be had again at once")
	}
	for _, code := range agent.Codes {
		if logsInAfter(in, statusOf(client.Failed, string(code), ""), saves, settings.Restrictions{}, true) {
			t.Errorf("%s: wanted", code)
		}
	}
}

// The service takes the access with it when it stops or fails, and the program asks for it again when it is there again.
func TestWantsAfterService(t *testing.T) {
	both := settings.Personal{AutoConnect: true, SavePassword: true}
	in, out := statusOf(client.Authorized, "", ""), statusOf(client.Ended, "logout", "")
	lost := statusOf(client.Reconnecting, "lost", "")
	entering := statusOf(client.Connecting, "", "")
	entering.Login, entering.Holder = "ivanov", session.You
	other := statusOf(session.Idle, "", "")
	other.Holder = session.Other
	without := func(code string) session.Status {
		v := statusOf(session.Idle, "", "")
		v.Problem = &session.Problem{Code: code}
		return v
	}
	gone, stopped := without(session.ServiceStopped), statusOf(client.Ended, session.ServiceStops, "")
	for _, c := range []struct {
		name     string
		was, is  session.Status
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
		{"nobody was in", statusOf(session.Ready, "", ""), gone, both, true, false},
		{"after a logout", out, gone, both, true, false},
		{"after the administrator's end", statusOf(client.Ended, "admin", ""), gone, both, true, false},
		{"after a refusal", statusOf(client.Failed, "bad_credentials", ""), gone, both, true, false},
		{"somebody else was in", other, gone, both, true, false},
		{"another program answers", in, without(session.ServiceUntrusted), both, true, false},
		{"logged out", in, out, both, true, false},
		{"not chosen", in, gone, settings.Personal{SavePassword: true}, true, false},
		{"no password", in, gone, both, false, false},
	} {
		if got := logsInAfter(c.was, c.is, c.personal, settings.Restrictions{}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if logsInAfter(c.was, c.is, c.personal, settings.Restrictions{SavedPassword: true}, c.saved) {
			t.Errorf("%s: wanted against the policy", c.name)
		}
	}
}

func TestNextStep(t *testing.T) {
	refused, away := statusOf(client.Failed, "bad_credentials", ""), statusOf(client.Failed, "unreachable", "")
	refused.Login, away.Login = "ivanov", "ivanov"
	waiting := statusOf(session.Ready, "", "")
	waiting.Problem = &session.Problem{Code: session.ServiceStopped}
	other := statusOf(session.Ready, "", "")
	other.Holder = session.Other
	for _, c := range []struct {
		name string
		is   session.Status
		want step
	}{
		{"nothing yet", statusOf(session.Idle, "", ""), stepProbe},
		{"under way", statusOf(client.Connecting, "", ""), stepWait},
		{"the gateway is there", statusOf(session.Ready, "", ""), stepLogin},
		{"it is not", statusOf(client.Failed, "unreachable", ""), stepWait},
		{"it is another one", statusOf(client.Failed, "not_trusted", ""), stepWait},
		{"gone just before the login", away, stepProbe},
		{"refused", refused, stepOver},
		{"in", statusOf(client.Authorized, "", ""), stepOver},
		{"run out", statusOf(client.Ended, "expired", ""), stepLogin},
		{"ended otherwise", statusOf(client.Ended, "admin", ""), stepOver},
		{"no service", waiting, stepWait},
		{"the service stops", statusOf(client.Ended, session.ServiceStops, ""), stepWait},
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
	}{{true, true, inService}, {true, false, inProcess}, {false, true, inProcess}, {false, false, inProcess}} {
		if got := placeOf(c.vouched, c.service); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
