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

// While the gateway is unreachable the delays double, up to 3 s during the grace period of 30 s.
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
	r.waitEvent(Reconnecting, "lost")
	var delays []time.Duration
	for i := 0; i < 16; i++ {
		delays = append(delays, r.clock.fire(sessionTimers...))
		if i == 0 {
			r.waitEvent(Reconnecting, "unreachable")
		}
	}
	s, ms := time.Second, time.Millisecond
	want := []time.Duration{450 * ms, 900 * ms, 1800 * ms, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 3 * s, 27 * s, 27 * s, 27 * s, 27 * s}
	if !reflect.DeepEqual(delays, want) {
		t.Errorf("delays %v", delays)
	}
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
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

// Only a connection that lasted resets the delay.
func TestBackoffOfShortConnections(t *testing.T) {
	drop := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		<-drop
		c.Drop()
	})
	r := start(t, g, nil)
	for i, want := range []time.Duration{450 * time.Millisecond, 900 * time.Millisecond, 1800 * time.Millisecond, 450 * time.Millisecond} {
		r.waitEvent(Authorized, "")
		if i == 3 {
			r.clock.advance(time.Minute)
		}
		drop <- struct{}{}
		r.waitEvent(Reconnecting, "lost")
		if d := r.clock.fire(sessionTimers...); d != want {
			t.Errorf("delay %d: %v, want %v", i, d, want)
		}
	}
	r.waitEvent(Authorized, "")
	close(drop)
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestRefusedDuringReconnect(t *testing.T) {
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
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	if e := r.waitEvent(Reconnecting, "directory_unreachable"); e.Message != "Later." {
		t.Errorf("%+v", e)
	}
	if d := r.clock.fire(sessionTimers...); d != 77*time.Second {
		t.Errorf("waited %v", d)
	}
	r.waitEvent(Failed, "account_disabled")
	r.waitEnd(EndedByGateway, "account_disabled")
	if n := g.Connections(); n != 3 {
		t.Errorf("%d connections", n)
	}
}

// After a reconnect the gateway can report why the session has ended meanwhile.
func TestEndedDuringReconnect(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			c.Admit("token")
			c.Drop()
			return
		}
		c.AnswerVersion()
		c.Authorize()
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, nil)
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	r.waitEvent(Ended, "admin")
	r.waitEnd(EndedByGateway, "admin")
}

func TestStopDuringReconnect(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) { c.Admit(""); c.Drop() })
	r := start(t, g, nil)
	r.waitEvent(Reconnecting, "lost")
	r.stop()
	r.waitEvent(Ended, "logout")
	r.waitEnd(StoppedByUser, "logout")
}

// Each reconnect sends the newest resume token.
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
		r.waitEvent(Authorized, "")
		r.waitEvent(Reconnecting, "shutdown")
		r.clock.fire(sessionTimers...)
	}
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// When the resume token is no longer valid, the agent tries the password once.
func TestResumeTokenInvalid(t *testing.T) {
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
				r.waitEvent(Reconnecting, "lost")
				r.clock.fire(sessionTimers...)
				if !works {
					r.waitEnd(EndedByGateway, "bad_credentials")
					return
				}
				r.waitEvent(Authorized, "")
				r.stop()
				r.waitEnd(StoppedByUser, "logout")
			})
		}
	}
}

// After another refusal of the resume token the agent does not try the password.
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
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	r.waitEnd(EndedByGateway, "address_busy")
}
