package client

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// Tunnel carries the traffic of a session from outside the local network.
type Tunnel interface {
	// NewKey makes a fresh key pair, keeps the private half and returns the public one as wg prints it.
	NewKey() (string, error)
	// Up takes the tunnel into use in place of an earlier one. gateway is where the control connection goes to; it
	// and the tunnel's own packets stay outside the tunnel.
	Up(ctx context.Context, gateway netip.Addr, reply protocol.TunnelReply) error
	// Down takes it away. It is called once, also when there never was one.
	Down()
}

// raise builds the tunnel of a session that needs one. A session whose tunnel cannot be had is given back.
func (c *client) raise(ctx context.Context, l *link) *failure {
	if c.cfg.Tunnel == nil {
		c.logOut(l)
		return c.failed(Refused, agent.CodeVPNUnavailable, errors.New("this program has no tunnel"))
	}
	key, err := c.cfg.Tunnel.NewKey()
	if err != nil {
		c.logOut(l)
		return c.failed(Refused, agent.CodeVPNUnavailable, fmt.Errorf("tunnel key: %w", err))
	}
	c.emit(Event{State: Authorized, Message: c.text(locale.AuthorizedVPN)})
	var reply *protocol.TunnelReply
	f := c.ask(ctx, l, protocol.TunnelRequest{Type: protocol.TypeTunnelWG, PublicKey: key}, func(m any) (bool, *failure) {
		var answered bool
		reply, answered = m.(*protocol.TunnelReply)
		return answered, nil
	})
	if f != nil {
		return f
	}
	inside, err := netip.ParsePrefix(reply.ClientTunnelIPv4)
	if err != nil {
		c.logOut(l)
		return c.failed(Refused, agent.CodeBadMessage, fmt.Errorf("tunnel address: %w", err))
	}
	if err := c.cfg.Tunnel.Up(ctx, l.gateway(), *reply); err != nil {
		c.logOut(l)
		return c.failed(Refused, agent.CodeVPNUnavailable, fmt.Errorf("tunnel: %w", err))
	}
	c.address = inside.Addr().String()
	c.emit(Event{State: TunnelUp, Message: c.text(locale.TunnelUp)})
	return nil
}
