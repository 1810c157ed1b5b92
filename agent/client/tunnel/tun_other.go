//go:build !linux && !windows

package tunnel

import (
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// HasTUN tells whether this program can make a network interface on this system at all.
const HasTUN = false

func permittedTUN() error { return &client.TunnelProblem{Key: locale.TunnelNotHere} }

func newTUN(Config, client.TunnelSetup) (adapter, error) { return nil, permittedTUN() }

func cleanUp(string) error { return nil }
