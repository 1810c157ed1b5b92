package window

import (
	"unsafe"

	"github.com/lxn/walk"
	"github.com/lxn/win"
	"golang.org/x/sys/windows"
)

// window is the main window. It handles messages that walk does not.
type window struct {
	*walk.MainWindow
	onSessionEnd     func() // the Windows session ends, or an installer replaces the program
	onDisconnect     func() // the Windows session is disconnected or logged off
	onTaskbarCreated func() // the task bar was created again
	onDPIChanged     func() // the DPI of the window's screen has changed
	onActivate       func() // the window was activated
	onTick           func() // the timer of runTimer
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

// restartAfterUpdate makes Windows restart the program only after an installer: not after a crash, a hang or a
// restart of the computer, where the autostart does (RESTART_NO_CRASH, NO_HANG, NO_REBOOT).
const restartAfterUpdate = 1 | 2 | 8

var (
	registerSessionNotification = windows.NewLazySystemDLL("wtsapi32.dll").NewProc("WTSRegisterSessionNotification")
	registerApplicationRestart  = windows.NewLazySystemDLL("kernel32.dll").NewProc("RegisterApplicationRestart")
	taskbarCreated              = win.RegisterWindowMessage(windows.StringToUTF16Ptr("TaskbarCreated"))
)

// WndProc implements walk.Window.
func (w *window) WndProc(hwnd win.HWND, msg uint32, wParam, lParam uintptr) uintptr {
	switch msg {
	case wmQueryEndSession:
		return 1 // permitted; wmEndSession does the work
	case wmEndSession:
		if wParam != 0 && w.onSessionEnd != nil {
			w.onSessionEnd() // Windows may end the process as soon as this returns
		}
		return 0
	case wmWTSSessionChange:
		if (wParam == wtsConsoleDisconnect || wParam == wtsRemoteDisconnect || wParam == wtsSessionLogoff) && w.onDisconnect != nil {
			w.onDisconnect()
		}
		return 0
	case win.WM_ACTIVATE:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		if win.LOWORD(uint32(wParam)) != win.WA_INACTIVE && w.onActivate != nil {
			w.onActivate()
		}
		return result
	case win.WM_DPICHANGED:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		if w.onDPIChanged != nil {
			w.Synchronize(w.onDPIChanged) // after walk's layout
		}
		return result
	case win.WM_TIMER:
		if wParam == tickTimer && w.onTick != nil {
			w.onTick()
			return 0
		}
	case taskbarCreated:
		result := w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
		w.useOldTrayMessages()
		if w.onTaskbarCreated != nil {
			w.onTaskbarCreated()
		}
		return result
	}
	return w.MainWindow.WndProc(hwnd, msg, wParam, lParam)
}

// watchSession makes Windows report when the session is disconnected or logged off. Without it only the service, or
// the end of the Windows session, ends the access.
func (w *window) watchSession() error {
	if err := registerSessionNotification.Find(); err != nil {
		return err
	}
	if ok, _, err := registerSessionNotification.Call(uintptr(w.Handle()), notifyForThisSession); ok == 0 {
		return err
	}
	return nil
}

// registerRestart makes Windows restart the program after an installer has closed it, hidden or shown. The last
// call counts.
func registerRestart(hidden bool) error {
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

// useOldTrayMessages makes the tray icon report keys and clicks as mouse messages. walk supports only half of the newer
// behaviour: a right click could open the menu twice, and Enter would do nothing.
func (w *window) useOldTrayMessages() {
	icon := win.NOTIFYICONDATA{HWnd: w.Handle()}
	icon.CbSize = uint32(unsafe.Sizeof(icon) - unsafe.Sizeof(win.HICON(0))) // the size that walk uses
	win.Shell_NotifyIcon(win.NIM_SETVERSION, &icon)
}

// tickTimer is the ID of the window's only timer, tickEvery its interval in milliseconds.
const tickTimer, tickEvery = 1, 2000

// runTimer starts or stops the timer.
func (w *window) runTimer(on bool) {
	if on {
		win.SetTimer(w.Handle(), tickTimer, tickEvery, 0)
	} else {
		win.KillTimer(w.Handle(), tickTimer)
	}
}

// redraw redraws the window, which otherwise keeps remains of old content when it shrinks.
func (w *window) redraw() {
	win.RedrawWindow(w.Handle(), nil, 0, win.RDW_INVALIDATE|win.RDW_ERASE|win.RDW_ALLCHILDREN)
}
