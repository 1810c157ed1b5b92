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

// wire is a tunnel that carries nothing.
type wire struct {
	noKey error
	fails error // of Up
	notes []TunnelNote
	works chan bool // handed out by Up
	downs chan struct{}

	mu   sync.Mutex // guards keys and did
	keys byte
	did  []string
}

func newWire() *wire {
	return &wire{works: make(chan bool, 8), downs: make(chan struct{}, 64)}
}

func (w *wire) NewKey() (agent.Key, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys++
	return agent.Key{w.keys}, w.noKey
}

func (w *wire) Up(_ context.Context, s TunnelSetup) (<-chan bool, []TunnelNote, error) {
	w.do("up " + s.Address.String() + " by " + s.Endpoint.String())
	return w.works, w.notes, w.fails
}

func (w *wire) Down() {
	w.do("down")
	w.downs <- struct{}{}
}

func (w *wire) do(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.did = append(w.did, what)
}

func (w *wire) went(t *testing.T, want ...string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if !reflect.DeepEqual(w.did, want) {
		t.Errorf("the tunnel went %q, want %q", w.did, want)
	}
}

// reply is what a gateway says about its tunnel.
func reply(address string) protocol.TunnelReply {
	return protocol.TunnelReply{Type: protocol.TypeTunnelWG, ServerPort: 4000, PublicKey: agent.Key{99}.String(),
		ClientTunnelIPv4: address, ForwardNets: []string{"10.0.0.0/8"}}
}

// admitVPN gives access through a tunnel and returns the public key that came, or nothing when the agent gave the
// session back instead.
func admitVPN(c *gatewaytest.Conn, answer protocol.TunnelReply) string {
	c.Hello()
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

// pauses are the timers of a session with a tunnel that are not pauses between attempts.
var pauses = append([]time.Duration{tunnelGrace}, timeouts...)

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
	w := newWire()
	w.notes = []TunnelNote{{locale.NoteSocks, "127.0.0.1:1080"}}
	w.works <- true
	r := start(t, g, func(c *Config) { c.Tunnel = w })
	if e := r.event(Authorized, ""); e.Mode != ModeVPN || e.Address != "" {
		t.Errorf("%+v", e)
	}
	if e := r.event(Authorized, locale.NoteSocks); !strings.Contains(e.Message, "127.0.0.1:1080") || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	if e := r.event(TunnelUp, ""); e.Mode != ModeVPN || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	w.works <- false
	if e := r.event(Authorized, "tunnel_blocked"); !strings.Contains(e.Message, "UDP 4000") || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	w.works <- true
	r.event(TunnelUp, "")
	close(restart)
	r.event(Reconnecting, "shutdown")
	r.clock.fire(pauses...)
	r.event(Authorized, "")
	w.works <- true
	r.event(TunnelUp, "")
	w.went(t, "up 10.128.0.7 by 127.0.0.1:4000", "up 10.128.0.7 by 127.0.0.1:4000") // never down in between
	r.stop()
	r.event(Ended, "logout")
	w.went(t, "up 10.128.0.7 by 127.0.0.1:4000", "up 10.128.0.7 by 127.0.0.1:4000", "down")
	r.end(StoppedByUser, "logout")
}

