package access

import (
	"context"
	"net/netip"

	"ideco-agent/agent"
)

// BrowserAttempt is the request of a browser in the LAN for access.
type BrowserAttempt struct {
	Login    string
	Password string
	Peer     agent.Peer
	DeviceID string // for the throttle; empty without cookies
	Browser  string // name for the journal, such as "Firefox"; Device.Name of the session
}

// AuthorizeBrowser begins a session of KindWeb, or extends the one that the person already has at the address. A refusal is an
// *agent.Error and takes at least 300 ms. Other errors are agent.ErrNotFound if hosts at the peer's address do not sign in by a
// browser (agent.Settings.SignsInByBrowser), ctx.Err, and failures in the gateway.
func (m *Manager) AuthorizeBrowser(ctx context.Context, a BrowserAttempt) (agent.Session, error) {
	return agent.Session{}, agent.ErrNotFound
}

// SessionAt returns the live session that lets an address in the LAN through, of any kind but KindVPN. It does not wait for changes.
func (m *Manager) SessionAt(a netip.Addr) (agent.LiveSession, bool) {
	return agent.LiveSession{}, false
}

// LogoutAddress ends the session of KindWeb at a peer's address with ReasonLogout. Errors: agent.ErrNotFound if there is none or the
// peer is not in the LAN; ctx.Err.
func (m *Manager) LogoutAddress(ctx context.Context, peer agent.Peer) error {
	return agent.ErrNotFound
}
