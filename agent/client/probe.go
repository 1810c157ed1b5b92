package client

import (
	"context"

	"ideco-agent/agent/client/locale"
)

// Probe connects to the gateway and disconnects again: the person learns that it is there, and that it is the right one,
// before giving it a password. It needs neither Login nor Password. The Result's Kind is Answered, or why not; Events is
// told of a newer version of this program and of nothing else.
func Probe(ctx context.Context, cfg Config) Result {
	c := newClient(cfg)
	events := c.cfg.Events
	c.cfg.Events = func(s Status, news *Notice) {
		if news != nil {
			events(s, news)
		}
	}
	c.show(Connecting, "", "")
	l, f := c.dial(ctx)
	if f == nil {
		f = c.greet(ctx, l)
		l.close()
	}
	if f == nil {
		return Result{Kind: Answered, Message: c.text(locale.Answered)}
	}
	return Result{f.kind, f.code, f.message, f.err}
}
