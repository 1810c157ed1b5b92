package client

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// wire is a tunnel that carries nothing.
type wire struct {
	keys  []string // handed out by NewKey, in turn
	fails error    // of Up
	did   []string
}

func (w *wire) NewKey() (string, error) {
	if len(w.keys) == 0 {
		return "", errors.New("no key left")
	}
	key := w.keys[0]
	w.keys = w.keys[1:]
	return key, nil
}

func (w *wire) Up(_ context.Context, gateway netip.Addr, reply protocol.TunnelReply) error {
	w.did = append(w.did, "up "+gateway.String()+" "+reply.ClientTunnelIPv4)
	return w.fails
}

func (w *wire) Down() { w.did = append(w.did, "down") }

// admitVPN gives access through a tunnel and returns the public key that came.
func admitVPN(c *gatewaytest.Conn, address string) string {
	c.Hello()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Grace: 30})
	switch m := c.Read().(type) {
	case *protocol.TunnelRequest:
		c.Send(protocol.TunnelReply{Type: protocol.TypeTunnelWG, ClientTunnelIPv4: address})
		return m.PublicKey
	case *protocol.Unauthorize:
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
	}
	return ""
}

func TestTunnel(t *testing.T) {
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		if key := admitVPN(c, "10.128.0.7/16"); key != []string{"one", "two"}[n] {
			t.Errorf("connection %d: key %q", n, key)
		}
		if n == 0 {
			c.Drop()
		}
		c.Wait()
	})
	w := &wire{keys: []string{"one", "two"}}
	r := start(t, g, func(c *Config) { c.Tunnel = w })
	if e := r.event(Authorized, ""); e.Mode != ModeVPN || e.Address != "" {
		t.Errorf("%+v", e)
	}
	if e := r.event(TunnelUp, ""); e.Mode != ModeVPN || e.Address != "10.128.0.7" {
		t.Errorf("%+v", e)
	}
	r.event(Reconnecting, "lost")
	r.clock.fire(timeouts...)
	r.event(TunnelUp, "")
	r.stop()
	r.end(ByUser, "logout")
	if want := []string{"up 127.0.0.1 10.128.0.7/16", "up 127.0.0.1 10.128.0.7/16", "down"}; !reflect.DeepEqual(w.did, want) {
		t.Errorf("the tunnel went %q", w.did)
	}
}

// A tunnel that cannot be had gives the session back.
func TestTunnelFails(t *testing.T) {
	for name, c := range map[string]struct {
		wire    *wire
		address string
		code    string
	}{
		"no key":      {&wire{}, "10.128.0.7/16", "vpn_unavailable"},
		"does not go": {&wire{keys: []string{"one"}, fails: errors.New("no TUN")}, "10.128.0.7/16", "vpn_unavailable"},
		"bad address": {&wire{keys: []string{"one"}}, "10.128.0.700/16", "bad_message"},
	} {
		c := c
		t.Run(name, func(t *testing.T) {
			g := gatewaytest.New(t, func(_ int, conn *gatewaytest.Conn) {
				key := admitVPN(conn, c.address)
				if key != "" && !conn.Goodbye() {
					t.Error("the session was not given back")
				}
				conn.Wait()
			})
			r := start(t, g, func(cfg *Config) { cfg.Tunnel = c.wire })
			r.end(Refused, c.code)
		})
	}
}
