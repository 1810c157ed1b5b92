package agent

import (
	"encoding/base64"
	"errors"
	"net/netip"
	"time"
)

// Key is a WireGuard key: public, private or preshared.
type Key [32]byte

// ErrKey says that a text is not a WireGuard key.
var ErrKey = errors.New("not a WireGuard key")

// ParseKey reads a key as wg prints it: 44 characters of standard base64. Errors: ErrKey, also for the zero key.
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

// String returns the key as wg prints it.
func (k Key) String() string { return base64.StdEncoding.EncodeToString(k[:]) }

// IsZero reports whether k is the zero key, which means none.
func (k Key) IsZero() bool { return k == Key{} }

// TunnelConfig is the configuration of an agent's end of the tunnel, except for the settings.
type TunnelConfig struct {
	ServerPort   int // UDP
	PublicKey    Key // the gateway's
	PresharedKey Key // random for the session, never stored
	Address      netip.Prefix
	MTU          int           // bytes
	Keepalive    time.Duration // whole seconds
}

// TunnelLack is why a tunnel leads no further than to the gateway's own page.
type TunnelLack string

// What a tunnel may lack.
const (
	TunnelLacksNothing TunnelLack = ""         // it leads further
	TunnelLacksRights  TunnelLack = "rights"   // CAP_NET_ADMIN
	TunnelLacksDevice  TunnelLack = "device"   // /dev/net/tun, or the kernel's module behind it
	TunnelLacksAccess  TunnelLack = "access"   // the right to open /dev/net/tun
	TunnelNetstack     TunnelLack = "netstack" // nothing: an operator chose that mode
)

// TunnelLacks are all but TunnelLacksNothing.
var TunnelLacks = []TunnelLack{TunnelLacksRights, TunnelLacksDevice, TunnelLacksAccess, TunnelNetstack}

// Traffic is what a session has sent and received.
type Traffic struct {
	Rx, Tx    uint64    // bytes from and to the person
	Handshake time.Time // time of the last one in the tunnel; zero = none
}

// notRoutable are the IPv4 networks for NotRoutable.
var notRoutable = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"),
	netip.MustParsePrefix("127.0.0.0/8"),
	netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("224.0.0.0/3"), // multicast, reserved, broadcast
}

// NotRoutable reports whether an IPv4 network is within loopback, link-local, multicast or reserved addresses, which cannot be
// reached through a tunnel. It is false for 0.0.0.0/0.
func NotRoutable(n netip.Prefix) bool {
	for _, reserved := range notRoutable {
		if reserved.Bits() <= n.Bits() && reserved.Contains(n.Addr()) {
			return true
		}
	}
	return false
}
