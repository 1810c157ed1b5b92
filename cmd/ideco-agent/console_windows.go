package main

import (
	"os"

	"golang.org/x/sys/windows"
)

var attachConsoleProc = windows.NewLazySystemDLL("kernel32.dll").NewProc("AttachConsole")

const attachParent = ^uintptr(0)

// attachConsole connects a command's standard streams to the console that it was started from, which Windows does not
// do for a program with windows. Redirected streams stay redirected.
func attachConsole(args []string) {
	if isForWindow(args) {
		return
	}
	streams := []struct {
		id   uint32
		file **os.File
		name string
		mode int
	}{
		{windows.STD_INPUT_HANDLE, &os.Stdin, "CONIN$", os.O_RDWR},
		{windows.STD_OUTPUT_HANDLE, &os.Stdout, "CONOUT$", os.O_RDWR},
		{windows.STD_ERROR_HANDLE, &os.Stderr, "CONOUT$", os.O_RDWR},
	}
	var missing []int
	for i, s := range streams {
		if !hasStream(s.id) {
			missing = append(missing, i)
		}
	}
	if len(missing) == 0 {
		return
	}
	if ok, _, _ := attachConsoleProc.Call(attachParent); ok == 0 {
		return // there is no console
	}
	for _, i := range missing {
		if f, err := os.OpenFile(streams[i].name, streams[i].mode, 0); err == nil {
			*streams[i].file = f
		}
	}
}

// hasStream reports whether a standard stream is open.
func hasStream(id uint32) bool {
	h, err := windows.GetStdHandle(id)
	return err == nil && h != 0 && h != windows.InvalidHandle
}
