package window

import (
	"fmt"
	"image"
	"image/color"
	"strings"
	"unsafe"

	"github.com/lxn/walk"
	ui "github.com/lxn/walk/declarative"
	"github.com/lxn/win"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
)

// Sizes in pixels of a screen with 96 dots an inch.
const (
	width      = 360
	margin     = 16
	innerWidth = width - 2*margin
	statusSize = 24
	logoSize   = 32
)

// create makes the window, hidden.
func (v *frame) create() error {
	v.mw = &window{}
	err := ui.MainWindow{
		AssignTo: &v.mw.MainWindow,
		Title:    v.text(locale.ProductName),
		Visible:  false,
		Font:     ui.Font{Family: "Segoe UI", PointSize: 9},
		MinSize:  ui.Size{Width: width},
		Layout:   ui.VBox{Margins: ui.Margins{Left: margin, Top: 12, Right: margin, Bottom: margin}, Spacing: 4},
		Children: append(v.head(), append(v.form(), v.foot()...)...),
	}.Create()
	if err != nil {
		return err
	}
	if err := walk.InitWrapperWindow(v.mw); err != nil {
		return err
	}
	style := win.GetWindowLong(v.mw.Handle(), win.GWL_STYLE)
	win.SetWindowLong(v.mw.Handle(), win.GWL_STYLE, style&^(win.WS_THICKFRAME|win.WS_MAXIMIZEBOX))
	v.icons = map[picture]*walk.Icon{}
	if icon := v.icon(picture{logo: true, size: logoSize}); icon != nil {
		if err := v.mw.SetIcon(icon); err != nil {
			v.p.Log.Write(err.Error())
		}
	}
	return nil
}

func (v *frame) head() []ui.Widget {
	return []ui.Widget{
		ui.Composite{
			Layout: ui.HBox{MarginsZero: true, Spacing: 10},
			Children: []ui.Widget{
				ui.ImageView{Image: v.bitmap(drawLogo(logoSize * 2)), Mode: ui.ImageViewModeZoom,
					MinSize: ui.Size{Width: logoSize, Height: logoSize}, MaxSize: ui.Size{Width: logoSize, Height: logoSize}},
				ui.Label{Text: v.text(locale.ProductName), Font: ui.Font{Family: "Segoe UI", PointSize: 13}},
				ui.HSpacer{},
			},
		},
		ui.VSpacer{Size: 2},
	}
}

func (v *frame) form() []ui.Widget {
	login, password, address := v.text(locale.FieldLogin), v.text(locale.FieldPass), v.text(locale.FieldAddress)
	hint := v.text(locale.AddressHint)
	return []ui.Widget{
		ui.TextLabel{Text: login, MinSize: ui.Size{Width: innerWidth}},
		ui.LineEdit{AssignTo: &v.login, MaxLength: agent.MaxLoginTyped, Accessibility: ui.Accessibility{Name: login}},
		ui.TextLabel{Text: password, MinSize: ui.Size{Width: innerWidth}},
		ui.LineEdit{AssignTo: &v.password, PasswordMode: true, MaxLength: agent.MaxPassword, Accessibility: ui.Accessibility{Name: password}},
		ui.TextLabel{Text: address, MinSize: ui.Size{Width: innerWidth}},
		ui.LineEdit{AssignTo: &v.address, MaxLength: 300, Accessibility: ui.Accessibility{Name: address + ", " + hint}},
		ui.TextLabel{AssignTo: &v.addressHint, Text: hint, TextColor: walk.RGB(0x5c, 0x66, 0x70), MinSize: ui.Size{Width: innerWidth}},
		ui.VSpacer{Size: 2},
		ui.CheckBox{AssignTo: &v.save, Alignment: ui.AlignHNearVCenter, Text: padded(v.text(locale.CheckSave))},
		ui.CheckBox{AssignTo: &v.auto, Alignment: ui.AlignHNearVCenter, Text: padded(v.text(locale.CheckAuto))},
	}
}

func (v *frame) foot() []ui.Widget {
	const beside = innerWidth - statusSize - 8
	return []ui.Widget{
		ui.VSpacer{Size: 4},
		ui.Composite{
			Layout:    ui.HBox{MarginsZero: true, Spacing: 8},
			Alignment: ui.AlignHNearVNear,
			Children: []ui.Widget{
				ui.Composite{
					Layout:    ui.VBox{MarginsZero: true},
					Alignment: ui.AlignHNearVNear,
					Children: []ui.Widget{ui.ImageView{AssignTo: &v.statusIcon, Mode: ui.ImageViewModeZoom, Accessibility: ui.Accessibility{Role: ui.AccRoleGraphic},
						MinSize: ui.Size{Width: statusSize, Height: statusSize}, MaxSize: ui.Size{Width: statusSize, Height: statusSize}},
						ui.VSpacer{}},
				},
				ui.Composite{
					Layout:    ui.VBox{MarginsZero: true, Spacing: 4},
					Alignment: ui.AlignHNearVNear,
					Children: []ui.Widget{
						ui.TextLabel{AssignTo: &v.status, MinSize: ui.Size{Width: beside}, Font: ui.Font{Family: "Segoe UI", PointSize: 9, Bold: true}},
						ui.TextLabel{AssignTo: &v.details, MinSize: ui.Size{Width: beside}, Visible: false},
						ui.TextLabel{AssignTo: &v.notes, MinSize: ui.Size{Width: beside}, Visible: false},
					},
				},
			},
		},
		ui.VSpacer{Size: 4},
		ui.Composite{
			Layout: ui.HBox{MarginsZero: true, Spacing: 8},
			Children: []ui.Widget{
				ui.PushButton{AssignTo: &v.main, MinSize: ui.Size{Height: 28}, OnClicked: func() { v.do(v.shown.Main.Act) }},
				ui.PushButton{AssignTo: &v.extend, MinSize: ui.Size{Width: 110, Height: 28}, Visible: false, OnClicked: func() { v.do(ActExtend) }},
			},
		},
	}
}

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
	v.mw.onEnd = v.end
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

