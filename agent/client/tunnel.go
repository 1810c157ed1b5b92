package client

import (
	"context"
	"errors"
	"fmt"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// Tunnel carries the traffic of a session from outside the local network. Its methods are never called concurrently.
type Tunnel interface {
	// NewKey makes a key pair for the next Up, keeps the private key and returns the public one.
	NewKey() (agent.Key, error)
	// Up brings the tunnel up, in place of an earlier one whose connections survive if possible. The channel gets
	// true when packets begin to come through, and false when they have not for a while; nothing is sent after the
	// next Up or Down. The notes are shown to the person.
	Up(ctx context.Context, s TunnelSetup) (<-chan bool, []TunnelNote, error)
	// Down takes the tunnel down, if there is one.
	Down()
}

// TunnelNote is a message about the tunnel for the person.
type TunnelNote struct {
	Code  string // stable, and the key of the text in locale
	Value string // its {value}
}

// TunnelProblem is an error that the person can correct and that retries cannot.
type TunnelProblem struct {
	Key   string // of the text in locale
	Value string // its {value}
	Err   error  // cause; may be nil
}

func (p *TunnelProblem) Error() string {
	if p.Err != nil {
		return p.Key + ": " + p.Err.Error()
	}
	return p.Key
}

func (p *TunnelProblem) Unwrap() error { return p.Err }

// bringTunnelUp brings up the tunnel of a session that needs one. Without the tunnel it ends the session.
func (c *client) bringTunnelUp(ctx context.Context, l *link) *failure {
	c.endHold()
	f := c.setUpTunnel(ctx, l)
	if f != nil {
		c.takeTunnelDown()
	}
	return f
}

func (c *client) setUpTunnel(ctx context.Context, l *link) *failure {
	if c.cfg.Tunnel == nil {
		c.logOut(l)
		f := c.failed(Refused, agent.CodeVPNUnavailable, errors.New("this program has no tunnel"))
		if c.cfg.NoTunnel != "" {
			f.message = c.text(c.cfg.NoTunnel)
		}
		return f
	}
	key, err := c.cfg.Tunnel.NewKey()
	if err != nil {
		return c.tunnelFailed(ctx, l, err)
	}
	c.show(Authorized, "", c.text(locale.AuthorizedVPN))
	reply, f := c.askTunnel(ctx, l, key)
	if f != nil {
		return f
	}
	setup, leftOut, err := readSetup(l.gateway(), key, *reply)
	if err != nil {
		c.logOut(l)
		return c.failed(Refused, agent.CodeBadMessage, err)
	}
	for _, text := range leftOut {
		c.cfg.Log(text)
	}
	working, notes, err := c.cfg.Tunnel.Up(ctx, setup)
	if err != nil {
		return c.tunnelFailed(ctx, l, err)
	}
	c.tunnelWorks, c.endpoint, c.address = working, setup.Endpoint, setup.Address.String()
	for _, n := range notes {
		c.addNotice(n.Code, locale.Text(c.cfg.Lang, n.Code, "value", n.Value))
	}
	return nil
}

func (c *client) askTunnel(ctx context.Context, l *link, key agent.Key) (*protocol.TunnelReply, *failure) {
	var reply *protocol.TunnelReply
	request := protocol.TunnelRequest{Type: protocol.TypeTunnelWG, PublicKey: key.String()}
	f := c.ask(ctx, l, request, func(m any) (bool, *failure) {
		var answered bool
		reply, answered = m.(*protocol.TunnelReply)
		return answered, nil
	})
	return reply, f
}

// tunnelFailed ends a session whose tunnel failed. The agent tries again later, unless the error is a *TunnelProblem.
func (c *client) tunnelFailed(ctx context.Context, l *link, err error) *failure {
	c.logOut(l)
	if ctx.Err() != nil {
		return c.stoppedByUser()
	}
	f := c.failed(Refused, agent.CodeVPNUnavailable, fmt.Errorf("tunnel: %w", err))
	var problem *TunnelProblem
	if errors.As(err, &problem) {
		f.message = locale.Text(c.cfg.Lang, problem.Key, "value", problem.Value)
		return f
	}
	f.message, f.retryAfter = c.text(locale.TunnelFailed), tunnelDelay
	return f
}

// showTunnel shows whether the tunnel works. A blocked tunnel keeps trying.
func (c *client) showTunnel(works bool) {
	if works {
		c.show(TunnelUp, "", c.text(locale.TunnelUp))
		return
	}
	c.show(Authorized, string(agent.CodeTunnelBlocked), c.text(locale.Code(agent.CodeTunnelBlocked)))
}

// takeTunnelDown takes the tunnel down.
func (c *client) takeTunnelDown() {
	c.endHold()
	if c.cfg.Tunnel != nil {
		c.cfg.Tunnel.Down()
	}
	c.tunnelWorks = nil
}
