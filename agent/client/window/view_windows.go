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
	f, was := v.desk.Face(), v.shown
	v.rendering = true
	defer func() { v.rendering = false }()
	v.field(v.login, f.Login)
	v.field(v.password, f.Password)
	v.field(v.newPassword, f.Password)
	v.field(v.address, f.Address)
	v.texts(f.Rows)
	v.shown = f
	if stem(f) != stem(was) {
		v.renderStem(f, was)
	}
	v.renderTray(f.Tray)
	v.desk.Shown(f)
	if counts := v.desk.Counts(); counts != v.counting {
		v.counting = counts
		v.mw.tick(counts)
	}
}

// stem is what changes the window by more than what is typed or counted.
func stem(f Face) string {
	labels := make([]string, len(f.Rows))
	for i, r := range f.Rows {
		labels[i] = r.Label
	}
	return fmt.Sprint(f.Icon, f.Status, f.Who, labels, f.Notes, f.Form, f.Address.Hint, f.Login.Enabled, f.Password.Enabled, f.Address.Enabled,
		f.Password.Shown, f.Save, f.Auto, f.Main, f.Extend)
}

// renderStem has the layout done once, after everything has changed.
func (v *frame) renderStem(f, was Face) {
	at := v.focused() // before what has the keyboard is hidden
	v.mw.SetSuspended(true)
	v.enable(v.login, f.Login)
	v.enable(v.password, f.Password)
	v.enable(v.address, f.Address)
	v.label(v.addressHint, f.Address.Hint)
	v.check(v.save, f.Save)
	v.check(v.auto, f.Auto)
	v.button(v.main, f.Main)
	v.button(v.extend, f.Extend)
	v.renderPictures(f.Icon)
	v.label(v.status, f.Status)
	v.label(v.who, f.Who)
	v.labels(f.Rows)
	v.label(v.notes, strings.Join(f.Notes, "\r\n\r\n"))
	v.form.SetVisible(f.Form)
	v.extension.SetVisible(!f.Form && f.Password.Shown)
	v.buttons.SetVisible(f.Main.Shown || f.Extend.Shown)
	v.tell(f, was)
	v.land(was, at)
	v.fit()
	v.mw.SetSuspended(false)
	v.mw.Synchronize(v.mw.redraw)
}

// labels shows as many rows as there are.
func (v *frame) labels(rows []Row) {
	for i, cell := range v.rows {
		if i < len(rows) {
			_ = cell.label.SetText(padded(padded(rows[i].Label))) // and apart from the text beside it
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
	l.SetVisible(text != "")
}

// padded is for labels and boxes, which may be made too narrow for their last letter.
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
	b.SetVisible(f.Shown)
}

func (v *frame) text(key string, values ...string) string {
	return locale.Text(v.p.Lang, key, values...)
}
