package agent

import "net/netip"

// RuleID identifies an AuthRule.
type RuleID int64

// AuthRule authorises an address or a MAC in the LAN as a user, without a login. Its session has KindStatic and no length.
type AuthRule struct {
	ID      RuleID
	Enabled bool
	Address netip.Addr // zero = any address of MAC
	MAC     string     // in lower case with colons; empty = any computer at Address
	UserID  UserID
	Always  bool // the session is there even while the host is silent; only with Address
	Comment string
}

// MaxAuthRules is how many rules there may be.
const MaxAuthRules = 10000
