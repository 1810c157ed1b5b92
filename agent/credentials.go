package agent

import "net/netip"

// Origin is where a sign-in comes from. Wrong attempts are counted separately for each origin, so that strangers cannot
// lock a person out. Strangers also may not fill the queue for the password hash.
type Origin string

// Origins of a sign-in.
const (
	OriginDevice   Origin = "device"   // a device or browser on which this person logged in before, wherever it is
	OriginLoopback Origin = "loopback" // the gateway itself
	OriginLAN      Origin = "lan"      // another device in the LAN
	OriginStranger Origin = "stranger" // another device outside
)

// Credentials are a login and a password, with their source.
type Credentials struct {
	Login    string
	Password string
	Peer     Peer
	Origin   Origin
}

// Unmap returns an address without its zone; ::ffff:192.0.2.1 becomes 192.0.2.1.
func Unmap(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