// refresh is called when something has changed by itself.
func (v *frame) refresh() {
	if v.ended {
		return
	}
	news := v.desk.Refresh()
	v.render()
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

// fit makes the window as high as what it shows.
func (v *frame) fit() {
	bounds := v.mw.BoundsPixels()
	bounds.Width, bounds.Height = 0, 0 // walk makes them as large as they have to be
	_ = v.mw.SetBoundsPixels(bounds)
	bounds = v.mw.BoundsPixels()
	if area, ok := v.workArea(); ok && bounds.Y+bounds.Height > area.Y+area.Height && bounds.Y > area.Y {
		bounds.Y = area.Y + area.Height - bounds.Height
		if bounds.Y < area.Y {
			bounds.Y = area.Y
		}
		_ = v.mw.SetBoundsPixels(bounds)
	}
}

// workArea is the screen that the window is on, without the task bar.
func (v *frame) workArea() (walk.Rectangle, bool) {
	monitor := win.MONITORINFO{}
	monitor.CbSize = uint32(unsafe.Sizeof(monitor))
	if !win.GetMonitorInfo(win.MonitorFromWindow(v.mw.Handle(), win.MONITOR_DEFAULTTOPRIMARY), &monitor) {
		return walk.Rectangle{}, false
	}
	r := monitor.RcWork
	return walk.Rectangle{X: int(r.Left), Y: int(r.Top), Width: int(r.Right - r.Left), Height: int(r.Bottom - r.Top)}, true
}

// show brings the window to the front.
func (v *frame) show() {
	v.desk.Look(true)
	v.render()
	if !v.mw.Visible() {
		v.mw.Show()
		v.center()
		v.focus(v.desk.FirstEmpty())
	}
	if win.IsIconic(v.mw.Handle()) {
		win.ShowWindow(v.mw.Handle(), win.SW_RESTORE)
	}
	win.SetForegroundWindow(v.mw.Handle())
}

// center is where the window appears: in the middle of its screen, a little above.
func (v *frame) center() {
	area, ok := v.workArea()
	if !ok {
		return
	}
	b := v.mw.BoundsPixels()
	b.X = area.X + (area.Width-b.Width)/2
	b.Y = area.Y + (area.Height-b.Height)/3
	_ = v.mw.SetBoundsPixels(b)
}

func (v *frame) focus(missing Missing) { _ = v.widget(missing).SetFocus() }

func (v *frame) widget(missing Missing) walk.Widget {
	switch missing {
	case MissingLogin:
		return v.login
	case MissingPassword:
		return v.password
	case MissingAddress:
		return v.address
	}
	return v.main
}

// hide leaves the icon alone; without one the window goes to the task bar.
func (v *frame) hide() {
	if v.tray == nil {
		win.ShowWindow(v.mw.Handle(), win.SW_MINIMIZE)
		return
	}
	v.mw.SetVisible(false)
	v.desk.Look(false)
	v.render()
	if !v.toldOfTray {
		v.toldOfTray = true
		v.notify(News{IconNone, v.text(locale.StaysInTray)})
	}
}

// end closes the access and the window's own affairs.
func (v *frame) end() {
	if v.ended {
		return
	}
	v.ended = true
	if v.tray != nil {
		_ = v.tray.Dispose()
	}
	v.desk.Close()
	v.p.Log.Write("the window has ended")
}

func (v *frame) text(key string, values ...string) string {
	return locale.Text(v.p.Lang, key, values...)
}

// picture is one that is drawn once.
type picture struct {
	icon Icon
	tray bool
	logo bool
	size int
}

// icon gives nil where it cannot be had.
func (v *frame) icon(p picture) *walk.Icon {
	if icon := v.icons[p]; icon != nil {
		return icon
	}
	dpi := v.mw.DPI()
	size := p.size * dpi / 96
	var m image.Image
	switch {
	case p.logo:
		m = drawLogo(size)
	case p.tray:
		m = drawTray(p.icon, size)
	default:
		m = drawStatus(p.icon, size)
	}
	icon, err := walk.NewIconFromImageForDPI(straight{m}, dpi)
	if err != nil {
		v.p.Log.Write("icon: " + err.Error())
		return nil
	}
	v.icons[p] = icon
	return icon
}

func (v *frame) bitmap(m image.Image) walk.Image {
	b, err := walk.NewBitmapFromImageForDPI(m, 192)
	if err != nil {
		return nil
	}
	return b
}

// straight is a picture whose colours are not multiplied by their opacity, as Windows wants them in an icon.
type straight struct{ image.Image }

func (s straight) At(x, y int) color.Color {
	c, _ := s.Image.At(x, y).(color.NRGBA)
	return color.RGBA(c)
}
