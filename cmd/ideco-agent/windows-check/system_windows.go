package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

const onWindows = true

// isAdministrator tells whether this process may do what an administrator may.
func isAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// isWine tells whether this is Wine, whose ntdll says so.
func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// hasDesktop tells whether a window would be seen: session 0 belongs to services.
func hasDesktop() bool {
	var session uint32
	return windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session) == nil && session != 0
}

// systemProgram is a tool of Windows, never one of the same name that lies elsewhere. What has a path keeps it.
func systemProgram(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return name
	}
	return filepath.Join(dir, name)
}

const oemCodePage = 1 // that console programs print in

func decodeConsole(b []byte) string {
	n, err := windows.MultiByteToWideChar(oemCodePage, 0, &b[0], int32(len(b)), nil, 0)
	if err != nil || n <= 0 {
		return string(b)
	}
	wide := make([]uint16, n)
	if _, err := windows.MultiByteToWideChar(oemCodePage, 0, &b[0], int32(len(b)), &wide[0], n); err != nil {
		return string(b)
	}
	return windows.UTF16ToString(wide)
}

// hideWindow keeps a black window from flashing up.
func hideWindow(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true} }

// startInConsole starts a program without standard error, for which the agent attaches itself to this console and so can
// be ended by pressBreak.
func startInConsole(program string, args []string, dir string, stdin, stdout *os.File) (*os.Process, error) {
	pid, handle, err := syscall.StartProcess(program, append([]string{program}, args...), &syscall.ProcAttr{
		Dir: dir, Env: os.Environ(), Files: []uintptr{stdin.Fd(), stdout.Fd(), 0},
		Sys: &syscall.SysProcAttr{HideWindow: true, CreationFlags: windows.CREATE_NEW_PROCESS_GROUP}})
	if err != nil {
		return nil, err
	}
	defer syscall.CloseHandle(syscall.Handle(handle))
	return os.FindProcess(pid)
}

// pressBreak presses Ctrl+Break for a program of startInConsole alone.
func pressBreak(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}

var waitNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitNamedPipeW")

// hasPipe tells whether a pipe is there, without opening it. One that is busy is there.
func hasPipe(name string) (bool, error) {
	path, err := windows.UTF16PtrFromString(`\\.\pipe\` + name)
	if err != nil {
		return false, err
	}
	const briefly = 1 // millisecond
	is, _, err := waitNamedPipe.Call(uintptr(unsafe.Pointer(path)), briefly)
	switch {
	case is != 0, errors.Is(err, windows.ERROR_SEM_TIMEOUT):
		return true, nil
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return false, nil
	}
	return false, err
}

// folder is a directory that an environment variable names, for 64-bit programs.
func folder(variable string) string {
	if dir := os.Getenv(variable); dir != "" {
		return strings.TrimRight(dir, `\`)
	}
	return ""
}
