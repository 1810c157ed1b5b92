package window

import (
	"github.com/lxn/walk"
	ui "github.com/lxn/walk/declarative"
	"github.com/lxn/win"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
)

// Sizes in pixels at 96 DPI.
const (
	width      = 360
	margin     = 16
	innerWidth = width - 2*margin
	beside     = innerWidth - statusSize - 8 // width beside the status icon
	maxRows    = 6                           // of the card
)

// create creates the window, hidden.
func (v *frame) create() error {
	v.mw = &window{}
	err := ui.MainWindow{
		AssignTo: &v.mw.MainWindow,
		Title:    v.text(locale.ProductName),
		Visible:  false,
		Font:     ui.Font{Family: "Segoe UI", PointSize: 9},
		MinSize:  ui.Size{Width: width},
		Layout:   ui.VBox{Margins: ui.Margins{Left: margin, Top: 12, Right: margin, Bottom: margin}, Spacing: 4},
		Children: []ui.Widget{v.head(), v.formPart(), v.changePart(), v.statusPart(), v.extendPart(), v.buttonPart()},
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
	v.makeLiveRegion()
	return nil
}

func (v *frame) head() ui.Widget {
	return ui.Composite{
		Layout: ui.HBox{Margins: ui.Margins{Bottom: 6}, Spacing: 10},
		Children: []ui.Widget{
			v.picture(&v.logo, logoSize),
			ui.Label{Text: v.text(locale.ProductName), Font: ui.Font{Family: "Segoe UI", PointSize: 13}},
			ui.HSpacer{},
		},
	}
}

func (v *frame) picture(at **walk.ImageView, size int) ui.Widget {
	return ui.ImageView{AssignTo: at, Mode: ui.ImageViewModeZoom, Accessibility: ui.Accessibility{Role: ui.AccRoleGraphic},
		MinSize: ui.Size{Width: size, Height: size}, MaxSize: ui.Size{Width: size, Height: size}}
}

// formPart has the fields and check boxes of the form.
func (v *frame) formPart() ui.Widget {
	login, password, address := v.text(locale.FieldLogin), v.text(locale.FieldPass), v.text(locale.FieldAddress)
	return ui.Composite{
		AssignTo: &v.form,
		Layout:   ui.VBox{Margins: ui.Margins{Bottom: 4}, Spacing: 4},
		Children: []ui.Widget{
			ui.TextLabel{Text: login, MinSize: ui.Size{Width: innerWidth}},
			ui.LineEdit{AssignTo: &v.login, MaxLength: agent.MaxLoginTyped, Accessibility: ui.Accessibility{Name: login}},
			ui.TextLabel{Text: password, MinSize: ui.Size{Width: innerWidth}},
			ui.LineEdit{AssignTo: &v.password, PasswordMode: true, MaxLength: agent.MaxPassword, Accessibility: ui.Accessibility{Name: password}},
			ui.TextLabel{Text: address, MinSize: ui.Size{Width: innerWidth}},
			ui.LineEdit{AssignTo: &v.address, MaxLength: 300, Accessibility: ui.Accessibility{Name: address}},
			ui.TextLabel{AssignTo: &v.addressHint, MinSize: ui.Size{Width: innerWidth}, Visible: false},
			ui.VSpacer{Size: 2},
			ui.CheckBox{AssignTo: &v.save, Alignment: ui.AlignHNearVCenter, Text: padded(v.text(locale.CheckSave))},
			ui.CheckBox{AssignTo: &v.auto, Alignment: ui.AlignHNearVCenter, Text: padded(v.text(locale.CheckAuto))},
		},
	}
}

// statusPart is always shown. It has the icon and the status, on the card also who has access, and the rows.
func (v *frame) statusPart() ui.Widget {
	return ui.Composite{
		Layout:    ui.HBox{Margins: ui.Margins{Bottom: 4}, Spacing: 8},
		Alignment: ui.AlignHNearVNear,
		Children: []ui.Widget{
			ui.Composite{
				Layout:    ui.VBox{MarginsZero: true},
				Alignment: ui.AlignHNearVNear,
				Children:  []ui.Widget{v.picture(&v.statusIcon, statusSize), ui.VSpacer{}},
			},
			ui.Composite{
				Layout:    ui.VBox{MarginsZero: true, Spacing: 6},
				Alignment: ui.AlignHNearVNear,
				Children: []ui.Widget{
					ui.TextLabel{AssignTo: &v.status, MinSize: ui.Size{Width: beside}, Font: ui.Font{Family: "Segoe UI", PointSize: 9, Bold: true}},
					ui.TextLabel{AssignTo: &v.who, MinSize: ui.Size{Width: beside}, Visible: false},
					v.rowPart(),
					ui.TextLabel{AssignTo: &v.notes, MinSize: ui.Size{Width: beside}, Visible: false},
				},
			},
		},
	}
}

// rowPart has the rows of the card. A text that is too long ends in an ellipsis and has a tooltip.
func (v *frame) rowPart() ui.Widget {
	var cells []ui.Widget
	for i := range v.rows {
		cells = append(cells,
			ui.Label{AssignTo: &v.rows[i].label, Visible: false},
			ui.Label{AssignTo: &v.rows[i].text, EllipsisMode: ui.EllipsisEnd, Visible: false})
	}
	return ui.Composite{AssignTo: &v.table, Layout: ui.Grid{Columns: 2, MarginsZero: true, Spacing: 3}, Visible: false, Children: cells}
}

// extendPart has the password field of the card, for extending the session.
func (v *frame) extendPart() ui.Widget {
	password := v.text(locale.FieldPass)
	return ui.Composite{
		AssignTo: &v.extension,
		Layout:   ui.VBox{Margins: ui.Margins{Bottom: 4}, Spacing: 4},
		Visible:  false,
		Children: []ui.Widget{
			ui.TextLabel{Text: password, MinSize: ui.Size{Width: innerWidth}},
			ui.LineEdit{AssignTo: &v.newPassword, PasswordMode: true, MaxLength: agent.MaxPassword, Accessibility: ui.Accessibility{Name: password}},
		},
	}
}

// changePart has the fields of the form that changes the password.
func (v *frame) changePart() ui.Widget {
	var rows []ui.Widget
	for _, f := range []struct {
		key   string
		label **walk.TextLabel
		edit  **walk.LineEdit
	}{
		{locale.FieldCurrent, &v.currentLabel, &v.current},
		{locale.FieldNew, &v.newLabel, &v.replacement},
		{locale.FieldRepeat, &v.repeatLabel, &v.repeat},
	} {
		label := v.text(f.key)
		rows = append(rows,
			ui.TextLabel{AssignTo: f.label, Text: label, MinSize: ui.Size{Width: innerWidth}},
			ui.LineEdit{AssignTo: f.edit, PasswordMode: true, MaxLength: agent.MaxPassword, Accessibility: ui.Accessibility{Name: label}})
	}
	return ui.Composite{AssignTo: &v.change, Layout: ui.VBox{Margins: ui.Margins{Bottom: 4}, Spacing: 4}, Visible: false, Children: rows}
}

// buttonPart has the buttons Main and Extend in one row and Toggle below them.
func (v *frame) buttonPart() ui.Widget {
	return ui.Composite{
		AssignTo: &v.buttons,
		Layout:   ui.VBox{MarginsZero: true, Spacing: 8},
		Children: []ui.Widget{
			v.firstButtons(),
			ui.PushButton{AssignTo: &v.toggle, Visible: false, OnClicked: func() { v.do(v.shown.Toggle.Action) }},
		},
	}
}

func (v *frame) firstButtons() ui.Widget {
	return ui.Composite{
		Layout: ui.HBox{MarginsZero: true, Spacing: 8},
		Children: []ui.Widget{
			ui.PushButton{AssignTo: &v.main, MinSize: ui.Size{Height: 28}, OnClicked: func() { v.do(v.shown.Main.Action) }},
			ui.PushButton{AssignTo: &v.sso, MinSize: ui.Size{Height: 28}, Visible: false, OnClicked: func() { v.do(ActionSSO) }},
			ui.PushButton{AssignTo: &v.extend, MinSize: ui.Size{Width: 110, Height: 28}, Visible: false, OnClicked: func() { v.do(ActionExtend) }},
		},
	}
}
