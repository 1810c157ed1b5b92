package agent

import "net/netip"

// Origin is where a sign-in comes from. Wrong attempts are counted apart for each origin, so that strangers cannot
// lock a person out, and strangers may not take all the places in the queue for the password hash.
type Origin string

// Origins of a sign-in.
const (
	OriginStranger Origin = "stranger" // from outside, on a device that never logged in as this person
	OriginDevice   Origin = "device"   // from outside, on a device on which this person logged in before
	OriginLAN      Origin = "lan"      // from the local networks
)

// Credentials are what a person typed.
type Credentials struct {
	Login    string
	Password string
	Origin   Origin
}

// Unmap is the address of a TCP peer as the rules see it: IPv4 in IPv6 is IPv4, and zones do not count.
func Unmap(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }
