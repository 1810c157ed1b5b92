package client

import (
	"context"
	"errors"
	"net"
	"reflect"
	"sync/atomic"
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// While the gateway cannot be reached the delays double, but stay within 3 s as long as the grace of 30 s lasts.
func TestBackoff(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	var dials atomic.Int32
	r := start(t, g, func(c *Config) {
		c.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if n := dials.Add(1); 1 < n && n <= 16 {
				return nil, errors.New("the network is gone")
			}
			return (&net.Dialer{}).DialContext(ctx, network, address)
		}
	})
	r.event(Reconnecting, "lost")
	var delays []time.Duration
	for i := 0; i < 16; i++ {
		delays = append(delays, r.clock.fire(timeouts...))
		if i == 0 {
			r.event(Reconnecting, "unreachable")
		}
	}
	s, ms := time.Second, time.Millisecond
	want := []time.Duration{450 * ms, 900 * ms, 1800 * ms, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 27 * s, 27 * s, 27 * s, 27 * s}
	if !reflect.DeepEqual(delays, want) {
		t.Errorf("delays %v", delays)
	}
	r.event(Authorized, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}

func TestBackoffRange(t *testing.T) {
	for _, c := range []struct {
		attempt   uint
		inGrace   bool
		low, high time.Duration
	}{
		{0, true, 400 * time.Millisecond, 600 * time.Millisecond},
		{1, false, 800 * time.Millisecond, 1200 * time.Millisecond},
		{3, true, 3 * time.Second, 3 * time.Second},
		{5, false, 12800 * time.Millisecond, 19200 * time.Millisecond},
		{6, false, 24 * time.Second, 36 * time.Second},
		{1 << 40, false, 24 * time.Second, 36 * time.Second},
	} {
		low := (&backoff{c.attempt}).next(c.inGrace, 0)
		high := (&backoff{c.attempt}).next(c.inGrace, 1)
		if low != c.low || high != c.high {
			t.Errorf("attempt %d: %v to %v", c.attempt, low, high)
		}
	}
}

// Only a connection that held for a while begins again with the shortest delay.
func TestBackoffOfAFlappingGateway(t *testing.T) {
	hold := make(chan time.Duration)
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		<-hold
		c.Drop()
	})
	r := start(t, g, nil)
	for i, want := range []time.Duration{450 * time.Millisecond, 900 * time.Millisecond, 1800 * time.Millisecond, 450 * time.Millisecond} {
		r.event(Authorized, "")
		if i == 3 {
			r.clock.pass(time.Minute)
		}
		hold <- 0
		r.event(Reconnecting, "lost")
		if d := r.clock.fire(timeouts...); d != want {
			t.Errorf("delay %d: %v, want %v", i, d, want)
		}
	}
	r.event(Authorized, "")
	close(hold)
	r.stop()
	r.end(StoppedByUser, "logout")
}

func TestRefusedWhileComingBack(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		switch n {
		case 0:
			c.Admit("")
			c.Drop()
		case 1:
			c.Refuse("directory_unreachable", "Later.", 77)
		case 2:
			c.Refuse("account_disabled", "Never.", 0)
		}
		c.Wait()
	})
	r := start(t, g, nil)
	r.event(Reconnecting, "lost")
	r.clock.fire(timeouts...)
	if e := r.event(Reconnecting, "directory_unreachable"); e.Message != "Later." {
		t.Errorf("%+v", e)
	}
	if d := r.clock.fire(timeouts...); d != 77*time.Second {
		t.Errorf("waited %v", d)
	}
	r.event(Failed, "account_disabled")
	r.end(EndedByGateway, "account_disabled")
	if n := g.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// The gateway may tell an agent that comes back why its session ended meanwhile.
func TestEndedWhileAway(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.Admit("token")
			c.Drop()
			return
		}
		c.Hello()
		c.Authorize()
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, nil)
	r.event(Reconnecting, "lost")
	r.clock.fire(timeouts...)
	r.event(Ended, "admin")
	r.end(EndedByGateway, "admin")
}

func TestStopWhileAway(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) { c.Admit(""); c.Drop() })
	r := start(t, g, nil)
	r.event(Reconnecting, "lost")
	r.stop()
	r.event(Ended, "logout")
	r.end(StoppedByUser, "logout")
}

// The token of the last answer comes first, each time the newest one.
func TestResume(t *testing.T) {
	tokens := []string{"one", "two", ""}
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		a := c.Admit(tokens[n])
		switch {
		case a == nil:
			t.Error("no authorize")
		case n > 0 && (a.Resume != tokens[n-1] || a.Password != "" || a.Device == nil):
			t.Errorf("connection %d: %+v", n, a)
		}
		if n < 2 {
			c.End("shutdown", "")
		}
		c.Wait()
	})
	r := start(t, g, nil)
	for i := 0; i < 2; i++ {
		r.event(Authorized, "")
		r.event(Reconnecting, "shutdown")
		r.clock.fire(timeouts...)
	}
	r.event(Authorized, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}

// When the token is over, the password is tried once; a wrong one ends it.
func TestResumeIsOver(t *testing.T) {
	for _, code := range []string{"session_over", "bad_credentials"} {
		for _, works := range []bool{true, false} {
			code, works := code, works
			t.Run(code, func(t *testing.T) {
				g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
					if n == 0 {
						c.Admit("token")
						c.Drop()
						return
					}
					c.Refuse(code, "", 0)
					a := c.Authorize()
					if a == nil || a.Password != "secret" || a.Resume != "" {
						t.Errorf("authorize: %+v", a)
					}
					c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: works, Code: "bad_credentials"})
					c.Wait()
				})
				r := start(t, g, nil)
				r.event(Reconnecting, "lost")
				r.clock.fire(timeouts...)
				if !works {
					r.end(EndedByGateway, "bad_credentials")
					return
				}
				r.event(Authorized, "")
				r.stop()
				r.end(StoppedByUser, "logout")
			})
		}
	}
}

// Any other refusal of the token says nothing against it, and the password is not tried.
func TestResumeRefused(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.Admit("token")
			c.Drop()
			return
		}
		c.Refuse("address_busy", "", 0)
		if m := c.Read(); m != nil {
			t.Errorf("after the refusal: %+v", m)
		}
	})
	r := start(t, g, nil)
	r.event(Reconnecting, "lost")
	r.clock.fire(timeouts...)
	r.end(EndedByGateway, "address_busy")
}
