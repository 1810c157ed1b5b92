package agent

import "net/netip"

// Origin is where a sign-in comes from. Wrong attempts are counted apart for each origin, so that strangers cannot
// lock a person out, and strangers may not take all the places in the queue for the password hash.
type Origin string

// Origins of a sign-in.
const (
	OriginDevice   Origin = "device"   // a device or browser on which this person logged in before, wherever it is
	OriginLoopback Origin = "loopback" // the gateway itself
	OriginLAN      Origin = "lan"      // another device in the LAN
	OriginStranger Origin = "stranger" // another device outside
)

// Credentials are what a person typed, and where.
type Credentials struct {
	Login    string
	Password string
	Peer     Peer
	Origin   Origin
}

// Unmap is the address of a TCP peer as the rules see it: IPv4 in IPv6 is IPv4, and zones do not count.
func Unmap(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
