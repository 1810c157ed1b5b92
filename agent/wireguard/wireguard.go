// Package wireguard is the gateway's end of the tunnel: one WireGuard interface, an address for every session from
// outside, and a peer for exactly as long as the session lives.
//
// WireGuard itself comes from the kernel or from wireguard-go inside this process. Config.Mode chooses:
//
//	kernel    a link of the kernel's own WireGuard, configured through wgctrl
//	tun       wireguard-go on a TUN interface, configured through wgctrl over the socket that "wg" uses too; where the
//	          process may not create that socket, the same configuration goes to wireguard-go directly
//	netstack  wireguard-go on a TCP/IP stack in this process; it needs no rights, serves the ports that Device.Listen
//	          opened, answers ping, and forwards nothing
//	auto      the first of these that works here
//
// # Addresses
//
// The first address of the VPN network is the gateway's. A session gets the address that has been free for the longest
// time, and an address rests for 10 minutes after its session, so that answers to one person do not reach the next. The
// person who had an address gets it back before any other, also while it rests.
//
// # Peers
//
// A peer is allowed its session's address and nothing else, and has a preshared key of its own that is only ever told
// to its agent. A key that another session or the gateway holds is refused: wireguard-go would silently move the address to
// the new peer. Peers are added and removed one by one, without an effect on the others. An agent that comes back with the
// key of a removed peer gets no answer for about 15 seconds, until its old session keys expire; agents therefore make a new
// key for every session.
//
// # Restarts
//
// The gateway's private key is kept in a file of mode 0600. Peers are not kept: agents come back with new keys. A TUN
// interface ends with its process; a kernel link that a crashed process left behind is removed at the next start. If an
// interface of another program has the name, it is left alone and Open fails.
package wireguard

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Modes of a device.
const (
	ModeAuto     = "auto"
	ModeKernel   = "kernel"
	ModeTUN      = "tun"
	ModeNetstack = "netstack"
)

const (
	DefaultName = "ideco0"
	MTU         = 1420             // bytes: 1500 less the headers of IPv6, UDP and WireGuard
	Keepalive   = 25 * time.Second // less than the 30 seconds after which common routers forget a UDP connection
)

// pollEvery is how often the counters are read.
const pollEvery = 5 * time.Second

// Config has the options of Open.
type Config struct {
	Mode           string       // one of the modes; empty = ModeAuto
	Name           string       // of the interface; empty = DefaultName
	Port           uint16       // UDP; 0 = a free one
	Network        netip.Prefix // IPv4, /16 to /30, without host bits
	PrivateKeyFile string       // made at the first start
	Log            *slog.Logger

	poll time.Duration // instead of pollEvery, for tests
}

// Device is a running tunnel. It has two locks: changing is held for a whole change, as long as WireGuard takes; mu is
// held only briefly, so that reading never waits.
type Device struct {
	log    *slog.Logger
	link   link
	lack   agent.TunnelLack
	public agent.Key
	secret privateKey
	port   uint16
	every  time.Duration
	done   chan struct{} // closed by Close
	lost   chan struct{} // closed when somebody else has removed the interface

	changing  sync.Mutex // guards the fields below and every change of the link
	pool      *pool
	owners    map[agent.Key]string // session IDs by public key
	stuck     map[agent.Key]string // keys of peers that could not be removed yet, with the sessions they belonged to
	leaving   map[string]bool      // sessions that give their address back when their last stuck peer is gone
	retryWait time.Duration
	listeners map[*listener]struct{}
	polling   bool

	sampling sync.Mutex // one dump at a time
	sampled  time.Time  // when the last one began

	mu     sync.Mutex // guards the fields below; writing them takes changing too, except the peers' counts
	peers  map[string]*peer
	born   uint64 // number of peers added so far
	closed bool
}

