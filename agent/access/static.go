package access

import (
	"context"
	"net/netip"

	"ideco-agent/agent"
)

// StaticSession is an address in the LAN that an AuthRule authorises as a user.
type StaticSession struct {
	User    agent.UserID
	Address netip.Addr
	Rule    agent.RuleID
	MAC     string // only the computer with this MAC, in lower case with colons; empty = the computer that has the address
}

// SetStatic replaces the set of sessions of KindStatic: it begins the missing ones and ends the others, with disabled if the account is
// disabled or deleted, else with admin. An address that has a session of another kind gets its static session when that ends.
func (m *Manager) SetStatic(ctx context.Context, set []StaticSession) {
}
