package agent

import (
	"net/netip"
	"time"
)

// Kind is how a session gives access.
type Kind string

// Kinds of sessions.
const (
	KindLAN Kind = "lan" // the agent inside the local network: the address itself has access
	KindVPN Kind = "vpn" // the agent outside, or with local_tunnel: a WireGuard tunnel has access
	KindWeb Kind = "web" // a browser inside the local network; no session has it yet, see access/kind.go
)

// State is what a live session is doing.
type State string

// States of a live session.
const (
	StateConnected State = "connected" // the agent's connection is up
	StateWaiting   State = "waiting"   // the connection was lost; the grace period runs
)

// Device is the computer that a session comes from, as its agent describes it. Nothing here is to be believed
// beyond telling one device of a person from another.
type Device struct {
	ID   string // random for each installation of the agent; empty for agents that send none
	Name string // the computer's name
	OS   string // "windows", "linux"
}

// Clean makes a device from outside fit to be stored and shown.
func (d Device) Clean() Device {
	return Device{ID: Clean(d.ID, MaxDeviceIDLen), Name: Clean(d.Name, MaxDeviceName), OS: Clean(d.OS, 16)}
}

// Session is one person's access from one device, from its login to its end.
type Session struct {
	ID         string // random; names the session on pages, in REST and in logs, and proves nothing
	UserID     UserID
	Login      string // as at the login; shown, never compared
	Name       string
	Directory  string
	Kind       Kind
	Address    netip.Addr // in the LAN the peer's address; for KindVPN the address inside the tunnel
	ExternalIP netip.Addr // where the agent's connection comes from
	Device     Device
	Started    time.Time
	LoggedIn   time.Time // the last full login, from which the length counts
	Expires    time.Time
	Ended      time.Time // zero while the session is open
	Reason     Reason    // why it ended
	Resume     ResumeDigests
}

// ResumeDigests is what the gateway keeps of the tokens with which an agent may come back without a password: SHA-256
// digests. All tokens of a session share a secret name, so that any of them is recognised after it was used up. Zero
// digests match nothing.
type ResumeDigests struct {
	Chain    [32]byte // of the name
	Current  [32]byte // of the token handed out last
	Previous [32]byte // of the one before it, until the first frame after auth_state shows that the agent has the new one
}

// MaxIPv6 is how many IPv6 addresses a session in the LAN may have, its own included. It has one IPv4 address.
const MaxIPv6 = 8

// LiveSession is a session as the monitor shows it now.
type LiveSession struct {
	Session
	State            State
	FurtherAddresses []netip.Addr // further addresses of the same computer that have access
	Rx, Tx           *uint64      // bytes from and to the person; nil where nothing counts
	Handshake        time.Time    // of the tunnel; zero without one
	MAC              string       // of the computer in the LAN; empty where it is not known
}

// BrowserSession is one browser in which somebody is signed in to the portal.
type BrowserSession struct {
	ID        string // SHA-256 of the cookie's token in hex: enough to find and end it, not enough to use it
	UserID    UserID
	Created   time.Time
	LastSeen  time.Time
	Expires   time.Time
	Address   netip.Addr
	UserAgent string
}
