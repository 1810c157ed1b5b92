package window

import (
	"time"

	"github.com/lxn/walk"
	"github.com/lxn/win"
)

// widgets returns the controls that can have the focus.
func (v *frame) widgets() map[control]walk.Widget {
	password := v.password
	if !v.shown.Form {
		password = v.newPassword
	}
	return map[control]walk.Widget{controlLogin: v.login, controlPassword: password, controlAddress: v.address, controlSavePassword: v.save,
		controlAutoConnect: v.auto, controlMain: v.main, controlExtend: v.extend, controlSSO: v.sso,
		controlCurrent: v.current, controlNew: v.replacement, controlRepeat: v.repeat, controlToggle: v.toggle}
}

// focused returns the control that has the focus.
func (v *frame) focused() control {
	if v.password.Focused() || v.newPassword.Focused() {
		return controlPassword
	}
	for c, w := range v.widgets() {
		if w.Focused() {
			return c
		}
	}
	return ""
}

// focus gives the focus to a control, or to the window, which also handles Escape and Tab.
func (v *frame) focus(c control) {
	w := v.widgets()[c]
	for _, b := range []*walk.PushButton{v.main, v.extend, v.toggle} {
		if w != walk.Widget(b) { // Windows leaves the frame of the default button to one that the program takes the focus from
			b.SendMessage(win.BM_SETSTYLE, win.BS_PUSHBUTTON, 1)
		}
	}
	if w != nil {
		_ = w.SetFocus()
		return
	}
	win.SetFocus(v.mw.Handle())
}

// moveFocus gives the focus to the control that nextFocus returns. While another program's window is active it does
// nothing: it is called again when this window becomes active.
func (v *frame) moveFocus(was Content, at control) {
	if win.GetActiveWindow() != v.mw.Handle() {
		return
	}
	to := nextFocus(was, v.shown, at, v.controller.firstEmpty())
	if startsEnterGuard(was, v.shown, at, to) {
		v.enterGuard.start(time.Now())
	}
	if to != at || at == "" || at == controlPassword { // there are two password fields
		v.focus(to)
	}
}
