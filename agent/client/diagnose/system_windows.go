package diagnose

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"ideco-agent/agent/client/pipe"
)

// System returns the version of Windows, which does not depend on the program's manifest.
func System() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}

// Network returns parts about the network.
func Network() []Part {
	return []Part{
		command("addresses.txt", system("ipconfig.exe"), "/all"),
		command("routes.txt", system("route.exe"), "print"),
		command("name_rules.txt", system("reg.exe"), "query", `HKLM\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig`, "/s"),
	}
}

// system returns the full path of a program of Windows, so that no other program of this name is started.
func system(program string) string {
	dir, err := windows.GetSystemDirectory()
	if err != nil {
		return program
	}
	return filepath.Join(dir, program)
}

// Service returns parts with the state, the log and the trust file of the service.
func Service() []Part {
	parts := []Part{{"service.txt", func(context.Context) ([]byte, error) {
		text, err := serviceState()
		return []byte(lines(text)), err
	}}}
	if dir := ServiceDir(); dir != "" {
		parts = append(parts, File("service.log", filepath.Join(dir, "service.log")), File("service_trust.json", filepath.Join(dir, "trust")))
	}
	return parts
}

// ServiceDir returns the directory of the service's files, or "" if it is not known.
func ServiceDir() string {
	exe, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Join(filepath.Dir(exe), "service")
}

var states = map[svc.State]string{svc.Stopped: "stopped", svc.StartPending: "starting", svc.StopPending: "stopping", svc.Running: "running"}

func serviceState() (string, error) {
	status, err := pipe.ServiceStatus()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("service %s: %s, process %d, exit codes %d %d", pipe.Service, states[svc.State(status.CurrentState)],
		status.ProcessId, status.Win32ExitCode, status.ServiceSpecificExitCode), nil
}

// Directories returns the directories for the file, the best first.
func Directories() []string {
	desktop, _ := windows.KnownFolderPath(windows.FOLDERID_Desktop, 0) // empty on an error, as is dir
	dir, _ := os.Getwd()
	return []string{desktop, dir, os.TempDir()}
}

// hide prevents a console window.
func hide(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{HideWindow: true} }

const oemCodePage = 1 // the code page of console output

// decode converts console output to UTF-8.
func decode(b []byte) []byte {
	if len(b) == 0 {
		return b
	}
	n, err := windows.MultiByteToWideChar(oemCodePage, 0, &b[0], int32(len(b)), nil, 0)
	if err != nil || n <= 0 {
		return b
	}
	wide := make([]uint16, n)
	if _, err := windows.MultiByteToWideChar(oemCodePage, 0, &b[0], int32(len(b)), &wide[0], n); err != nil {
		return b
	}
	return []byte(windows.UTF16ToString(wide))
}
