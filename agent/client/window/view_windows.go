package window

import (
	"fmt"
	"strings"

	"github.com/lxn/walk"
	"github.com/lxn/win"

	"ideco-agent/agent/client/locale"
)

// refresh is called when the session has changed.
func (v *frame) refresh() {
	if v.ended {
		return
	}
	notifications := v.controller.Refresh()
	v.render()
	if hidden := v.controller.RestartsHidden(); hidden != v.restartsHidden {
		v.prepareRestart(hidden)
	}
	if win.GetForegroundWindow() == v.mw.Handle() {
		return // the person sees it
	}
	for _, n := range notifications {
		v.notify(n)
	}
}

// render shows the current content.
func (v *frame) render() {
	c, was := v.controller.Content(), v.shown
	v.rendering = true
	defer func() { v.rendering = false }()
	v.field(v.login, c.Login)
	v.field(v.password, c.Password)
	v.field(v.newPassword, c.Password)
	v.field(v.address, c.Address)
	v.field(v.current, c.Current)
	v.field(v.replacement, c.New)
	v.field(v.repeat, c.Repeat)
	v.texts(c.Rows)
	v.shown = c
	if layoutKey(c) != layoutKey(was) {
		v.renderControls(c, was)
	}
	v.renderTray(c.Tray)
	v.controller.LogStatus(c)
	if shows := v.controller.ShowsTraffic(); shows != v.showsTraffic {
		v.showsTraffic = shows
		v.mw.runTimer(shows)
	}
}

// layoutKey returns a text that changes when the content changes by more than typed texts and traffic.
func layoutKey(c Content) string {
	labels := make([]string, len(c.Rows))
	for i, r := range c.Rows {
		labels[i] = r.Label
	}
	return fmt.Sprint(c.Icon, c.Status, c.Who, labels, c.Notes, c.Form, c.Address.Hint, c.Login.Enabled, c.Password.Enabled, c.Address.Enabled,
		c.Password.Shown, c.Save, c.Auto, c.Main, c.Extend, c.SSO,
		c.Change, c.Current.Shown, c.New.Enabled, c.Toggle)
}

// renderControls updates all controls with a single layout.
func (v *frame) renderControls(c, was Content) {
	at := v.focused() // before the control with the focus is hidden
	v.mw.SetSuspended(true)
	v.enable(v.login, c.Login)
	v.enable(v.password, c.Password)
	v.enable(v.address, c.Address)
	v.enable(v.current, c.Current)
	v.enable(v.replacement, c.New)
	v.enable(v.repeat, c.Repeat)
	v.label(v.addressHint, c.Address.Hint)
	v.check(v.save, c.Save)
	v.check(v.auto, c.Auto)
	v.button(v.main, c.Main)
	v.button(v.extend, c.Extend)
	v.button(v.sso, c.SSO)
	v.button(v.toggle, c.Toggle)
	v.renderPictures(c.Icon)
	v.label(v.status, c.Status)
	v.label(v.who, c.Who)
	v.labels(c.Rows)
	v.label(v.notes, strings.Join(c.Notes, "\r\n\r\n"))
	v.form.SetVisible(c.Form)
	v.extension.SetVisible(!c.Form && c.Password.Shown)
	v.currentLabel.SetVisible(c.Current.Shown)
	v.current.SetVisible(c.Current.Shown)
	v.change.SetVisible(c.Change)
	v.buttons.SetVisible(c.Main.Shown || c.Extend.Shown || c.Toggle.Shown)
	v.updateScreenReader(c, was)
	v.moveFocus(was, at)
	v.fit()
	v.mw.SetSuspended(false)
	v.mw.Synchronize(v.mw.redraw)
}

// labels shows the rows of the card and hides unused ones.
func (v *frame) labels(rows []Row) {
	for i, cell := range v.rows {
		if i < len(rows) {
			_ = cell.label.SetText(padded(padded(rows[i].Label))) // the second one is a gap
		}
		cell.label.SetVisible(i < len(rows))
		cell.text.SetVisible(i < len(rows))
	}
	v.table.SetVisible(len(rows) > 0)
}

func (v *frame) texts(rows []Row) {
	for i, r := range rows {
		_ = v.rows[i].text.SetText(r.Text)
	}
}

func (v *frame) field(e *walk.LineEdit, f Field) {
	if e.Text() != f.Text {
		_ = e.SetText(f.Text)
	}
	if e.CueBanner() != f.Placeholder {
		_ = e.SetCueBanner(f.Placeholder)
	}
}

// enable makes a field read-only instead of disabling it, so that it keeps the focus: keys typed during a login must
// not press a button.
func (v *frame) enable(e *walk.LineEdit, f Field) {
	if e.ReadOnly() == f.Enabled {
		_ = e.SetReadOnly(!f.Enabled)
	}
}

// label sets a label's text. An empty label is hidden.
func (v *frame) label(l *walk.TextLabel, text string) {
	if l.Text() != text {
		_ = l.SetText(text)
	}
	l.SetVisible(text != "")
}

// padded widens a label: walk may make labels and check boxes too narrow for the last letter.
func padded(label string) string { return label + "\u00a0" }

func (v *frame) check(c *walk.CheckBox, f Checkbox) {
	if c.Checked() != f.Checked {
		c.SetChecked(f.Checked)
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
	b.SetVisible(f.Shown)
}

func (v *frame) text(key string, values ...string) string {
	return locale.Text(v.p.Lang, key, values...)
}
