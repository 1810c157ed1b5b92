//go:build !windows

package main

import (
	"context"
	"errors"

	"ideco-agent/agent/client/locale"
)

// serve prints that the service is for Windows only.
func serve(_ context.Context, p program, args []string) int {
	var wrong problem
	if _, err := parseService(args); errors.As(err, &wrong) {
		return p.usage(wrong.key, wrong.value)
	}
	return p.usage(locale.ServiceOnWindows, "service")
}
