package web

import (
	"context"
	"net/netip"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/wireguard"
)

// guardedTunnel is the tunnel with the firewall in front of its addresses. An address is open from Up to Release. A peer
// that outlives its session passes nothing.
type guardedTunnel struct {
	*wireguard.Device
	firewall admissions

	restoring bool // set by restore only, before agents can connect
}

// admissions are the addresses that the firewall lets through.
type admissions interface {
	Grant(context.Context, agent.Session) error
	Revoke(context.Context, agent.Session)
}

// forManager is the tunnel for package access; nil when there is none.
func (t *guardedTunnel) forManager() access.Tunnel {
	if t == nil {
		return nil
	}
	return t
}

// restore takes over the sessions of the process before. Addresses that they keep stay open: their agents come back with
// fresh keys, and no connection is forgotten meanwhile.
func (t *guardedTunnel) restore(sessions func() error) error {
	if t == nil {
		return sessions()
	}
	t.restoring = true
	defer func() { t.restoring = false }()
	return sessions()
}

func (t *guardedTunnel) Reserve(ctx context.Context, s agent.Session) (netip.Addr, error) {
	a, err := t.Device.Reserve(ctx, s)
	if err == nil && t.restoring && a == s.Address {
		return a, t.firewall.Grant(ctx, s)
	}
	return a, err
}

// Up makes the peer, then opens its address. If Grant fails, the address is revoked, because a Grant that timed out may
// still take effect. The peer stays until the session ends or gets another peer.
func (t *guardedTunnel) Up(ctx context.Context, s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
	config, err := t.Device.Up(ctx, s, key)
	if err != nil {
		return config, err
	}
	if err := t.firewall.Grant(ctx, s); err != nil {
		t.firewall.Revoke(ctx, s)
		return agent.TunnelConfig{}, err
	}
	return config, nil
}

// Release closes the address before its peer goes, so that no peer has it without a session.
func (t *guardedTunnel) Release(ctx context.Context, s agent.Session) {
	t.firewall.Revoke(ctx, s)
	t.Device.Release(ctx, s)
}