// While the agent comes back the tunnel stays for the grace and no longer, and the gateway is looked for where it was
// as long as it stays.
func TestTunnelWaitsForTheGrace(t *testing.T) {
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
	w := newWire()
	w.works <- true
	r := start(t, g, func(c *Config) {
		c.Tunnel, c.Host = w, "localhost"
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
	r.event(TunnelUp, "")
	close(lost)
	r.event(Reconnecting, "lost")
	r.clock.fire(pauses...)
	offline <- true
	dialed(address)
	r.event(Reconnecting, "unreachable")
	w.went(t, "up 10.128.0.7 by 127.0.0.1:4000")
	r.clock.fireLate(tunnelGrace)
	<-w.downs
	r.clock.fire(pauses...)
	offline <- false
	dialed(name)
	w.works <- true
	r.event(TunnelUp, "")
	r.stop()
	r.end(StoppedByUser, "logout")
	w.went(t, "up 10.128.0.7 by 127.0.0.1:4000", "down", "up 10.128.0.7 by 127.0.0.1:4000", "down")
}

// A person who comes back from inside the local network needs no tunnel any more.
func TestTunnelIsNotNeededAnyMore(t *testing.T) {
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
	w := newWire()
	w.works <- true
	r := start(t, g, func(c *Config) { c.Tunnel = w })
	r.event(TunnelUp, "")
	close(lost)
	r.event(Reconnecting, "lost")
	r.clock.fire(pauses...)
	if e := r.event(Authorized, ""); e.Mode != ModeLAN {
		t.Errorf("%+v", e)
	}
	w.went(t, "up 10.128.0.7 by 127.0.0.1:4000", "down")
	r.stop()
	r.end(StoppedByUser, "logout")
}

// A tunnel that cannot be had gives the session back.
func TestTunnelFails(t *testing.T) {
	noRights := &TunnelProblem{Key: locale.TunnelNoRights}
	for name, c := range map[string]struct {
		wire   *wire
		change func(*protocol.TunnelReply)
		code   string
		says   string
	}{
		"no key":        {&wire{noKey: errors.New("none")}, nil, "vpn_unavailable", "could not be started"},
		"not permitted": {&wire{noKey: noRights}, nil, "vpn_unavailable", "--tunnel netstack"},
		"does not go":   {&wire{fails: errors.New("no TUN")}, nil, "vpn_unavailable", "could not be started"},
		"bad address": {&wire{}, func(m *protocol.TunnelReply) { m.ClientTunnelIPv4 = "10.128.0.700/16" },
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
				if key != "" && !conn.Goodbye() {
					t.Error("the session was not given back")
				}
				conn.Wait()
			})
			c.wire.downs = make(chan struct{}, 8)
			r := start(t, g, func(cfg *Config) { cfg.Tunnel = c.wire })
			if e := r.event(Failed, c.code); !strings.Contains(e.Message, c.says) {
				t.Errorf("%+v", e)
			}
			r.end(Refused, c.code)
			<-c.wire.downs
		})
	}
}

// The gateway's own refusal of the tunnel is shown in its words, whenever it comes.
func TestTunnelRefused(t *testing.T) {
	for _, came := range []int{0, 1} {
		came := came
		g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
			if n < came {
				admitVPN(c, reply("10.128.0.7/16"))
				c.Drop()
				return
			}
			c.Hello()
			c.Authorize()
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Grace: 30})
			c.Read()
			c.Send(protocol.Error{Type: protocol.TypeError, Code: "vpn_unavailable", Message: "Off."})
			c.Wait()
		})
		w := newWire()
		r := start(t, g, func(c *Config) { c.Tunnel = w })
		if came > 0 {
			r.event(Reconnecting, "lost")
			r.clock.fire(pauses...)
		}
		if e := r.event(Failed, "vpn_unavailable"); e.Message != "Off." {
			t.Errorf("%+v", e)
		}
		<-w.downs
		r.end([]Outcome{Refused, EndedByGateway}[came], "vpn_unavailable")
	}
}

// A tunnel that fails when the agent comes back is tried again later.
func TestTunnelFailsForNow(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		admitVPN(c, reply("10.128.0.7/16"))
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	w := newWire()
	r := start(t, g, func(c *Config) { c.Tunnel = w })
	r.event(Reconnecting, "lost")
	w.mu.Lock()
	w.fails = errors.New("no route")
	w.mu.Unlock()
	r.clock.fire(pauses...)
	r.event(Reconnecting, "vpn_unavailable")
	w.mu.Lock()
	w.fails = nil
	w.mu.Unlock()
	if d := r.clock.fire(append([]time.Duration{logoutTimeout}, timeouts...)...); d != tunnelDelay {
		t.Errorf("waited %v", d)
	}
	w.works <- true
	r.event(TunnelUp, "")
	r.stop()
	r.end(StoppedByUser, "logout")
}
