package window

import (
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
	"ideco-agent/agent/client/settings"
)

func TestLogsInAtStart(t *testing.T) {
	both := settings.Personal{AutoConnect: true, SavePassword: true}
	for _, c := range []struct {
		name     string
		personal settings.Personal
		banned   bool
		saved    bool
		want     bool
	}{
		{"all conditions", both, false, true, true},
		{"no password", both, false, false, false},
		{"banned", both, true, true, false},
		{"no automatic connection", settings.Personal{SavePassword: true}, false, true, false},
		{"passwords not saved", settings.Personal{AutoConnect: true}, false, true, false},
	} {
		if got := logsInAtStart(c.personal, settings.Restrictions{SavedPassword: c.banned}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// The program logs in again after a session has expired, not after another end or a refusal.
func TestLogsInAfter(t *testing.T) {
	in := statusOf(client.Authorized, "", "")
	saves := settings.Personal{SavePassword: true}
	for _, reason := range agent.Reasons {
		ended := statusOf(client.Ended, string(reason), "")
		if got, want := logsInAfter(in, ended, saves, settings.Restrictions{}, true), reason == agent.ReasonExpired; got != want {
			t.Errorf("%s: %v", reason, got)
		}
		if logsInAfter(in, ended, saves, settings.Restrictions{}, false) || logsInAfter(ended, ended, saves, settings.Restrictions{}, true) ||
			logsInAfter(in, ended, settings.Personal{AutoConnect: true}, settings.Restrictions{}, true) {
			t.Errorf("%s: logs in without a saved password, without a change or although passwords are not saved", reason)
		}
	}
	if logsInAfter(in, statusOf(client.Ended, session.EndedLocally, ""), saves, settings.Restrictions{}, true) {
		t.Error("logs in after an administrator has ended the access")
	}
	for _, code := range agent.Codes {
		if logsInAfter(in, statusOf(client.Failed, string(code), ""), saves, settings.Restrictions{}, true) {
			t.Errorf("%s: logs in", code)
		}
	}
}

// The program logs in again after the service has ended the access by stopping or failing.
func TestLogsInAfterService(t *testing.T) {
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
		{"it fails during a reconnect", lost, gone, both, true, true},
		{"it fails during the login", entering, gone, both, true, true},
		{"no change", gone, gone, both, true, false},
		{"it is stopped, then does not answer", stopped, gone, both, true, false},
		{"no access before", statusOf(session.Ready, "", ""), gone, both, true, false},
		{"after a logout", out, gone, both, true, false},
		{"after the administrator's end", statusOf(client.Ended, "admin", ""), gone, both, true, false},
		{"after a refusal", statusOf(client.Failed, "bad_credentials", ""), gone, both, true, false},
		{"another user's access", other, gone, both, true, false},
		{"another program answers", in, without(session.ServiceUntrusted), both, true, false},
		{"logged out", in, out, both, true, false},
		{"no automatic connection", in, gone, settings.Personal{SavePassword: true}, true, false},
		{"no password", in, gone, both, false, false},
	} {
		if got := logsInAfter(c.was, c.is, c.personal, settings.Restrictions{}, c.saved); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if logsInAfter(c.was, c.is, c.personal, settings.Restrictions{SavedPassword: true}, c.saved) {
			t.Errorf("%s: logs in against the policy", c.name)
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
		{"connecting", statusOf(client.Connecting, "", ""), stepWait},
		{"the gateway answers", statusOf(session.Ready, "", ""), stepLogin},
		{"the gateway does not answer", statusOf(client.Failed, "unreachable", ""), stepWait},
		{"the server is not the gateway", statusOf(client.Failed, "not_trusted", ""), stepWait},
		{"unreachable at the login", away, stepProbe},
		{"refused", refused, stepOver},
		{"access", statusOf(client.Authorized, "", ""), stepOver},
		{"expired", statusOf(client.Ended, "expired", ""), stepLogin},
		{"ended otherwise", statusOf(client.Ended, "admin", ""), stepOver},
		{"no service", waiting, stepWait},
		{"the service stops", statusOf(client.Ended, session.ServiceStops, ""), stepWait},
		{"another user's access", other, stepOver},
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
