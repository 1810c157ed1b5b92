//go:build !linux && !windows

package tunnel

import (
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// HasTUN reports whether the program can create a network interface on this system.
const HasTUN = false

func permittedTUN() error { return &client.TunnelProblem{Key: locale.TunnelNotHere} }

func newTUN(Config, client.TunnelSetup) (adapter, error) { return nil, permittedTUN() }

func cleanUp(string) error { return nil }
