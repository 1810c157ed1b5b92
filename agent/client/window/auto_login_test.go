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
		if got := logsInAtStart(c.personal, settings.Restrictions{SavedPassword: c.banned}, c.saved, false); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

// The program logs in again after a session has expired, not after another end or a refusal.
func TestLogsInAfter(t *testing.T) {
	access := statusOf(client.Authorized, "", "")
	saves := settings.Personal{SavePassword: true}
	for _, reason := range agent.Reasons {
		ended := statusOf(client.Ended, string(reason), "")
		if got, want := logsInAfter(access, ended, saves, settings.Restrictions{}, true, false), reason == agent.ReasonExpired; got != want {
			t.Errorf("%s: %v", reason, got)
		}
		if logsInAfter(access, ended, saves, settings.Restrictions{}, false, false) || logsInAfter(ended, ended, saves, settings.Restrictions{}, true, false) ||
			logsInAfter(access, ended, settings.Personal{AutoConnect: true}, settings.Restrictions{}, true, false) {
			t.Errorf("%s: logs in without a saved password, without a change or although passwords are not saved", reason)
		}
	}
	if logsInAfter(access, statusOf(client.Ended, session.EndedLocally, ""), saves, settings.Restrictions{}, true, false) {
		t.Error("logs in after an administrator has ended the access")
	}
	for _, code := range agent.Codes {
		if logsInAfter(access, statusOf(client.Failed, string(code), ""), saves, settings.Restrictions{}, true, false) {
			t.Errorf("%s: logs in", code)
		}
	}
}

// The program logs in again after the service has ended the access by stopping or failing.
func TestLogsInAfterService(t *testing.T) {
	both := settings.Personal{AutoConnect: true, SavePassword: true}
	access, loggedOut := statusOf(client.Authorized, "", ""), statusOf(client.Ended, "logout", "")
	lost := statusOf(client.Reconnecting, "lost", "")
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	other := statusOf(session.Idle, "", "")
	other.Holder = session.Other
	without := func(code string) session.Status {
		v := statusOf(session.Idle, "", "")
		v.Problem = &session.Problem{Code: code}
		return v
	}
	noService, stopped := without(session.ServiceStopped), statusOf(client.Ended, session.ServiceStops, "")
	for _, c := range []struct {
		name     string
		was, is  session.Status
		personal settings.Personal
		saved    bool
		want     bool
	}{
		{"it fails", access, noService, both, true, true},
		{"it is stopped", access, stopped, both, true, true},
		{"it fails during a reconnect", lost, noService, both, true, true},
		{"it fails during the login", loggingIn, noService, both, true, true},
		{"no change", noService, noService, both, true, false},
		{"it is stopped, then does not answer", stopped, noService, both, true, false},
		{"no access before", statusOf(session.Ready, "", ""), noService, both, true, false},
		{"after a logout", loggedOut, noService, both, true, false},
		{"after the administrator's end", statusOf(client.Ended, "admin", ""), noService, both, true, false},
		{"after a refusal", statusOf(client.Failed, "bad_credentials", ""), noService, both, true, false},
		{"another user's access", other, noService, both, true, false},
		{"another program answers", access, without(session.ServiceUntrusted), both, true, false},
		{"logged out", access, loggedOut, both, true, false},
		{"no automatic connection", access, noService, settings.Personal{SavePassword: true}, true, false},
		{"no password", access, noService, both, false, false},
	} {
		if got := logsInAfter(c.was, c.is, c.personal, settings.Restrictions{}, c.saved, false); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
		if logsInAfter(c.was, c.is, c.personal, settings.Restrictions{SavedPassword: true}, c.saved, false) {
			t.Errorf("%s: logs in against the policy", c.name)
		}
	}
}

// With tickets the program logs in by itself without a saved password, and also where policy forbids to save one.
func TestLogsInWithTickets(t *testing.T) {
	auto, none := settings.Personal{AutoConnect: true}, settings.Personal{}
	bySSO := func(v session.Status) session.Status { v.BySSO = true; return v }
	access, expired := bySSO(statusOf(client.Authorized, "", "")), bySSO(statusOf(client.Ended, "expired", ""))
	stopped, admin := bySSO(statusOf(client.Ended, session.ServiceStops, "")), bySSO(statusOf(client.Ended, "admin", ""))
	byPassword := statusOf(client.Ended, "expired", "")
	for _, banned := range []bool{false, true} {
		bans := settings.Restrictions{SavedPassword: banned}
		if !logsInAtStart(auto, bans, false, true) || logsInAtStart(none, bans, false, true) {
			t.Errorf("at the start, banned %v", banned)
		}
		for _, c := range []struct {
			name       string
			is         session.Status
			personal   settings.Personal
			hasTickets bool
			want       bool
		}{
			{"expired", expired, none, true, true},
			{"expired, and the tickets are gone", expired, none, false, false},
			{"expired after a login with a password", byPassword, auto, true, false},
			{"ended by an administrator", admin, auto, true, false},
			{"the service stops", stopped, auto, true, true},
			{"the service stops, no automatic connection", stopped, none, true, false},
		} {
			if got := logsInAfter(access, c.is, c.personal, bans, false, c.hasTickets); got != c.want {
				t.Errorf("%s, banned %v: %v", c.name, banned, got)
			}
		}
	}
}

func TestNextStep(t *testing.T) {
	refused, unreachable := statusOf(client.Failed, "bad_credentials", ""), statusOf(client.Failed, "unreachable", "")
	refused.Login, unreachable.Login = "ivanov", "ivanov"
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
		{"unreachable at the login", unreachable, stepProbe},
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
		byAdministrator, service bool
		want                     place
	}{{true, true, inService}, {true, false, inProcess}, {false, true, inProcess}, {false, false, inProcess}} {
		if got := placeOf(c.byAdministrator, c.service); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
}
