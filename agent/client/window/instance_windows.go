package window

import (
	"errors"

	"golang.org/x/sys/windows"
)

// showEventName exists in each Windows session with a window. A second program sets it to show that window.
const showEventName = `Local\IdecoAgentShowWindow`

var allowSetForegroundWindow = windows.NewLazySystemDLL("user32.dll").NewProc("AllowSetForegroundWindow")

const anyProcess = ^uintptr(0)

// claimInstance reports whether this is the first window of the Windows session. Otherwise it makes the first one show
// itself, and permits it to come to the foreground, which Windows allows only the program that the person has just
// started.
func claimInstance() (first bool, showEvent windows.Handle, err error) {
	name, err := windows.UTF16PtrFromString(showEventName)
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
	_, _, _ = allowSetForegroundWindow.Call(anyProcess) // otherwise only the task bar button flashes
	return false, 0, windows.SetEvent(event)
}

// watchShowEvent calls show each time a second program was started. It runs until the process ends.
func watchShowEvent(event windows.Handle, show func()) {
	for {
		if r, err := windows.WaitForSingleObject(event, windows.INFINITE); r != windows.WAIT_OBJECT_0 || err != nil {
			return
		}
		show()
	}
}
