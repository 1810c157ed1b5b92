package window

import "time"

// part is what can have the keyboard; the zero part is the window itself.
type part string

const (
	partLogin    part = "login"
	partPassword part = "password"
	partAddress  part = "address"
	partSave     part = "save"
	partAuto     part = "auto"
	partMain     part = "main"
	partExtend   part = "extend"
)

// takesKeys tells whether a part can have the keyboard. A field that can only be read keeps it, so that whoever types while
// the gateway is asked does not press a button by that.
func (f Face) takesKeys(p part) bool {
	switch p {
	case partLogin:
		return f.Login.Shown
	case partPassword:
		return f.Password.Shown
	case partAddress:
		return f.Address.Shown
	case partSave:
		return f.Form && f.Save.Enabled
	case partAuto:
		return f.Form && f.Auto.Enabled
	case partMain:
		return f.Main.Shown && f.Main.Enabled
	case partExtend:
		return f.Extend.Shown
	}
	return false
}

// landing is where the keyboard goes when the face has become another one. It stays where it is while that is on show, with two
// exceptions: on a new form it goes to what has to be filled in first, and to the password when the card has just asked for it.
func landing(was, is Face, at, firstEmpty part) part {
	switch {
	case is.Form && !was.Form:
		return firstEmpty
	case !is.Form && is.Password.Shown && (was.Form || !was.Password.Shown):
		return partPassword
	case is.takesKeys(at):
		return at
	case is.Form:
		return firstEmpty
	}
	for _, p := range []part{partPassword, partExtend, partMain} {
		if is.takesKeys(p) {
			return p
		}
	}
	return ""
}

// lull is the time after the window has opened, the keyboard has come to the main button without the person's doing, or that
// button has got another meaning. Enter, pressed twice or held down for something else, must not log out.
type lull struct{ over time.Time }

const lullTime = time.Second

// beginsLull tells whether a lull begins: the keyboard is at the main button, which was something else a moment ago.
func beginsLull(was, is Face, from, to part) bool {
	return to == partMain && (from != partMain || was.Main.Act != is.Main.Act)
}

func (l *lull) begin(now time.Time) { l.over = now.Add(lullTime) }

// swallows tells whether Enter counts for nothing now. Every Enter in the lull begins it anew, so that a key that is held down
// never gets past it.
func (l *lull) swallows(now time.Time) bool {
	if !now.Before(l.over) {
		return false
	}
	l.begin(now)
	return true
}
