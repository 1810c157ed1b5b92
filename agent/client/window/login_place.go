package window

import "ideco-agent/agent/client/locale"

// place is where a login happens.
type place int

const (
	here      place = iota // in the window's own process, and so in the local network only
	inService              // in the Windows service, which has the rights for a VPN
)

// placeOf follows from who named the gateway, and whether there is a service. What plain users typed or wrote on a
// command line gets a login of theirs, never routes or DNS of the computer.
func placeOf(vouched, service bool) place {
	if vouched && service {
		return inService
	}
	return here
}

// noTunnel is why there is no VPN in the window's own process: the key of its text.
func noTunnel(service bool) string {
	if service {
		return locale.NoTunnelTyped
	}
	return locale.NoTunnelPortable
}
