package window

import (
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/keeper"
	"ideco-agent/agent/client/seat"
)

// Whatever the form turns into, the keyboard is at something that is on show.
func TestLanding(t *testing.T) {
	paint := paintOf
	entering := view(client.Connecting, "", "")
	entering.Login, entering.Control = "ivanov", seat.Yours
	in := view(client.Authorized, "", "")
	soon, refused := in, in
	soon.Notices = []keeper.Notice{{Code: client.NoticeExpiring, Message: "Скоро."}}
	refused.Notices = append(soon.Notices[:1:1], keeper.Notice{Code: "bad_credentials", Message: "Нет."})
	other, mayEnd := view(keeper.Resting, "", ""), view(keeper.Resting, "", "")
	other.Control, mayEnd.Control, mayEnd.CanEnd = seat.Other, seat.Other, true
	form, ended := paint(view(keeper.Ready, "", "")), paint(view(client.Ended, "admin", ""))
	banned := scene(view(keeper.Ready, "", ""))
	banned.Bans.SavedPassword = true
	for _, c := range []struct {
		name    string
		was, is Face
		at      part
		want    part
	}{
		{"nothing changes", form, form, partAddress, partAddress},
		{"the window opens", Face{}, form, "", partPassword},
		{"the login begins", form, paint(entering), partPassword, partPassword},
		{"access", paint(entering), paint(in), partPassword, partMain},
		{"access after a click", paint(entering), paint(in), partMain, partMain},
		{"lost", paint(in), paint(view(client.Reconnecting, "lost", "")), partMain, partMain},
		{"about to expire", paint(in), paint(soon), partMain, partMain},
		{"the form becomes a card that can be extended", form, paint(soon), partLogin, partExtend},
		{"the extension asks for a password", paint(soon), paint(refused), partExtend, partPassword},
		{"somebody goes on from there", paint(refused), paint(refused), partMain, partMain},
		{"the window opens, and the card asks for a password", paint(refused), paint(refused), "", partPassword},
		{"the window opens with a card", paint(in), paint(in), "", partMain},
		{"extended", paint(refused), paint(in), partPassword, partMain},
		{"extended at once", paint(soon), paint(in), partExtend, partMain},
		{"ended", paint(in), ended, partMain, partPassword},
		{"ended while it could be extended", paint(soon), ended, partExtend, partPassword},
		{"ended while a password was typed", paint(refused), ended, partPassword, partPassword},
		{"somebody else's", form, paint(other), partPassword, ""},
		{"somebody else's, and an administrator looks", form, paint(mayEnd), partPassword, partMain},
		{"free again", paint(other), form, "", partPassword},
		{"the box is switched off by policy", form, Paint(banned), partSave, partPassword},
	} {
		if got := landing(c.was, c.is, c.at, partPassword); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
		if got := landing(c.was, c.is, c.at, partPassword); got != "" && !c.is.takesKeys(got) {
			t.Errorf("%s: %q does not take keys", c.name, got)
		}
	}
}

// Enter that was meant for the login neither cancels it nor logs out again.
func TestBeginsLull(t *testing.T) {
	entering, in := view(client.Connecting, "", ""), paintOf(view(client.Authorized, "", ""))
	entering.Login, entering.Control = "ivanov", seat.Yours
	form, asking := paintOf(view(keeper.Ready, "", "")), paintOf(entering)
	for _, c := range []struct {
		name     string
		was, is  Face
		from, to part
		want     bool
	}{
		{"the login begins, by its button", form, asking, partMain, partMain, true},
		{"the login begins, from the field", form, asking, partPassword, partPassword, false},
		{"access, from the field", asking, in, partPassword, partMain, true},
		{"access, from the button", asking, in, partMain, partMain, false}, // the lull of before
		{"nothing changes", in, in, partMain, partMain, false},
		{"out again", in, form, partMain, partMain, true},
		{"out again, and a password is needed", in, form, partMain, partPassword, false},
	} {
		if got := beginsLull(c.was, c.is, c.from, c.to); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func paintOf(v seat.View) Face { return Paint(scene(v)) }

func TestLull(t *testing.T) {
	var l lull
	at := func(seconds float64) time.Time { return noon.Add(time.Duration(seconds * float64(time.Second))) }
	if l.swallows(at(0)) {
		t.Error("there is none yet")
	}
	l.begin(at(0))
	for _, c := range []struct {
		seconds float64
		want    bool
	}{{0.5, true}, {1.4, true}, {2.3, true}, {3.4, false}, {3.5, false}} {
		if got := l.swallows(at(c.seconds)); got != c.want {
			t.Errorf("after %v s: %v", c.seconds, got)
		}
	}
}
