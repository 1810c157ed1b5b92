package web

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/wireguard"
	"ideco-agent/handlers"
)

// tunnel implements handlers.Tunnel. Device is nil without a tunnel.
type tunnel struct{ *wireguard.Device }

func openTunnel(c Config, network netip.Prefix) (tunnel, error) {
	if c.Tunnel == TunnelOff {
		return tunnel{}, nil
	}
	device, err := wireguard.Open(wireguard.Config{
		Mode:           c.Tunnel,
		Name:           c.TunnelName,
		Port:           c.TunnelPort,
		Network:        network,
		PrivateKeyFile: filepath.Join(c.Data, "wireguard.key"),
		Log:            c.Log,
	})
	return tunnel{device}, err
}

// Lacks returns why traffic from the tunnel is not forwarded; empty without a tunnel.
func (t tunnel) Lacks() agent.TunnelLack {
	if t.Device == nil {
		return agent.TunnelLacksNothing
	}
	return t.Device.Lacks()
}

// forSessions returns the tunnel for package access; nil without one.
func (t tunnel) forSessions() access.Tunnel {
	if t.Device == nil {
		return nil
	}
	return t.Device
}

// Available reports whether the tunnel runs.
func (t tunnel) Available() bool { return t.Device != nil && t.Device.Available() }

// Forwards reports whether traffic from the tunnel is forwarded beyond the gateway.
func (t tunnel) Forwards() bool { return t.Device != nil && t.Device.Forwards() }

var _ handlers.Tunnel = tunnel{}

// watch returns an error when the tunnel's interface was removed. The process then ends, and its supervisor starts it again.
func (t tunnel) watch(ctx context.Context) error {
	if t.Device == nil {
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-t.Gone():
		return errors.New("the tunnel's interface was removed by somebody else; start the gateway again to have it back (systemd does)")
	}
}

// listen opens port 80 inside the tunnel, unless a listener for plain HTTP on all addresses has it.
func (t tunnel) listen() ([]net.Listener, error) {
	if t.Device == nil {
		return nil, nil
	}
	l, err := t.Device.Listen(80)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return []net.Listener{l}, nil
}

func (t tunnel) port() uint16 {
	if t.Device == nil {
		return 0
	}
	return t.Port()
}

func (t tunnel) close() {
	if t.Device != nil {
		_ = t.Device.Close()
	}
}
