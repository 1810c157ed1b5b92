//go:build !windows

package main

import (
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// window prints an error and the usage of commands: the window exists on Windows only.
func (p program) window() int {
	_, err := parseWindowOptions(p.args)
	p.args = nil
	if err != nil {
		return p.wrongArguments(err)
	}
	return p.usage(locale.NoCommand, "")
}

// programName is the program's name in texts.
const programName = "ideco-agent"

// showInBox does nothing: it is needed on Windows only, where standard output may be missing.
func (program) showInBox(string) {}

func ownDir() string { return "" }

func attachConsole([]string) {}

// trustDir returns the directory with the trust file of connect, or "".
func trustDir(settings.Registry, settings.Gateway) string {
	dir, _ := client.StateDir()
	return dir
}

func readPersonal() settings.Personal { return settings.Personal{} }
