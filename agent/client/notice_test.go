package client

import (
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// The gateway's warning before the end of a session mentions a button that extends it. An agent without that button shows its own text.
func TestExpiring(t *testing.T) {
	const fromGateway, soon = "Choose Extend.", "The session ends soon. Log in again to go on without a break."
	for name, c := range map[string]struct {
		left      time.Duration
		noTime    bool
		canExtend bool
		want      string
	}{
		"five minutes":    {left: 4*time.Minute + 59*time.Second, want: "The session ends in 5 min. Log in again to go on without a break."},
		"half an hour":    {left: 30 * time.Minute, want: "The session ends in 30 min. Log in again to go on without a break."},
		"clock ahead":     {left: -time.Minute, want: soon},
		"clock behind":    {left: 24 * time.Hour, want: soon},
		"no time given":   {noTime: true, want: soon},
		"with the button": {left: 5 * time.Minute, canExtend: true, want: fromGateway},
	} {
		notices := make(chan protocol.Notice, 1)
		g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
			c.AnswerVersion()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
			c.Send(<-notices)
			c.Wait()
		})
		r := start(t, g, func(cfg *Config) {
			if c.canExtend {
				cfg.Extend = make(chan string)
			}
		})
		n := protocol.Notice{Type: protocol.TypeNotice, Code: protocol.NoticeExpiring, Message: fromGateway}
		if !c.noTime {
			n.Expires = r.clock.Now().Add(c.left).Format(time.RFC3339)
		}
		notices <- n
		if e := r.waitEvent(Authorized, protocol.NoticeExpiring); e.Message != c.want {
			t.Errorf("%s: %q, want %q", name, e.Message, c.want)
		}
	}
}
