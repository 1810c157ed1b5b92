//go:build !windows

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// What there is only on Windows. The rest of the package is tested elsewhere too.

const onWindows = false

func isAdministrator() bool            { return false }
func isWine() bool                     { return false }
func hasDesktop() bool                 { return false }
func systemProgram(name string) string { return name }
func decodeConsole(b []byte) string    { return string(b) }
func hideWindow(*exec.Cmd)             {}
func hasPipe(string) (bool, error)     { return false, syscall.ENOTSUP }
func folder(string) string             { return "" }
func pressBreak(*os.Process) error     { return syscall.ENOTSUP }
func startInConsole(string, []string, string, *os.File, *os.File) (*os.Process, error) {
	return nil, syscall.ENOTSUP
}
