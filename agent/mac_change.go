package agent

import "net"

// MACChange is a MAC in the neighbour table that differs from the one by which a session in the LAN is let through.
type MACChange struct {
	Session  string // ID
	From, To net.HardwareAddr
}
