package window

import "ideco-agent/agent/client/locale"

// place is where a session runs.
type place int

const (
	inProcess place = iota // in the window's own process, for the local network only
	inService              // in the Windows service, which may bring up a VPN
)

// placeOf returns where the session runs. In the service a gateway can set routes and DNS of the whole computer, so only a
// gateway that administrators have named is used there.
func placeOf(byAdministrator, service bool) place {
	if byAdministrator && service {
		return inService
	}
	return inProcess
}

// noTunnel returns the locale key of the reason why there is no VPN in the window's own process.
func noTunnel(service bool) string {
	if service {
		return locale.NoTunnelTyped
	}
	return locale.NoTunnelPortable
}
