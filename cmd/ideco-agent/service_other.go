//go:build !windows

package main

import (
	"context"

	"ideco-agent/agent/client/locale"
)

// serve prints that the service is for Windows only.
func serve(_ context.Context, p program, args []string) int {
	if _, err := parseService(args); err != nil {
		return p.wrongArguments(err)
	}
	return p.usage(locale.ServiceOnWindows, "service")
}
