package window

import (
	"time"

	"github.com/lxn/walk"
	"github.com/lxn/win"
)

// listen attaches the event handlers. It is called last, when the program has set all fields.
func (v *frame) listen() {
	for _, field := range []*walk.LineEdit{v.login, v.password, v.address, v.newPassword, v.current, v.replacement, v.repeat} {
		field.TextChanged().Attach(v.typed)
	}
	v.address.EditingFinished().Attach(func() {
		if !v.rendering {
			v.controller.UseTypedAddress()
			v.render()
		}
	})
	checked := func() {
		if !v.rendering {
			v.controller.SetCheckBoxes(v.save.Checked(), v.auto.Checked())
			v.render()
		}
	}
	v.save.CheckedChanged().Attach(checked)
	v.auto.CheckedChanged().Attach(checked)
	v.mw.Closing().Attach(func(canceled *bool, _ walk.CloseReason) {
		*canceled = true
		v.hide()
	})
	v.shortcut(walk.KeyEscape, v.hide) // Alt+F4 and the close button do the same
	v.shortcut(walk.KeyReturn, v.enter)
	v.main.BoundsChanged().Attach(func() { v.mw.Synchronize(v.mw.redraw) }) // a new layout moves this control last
	v.mw.onSessionEnd = func() {
		v.end()
		win.PostQuitMessage(0) // an installer waits until the process has ended
	}
	v.mw.onDisconnect = func() {
		if v.controller.InProcess() {
			v.controller.Logout()
		}
	}
	v.mw.onTaskbarCreated = v.addTray
	v.mw.onActivate = func() { v.moveFocus(v.shown, v.focused()) }
	v.mw.onDPIChanged = func() {
		v.renderPictures(v.shown.Icon)
		v.renderTray(v.shown.Tray)
		v.fit()
	}
	v.mw.onTick = v.render
	if err := v.mw.watchSession(); err != nil {
		v.p.Log.Write("session notifications: " + err.Error())
	}
}

// shortcut adds a key that Windows handles only in dialog boxes.
func (v *frame) shortcut(key walk.Key, do func()) {
	action := walk.NewAction()
	err := action.SetShortcut(walk.Shortcut{Key: key})
	if err == nil {
		action.Triggered().Attach(do)
		err = v.mw.ShortcutActions().Add(action)
	}
	if err != nil {
		v.p.Log.Write("shortcut: " + err.Error())
	}
}

// typed passes the texts in the visible fields to the controller.
func (v *frame) typed() {
	if v.rendering {
		return
	}
	if v.shown.Change {
		v.controller.SetChangeTexts(ChangeTexts{v.current.Text(), v.replacement.Text(), v.repeat.Text()})
		v.render()
		return
	}
	password := v.password
	if !v.shown.Form {
		password = v.newPassword
	}
	v.controller.SetFieldTexts(FieldTexts{v.login.Text(), password.Text(), v.address.Text()})
	v.render()
}

// enter handles Enter: it presses the focused button. From any other control it logs in, changes the password, or extends the session when
// the password was asked for. It logs out only from the focused button.
func (v *frame) enter() {
	switch main := v.shown.Main; {
	case v.sso.Focused():
		v.do(ActionSSO)
	case v.extend.Focused() || v.newPassword.Focused():
		v.do(ActionExtend)
	case v.toggle.Focused():
		v.do(v.shown.Toggle.Action)
	case !main.Shown || !main.Enabled || main.Action != ActionLogin && main.Action != ActionChange && !v.main.Focused():
	case v.main.Focused() && v.enterGuard.ignoresEnter(time.Now()):
	default:
		v.do(main.Action)
	}
}
