package client

import (
	"context"
	"errors"
	"fmt"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

const tunnelGrace = 40 * time.Second

// fakeTunnel is a Tunnel that records its calls.
type fakeTunnel struct {
	noKey error
	fails error // of Up
	notes []TunnelNote
	works chan bool // handed out by Up
	downs chan struct{}

	mu    sync.Mutex // guards keys and calls
	keys  byte
	calls []string
}

func newFakeTunnel() *fakeTunnel {
	return &fakeTunnel{works: make(chan bool, 8), downs: make(chan struct{}, 64)}
}

func (f *fakeTunnel) NewKey() (agent.Key, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys++
	return agent.Key{f.keys}, f.noKey
}

func (f *fakeTunnel) Up(_ context.Context, s TunnelSetup) (<-chan bool, []TunnelNote, error) {
	f.record("up " + s.Address.String() + " by " + s.Endpoint.String())
	return f.works, f.notes, f.fails
}

func (f *fakeTunnel) Down() {
	f.record("down")
	f.downs <- struct{}{}
}

func (f *fakeTunnel) record(what string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, what)
}

func (f *fakeTunnel) checkCalls(t *testing.T, want ...string) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if !reflect.DeepEqual(f.calls, want) {
		t.Errorf("calls of the tunnel %q, want %q", f.calls, want)
	}
}

// reply is a gateway's answer to a request for a tunnel.
func reply(address string) protocol.TunnelReply {
	return protocol.TunnelReply{Type: protocol.TypeTunnelWG, ServerPort: 4000, PublicKey: agent.Key{99}.String(),
		ClientTunnelIPv4: address, ForwardNets: []string{"10.0.0.0/8"}}
}

// admitVPN gives access through a tunnel and returns the agent's public key, or "" when the agent logs out instead.
func admitVPN(c *gatewaytest.Conn, answer protocol.TunnelReply) string {
	c.AnswerVersion()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Resume: "token",
		Grace: int(tunnelGrace / time.Second)})
	switch m := c.Read().(type) {
	case *protocol.TunnelRequest:
		c.Send(answer)
		return m.PublicKey
	case *protocol.Unauthorize:
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
	}
	return ""
}

// tunnelTimers are the timers of a session with a tunnel besides the pauses between attempts.
var tunnelTimers = append([]time.Duration{tunnelGrace}, sessionTimers...)

func TestTunnel(t *testing.T) {
	restart := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if key := admitVPN(c, reply("10.128.0.7/16")); key != (agent.Key{byte(n + 1)}).String() {
			t.Errorf("connection %d: key %q", n, key)
		}
		if n == 0 {
			<-restart
			c.End("shutdown", "")
		}
		c.Wait()
	})
	tunnel := newFakeTunnel()
	tunnel.notes = []TunnelNote{{locale.NoteSocks, "127.0.0.1:1080"}}
	tunnel.works <- true
	r := start(t, g, func(c *Config) { c.Tunnel = tunnel })
	if e := r.waitEvent(Authorized, ""); e.Mode != ModeVPN || e.Address != "" {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(Authorized, locale.NoteSocks); !strings.Contains(e.Message, "127.0.0.1:1080") || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	if e := r.waitEvent(TunnelUp, ""); e.Mode != ModeVPN || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	tunnel.works <- false
	if e := r.waitEvent(Authorized, "tunnel_blocked"); !strings.Contains(e.Message, "UDP 4000") || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	tunnel.works <- true
	r.waitEvent(TunnelUp, "")
	close(restart)
	r.waitEvent(Reconnecting, "shutdown")
	r.clock.fire(tunnelTimers...)
	r.waitEvent(Authorized, "")
	tunnel.works <- true
	r.waitEvent(TunnelUp, "")
	tunnel.checkCalls(t, "up 10.128.0.7 by 127.0.0.1:4000", "up 10.128.0.7 by 127.0.0.1:4000")
	r.stop()
	r.waitEvent(Ended, "logout")
	tunnel.checkCalls(t, "up 10.128.0.7 by 127.0.0.1:4000", "up 10.128.0.7 by 127.0.0.1:4000", "down")
	r.waitEnd(StoppedByUser, "logout")
}

// During a reconnect the tunnel stays up for the grace period. Meanwhile the agent connects to the gateway's last address,
// without DNS.
func TestTunnelDuringGrace(t *testing.T) {
	dials := make(chan string, 16)
	offline := make(chan bool, 16)
	lost := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		admitVPN(c, reply("10.128.0.7/16"))
		if n == 0 {
			<-lost
			c.Drop()
		}
		c.Wait()
	})
	tunnel := newFakeTunnel()
	tunnel.works <- true
	r := start(t, g, func(c *Config) {
		c.Tunnel, c.Host = tunnel, "localhost"
		direct := newClient(*c).cfg.Dial
		c.Dial = func(ctx context.Context, network, address string) (conn net.Conn, err error) {
			dials <- address
			if <-offline {
				return nil, errors.New("the network is gone")
			}
			return direct(ctx, network, address)
		}
	})
	name, address := "localhost:"+portText(g), fmt.Sprintf("%s:%d", g.Host, g.Port)
	dialed := func(want string) {
		t.Helper()
		if got := <-dials; got != want {
			t.Errorf("connects to %s, want %s", got, want)
		}
	}
	offline <- false
	dialed(name)
	r.waitEvent(TunnelUp, "")
	close(lost)
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(tunnelTimers...)
	offline <- true
	dialed(address)
	r.waitEvent(Reconnecting, "unreachable")
	tunnel.checkCalls(t, "up 10.128.0.7 by 127.0.0.1:4000")
	r.clock.fireSkipped(tunnelGrace)
	<-tunnel.downs
	r.clock.fire(tunnelTimers...)
	offline <- false
	dialed(name)
	tunnel.works <- true
	r.waitEvent(TunnelUp, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	tunnel.checkCalls(t, "up 10.128.0.7 by 127.0.0.1:4000", "down", "up 10.128.0.7 by 127.0.0.1:4000", "down")
}

