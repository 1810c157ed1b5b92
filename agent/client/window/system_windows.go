package window

import (
	"unsafe"

	"github.com/lxn/walk"
	"github.com/lxn/win"
	"golang.org/x/sys/windows"
)

// window is the main window, which hears from Windows what walk does not tell.
type window struct {
	*walk.MainWindow
	onEnd    func() // the Windows session ends, or an installer replaces the program
	onLeave  func() // the person has left the screen to somebody else
	onChange func() // the notification area came anew
	onScreen func() // the window is on a screen with another DPI
	onActive func() // the window is to get the keys
	onTick   func() // the timer of tick
}

// Messages and their parameters, as in WinUser.h and WtsApi32.h.
const (
	wmQueryEndSession    = 0x0011
	wmEndSession         = 0x0016
	wmWTSSessionChange   = 0x02b1
	wtsConsoleDisconnect = 0x2
	wtsRemoteDisconnect  = 0x4
	wtsSessionLogoff     = 0x6
	notifyForThisSession = 0
)

// restartAfterUpdate has Windows start the program again after the installer only: not after a crash, when it hangs, or
// after a restart of the computer, when the autostart does (RESTART_NO_CRASH, NO_HANG, NO_REBOOT).
const restartAfterUpdate = 1 | 2 | 8

var (
	registerSessionNotification = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSRegisterSessionNotification")
	registerApplicationRestart  = windows.NewLazySystemDLL("kernel32.dll").NewProc("RegisterApplicationRestart")
	taskbarCreated              = win.RegisterWindowMessage(windows.StringToUTF16Ptr("TaskbarCreated"))
)

// WndProc is walk's.
func (w *window) WndProc(hwnd win.HWND, msg uint32, wParam, lParam uintptr) uintptr {
	switch msg {
	case wmQueryEndSession:
		return 1 // the answer that it may; what there is to do is done at the end
	case wmEndSession:
		if wParam != 0 && w.onEnd != nil {
			w.onEnd() // the process may be gone as soon as this returns
		}
		return 0
	case wmWTSSessionChange:
		if (wParam == wtsConsoleDisconnect || wParam == wtsRemoteDisconnect || wParam == wtsSessionLogoff) && w.onLeave != nil {
			w.onLeave()
		}
		return 0
	case win.WM_ACTIVATE:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		if win.LOWORD(uint32(wParam)) != win.WA_INACTIVE && w.onActive != nil {
			w.onActive()
		}
		return result
	case win.WM_DPICHANGED:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		if w.onScreen != nil {
			w.Synchronize(w.onScreen) // when walk has laid everything out
		}
		return result
	case win.WM_TIMER:
		if wParam == tickTimer && w.onTick != nil {
			w.onTick()
			return 0
		}
	case taskbarCreated:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		w.oldBehaviour()
		if w.onChange != nil {
			w.onChange()
		}
		return result
	}
	return w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
}

// watchSession has Windows tell when the screen is left to somebody else. Without that the service's own watch, or the
// end of the Windows session, is all that there is.
func (w *window) watchSession() error {
	if err := registerSessionNotification.Find(); err != nil {
		return err
	}
	if ok, _, err := registerSessionNotification.Call(uintptr(w.Handle()), notifyForThisSession); ok == 0 {
		return err
	}
	return nil
}

// returnsAfterUpdate has Windows start the program again when an installer has closed it to replace its files: in the
// notification area, or on show. What was said last counts.
func returnsAfterUpdate(hidden bool) error {
	var arguments string
	if hidden {
		arguments = "--hidden"
	}
	line, err := windows.UTF16PtrFromString(arguments)
	if err != nil {
		return err
	}
	if err := registerApplicationRestart.Find(); err != nil {
		return err
	}
	if result, _, _ := registerApplicationRestart.Call(uintptr(unsafe.Pointer(line)), restartAfterUpdate); result != 0 {
		return windows.Errno(result) // an HRESULT
	}
	return nil
}

// oldBehaviour has the icon tell of every key and click as a click of the mouse. Of what walk asks for, it would take
// only half: a right click could open the menu twice, and Enter would do nothing.
func (w *window) oldBehaviour() {
	icon := win.NOTIFYICONDATA{HWnd: w.Handle()}
	icon.CbSize = uint32(unsafe.Sizeof(icon) - unsafe.Sizeof(win.HICON(0))) // as walk has it
	win.Shell_NotifyIcon(win.NIM_SETVERSION, &icon)
}

// tickTimer is the only timer of the window, and tickEvery its time in milliseconds.
const tickTimer, tickEvery = 1, 2000

// tick starts the timer, or stops it.
func (w *window) tick(on bool) {
	if on {
		win.SetTimer(w.Handle(), tickTimer, tickEvery, 0)
	} else {
		win.KillTimer(w.Handle(), tickTimer)
	}
}

// redraw has everything drawn anew, because a window that becomes smaller keeps pieces of what was there.
func (w *window) redraw() {
	win.RedrawWindow(w.Handle(), nil, 0, win.RDW_INVALIDATE|win.RDW_ERASE|win.RDW_ALLCHILDREN)
}
