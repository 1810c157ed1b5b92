package window

import (
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/session"
)

// The focus is always on a control that is shown, or on the window.
func TestNextFocus(t *testing.T) {
	loggingIn := statusOf(client.Connecting, "", "")
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	access := statusOf(client.Authorized, "", "")
	soon, refused := access, access
	soon.Notices = []client.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	refused.Notices = append(soon.Notices[:1:1], client.Notice{Code: "bad_credentials", Message: "Нет."})
	other, mayEnd := statusOf(session.Idle, "", ""), statusOf(session.Idle, "", "")
	other.Holder, mayEnd.Holder, mayEnd.CanEnd = session.Other, session.Other, true
	form, ended := contentOf(statusOf(session.Ready, "", "")), contentOf(statusOf(client.Ended, "admin", ""))
	banned := input(statusOf(session.Ready, "", ""))
	banned.Restrictions.SavedPassword = true
	for _, c := range []struct {
		name    string
		was, is Content
		at      control
		want    control
	}{
		{"nothing changes", form, form, controlAddress, controlAddress},
		{"the window opens", Content{}, form, "", controlPassword},
		{"the login begins", form, contentOf(loggingIn), controlPassword, controlPassword},
		{"access", contentOf(loggingIn), contentOf(access), controlPassword, controlMain},
		{"access after a click", contentOf(loggingIn), contentOf(access), controlMain, controlMain},
		{"lost", contentOf(access), contentOf(statusOf(client.Reconnecting, "lost", "")), controlMain, controlMain},
		{"about to expire", contentOf(access), contentOf(soon), controlMain, controlMain},
		{"the form becomes a card that can be extended", form, contentOf(soon), controlLogin, controlExtend},
		{"the extension asks for a password", contentOf(soon), contentOf(refused), controlExtend, controlPassword},
		{"the person moves the focus", contentOf(refused), contentOf(refused), controlMain, controlMain},
		{"the window opens, and the card asks for a password", contentOf(refused), contentOf(refused), "", controlPassword},
		{"the window opens with a card", contentOf(access), contentOf(access), "", controlMain},
		{"extended", contentOf(refused), contentOf(access), controlPassword, controlMain},
		{"extended at once", contentOf(soon), contentOf(access), controlExtend, controlMain},
		{"ended", contentOf(access), ended, controlMain, controlPassword},
		{"ended while it could be extended", contentOf(soon), ended, controlExtend, controlPassword},
		{"ended while a password was typed", contentOf(refused), ended, controlPassword, controlPassword},
		{"another user's access", form, contentOf(other), controlPassword, ""},
		{"another user's access, for an administrator", form, contentOf(mayEnd), controlPassword, controlMain},
		{"the other access has ended", contentOf(other), form, "", controlPassword},
		{"policy disables the check box", form, BuildContent(banned), controlSavePassword, controlPassword},
	} {
		if got := nextFocus(c.was, c.is, c.at, controlPassword); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := nextFocus(c.was, c.is, c.at, controlPassword); got != "" && !c.is.canFocus(got) {
			t.Errorf("%s: %q cannot have the focus", c.name, got)
		}
	}
}

// The guard starts when Enter, pressed for the login, could cancel it or log out.
func TestStartsEnterGuard(t *testing.T) {
	loggingIn, access := statusOf(client.Connecting, "", ""), contentOf(statusOf(client.Authorized, "", ""))
	loggingIn.Login, loggingIn.Holder = "ivanov", session.You
	form, loginForm := contentOf(statusOf(session.Ready, "", "")), contentOf(loggingIn)
	for _, c := range []struct {
		name     string
		was, is  Content
		from, to control
		want     bool
	}{
		{"the login begins, by its button", form, loginForm, controlMain, controlMain, true},
		{"the login begins, from the field", form, loginForm, controlPassword, controlPassword, false},
		{"access, from the field", loginForm, access, controlPassword, controlMain, true},
		{"access, from the button", loginForm, access, controlMain, controlMain, false}, // the guard runs already
		{"nothing changes", access, access, controlMain, controlMain, false},
		{"logged out", access, form, controlMain, controlMain, true},
		{"logged out, a password is needed", access, form, controlMain, controlPassword, false},
	} {
		if got := startsEnterGuard(c.was, c.is, c.from, c.to); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func contentOf(v session.Status) Content { return BuildContent(input(v)) }

func TestEnterGuard(t *testing.T) {
	var g enterGuard
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	if g.ignoresEnter(at(0)) {
		t.Error("ignored before the start")
	}
	g.start(at(0))
	for _, c := range []struct {
		seconds float64
		want    bool
	}{{0.5, true}, {1.4, true}, {2.3, true}, {3.4, false}, {3.5, false}} {
		if got := g.ignoresEnter(at(c.seconds)); got != c.want {
			t.Errorf("after %v s: %v", c.seconds, got)
		}
	}
}
