// Package tunnel is the agent's end of the tunnel: wireguard-go inside this process, between the gateway and one of
// two adapters.
//
//   - TUN on Linux (CAP_NET_ADMIN): a network interface with the address, routes and, with systemd-resolved, DNS servers
//     from the gateway. When everything goes through the tunnel, the routes are 0.0.0.0/1 and 128.0.0.0/1, which leave
//     the default route unchanged. A route to the gateway itself leads over the computer's uplink and is replaced when the
//     uplink changes; a second one makes the gateway unreachable while there is no uplink. IPv6 is not changed. The kernel
//     removes interface and routes when the program ends, except those two routes: the next program with the same
//     interface name finds them by RouteProtocol and removes them. The computer's own networks stay outside (see
//     planRoutesLinux), with a note to the person.
//   - TUN on Windows (LocalSystem or an administrator, with wintun.dll beside the program): a network interface of the
//     driver wintun, always with the same name and GUID. The library is loaded only from the program's own directory and
//     with the known SHA-256. See below for routes, DNS and filters.
//   - Netstack (everywhere, no rights): a TCP/IP stack inside this process, which programs reach through a SOCKS5 proxy
//     (CONNECT). The proxy and its connections exist while the tunnel is up. Names are looked up by the gateway's DNS
//     servers through the tunnel, or by the system when there are none.
//
// # The interface on Windows
//
// This part has not been tested on a real Windows, nor on ARM64, where Windows emulates the program's processor.
//
// Routes (planRoutesWindows): the gateway's networks; 0.0.0.0/1, 128.0.0.0/1 and a default route for everything.
// Where they overlap with a network of this computer, the gateway's take precedence, with a note to the person. The
// networks of WSL, Docker and Hyper-V stay outside. So do all local networks while everything goes through the tunnel,
// unless Config.BlockLocal. The tunnel carries IPv4 only. When the computer moves to another network, the routes are
// planned again.
//
// The gateway needs no route: wireguard-go's socket, and by DialControl the TCP connection to the gateway, are bound to
// the interface that leads to the gateway outside the tunnel. The socket is bound again when that interface changes,
// and drops its packets when there is none.
//
// The interface has the lowest metric when everything or every name goes through the tunnel, otherwise the highest
// (metricFor). DNS registration, LLMNR and NetBIOS are switched off on it. The tunnel's address is removed from any
// interface that is down.
//
// DNS: a rule of the name resolution policy table sends names to the tunnel's servers: those under the suffixes, or
// all names when there are no suffixes or everything goes through the tunnel (nrptNames). The rule is written again
// when group policy removes it or creates its own table. Servers for all names are also set on the interface.
//
// While everything goes through the tunnel, filters of the Windows Filtering Platform block traffic outside it: DNS,
// when the gateway names servers, and IPv6 except neighbour discovery, DHCPv6 and link-local traffic. With
// Config.BlockLocal they also block IPv4. The agent's own traffic to the gateway is always permitted. Windows removes
// the filters when the process ends. Without them the tunnel does not come up.
//
// A killed program leaves its DNS rule and the settings under the interface's GUID. The next program removes the rule
// when it starts, unless the interface is up, which means that the first program still runs. The next tunnel
// overwrites the settings. Without a next program the rule lasts until the computer restarts, because its registry
// key is volatile.
//
// # MTU
//
// The interface's MTU is that of the path to the gateway minus 80 bytes, but at most that of the gateway's reply. The path is
// measured when the tunnel comes up, every few minutes, and when the network changes. Where the ICMP messages of routers
// are lost, the tunnel's packets are fragmented on the way.
//
// # Keys and reconnecting
//
// Every session has a new key pair. Private and preshared keys are never written to disk, and no control socket is
// opened.
//
// When the agent reconnects and only keys and port have changed, only the peer is replaced: interface, proxy and
// connections stay.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library, without package slices.
package tunnel

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/wgbind"
)

