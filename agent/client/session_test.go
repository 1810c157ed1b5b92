package client

import (
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// The agent reconnects after the reasons lost and shutdown, and after no other.
func TestEndedReasons(t *testing.T) {
	for _, reason := range append([]agent.Reason{"not_invented_yet"}, agent.Reasons...) {
		reason := reason
		t.Run(string(reason), func(t *testing.T) {
			g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
				c.Admit("")
				if n == 0 {
					c.End(string(reason), "In the gateway's words.")
				}
				c.Wait()
			})
			r := start(t, g, nil)
			r.waitEvent(Authorized, "")
			if !reason.Reconnects() {
				if e := r.waitEvent(Ended, string(reason)); e.Message != "In the gateway's words." || e.Mode != "" {
					t.Errorf("%+v", e)
				}
				r.waitEnd(EndedByGateway, string(reason))
				if n := g.Connections(); n != 1 {
					t.Errorf("%d connections", n)
				}
				return
			}
			if e := r.waitEvent(Reconnecting, string(reason)); e.Message != "In the gateway's words." {
				t.Errorf("%+v", e)
			}
			r.clock.fire(sessionTimers...)
			r.waitEvent(Authorized, "")
			r.stop()
			r.waitEnd(StoppedByUser, "logout")
		})
	}
}

// Malformed, unknown and other messages do not end a session.
func TestIgnoredMessages(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.SendText(`not JSON`)
		c.SendText(`[]`)
		c.SendText(`null`)
		c.SendText(`{"type":"ended","reason":5}`)
		c.SendBinary([]byte{0, 1, 2})
		c.Send(protocol.Error{Type: protocol.TypeError, Code: "bad_message", Message: "What?"})
		c.Send(protocol.Update{Type: protocol.TypeUpdate})
		c.Send(protocol.Notice{Type: protocol.TypeNotice})
		c.SendText(`{"type":"` + strings.Repeat("x", protocol.MaxFrame-100) + `"}`)
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Grace: 30})
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, nil)
	if e := r.waitEvent(Ended, "admin"); e.Message != "Your administrator ended the session." {
		t.Errorf("%+v", e)
	}
	r.waitEnd(EndedByGateway, "admin")
}

// An old gateway ends a session by auth_state, not by ended.
func TestEndWithoutEnded(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "expired", Message: "Over."})
		c.Wait()
	})
	start(t, g, nil).waitEnd(EndedByGateway, "expired")
}

// The connection counts as lost when the gateway neither sends nor pings for silenceTimeout.
func TestSilenceTimeout(t *testing.T) {
	answered, second := make(chan struct{}), make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		if n == 0 {
			if err := c.Ping(); err != nil {
				t.Errorf("ping: %v", err)
			}
			close(answered)
		} else {
			close(second)
		}
		c.Wait()
	})
	r := start(t, g, nil)
	r.waitEvent(Authorized, "")
	<-answered
	var waits []time.Duration
	var last manualTimer
	for len(waits) < 4 { // version, authorize, until the ping, after it
		last = <-r.clock.timers
		waits = append(waits, last.d)
	}
	if waits[2] != silenceTimeout || waits[3] != silenceTimeout {
		t.Fatalf("timers %v", waits)
	}
	last.fires <- r.clock.Now()
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(sessionTimers...)
	<-second
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}
