package access

import (
	"time"

	"ideco-agent/agent"
)

// kind decides between LAN and tunnel, and reports whether the peer is inside. Refusals: CodeAddressBusy for a peer in the
// VPN network, whose address belongs to a session; CodeVPNNotAllowed, CodeVPNUnavailable.
func (c *change) kind(user agent.User, peer agent.Peer) (kind agent.Kind, inside bool, err error) {
	inside = c.inside(c.settings, peer.Addr, peer.Interface)
	switch {
	case c.settings.InVPN(peer.Addr):
		return "", false, c.refuseBusy(agent.Session{Login: user.Login, ExternalIP: peer.Addr}, agent.Session{})
	case inside && !c.settings.LocalTunnel:
		return agent.KindLAN, true, nil
	case !inside && !user.RemoteAccess:
		return "", false, agent.Refuse(agent.CodeVPNNotAllowed)
	case c.tunnel == nil:
		return "", false, agent.Refuse(agent.CodeVPNUnavailable)
	case !c.tunnel.Available():
		return "", false, &agent.Error{Code: agent.CodeVPNUnavailable, Wait: 30 * time.Second}
	}
	return agent.KindVPN, inside, nil
}

// fits reports whether a session may go on under the settings.
func (m *Manager) fits(set agent.Settings, p located) bool {
	s := p.session
	if set.InVPN(s.ExternalIP) || m.inside(set, s.ExternalIP, p.iface) != p.inside {
		return false
	}
	switch s.Kind {
	case agent.KindVPN:
		return set.Enabled && set.InVPN(s.Address) && (!p.inside || set.LocalTunnel)
	case agent.KindWeb:
		return set.Enabled && set.SignsInByBrowser(agent.Peer{Addr: s.Address, Inside: p.inside})
	case agent.KindStatic:
		return p.inside
	}
	return set.Enabled && p.inside && !set.LocalTunnel
}