// Open starts a tunnel without peers. Errors say what was tried and what an operator can do about it.
func Open(c Config) (*Device, error) {
	c.Mode, c.Name = cmp.Or(c.Mode, ModeAuto), cmp.Or(c.Name, DefaultName)
	if err := c.check(); err != nil {
		return nil, err
	}
	secret, err := loadKey(c.PrivateKeyFile)
	if err != nil {
		return nil, fmt.Errorf("the gateway's WireGuard key %s: %w", c.PrivateKeyFile, err)
	}
	l, err := openLink(c, secret)
	if err != nil {
		return nil, err
	}
	d, err := newDevice(c, secret, l)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	d.log.Info("the tunnel is up", "mode", l.mode(), "interface", c.Name, "port", d.port, "network", c.Network)
	return d, nil
}

func (c Config) check() error {
	if err := checkName(c.Name); err != nil {
		return err
	}
	return checkNetwork(c.Network)
}

func newDevice(c Config, secret privateKey, l link) (*Device, error) {
	state, err := l.dump()
	if err != nil {
		return nil, fmt.Errorf("reading the state of the tunnel: %w", err)
	}
	d := &Device{
		log: c.Log, link: l, lack: lack(c, l), secret: secret, public: secret.public(), port: state.port,
		every: cmp.Or(c.poll, pollEvery), done: make(chan struct{}), lost: make(chan struct{}),
		pool: newPool(c.Network), owners: map[agent.Key]string{}, stuck: map[agent.Key]string{}, leaving: map[string]bool{},
		listeners: map[*listener]struct{}{}, peers: map[string]*peer{},
	}
	go d.watch()
	return d, nil
}

// watch repairs the interface after changes by other programs, and closes lost when it is gone.
func (d *Device) watch() {
	ticker := time.NewTicker(d.every)
	defer ticker.Stop()
	for {
		select {
		case <-d.done:
			return
		case <-d.link.gone():
			d.lose()
			return
		case <-ticker.C:
			if errors.Is(d.repair(), errGone) {
				d.lose()
				return
			}
		}
	}
}

// lose marks the tunnel as gone, unless Close was called.
func (d *Device) lose() {
	if d.isClosed() {
		return
	}
	d.log.Error("the tunnel is gone", "error", errGone)
	close(d.lost)
}

func (d *Device) repair() error {
	d.changing.Lock()
	defer d.changing.Unlock()
	if d.isClosed() {
		return nil
	}
	fault, err := d.link.repair(gatewayOf(d.pool.network))
	if fault != "" {
		d.log.Warn("the tunnel's interface was repaired", "reason", fault)
	}
	if err != nil && !errors.Is(err, errGone) {
		d.log.Warn("the tunnel's interface was not checked", "error", err)
	}
	return err
}

// Gone is closed when somebody else has removed the interface. The tunnel does not come back in this process.
func (d *Device) Gone() <-chan struct{} { return d.lost }

// Forwards reports whether the tunnel reaches further than to the gateway itself.
func (d *Device) Forwards() bool { return d.lack == agent.TunnelLacksNothing }

// Lacks returns why Forwards is false.
func (d *Device) Lacks() agent.TunnelLack { return d.lack }

// Port is the UDP port in use.
func (d *Device) Port() uint16 { return d.port }

// PublicKey is the gateway's WireGuard key.
func (d *Device) PublicKey() agent.Key { return d.public }

// Available reports whether the tunnel can be used now.
func (d *Device) Available() bool {
	if d.isClosed() {
		return false
	}
	select {
	case <-d.link.gone():
		return false
	case <-d.lost:
		return false
	default:
		return true
	}
}

func (d *Device) isClosed() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.closed
}

// checkUsable returns why the tunnel cannot be changed now. The caller holds d.changing.
func (d *Device) checkUsable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if !d.Available() {
		return &agent.Error{Code: agent.CodeVPNUnavailable, Wait: 10 * time.Second, Err: net.ErrClosed}
	}
	return nil
}

// Close closes the tunnel with its peers and listeners. Calling it again does nothing.
func (d *Device) Close() error {
	d.changing.Lock()
	defer d.changing.Unlock()
	d.mu.Lock()
	closed := d.closed
	d.closed = true
	clear(d.peers)
	d.mu.Unlock()
	if closed {
		return nil
	}
	close(d.done)
	for l := range d.listeners {
		l.shut()
	}
	clear(d.listeners)
	return d.link.close()
}
