package window

import (
	"errors"

	"golang.org/x/sys/windows"
)

// showEvent exists once in each Windows session, for as long as a window does. Whoever comes second sets it.
const showEvent = `Local\IdecoAgentShowWindow`

var allowSetForegroundWindow = windows.NewLazySystemDLL("user32.dll").NewProc("AllowSetForegroundWindow")

const anyProcess = ^uintptr(0)

// claim tells whether this is the first window of the Windows session. To the second one the first shows itself, which
// it may only when the second, that the person has just started, allows it.
func claim() (first bool, shows windows.Handle, err error) {
	name, err := windows.UTF16PtrFromString(showEvent)
	if err != nil {
		return false, 0, err
	}
	event, err := windows.CreateEvent(nil, 0, 0, name)
	if err == nil {
		return true, event, nil
	}
	if !errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		return false, 0, err
	}
	defer windows.CloseHandle(event)
	_, _, _ = allowSetForegroundWindow.Call(anyProcess) // without it the task bar blinks instead
	return false, 0, windows.SetEvent(event)
}

// watchShows calls show whenever a second window was started. It ends with the process.
func watchShows(event windows.Handle, show func()) {
	for {
		if r, err := windows.WaitForSingleObject(event, windows.INFINITE); r != windows.WAIT_OBJECT_0 || err != nil {
			return
		}
		show()
	}
}
