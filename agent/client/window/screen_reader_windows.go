package window

import (
	"strings"
	"unsafe"

	"github.com/lxn/win"
)

// liveSetting is LiveSetting_Property_GUID of UIAutomationCore.h, and politely the value Polite of enum LiveSetting: a screen
// reader ends its sentence first.
var liveSetting = win.MSAAPROPID{Data1: 0xc12bcd8e, Data2: 0x2a8e, Data3: 0x4950, Data4: [8]byte{0x8a, 0xe7, 0x36, 0x25, 0x11, 0x1d, 0x58, 0xeb}}

const politely = 1

// statusText is the control of Windows in walk's own one.
func (v *frame) statusText() win.HWND { return win.GetWindow(v.status.Handle(), win.GW_CHILD) }

// announce makes the status a live region, whose changes screen readers read aloud wherever the keyboard is
// (https://learn.microsoft.com/accessibility-tools-docs/items/win32/text_livesetting). Untried on a real Windows. Without it the
// status can still be read.
func (v *frame) announce() {
	var object unsafe.Pointer
	if win.FAILED(win.CoCreateInstance(&win.CLSID_AccPropServices, nil, win.CLSCTX_INPROC_SERVER, &win.IID_IAccPropServices, &object)) {
		return
	}
	var value win.VARIANT
	value.SetLong(politely)
	services := (*win.IAccPropServices)(object) // kept for as long as the process runs, as what it has set is
	services.SetHwndProp(v.statusText(), win.OBJID_CLIENT, win.CHILDID_SELF, &liveSetting, &value)
}

// tell has screen readers read what has changed: the status at once, and what else stands on the card with the button that the
// keyboard goes to.
func (v *frame) tell(c, was Content) {
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
