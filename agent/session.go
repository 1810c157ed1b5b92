package agent

import (
	"crypto/rand"
	"encoding/base32"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// Kind is how a session gives access.
type Kind string

// Kinds of sessions.
const (
	KindLAN    Kind = "lan"    // the agent inside the local network: the address itself has access
	KindVPN    Kind = "vpn"    // the agent outside, or with local_tunnel: a WireGuard tunnel has access
	KindWeb    Kind = "web"    // a browser inside the local network
	KindStatic Kind = "static" // an AuthRule authorises the address, without a login
)

// Kinds lists every Kind.
var Kinds = []Kind{KindLAN, KindVPN, KindWeb, KindStatic}

// HasAgent reports whether an agent keeps a connection for each session of the kind. The other sessions are always connected.
func (k Kind) HasAgent() bool { return k == KindLAN || k == KindVPN }

// Way is how the last full login of a session proved the person.
type Way string

// Ways of logging in.
const (
	WayPassword Way = "password" // with the agent
	WayTicket   Way = "ticket"   // with the agent, by a Kerberos ticket
	WayBrowser  Way = "browser"  // with a password in a browser
	WayRule     Way = "rule"     // an AuthRule, without a login
)

// Ways lists every Way, for tests that look for a missing text.
var Ways = []Way{WayPassword, WayTicket, WayBrowser, WayRule}

// State is the state of a live session.
type State string

// States of a live session.
const (
	StateConnected State = "connected" // the agent's connection is up
	StateWaiting   State = "waiting"   // the connection was lost; the grace period runs
)

// States lists every State.
var States = []State{StateConnected, StateWaiting}

// Device is the computer of a session, as its agent describes it. It is not trusted: it only tells one device of a person
// from another.
type Device struct {
	ID   string // random for each installation of the agent; empty for agents that send none
	Name string // the computer's name
	OS   string // "windows", "linux"
}

// Clean makes a device that an agent sent safe to store and show.
func (d Device) Clean() Device {
	return Device{ID: Clean(d.ID, MaxDeviceIDLen), Name: Clean(d.Name, MaxDeviceName), OS: Clean(d.OS, 16)}
}

// Session is one person's access from one device, from its login to its end.
type Session struct {
	ID         string // random; used on pages, in REST and in logs; not a secret
	UserID     UserID
	Login      string // as at the login; for display only
	Name       string
	Directory  string
	Kind       Kind
	Address    netip.Addr // the peer's address in the LAN; for KindVPN the address inside the tunnel
	ExternalIP netip.Addr // where the agent's connection comes from
	Inside     bool       // ExternalIP is in the LAN
	Device     Device
	Started    time.Time
	LoggedIn   time.Time // the last full login; the length counts from it
	Expires    time.Time // zero for KindStatic
	Ended      time.Time // zero while the session is open
	Reason     Reason    // why it ended
	Way        Way
	Group      string // GroupTree.Names of the account at the login; for display only
	MACStored  string // MAC of the computer in the LAN, as last stored; empty if unknown. For KindStatic the MAC of its rule; empty = any computer
	RxStored   uint64 // bytes from the person, as last stored; complete once the session has ended
	TxStored   uint64 // bytes to the person, likewise
	Resume     ResumeDigests
}

// Expired reports whether the length of a session has run out.
func (s Session) Expired(now time.Time) bool { return !s.Expires.IsZero() && !now.Before(s.Expires) }

// SessionCounts is what is stored about a live session every few minutes.
type SessionCounts struct {
	Rx, Tx uint64 // bytes from and to the person
	MAC    string // of the computer in the LAN; empty if unknown
}

// SessionEnd is when and why a session ended, with its last SessionCounts.
type SessionEnd struct {
	At     time.Time
	Reason Reason
	Rx, Tx uint64
	MAC    string
}

// ResumeDigests are SHA-256 digests of the tokens with which an agent resumes a session without a password. All tokens of a
// session share a secret name, so that a used token is still recognised. Zero digests match nothing.
type ResumeDigests struct {
	Chain    [32]byte // of the shared name
	Current  [32]byte // of the last token
	Previous [32]byte // of the token before, until the first frame after auth_state shows that the agent has the last one
}

// MaxGroupNames is the longest Session.Group in characters.
const MaxGroupNames = 500

// MaxIPv6 is how many IPv6 addresses a session in the LAN may have, Session.Address included. It has one IPv4 address.
const MaxIPv6 = 8

// LiveSession is a live session with its counters.
type LiveSession struct {
	Session
	State            State
	FurtherAddresses []netip.Addr // of the same computer, with access
	Rx, Tx           *uint64      // bytes from and to the person; nil if they are not counted
	Handshake        time.Time    // of the tunnel; zero without one
	MAC              string       // of the computer in the LAN; empty if unknown
}

// BrowserSession is a browser that is signed in to the portal. It gives no access; a session of KindWeb does.
type BrowserSession struct {
	ID        string // SHA-256 of the cookie's token in hex: enough to find and end it, not enough to use it
	UserID    UserID
	Created   time.Time
	LastSeen  time.Time
	Expires   time.Time
	Address   netip.Addr
	UserAgent string
}

// NewSupportRef makes a reference for support, such as "K4T7-QM2A". It is short enough to read over the phone.
func NewSupportRef() string {
	s := randomText(5)
	return s[:4] + "-" + s[4:]
}

// NewSessionID makes the ID of a session: 80 random bits in lower-case base32.
func NewSessionID() string { return strings.ToLower(randomText(10)) }

func randomText(bytes int) string {
	b := make([]byte, bytes)
	if _, err := rand.Read(b); err != nil {
		panic(fmt.Sprintf("random numbers: %v", err)) // nothing may go on without them
	}
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// Reason is why a session ended. The catalogues have its text under "ended_<reason>".
type Reason string

// Reasons of an end.
const (
	ReasonLost     Reason = "lost"     // the connection was lost and the grace period ran out
	ReasonShutdown Reason = "shutdown" // the gateway is restarting
	ReasonExpired  Reason = "expired"  // the session length ran out
	ReasonLogout   Reason = "logout"   // the person logged out
	ReasonAdmin    Reason = "admin"    // an administrator ended it
	ReasonReplaced Reason = "replaced" // the same person logged in again from the same address or device
	ReasonEvicted  Reason = "evicted"  // the person's newest device pushed out the oldest
	ReasonIdle     Reason = "idle"     // nothing was sent for a while
	ReasonDisabled Reason = "disabled" // the account, its remote access or the agent was switched off
)

// Reasons lists every reason, for tests that look for a missing text.
var Reasons = []Reason{ReasonLost, ReasonShutdown, ReasonExpired, ReasonLogout, ReasonAdmin, ReasonReplaced,
	ReasonEvicted, ReasonIdle, ReasonDisabled}

// Reconnects reports whether an agent reconnects by itself after this reason.
func (r Reason) Reconnects() bool { return r == ReasonLost || r == ReasonShutdown }
