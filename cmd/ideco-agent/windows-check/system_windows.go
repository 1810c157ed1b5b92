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

// isAdministrator reports whether this process has administrator rights.
func isAdministrator() bool { return windows.GetCurrentProcessToken().IsElevated() }

// isWine reports whether this is Wine, by a function that only Wine's ntdll.dll has.
func isWine() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// hasDesktop reports whether a window would be visible. In session 0, which is for services, it is not.
func hasDesktop() bool {
	var session uint32
	return windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session) == nil && session != 0
}

// systemProgram returns the path of a tool of Windows, so that no program of the same name elsewhere is started. An
// absolute path stays as it is.
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

const oemCodePage = 1 // CP_OEMCP, the code page of console programs

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

// hideWindow makes cmd start without a visible console window.
func hideWindow(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true} }

// startInConsole starts the agent without standard error. The agent then attaches to this console, so that sendBreak
// reaches it.
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

// sendBreak sends Ctrl+Break to a program of startInConsole and to no other.
func sendBreak(p *os.Process) error {
	return windows.GenerateConsoleCtrlEvent(windows.CTRL_BREAK_EVENT, uint32(p.Pid))
}

var waitNamedPipe = windows.NewLazySystemDLL("kernel32.dll").NewProc("WaitNamedPipeW")

// hasPipe reports whether a named pipe exists, without opening it. A busy pipe exists too.
func hasPipe(name string) (bool, error) {
	path, err := windows.UTF16PtrFromString(`\\.\pipe\` + name)
	if err != nil {
		return false, err
	}
	const briefly = 1 // millisecond
	found, _, err := waitNamedPipe.Call(uintptr(unsafe.Pointer(path)), briefly)
	switch {
	case found != 0, errors.Is(err, windows.ERROR_SEM_TIMEOUT):
		return true, nil
	case errors.Is(err, windows.ERROR_FILE_NOT_FOUND):
		return false, nil
	}
	return false, err
}

// folder returns the directory that an environment variable names.
func folder(variable string) string {
	if dir := os.Getenv(variable); dir != "" {
		return strings.TrimRight(dir, `\`)
	}
	return ""
}
