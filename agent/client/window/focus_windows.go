package window

import (
	"time"

	"github.com/lxn/walk"
	"github.com/lxn/win"
)

// widgets are what can have the keyboard.
func (v *frame) widgets() map[part]walk.Widget {
	password := v.password
	if !v.shown.Form {
		password = v.newPassword
	}
	return map[part]walk.Widget{partLogin: v.login, partPassword: password, partAddress: v.address, partSave: v.save, partAuto: v.auto,
		partMain: v.main, partExtend: v.extend}
}

// focused is what has the keyboard.
func (v *frame) focused() part {
	if v.password.Focused() || v.newPassword.Focused() {
		return partPassword
	}
	for p, w := range v.widgets() {
		if w.Focused() {
			return p
		}
	}
	return ""
}

// focus gives the keyboard to a part, or to the window itself, where Escape and the Tab key are still heard.
func (v *frame) focus(p part) {
	if w := v.widgets()[p]; w != nil {
		_ = w.SetFocus()
		return
	}
	win.SetFocus(v.mw.Handle())
}

// land gives the keyboard to what is to have it when the face was another one. While another program's window has the keys it
// changes nothing: that is done as soon as the person comes back.
func (v *frame) land(was Face, at part) {
	if win.GetActiveWindow() != v.mw.Handle() {
		return
	}
	to := landing(was, v.shown, at, v.desk.firstEmpty())
	if beginsLull(was, v.shown, at, to) {
		v.lull.begin(time.Now())
	}
	if to != at || at == "" || at == partPassword { // of which there are two
		v.focus(to)
	}
}