// Mode says how programs on this computer use the tunnel.
type Mode string

// Modes.
const (
	Auto     Mode = "auto" // TUN when the program has the rights, otherwise no tunnel
	TUN      Mode = "tun"
	Netstack Mode = "netstack"
)

// AdapterName is the name of the interface on Windows.
const AdapterName = "Ideco agent"

// Modes lists every mode.
var Modes = []Mode{Auto, TUN, Netstack}

// Config configures a Tunnel.
type Config struct {
	Mode  Mode
	Name  string // of the interface; TUN on Linux
	Socks string // IP address and port of the proxy; Netstack
	// BlockLocal reports whether to block the local networks, except their routers, while everything goes through the
	// tunnel. It is called when the tunnel comes up. nil = no. TUN on Windows.
	BlockLocal func() bool
	Log        func(text string) // diagnostics; called from any goroutine, text holds no secret
}

// Tunnel is a client.Tunnel.
type Tunnel struct {
	config   Config
	timeouts timeouts // of handshakeWatch

	mu      sync.Mutex // guards everything below
	key     privateKey // of the next Up; zero = none
	current *running   // nil = the tunnel is down
}

// New prepares a tunnel. If permitted, it removes the remains of a killed program with the same interface name.
func New(c Config) *Tunnel {
	if c.Log == nil {
		c.Log = func(string) {}
	}
	if c.Mode != Netstack {
		if err := cleanUp(c.Name); err != nil {
			c.Log(err.Error())
		}
	}
	return &Tunnel{config: c, timeouts: defaultTimeouts}
}

// adapter is the local side of the tunnel. Closing the wireguard-go device closes the adapter's tun.Device.
type adapter interface {
	device() tun.Device
	// open connects programs to the tunnel. The device is up; bind is its socket to the gateway. Until close,
	// pathChanged is called from any goroutine when the path to the gateway may have changed.
	open(ctx context.Context, s client.TunnelSetup, bind conn.Bind, pathChanged func()) ([]client.TunnelNote, error)
	setMTU(mtu int) error
	// close undoes open, also after an error. The device still exists.
	close()
}

// running is a tunnel that is up.
type running struct {
	setup       client.TunnelSetup
	adapter     adapter
	device      *device.Device
	peer        atomic.Pointer[device.Peer] // the gateway
	pathChanges chan struct{}               // holds one: the path to the gateway may have changed
	handshakes  *handshakeWatch             // nil before the end of Up
	mtu         *mtuWatch                   // nil before the end of Up
}

// pathChanged sends the gateway a packet from this computer's present address, and triggers a measurement of the path.
// Any goroutine may call it.
func (r *running) pathChanged() {
	r.sendKeepalive()
	select {
	case r.pathChanges <- struct{}{}:
	default:
	}
}

// sendKeepalive sends the gateway an empty packet. The gateway sends to the source address of the agent's last packet; without
// this one, an agent that only receives would stay unreachable until its next keepalive.
func (r *running) sendKeepalive() {
	if peer := r.peer.Load(); peer != nil {
		peer.SendKeepalive()
	}
}

// configure gives the device its key and its peer.
func (r *running) configure(key privateKey, s client.TunnelSetup) error {
	if err := configure(r.device, key, s); err != nil {
		return err
	}
	r.setup = s
	r.peer.Store(r.device.LookupPeer(device.NoisePublicKey(s.PublicKey)))
	return nil
}

// stopWatches stops the watches that Up has started. It may be called again.
func (r *running) stopWatches() {
	if r.handshakes != nil {
		r.handshakes.stop()
	}
	if r.mtu != nil {
		r.mtu.stop()
	}
}

