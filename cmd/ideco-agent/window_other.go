//go:build !windows

package main

import (
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

// window is on Windows only.
func (p program) window() int {
	if len(p.args) == 0 {
		return p.usage(locale.NoCommand, "")
	}
	return p.usage(locale.UnknownCommand, p.args[0])
}

// programName is how to call the program.
const programName = "ideco-agent"

// aloud is on Windows only, where a program may have nothing to print to.
func (program) aloud(string) {}

func ownDir() string { return "" }

func attachConsole([]string) {}

func readPersonal() settings.Personal { return settings.Personal{} }
