package window

import (
	"github.com/lxn/walk"
	"github.com/lxn/win"
)

// listen begins to hand on what the person does. It comes last: until then the fields change by the program alone.
func (v *frame) listen() {
	typed := func() {
		if !v.rendering {
			v.desk.Type(Typed{v.login.Text(), v.password.Text(), v.address.Text()})
			v.render()
		}
	}
	for _, field := range []*walk.LineEdit{v.login, v.password, v.address} {
		field.TextChanged().Attach(typed)
	}
	v.address.EditingFinished().Attach(func() {
		if !v.rendering {
			v.desk.TypedAddress()
			v.render()
		}
	})
	ticked := func() {
		if !v.rendering {
			v.desk.Tick(v.save.Checked(), v.auto.Checked())
			v.render()
		}
	}
	v.save.CheckedChanged().Attach(ticked)
	v.auto.CheckedChanged().Attach(ticked)
	v.mw.Closing().Attach(func(canceled *bool, _ walk.CloseReason) {
		*canceled = true
		v.hide()
	})
	v.shortcut(walk.KeyEscape, v.hide) // Alt+F4 and the cross do the same
	v.shortcut(walk.KeyReturn, v.enter)
	v.main.BoundsChanged().Attach(func() { v.mw.Synchronize(v.mw.redraw) }) // the last one that a new layout moves
	v.mw.onEnd = func() {
		v.end()
		win.PostQuitMessage(0) // an installer that wants the program closed waits for the process
	}
	v.mw.onLeave = func() {
		if v.desk.Here() {
			v.desk.Logout()
		}
	}
	v.mw.onChange = v.addTray
	if err := v.mw.watchSession(); err != nil {
		v.p.Log.Write("session notifications: " + err.Error())
	}
}

// shortcut is for keys that a dialogue box of Windows would know by itself.
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

// enter presses the button that has the keyboard, or logs in from anywhere else. It never logs out by chance.
func (v *frame) enter() {
	switch main := v.shown.Main; {
	case v.extend.Focused():
		v.do(ActExtend)
	case main.Enabled && (main.Act == ActLogin || v.main.Focused()):
		v.do(main.Act)
	}
}
