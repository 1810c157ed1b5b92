package window

import (
	"time"
	"unsafe"

	"github.com/lxn/walk"
	"github.com/lxn/win"

	"ideco-agent/agent/client/locale"
)

// fit sets the height of the window for its content, and the width for the form, also while the card is shown. In
// some fonts the check boxes need more than the usual width.
func (v *frame) fit() {
	bounds := v.mw.BoundsPixels()
	bounds.Width, bounds.Height = v.mw.IntFrom96DPI(v.widest), 0 // walk enlarges them to the minimum of the layout
	_ = v.mw.SetBoundsPixels(bounds)
	bounds = v.mw.BoundsPixels()
	if w := v.mw.IntTo96DPI(bounds.Width); v.shown.Form && w > v.widest {
		v.widest = w
	}
	if area, ok := v.workArea(); ok && bounds.Y+bounds.Height > area.Y+area.Height && bounds.Y > area.Y {
		bounds.Y = area.Y + area.Height - bounds.Height
		if bounds.Y < area.Y {
			bounds.Y = area.Y
		}
		_ = v.mw.SetBoundsPixels(bounds)
	}
}

// workArea returns the area of the window's screen without the task bar.
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
	v.controller.SetVisible(true)
	v.render()
	if !v.mw.Visible() {
		v.mw.Show()
		v.center()
		v.focus(nextFocus(v.shown, v.shown, "", v.controller.firstEmpty()))
		v.enterGuard.start(time.Now())
	}
	if win.IsIconic(v.mw.Handle()) {
		win.ShowWindow(v.mw.Handle(), win.SW_RESTORE)
	}
	win.SetForegroundWindow(v.mw.Handle())
}

// center moves the window to the middle of its screen, slightly above.
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

// hide hides the window; without a tray icon it minimizes it.
func (v *frame) hide() {
	if v.tray == nil {
		win.ShowWindow(v.mw.Handle(), win.SW_MINIMIZE)
		return
	}
	v.mw.SetVisible(false)
	v.controller.SetVisible(false)
	v.render()
	if !v.trayExplained {
		v.trayExplained = true
		v.notify(Notification{IconNone, v.text(locale.StaysInTray)})
	}
}

// end ends the access and removes the tray icon.
func (v *frame) end() {
	if v.ended {
		return
	}
	v.ended = true
	if v.tray != nil {
		_ = v.tray.Dispose()
	}
	v.controller.Close()
	v.p.Log.Write("the window has ended")
}
