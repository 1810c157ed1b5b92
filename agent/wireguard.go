package agent

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"time"
)

// Key is a key of WireGuard: public, private or preshared.
type Key [32]byte

// ErrKey says that a text is not a key as wg prints it.
var ErrKey = errors.New("not a WireGuard key")

// ParseKey reads a key as wg prints it: 44 characters of standard base64. A key of zeros is none. Errors: ErrKey.
func ParseKey(text string) (Key, error) {
	var k Key
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(k) || len(text) != base64.StdEncoding.EncodedLen(len(k)) {
		return Key{}, ErrKey
	}
	if copy(k[:], b); k.IsZero() {
		return Key{}, ErrKey
	}
	return k, nil
}

// String is the key as wg prints it.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// IsZero tells whether there is no key.
func (k Key) IsZero() bool { return k == Key{} }

// TunnelConfig is what an agent needs for its end of the tunnel, apart from what the settings say.
type TunnelConfig struct {
	ServerPort   int // UDP
	PublicKey    Key // the gateway's
	PresharedKey Key // random for the session, never stored
	Address      netip.Prefix
	MTU          int           // bytes
	Keepalive    time.Duration // whole seconds
}

// Traffic is what went through the tunnel of a session.
type Traffic struct {
	Rx, Tx    uint64    // bytes from and to the person
	Handshake time.Time // the last one; zero before the first
}

// ownPlaces are addresses that mean something to each computer by itself, or to nobody.
var ownPlaces = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
}

// InOwnPlace tells whether an IPv4 network lies where each computer has its own, as loopback and link-local addresses
// do, or where nobody can be, as in multicast. No tunnel leads there. Everything (0.0.0.0/0) is no such place.
func InOwnPlace(n netip.Prefix) bool {
	for _, own := range ownPlaces {
		if own.Bits() <= n.Bits() && own.Contains(n.Addr()) {
			return true
		}
	}
	return false
}
