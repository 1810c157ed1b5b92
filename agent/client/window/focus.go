package window

import "time"

// control is a control that can have the focus; "" is the window itself.
type control string

const (
	controlLogin        control = "login"
	controlPassword     control = "password"
	controlAddress      control = "address"
	controlSavePassword control = "save" // check box
	controlAutoConnect  control = "auto" // check box
	controlMain         control = "main"
	controlExtend       control = "extend"
	controlSSO          control = "sso"

	// Of the form that changes the password; controlToggle is the button that opens and leaves it.
	controlCurrent control = "current"
	controlNew     control = "new"
	controlRepeat  control = "repeat"
	controlToggle  control = "toggle"
)

// canFocus reports whether a control can have the focus. A read-only field can: during a login it keeps the focus, so
// that typed keys do not press a button.
func (c Content) canFocus(at control) bool {
	switch at {
	case controlLogin:
		return c.Login.Shown
	case controlPassword:
		return c.Password.Shown
	case controlAddress:
		return c.Address.Shown
	case controlSavePassword:
		return c.Form && c.Save.Enabled
	case controlAutoConnect:
		return c.Form && c.Auto.Enabled
	case controlMain:
		return c.Main.Shown && c.Main.Enabled
	case controlExtend:
		return c.Extend.Shown
	case controlSSO:
		return c.SSO.Shown
	case controlCurrent:
		return c.Current.Shown
	case controlNew:
		return c.New.Shown
	case controlRepeat:
		return c.Repeat.Shown
	case controlToggle:
		return c.Toggle.Shown && c.Toggle.Enabled
	}
	return false
}

// nextFocus returns the control that gets the focus when the content changes from was to is while at has the focus. The
// first rule that applies decides:
//
//   - the form that changes the password appears, or a change with it was refused: its first field
//   - the form appears: firstEmpty
//   - a card begins to ask for the password: the password
//   - at can keep the focus: at
//   - the form is shown: firstEmpty
//   - a card is shown: the first of the new password, the password, the button Extend and the main button that can have the focus, else the window
func nextFocus(was, is Content, at, firstEmpty control) control {
	switch {
	case is.Change && (!was.Change || is.New.Enabled && !was.New.Enabled):
		return is.firstOfChange()
	case is.Form && !was.Form:
		return firstEmpty
	case !is.Form && is.Password.Shown && (was.Form || !was.Password.Shown):
		return controlPassword
	case is.canFocus(at):
		return at
	case is.Form:
		return firstEmpty
	}
	for _, to := range []control{controlNew, controlPassword, controlExtend, controlMain} {
		if is.canFocus(to) {
			return to
		}
	}
	return ""
}

// firstOfChange returns the first field of the form that changes the password.
func (c Content) firstOfChange() control {
	if c.Current.Shown {
		return controlCurrent
	}
	return controlNew
}

// enterGuard protects the main button from a held or repeated Enter. It ignores Enter for one second after the window
// has opened, the program has focused the main button or the button has got another action.
type enterGuard struct{ until time.Time }

const enterGuardTime = time.Second

// startsEnterGuard reports whether the main button gets the focus, or keeps it and changes its action.
func startsEnterGuard(was, is Content, from, to control) bool {
	return to == controlMain && (from != controlMain || was.Main.Action != is.Main.Action)
}

func (g *enterGuard) start(now time.Time) { g.until = now.Add(enterGuardTime) }

// ignoresEnter reports whether to ignore an Enter. Each ignored Enter restarts the second, so that a held key is always
// ignored.
func (g *enterGuard) ignoresEnter(now time.Time) bool {
	if !now.Before(g.until) {
		return false
	}
	g.start(now)
	return true
}
