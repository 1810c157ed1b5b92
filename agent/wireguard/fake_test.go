package wireguard

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/tuntest"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/netstack"
)

const patience = netlab.Patience

// silence is how long a test waits to see that nothing happens. Everything here takes about a millisecond.
const silence = 700 * time.Millisecond

var network = netip.MustParsePrefix("10.99.0.0/24")

// open starts a device with a key file and a port of its own, and closes it at the end of the test.
func open(tb testing.TB, c Config) *Device {
	tb.Helper()
	c.Mode = cmp.Or(c.Mode, ModeNetstack)
	c.Log = cmp.Or(c.Log, logOf(tb))
	c.PrivateKeyFile = cmp.Or(c.PrivateKeyFile, filepath.Join(tb.TempDir(), "wireguard.key"))
	if !c.Network.IsValid() {
		c.Network = network
	}
	d, err := Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { d.Close() })
	return d
}

func logOf(tb testing.TB) *slog.Logger { return slog.New(slog.NewTextHandler(tb.Output(), nil)) }

// reserve returns a session with a reserved address.
func reserve(tb testing.TB, d *Device) agent.Session {
	tb.Helper()
	s := agent.Session{ID: agent.NewSessionID(), Kind: agent.KindVPN}
	var err error
	if s.Address, err = d.Reserve(context.Background(), s); err != nil {
		tb.Fatal(err)
	}
	return s
}

func newKey(tb testing.TB) privateKey {
	tb.Helper()
	b := make([]byte, 32)
	rand.Read(b)
	key, err := newPrivateKey(b)
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func up(tb testing.TB, d *Device, s agent.Session, key agent.Key) agent.TunnelConfig {
	tb.Helper()
	config, err := d.Up(context.Background(), s, key)
	if err != nil {
		tb.Fatal(err)
	}
	return config
}

func wantCode(tb testing.TB, err error, code agent.Code) {
	tb.Helper()
	var refusal *agent.Error
	if !errors.As(err, &refusal) || refusal.Code != code {
		tb.Errorf("error %v, want %s", err, code)
	}
}

// person is the other end of a tunnel: a wireguard-go with a TCP/IP stack of its own, which needs no rights.
type person struct {
	dev   *device.Device
	stack *netstack.TUN
}

// startPerson starts the other end of a session's tunnel. Packets to the gateway go to host.
func startPerson(tb testing.TB, host netip.Addr, key privateKey, config agent.TunnelConfig) *person {
	tb.Helper()
	stack, err := netstack.New(config.Address.Addr(), MTU)
	if err != nil {
		tb.Fatal(err)
	}
	return &person{startOn(tb, stack, host, key, config), stack}
}

func startOn(tb testing.TB, t tun.Device, host netip.Addr, key privateKey, config agent.TunnelConfig) *device.Device {
	tb.Helper()
	dev := device.NewDevice(t, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	tb.Cleanup(dev.Close)
	if err := dev.IpcSet(personConfig(host, key, config)); err != nil {
		tb.Fatal(err)
	}
	if err := dev.Up(); err != nil {
		tb.Fatal(err)
	}
	return dev
}

func personConfig(host netip.Addr, key privateKey, config agent.TunnelConfig) string {
	return fmt.Sprintf("private_key=%x\npublic_key=%x\npreshared_key=%x\nendpoint=%s\nallowed_ip=0.0.0.0/0\n",
		key.key.Bytes(), config.PublicKey[:], config.PresharedKey[:], netip.AddrPortFrom(host, uint16(config.ServerPort)))
}

var loopback = netip.MustParseAddr("127.0.0.1")

// connect makes a session with a tunnel.
func connect(tb testing.TB, d *Device) (agent.Session, *person) {
	tb.Helper()
	s, key := reserve(tb, d), newKey(tb)
	return s, startPerson(tb, loopback, key, up(tb, d, s, key.public()))
}

func (p *person) dial(ctx context.Context, a netip.AddrPort) (net.Conn, error) {
	return p.stack.Dial(ctx, "tcp", a)
}

// browser returns a client that opens a new connection for every page.
func (p *person) browser() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			a, err := netip.ParseAddrPort(address)
			if err != nil {
				return nil, err
			}
			return p.dial(ctx, a)
		}}}
}

// get fetches a page through the tunnel.
func (p *person) get(url string, wait time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	answer, err := p.browser().Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	return string(body), err
}

// serve answers every request inside the tunnel with the address that it came from, and returns the listener.
func serve(tb testing.TB, d *Device, port uint16) net.Listener {
	tb.Helper()
	l, err := d.Listen(port)
	if err != nil {
		tb.Fatal(err)
	}
	var done sync.WaitGroup
	done.Go(func() {
		http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			host, _, _ := net.SplitHostPort(r.RemoteAddr)
			io.WriteString(w, host)
		}))
	})
	tb.Cleanup(func() { l.Close(); done.Wait() })
	return l
}

// ping returns an ICMP echo request. The address from may be forged.
func ping(to, from netip.Addr, payload int) []byte {
	size := header.ICMPv4MinimumSize + payload
	packet := make([]byte, header.IPv4MinimumSize+size)
	ip := header.IPv4(packet)
	ip.Encode(&header.IPv4Fields{TotalLength: uint16(len(packet)), TTL: 64, Protocol: uint8(header.ICMPv4ProtocolNumber),
		SrcAddr: tcpip.AddrFrom4(from.As4()), DstAddr: tcpip.AddrFrom4(to.As4())})
	ip.SetChecksum(^ip.CalculateChecksum())
	echo := header.ICMPv4(ip.Payload())
	echo.SetType(header.ICMPv4Echo)
	echo.SetChecksum(header.ICMPv4Checksum(echo, 0))
	return packet
}

// rawTunnel is the other end of a tunnel without a TCP/IP stack, for packets that no stack would send.
type rawTunnel struct{ *tuntest.ChannelTUN }

func startRaw(tb testing.TB, key privateKey, config agent.TunnelConfig) rawTunnel {
	tb.Helper()
	w := rawTunnel{tuntest.NewChannelTUN()}
	startOn(tb, w.TUN(), loopback, key, config)
	return w
}

// send puts a packet into the tunnel.
func (w rawTunnel) send(tb testing.TB, packet []byte) {
	tb.Helper()
	select {
	case w.Outbound <- packet:
	case <-time.After(patience):
		tb.Fatal("the tunnel took no packet")
	}
}

// answered reports whether a packet comes back in time.
func (w rawTunnel) answered(wait time.Duration) bool {
	select {
	case <-w.Inbound:
		return true
	case <-time.After(wait):
		return false
	}
}