// NewKey implements client.Tunnel. It returns a *client.TunnelProblem when this computer cannot bring up the tunnel.
func (t *Tunnel) NewKey() (agent.Key, error) {
	if err := t.config.permitted(); err != nil {
		return agent.Key{}, err
	}
	key, public, err := newKey()
	if err != nil {
		return agent.Key{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.key = key
	return public, nil
}

// permitted returns an error when this program may not bring up a tunnel of the mode.
func (c Config) permitted() error {
	if c.Mode == Netstack {
		return nil
	}
	return permittedTUN()
}

// Up implements client.Tunnel.
func (t *Tunnel) Up(ctx context.Context, s client.TunnelSetup) (<-chan bool, []client.TunnelNote, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := t.key
	t.key = privateKey{} // each key is used once
	if key == (privateKey{}) {
		return nil, nil, fmt.Errorf("tunnel: no key")
	}
	if t.current != nil {
		t.current.stopWatches()
		if !sameNetwork(t.current.setup, s) {
			t.close()
		}
	}
	var notes []client.TunnelNote
	var err error
	if t.current != nil {
		err = t.current.configure(key, s)
	} else {
		notes, err = t.open(ctx, key, s)
	}
	if err != nil {
		t.close()
		return nil, nil, err
	}
	if t.config.Mode != Netstack && takesAll(s) && len(s.DNS) == 0 {
		notes = append(notes, client.TunnelNote{Code: locale.NoteDNSOutside})
	}
	t.current.handshakes = watchHandshakes(t.current.device, t.timeouts)
	t.current.mtu = watchMTU(t.path(s), s.MTU, t.current, t.config.Log)
	return t.current.handshakes.works, notes, nil
}

// sameNetwork reports whether the adapter for setup a can be kept for b.
func sameNetwork(a, b client.TunnelSetup) bool {
	return a.Endpoint.Addr() == b.Endpoint.Addr() && a.Address == b.Address && a.MTU == b.MTU &&
		reflect.DeepEqual(a.Nets, b.Nets) && reflect.DeepEqual(a.DNS, b.DNS) && reflect.DeepEqual(a.Suffixes, b.Suffixes)
}

func (t *Tunnel) open(ctx context.Context, key privateKey, s client.TunnelSetup) ([]client.TunnelNote, error) {
	limited := s
	if size, err := t.path(s).knownMTU(); err == nil {
		limited.MTU = tunnelMTU(s.MTU, size)
	}
	a, err := t.config.adapter(limited)
	if err != nil {
		return nil, err
	}
	t.current = &running{adapter: a, device: device.NewDevice(a.device(), wgbind.New(), t.logger()), pathChanges: make(chan struct{}, 1)}
	// Without roaming, packets go to the endpoint even when the gateway answers from another of its addresses: only the
	// endpoint is kept outside the tunnel.
	t.current.device.DisableSomeRoamingForBrokenMobileSemantics()
	if err := t.current.configure(key, s); err != nil {
		return nil, err
	}
	if err := t.current.device.Up(); err != nil {
		return nil, fmt.Errorf("tunnel: open a UDP port: %w", err)
	}
	return a.open(ctx, limited, t.current.device.Bind(), t.current.pathChanged)
}

func (t *Tunnel) path(s client.TunnelSetup) path { return path{s.Endpoint, t.DialControl} }

func (c Config) adapter(s client.TunnelSetup) (adapter, error) {
	if c.Mode == Netstack {
		return newNetstack(c, s)
	}
	return newTUN(c, s)
}

// logger logs wireguard-go's errors. They contain no keys except the beginning of public ones.
func (t *Tunnel) logger() *device.Logger {
	return &device.Logger{
		Verbosef: device.DiscardLogf,
		Errorf:   func(format string, args ...any) { t.config.Log("wireguard: " + fmt.Sprintf(format, args...)) },
	}
}

// Down implements client.Tunnel.
func (t *Tunnel) Down() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.close()
}

func (t *Tunnel) close() {
	if t.current == nil {
		return
	}
	t.current.stopWatches()
	t.current.adapter.close()
	t.current.device.Close()
	t.current = nil
}