// A reconnect from inside the local network takes the tunnel down.
func TestTunnelNoLongerNeeded(t *testing.T) {
	lost := make(chan struct{})
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if n == 0 {
			admitVPN(c, reply("10.128.0.7/16"))
			<-lost
			c.Drop()
			return
		}
		c.Admit("")
		c.Wait()
	})
	tunnel := newFakeTunnel()
	tunnel.works <- true
	r := start(t, g, func(c *Config) { c.Tunnel = tunnel })
	r.waitEvent(TunnelUp, "")
	close(lost)
	r.waitEvent(Reconnecting, "lost")
	r.clock.fire(tunnelTimers...)
	if e := r.waitEvent(Authorized, ""); e.Mode != ModeLAN {
		t.Errorf("%+v", e)
	}
	tunnel.checkCalls(t, "up 10.128.0.7 by 127.0.0.1:4000", "down")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// When the tunnel cannot be brought up, the agent logs out.
func TestTunnelFails(t *testing.T) {
	noRights := &TunnelProblem{Key: locale.TunnelNoRights}
	for name, c := range map[string]struct {
		tunnel *fakeTunnel
		change func(*protocol.TunnelReply)
		code   string
		says   string
	}{
		"no key":        {&fakeTunnel{noKey: errors.New("none")}, nil, "vpn_unavailable", "could not be started"},
		"not permitted": {&fakeTunnel{noKey: noRights}, nil, "vpn_unavailable", "--tunnel netstack"},
		"Up fails":      {&fakeTunnel{fails: errors.New("no TUN")}, nil, "vpn_unavailable", "could not be started"},
		"bad address": {&fakeTunnel{}, func(m *protocol.TunnelReply) { m.ClientTunnelIPv4 = "10.128.0.700/16" },
			"bad_message", "did not understand"},
	} {
		c := c
		t.Run(name, func(t *testing.T) {
			answer := reply("10.128.0.7/16")
			if c.change != nil {
				c.change(&answer)
			}
			g := gatewaytest.New(t, func(_ int, conn *gatewaytest.Conn) {
				key := admitVPN(conn, answer)
				if key != "" && !conn.ConfirmLogout() {
					t.Error("the agent sent no unauthorize")
				}
				conn.Wait()
			})
			c.tunnel.downs = make(chan struct{}, 8)
			r := start(t, g, func(cfg *Config) { cfg.Tunnel = c.tunnel })
			if e := r.waitEvent(Failed, c.code); !strings.Contains(e.Message, c.says) {
				t.Errorf("%+v", e)
			}
			r.waitEnd(Refused, c.code)
			<-c.tunnel.downs
		})
	}
}

// When the gateway refuses the tunnel, the agent shows its message, at the login and after a reconnect.
func TestTunnelRefused(t *testing.T) {
	for _, reconnects := range []int{0, 1} {
		reconnects := reconnects
		g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
			if n < reconnects {
				admitVPN(c, reply("10.128.0.7/16"))
				c.Drop()
				return
			}
			c.AnswerVersion()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Grace: 30})
			c.Read()
			c.Send(protocol.Error{Type: protocol.TypeError, Code: "vpn_unavailable", Message: "Off."})
			c.Wait()
		})
		tunnel := newFakeTunnel()
		r := start(t, g, func(c *Config) { c.Tunnel = tunnel })
		if reconnects > 0 {
			r.waitEvent(Reconnecting, "lost")
			r.clock.fire(tunnelTimers...)
		}
		if e := r.waitEvent(Failed, "vpn_unavailable"); e.Message != "Off." {
			t.Errorf("%+v", e)
		}
		<-tunnel.downs
		r.waitEnd([]Outcome{Refused, EndedByGateway}[reconnects], "vpn_unavailable")
	}
}

// When the tunnel fails after a reconnect, the agent tries again later.
func TestTunnelFailsDuringReconnect(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		admitVPN(c, reply("10.128.0.7/16"))
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	tunnel := newFakeTunnel()
	r := start(t, g, func(c *Config) { c.Tunnel = tunnel })
	r.waitEvent(Reconnecting, "lost")
	tunnel.mu.Lock()
	tunnel.fails = errors.New("no route")
	tunnel.mu.Unlock()
	r.clock.fire(tunnelTimers...)
	r.waitEvent(Reconnecting, "vpn_unavailable")
	tunnel.mu.Lock()
	tunnel.fails = nil
	tunnel.mu.Unlock()
	if d := r.clock.fire(append([]time.Duration{logoutTimeout}, sessionTimers...)...); d != tunnelDelay {
		t.Errorf("waited %v", d)
	}
	tunnel.works <- true
	r.waitEvent(TunnelUp, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}
