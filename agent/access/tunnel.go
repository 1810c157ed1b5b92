package access

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// TunnelUp adds or replaces the WireGuard peer of a session. After a failure the session may have no peer, and it ends
// unless the agent succeeds within tunnelWait. A refused key changes nothing. Refusals: CodeBadMessage for a session that is not
// of kind vpn, a zero key and a key in use; CodeVPNUnavailable. Errors: agent.ErrNotFound if the connection has no such
// session; ctx.Err; failures in the gateway.
func (m *Manager) TunnelUp(ctx context.Context, id string, connection Connection, key agent.Key) (config agent.TunnelConfig, err error) {
	err = m.change(ctx, func(c *change) error {
		s := c.sessions[id]
		switch {
		case s == nil || s.connection != connection:
			return agent.ErrNotFound
		case s.Kind != agent.KindVPN || key.IsZero():
			return agent.Refuse(agent.CodeBadMessage)
		case !c.tunnel.Available():
			return agent.Refuse(agent.CodeVPNUnavailable)
		}
		if config, err = c.addPeer(s.Session, key); err != nil {
			c.setTunnelDeadline(s, err)
			return err
		}
		c.unpauseCount(s)
		s.tunnelDeadline = time.Time{}
		c.mu.Lock()
		s.tunnelUp = c.now
		c.mu.Unlock()
		c.arm(s)
		return nil
	})
	return config, err
}

// replacedByTunnel returns the sessions of KindWeb from whose address the same person's agent uses a tunnel, with a handshake since
// TunnelUp. A browser that signs in after TunnelUp keeps its session.
func (m *Manager) replacedByTunnel() (list []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range m.sessions {
		if s.Kind != agent.KindVPN || s.tunnelUp.IsZero() || s.counters.last.Handshake.Before(s.tunnelUp) {
			continue
		}
		if web := m.byAddress[s.ExternalIP]; web != nil && web.Kind == agent.KindWeb && web.UserID == s.UserID && web.LoggedIn.Before(s.tunnelUp) {
			list = append(list, web)
		}
	}
	return list
}

// addPeer adds the peer and lets its address through. If Grant fails, the address is revoked, because a Grant that timed
// out may still take effect; the peer stays.
func (c *change) addPeer(s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
	config, err := c.tunnel.Up(c.ctx, s, key)
	if err != nil || c.firewall == nil {
		return config, err
	}
	if err := c.firewall.Grant(c.ctx, s); err != nil {
		c.firewall.Revoke(c.ctx, s)
		return agent.TunnelConfig{}, err
	}
	return config, nil
}

// setTunnelDeadline ends the session after tunnelWait, unless the agent tries again successfully. An earlier deadline stays. A
// refused key has changed no peer, so it sets no deadline.
func (c *change) setTunnelDeadline(s *session, err error) {
	if !s.tunnelDeadline.IsZero() || agent.AsError(err).Code == agent.CodeBadMessage {
		return
	}
	s.tunnelDeadline = c.now.Add(tunnelWait)
	c.arm(s)
}
