//go:build !windows

package main

import (
	"os"
	"os/exec"
	"syscall"
)

// These functions work on Windows only. Elsewhere they let the package be built and the rest of it be tested.

const onWindows = false

func isAdministrator() bool            { return false }
func isWine() bool                     { return false }
func hasDesktop() bool                 { return false }
func systemProgram(name string) string { return name }
func decodeConsole(b []byte) string    { return string(b) }
func hideWindow(*exec.Cmd)             {}
func hasPipe(string) (bool, error)     { return false, syscall.ENOTSUP }
func folder(string) string             { return "" }
func sendBreak(*os.Process) error      { return syscall.ENOTSUP }
func startInConsole(string, []string, string, *os.File, *os.File) (*os.Process, error) {
	return nil, syscall.ENOTSUP
}
