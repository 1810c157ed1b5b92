package client

import (
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// A change of the network is no end by itself: a gateway that still answers keeps its session.
func TestNudgeOfALiveConnection(t *testing.T) {
	nudge := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Wait() // reads, and so answers the ping
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = nudge })
	r.event(Authorized, "")
	for i := 0; i < 3; i++ {
		nudge <- struct{}{}
	}
	r.stop()
	r.end(StoppedByUser, "logout")
	if n := g.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// Where the gateway does not answer any more, the agent does not wait until it misses its pings.
func TestNudgeOfADeadConnection(t *testing.T) {
	nudge, over := make(chan struct{}), make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			<-over // does not read, and so answers nothing
			return
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = nudge })
	r.event(Authorized, "")
	nudge <- struct{}{}
	nudge <- struct{}{} // while the first one is looked into
	if d := r.clock.fire(timeouts...); d != pingTimeout {
		t.Fatalf("waits %v, want %v", d, pingTimeout)
	}
	r.event(Reconnecting, "lost")
	close(over)
	r.clock.fire(timeouts...)
	r.event(Authorized, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}

// A computer that finds a network again does not wait for the end of the backoff.
func TestNudgeOfAPause(t *testing.T) {
	nudge := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = nudge })
	r.event(Reconnecting, "lost")
	nudge <- struct{}{}
	r.event(Authorized, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}

// The gateway's word when to come back counts for more.
func TestNudgeBeforeTheGatewaysTime(t *testing.T) {
	nudge := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.Admit("")
			c.Drop()
		case 1:
			c.Refuse("too_many_attempts", "Too many.", 600)
		default:
			c.Admit("")
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = nudge })
	r.event(Reconnecting, "lost")
	r.clock.fire(timeouts...)
	r.event(Reconnecting, "too_many_attempts")
	for timer := range r.clock.timers {
		if timer.d != 600*time.Second {
			continue
		}
		select {
		case nudge <- struct{}{}:
			t.Error("nobody may listen now")
		default:
		}
		timer.fires <- r.clock.Now()
		break
	}
	r.event(Authorized, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}

func TestExtend(t *testing.T) {
	extend := make(chan string)
	later := time.Unix(2e9, 0).UTC().Format(time.RFC3339)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		if m := c.Authorize(); m == nil || m.Login != "ivanov" || m.Password != "secret" || m.Resume != "" || m.Device == nil {
			t.Errorf("the first: %+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials", Message: "No."})
		if m := c.Authorize(); m == nil || m.Password != "a newer one" {
			t.Errorf("the second: %+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1", Expires: later, Grace: 30})
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.Extend = extend })
	r.event(Authorized, "")
	extend <- ""
	if e := r.event(Authorized, "bad_credentials"); !e.Notice || e.Message != "No." {
		t.Errorf("%+v", e)
	}
	extend <- "a newer one"
	if e := r.event(Authorized, ""); e.Expires != later || e.Notice || e.Address != "127.0.0.1" || e.Mode != ModeLAN {
		t.Errorf("%+v", e)
	}
	r.end(EndedByGateway, "admin")
}
