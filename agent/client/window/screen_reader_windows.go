package window

import (
	"strings"
	"unsafe"

	"github.com/lxn/win"
)

// liveSetting is LiveSetting_Property_GUID of UIAutomationCore.h. polite is Polite of enum LiveSetting: a screen
// reader finishes its sentence first.
var liveSetting = win.MSAAPROPID{Data1: 0xc12bcd8e, Data2: 0x2a8e, Data3: 0x4950, Data4: [8]byte{0x8a, 0xe7, 0x36, 0x25, 0x11, 0x1d, 0x58, 0xeb}}

const polite = 1

// statusText returns the Windows control inside walk's label.
func (v *frame) statusText() win.HWND { return win.GetWindow(v.status.Handle(), win.GW_CHILD) }

// makeLiveRegion makes the status a live region: screen readers read its changes aloud wherever the focus is
// (https://learn.microsoft.com/accessibility-tools-docs/items/win32/text_livesetting). Not tested on a real Windows.
// On an error the status can still be read by hand.
func (v *frame) makeLiveRegion() {
	var object unsafe.Pointer
	if win.FAILED(win.CoCreateInstance(&win.CLSID_AccPropServices, nil, win.CLSCTX_INPROC_SERVER, &win.IID_IAccPropServices, &object)) {
		return
	}
	var value win.VARIANT
	value.SetLong(polite)
	services := (*win.IAccPropServices)(object) // never released: its settings last for the process
	services.SetHwndProp(v.statusText(), win.OBJID_CLIENT, win.CHILDID_SELF, &liveSetting, &value)
}

// updateScreenReader makes screen readers read the changed status at once, and the card when the main button gets the focus.
func (v *frame) updateScreenReader(c, was Content) {
	if c.Status != was.Status {
		win.NotifyWinEvent(win.EVENT_OBJECT_LIVEREGIONCHANGED, v.statusText(), win.OBJID_CLIENT, win.CHILDID_SELF)
	}
	var card []string
	if !c.Form {
		card = append(card, c.Status, c.Who)
		card = append(card, c.Notes...)
	}
	_ = v.main.Accessibility().SetDescription(strings.TrimSpace(strings.Join(card, " ")))
}
