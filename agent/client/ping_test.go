package client

import (
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
)

// After a change of the network the connection stays when the gateway answers the ping.
func TestNetworkChangeKeepsConnection(t *testing.T) {
	changed := make(chan struct{})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Wait() // reads, and so answers the ping
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = changed })
	r.waitEvent(Authorized, "")
	for i := 0; i < 3; i++ {
		changed <- struct{}{}
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if n := g.Connections(); n != 1 {
		t.Errorf("%d connections", n)
	}
}

// After a change of the network the agent reconnects when the gateway does not answer within pingTimeout.
func TestNetworkChangeDeadConnection(t *testing.T) {
	changed, over := make(chan struct{}), make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			<-over // does not read, and so answers nothing
			return
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = changed })
	r.waitEvent(Authorized, "")
	changed <- struct{}{}
	changed <- struct{}{} // during the first ping
	if d := r.clock.fire(sessionTimers...); d != pingTimeout {
		t.Fatalf("waits %v, want %v", d, pingTimeout)
	}
	r.waitEvent(Reconnecting, "lost")
	close(over)
	r.clock.fire(sessionTimers...)
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// A change of the network ends the pause before a reconnect.
func TestNetworkChangeEndsPause(t *testing.T) {
	changed := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.NetworkChanged = changed })
	r.waitEvent(Reconnecting, "lost")
	changed <- struct{}{}
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// A change of the network does not shorten a pause that the gateway has set.
func TestNetworkChangeKeepsRetryTime(t *testing.T) {
	changed := make(chan struct{})
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
	r := start(t, g, func(c *Config) { c.NetworkChanged = changed })
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	r.waitEvent(Reconnecting, "too_many_attempts")
	for timer := range r.clock.timers {
		if timer.d != 600*time.Second {
			continue
		}
		select {
		case changed <- struct{}{}:
			t.Error("the change ended the pause")
		default:
		}
		timer.fires <- r.clock.Now()
		break
	}
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}
