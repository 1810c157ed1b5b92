package window

import (
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
