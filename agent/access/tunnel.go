package access

import (
	"context"
	"errors"
	"time"

	"ideco-agent/agent"
)

// TunnelUp gives the session of a connection its peer, in place of the one that it had. When that fails the session may
// have none any more, and the agent has 15 s to ask again; a key that was refused changes nothing. Refusals: CodeBadMessage for a
// session without a tunnel and for a key that somebody else holds; CodeVPNUnavailable. Errors: agent.ErrNotFound when
// the connection has no such session any more; ctx.Err; what failed in the gateway.
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
		if config, err = c.raisePeer(s.Session, key); err != nil {
			c.awaitTunnel(s, err)
			return err
		}
		s.tunnelBy = time.Time{}
		c.arm(s)
		return nil
	})
	return config, err
}

// raisePeer makes the peer, then lets its address through. If Grant fails the address is revoked, because a Grant that timed
// out may still take effect; the peer stays until the session ends or gets another one.
func (c *change) raisePeer(s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
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

// peerless lets a session that may have lost its peer end, unless its agent asks for another in time.
func (c *change) awaitTunnel(s *session, err error) {
	var refusal *agent.Error
	if !s.tunnelBy.IsZero() || errors.As(err, &refusal) && refusal.Code == agent.CodeBadMessage {
		return
	}
	s.tunnelBy = c.now.Add(tunnelWait)
	c.arm(s)
}
