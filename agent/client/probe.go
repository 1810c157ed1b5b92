package client

import (
	"context"

	"ideco-agent/agent/client/locale"
)

// Check connects and verifies the gateway's certificate. It sends no message. Result.Outcome is Answered or says why not.
func Check(ctx context.Context, cfg Config) Result {
	c := newClient(cfg)
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	conn, _, err := c.dialFirst(dialing)
	if err != nil {
		return c.dialFailure(ctx, nil, err).result()
	}
	conn.Close()
	return Result{Outcome: Answered}
}

// Probe connects to the gateway and disconnects again, so that the person learns before typing a password whether the
// gateway answers and is the right one. It needs neither Login nor Password. Result.Outcome is Answered or says why not.
// Events gets only the notice of a newer agent.
func Probe(ctx context.Context, cfg Config) Result {
	c := newClient(cfg)
	events := c.cfg.Events
	c.cfg.Events = func(s Status, added *Notice) {
		if added != nil {
			events(s, added)
		}
	}
	c.show(Connecting, "", "")
	l, f := c.dial(ctx)
	if f == nil {
		f = c.sendVersion(ctx, l)
		l.close()
	}
	if f != nil {
		return f.result()
	}
	return Result{Outcome: Answered, Message: c.text(locale.Answered), SSO: c.status.SSO, Host: c.host}
}
