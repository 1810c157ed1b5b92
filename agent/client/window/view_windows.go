package window

import (
	"fmt"
	"strings"

	"github.com/lxn/walk"
	"github.com/lxn/win"

	"ideco-agent/agent/client/locale"
)

// refresh is called when something has changed by itself.
func (v *frame) refresh() {
	if v.ended {
		return
	}
	news := v.desk.Refresh()
	v.render()
	if hidden := v.desk.ReturnsHidden(); hidden != v.returnsHidden {
		v.prepareReturn(hidden)
	}
	if win.GetForegroundWindow() == v.mw.Handle() {
		return // the person sees it
	}
	for _, n := range news {
		v.notify(n)
	}
}

// render brings what is on show up to what is.
func (v *frame) render() {
	f := v.desk.Face()
	v.rendering = true
	defer func() { v.rendering = false }()
	v.field(v.login, f.Login)
	v.field(v.password, f.Password)
	v.field(v.address, f.Address)
	if stem(f) != stem(v.shown) {
		v.renderStem(f)
	}
	v.renderTray(f.Tray)
	v.shown = f
	v.desk.Shown(f)
}

// stem is what changes the window by more than what is typed.
func stem(f Face) string {
	return fmt.Sprint(f.Icon, f.Status, f.Details, f.Notes, f.Address.Hint, f.Login.Enabled, f.Password.Enabled, f.Address.Enabled,
		f.Save, f.Auto, f.Main, f.Extend)
}

// renderStem has the layout done once, after everything has changed.
func (v *frame) renderStem(f Face) {
	v.mw.SetSuspended(true)
	v.enable(v.login, f.Login)
	v.enable(v.password, f.Password)
	v.enable(v.address, f.Address)
	v.label(v.addressHint, f.Address.Hint)
	v.check(v.save, f.Save)
	v.check(v.auto, f.Auto)
	v.button(v.main, f.Main)
	v.button(v.extend, f.Extend)
	if icon := v.icon(picture{icon: f.Icon, size: statusSize}); icon != nil {
		_ = v.statusIcon.SetImage(icon) // the words say the same
	}
	v.label(v.status, f.Status)
	v.label(v.details, strings.Join(f.Details, "\r\n"))
	v.label(v.notes, strings.Join(f.Notes, "\r\n\r\n"))
	if f.Status != v.shown.Status {
		_ = v.status.Accessibility().SetName(f.Status) // and so it is read aloud
	}
	v.fit()
	v.mw.SetSuspended(false)
	v.mw.Synchronize(v.mw.redraw)
}

func (v *frame) field(e *walk.LineEdit, f Field) {
	if e.Text() != f.Text {
		_ = e.SetText(f.Text)
	}
	if e.CueBanner() != f.Cue {
		_ = e.SetCueBanner(f.Cue)
	}
}

// enable leaves the keyboard where it is, unlike walk's word for it: who goes on typing while the gateway is asked must not
// press a button by that.
func (v *frame) enable(e *walk.LineEdit, f Field) {
	if e.ReadOnly() == f.Enabled {
		_ = e.SetReadOnly(!f.Enabled)
	}
}

// label hides itself when it has nothing to say.
func (v *frame) label(l *walk.TextLabel, text string) {
	if l.Text() != text {
		_ = l.SetText(text)
	}
	if shown := text != ""; l.Visible() != shown || l == v.details || l == v.notes {
		l.SetVisible(shown)
	}
}

// padded is for boxes, which may be made too narrow for their last letter.
func padded(label string) string { return label + "\u00a0" }

func (v *frame) check(c *walk.CheckBox, f Check) {
	if c.Checked() != f.Ticked {
		c.SetChecked(f.Ticked)
	}
	if c.Enabled() != f.Enabled {
		c.SetEnabled(f.Enabled)
	}
	if label := padded(f.Label); c.Text() != label {
		_ = c.SetText(label)
	}
}

func (v *frame) button(b *walk.PushButton, f Button) {
	if b.Text() != f.Text {
		_ = b.SetText(f.Text)
	}
	if b.Enabled() != f.Enabled {
		b.SetEnabled(f.Enabled)
	}
	if b != v.main {
		b.SetVisible(f.Shown)
	}
}

func (v *frame) text(key string, values ...string) string {
	return locale.Text(v.p.Lang, key, values...)
}
