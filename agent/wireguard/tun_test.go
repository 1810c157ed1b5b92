package wireguard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.zx2c4.com/wireguard/wgctrl"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

func TestTUN(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) { testLifecycle(t, l, ModeTUN) })
}

func TestKernel(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		_, err := Open(Config{Mode: ModeKernel, Name: "probe", Network: network, PrivateKeyFile: t.TempDir() + "/key", Log: logOf(t)})
		if errors.Is(err, errNoKernel) {
			if !strings.Contains(err.Error(), "this kernel has no WireGuard") {
				t.Errorf("the error does not say that the kernel has no WireGuard: %v", err)
			}
			needs.Lacking(t, needs.Kernel, "WireGuard")
		}
		testLifecycle(t, l, ModeKernel)
	})
}

// testLifecycle tests a tunnel on an interface of the operating system from Open to Close.
func testLifecycle(t *testing.T, l lab, mode string) {
	name := interfaceName()
	d := open(t, Config{Mode: mode, Name: name, poll: 50 * time.Millisecond})
	if d.link.mode() != mode || !d.Forwards() {
		t.Errorf("mode %s, forwards %v", d.link.mode(), d.Forwards())
	}
	wantInterface(t, name, "10.99.0.1/24")
	wantPeers(t, name)
	serve(t, d, 80)
	s, p := l.connect(t, d)
	key := d.peers[s.ID].key
	wantPeers(t, name, key)

	if got, err := p.get("http://10.99.0.1/", patience); err != nil || got != s.Address.String() {
		t.Fatalf("the page says %q (%v), want %s", got, err, s.Address)
	}
	if echo := echoTo(t, s.Address); !echo(patience) {
		t.Error("the person does not answer a ping")
	}
	download(t, l, p)
	netlab.Eventually(t, "the download is counted", func() bool { return d.Traffic()[s.ID].Tx > fileSize })

	d.Release(context.Background(), s)
	wantPeers(t, name)
	if _, err := p.get("http://10.99.0.1/", silence); err == nil {
		t.Error("the tunnel outlived its session")
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if _, err := netlink.LinkByName(name); err == nil {
		t.Error("the interface outlived its device")
	}
	if _, err := os.Stat(socketPath(name)); err == nil {
		t.Error("the socket outlived its device")
	}
}

const fileSize = 8 << 20

// download fetches a file from beyond the gateway.
func download(t *testing.T, l lab, p *person) {
	t.Helper()
	server := l.Listen(t, inOutside, netip.AddrPortFrom(labOutside, 0))
	file := bytes.Repeat([]byte("01234567"), fileSize/8)
	go http.Serve(server, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.Write(file) }))
	got, err := p.get("http://"+server.Addr().String(), patience)
	if err != nil || got != string(file) {
		t.Errorf("%d bytes came through the tunnel (%v), want %d", len(got), err, len(file))
	}
}

// echoTo returns a function that pings an address from the gateway and reports whether it answers in time. It uses a raw
// socket, because the ping program may be missing.
func echoTo(t *testing.T, a netip.Addr) func(time.Duration) bool {
	t.Helper()
	c, err := net.Dial("ip4:icmp", a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return func(wait time.Duration) bool {
		if _, err := c.Write(ping(a, a, 8)[20:]); err != nil { // without the header, which the kernel makes
			return false
		}
		c.SetReadDeadline(time.Now().Add(wait))
		_, err := io.ReadAtLeast(c, make([]byte, 64), 16)
		return err == nil
	}
}

func wantInterface(t *testing.T, name, address string) {
	t.Helper()
	dev, err := netlink.LinkByName(name)
	if err != nil {
		t.Fatal(err)
	}
	list, err := netlink.AddrList(dev, netlink.FAMILY_V4)
	if err != nil || len(list) != 1 || list[0].IPNet.String() != address {
		t.Errorf("addresses %v (%v), want %s", list, err, address)
	}
	if a := dev.Attrs(); a.MTU != MTU || a.Flags&net.FlagUp == 0 {
		t.Errorf("MTU %d, flags %s", a.MTU, a.Flags)
	}
}

// wantPeers checks that wg and wgctrl show the peers with the keys and no others.
func wantPeers(t *testing.T, name string, keys ...agent.Key) {
	t.Helper()
	var want, controlled []string
	for _, k := range keys {
		want = append(want, k.String())
	}
	if got := listed(t, name); !slices.Equal(got, want) {
		t.Errorf("wg shows %v, want %v", got, want)
	}
	client, err := wgctrl.New()
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	dev, err := client.Device(name)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range dev.Peers {
		controlled = append(controlled, p.PublicKey.String())
		if len(p.AllowedIPs) != 1 || p.AllowedIPs[0].Mask.String() != "ffffffff" {
			t.Errorf("peer %s may have %v", p.PublicKey, p.AllowedIPs)
		}
	}
	if !slices.Equal(controlled, want) {
		t.Errorf("wgctrl shows %v, want %v", controlled, want)
	}
}

func TestTUNSetNetwork(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		name := interfaceName()
		d := open(t, Config{Mode: ModeTUN, Name: name})
		serve(t, d, 80)
		misfit, _ := l.connect(t, d)
		port := d.Port()
		for _, n := range []string{"10.98.0.0/16", "10.98.0.0/24"} {
			if err := d.SetNetwork(netip.MustParsePrefix(n)); err != nil {
				t.Fatal(err)
			}
		}
		wantInterface(t, name, "10.98.0.1/24")
		wantPeers(t, name)
		d.Release(context.Background(), misfit)
		s, p := l.connect(t, d)
		if got, err := p.get("http://10.98.0.1/", patience); err != nil || got != s.Address.String() || d.Port() != port {
			t.Errorf("the page says %q (%v) on port %d, want %s on %d", got, err, d.Port(), s.Address, port)
		}
	})
}

// TestTUNWithoutSocket: the tunnel also works when its UAPI socket is removed or cannot be created.
func TestTUNWithoutSocket(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		name := interfaceName()
		d := open(t, Config{Mode: ModeTUN, Name: name})
		serve(t, d, 80)
		s, p := l.connect(t, d)
		if err := os.Remove(socketPath(name)); err != nil {
			t.Fatal(err)
		}
		wantWorks(t, d, s, p)
		if err := d.Close(); err != nil {
			t.Error(err)
		}
		hide(t, "/var/run/wireguard")
		d = open(t, Config{Mode: ModeTUN, Name: name})
		serve(t, d, 80)
		s, p = l.connect(t, d)
		wantWorks(t, d, s, p)
	})
}

// wantWorks checks that a peer works, is counted and can be removed.
func wantWorks(t *testing.T, d *Device, s agent.Session, p *person) {
	t.Helper()
	if _, err := p.get("http://10.99.0.1/", patience); err != nil {
		t.Fatal(err)
	}
	if d.sample(0); d.Traffic()[s.ID].Rx == 0 {
		t.Error("nothing is counted")
	}
	d.Release(context.Background(), s)
	if _, err := p.get("http://10.99.0.1/", silence); err == nil {
		t.Error("the tunnel outlived its session")
	}
}

func TestTUNAfterACrash(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		name := interfaceName()
		open(t, Config{Mode: ModeTUN, Name: name}).Close() // makes the directory
		dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: socketPath(name)})
		if err != nil {
			t.Fatal(err)
		}
		dead.SetUnlinkOnClose(false)
		dead.Close()
		d := open(t, Config{Mode: ModeTUN, Name: name})
		s, _ := l.connect(t, d)
		wantPeers(t, name, d.peers[s.ID].key)
	})
}

func TestForeignInterface(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		foreign := interfaceName()
		netlab.Run(t, "ip", "tuntap", "add", "dev", foreign, "mode", "tun")
		for _, mode := range []string{ModeTUN, ModeAuto} {
			wantRefused(t, mode, foreign, "another name")
		}
		wantRefused(t, ModeTUN, "cable", "another name")
		for _, name := range []string{foreign, "cable"} {
			netlab.Run(t, "ip", "link", "show", name) // fails when the interface is gone
		}
	})
}

func wantRefused(t *testing.T, mode, name, words string) {
	t.Helper()
	d, err := Open(Config{Mode: mode, Name: name, Network: network, PrivateKeyFile: t.TempDir() + "/key", Log: logOf(t)})
	if err == nil {
		d.Close()
		t.Fatalf("%s: %s was taken over", mode, name)
	}
	if !strings.Contains(err.Error(), words) {
		t.Errorf("%s: the error does not say %q: %v", mode, words, err)
	}
}

// TestForeignSocket: a process in another network namespace has a tunnel of the same name; both would use the same UAPI socket.
func TestForeignSocket(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		name := interfaceName()
		open(t, Config{Mode: ModeTUN, Name: name}).Close() // makes the directory
		alive, err := net.Listen("unix", socketPath(name))
		if err != nil {
			t.Fatal(err)
		}
		defer alive.Close()
		wantRefused(t, ModeTUN, name, "another process answers")
		wantRefused(t, ModeTUN, name, fmt.Sprintf("(process %d)", os.Getpid()))
		wantRefused(t, ModeTUN, name, "--tunnel-name")
	})
}

func TestInterfaceRemoved(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		name := interfaceName()
		d := open(t, Config{Mode: ModeTUN, Name: name})
		s, _ := l.connect(t, d)
		netlab.Run(t, "ip", "link", "set", name, "down")
		netlab.Run(t, "ip", "link", "set", name, "up")
		if !d.Available() {
			t.Error("the tunnel does not survive its interface going down and up")
		}
		wantPeers(t, name, d.peers[s.ID].key)
		netlab.Run(t, "ip", "link", "set", name, "down")
		netlab.Eventually(t, "the interface is up again", func() bool {
			dev, err := netlink.LinkByName(name)
			return err == nil && dev.Attrs().Flags&net.FlagUp != 0
		})
		netlab.Run(t, "ip", "address", "flush", "dev", name)
		netlab.Eventually(t, "the interface has its address again", func() bool {
			dev, err := netlink.LinkByName(name)
			if err != nil {
				return false
			}
			list, err := netlink.AddrList(dev, netlink.FAMILY_V4)
			return err == nil && len(list) == 1 && list[0].IPNet.String() == gatewayOf(d.pool.network).String()
		})
		netlab.Run(t, "ip", "link", "del", name)
		netlab.Eventually(t, "the tunnel is known to be gone", func() bool { return !d.Available() })
		select {
		case <-d.Gone():
		case <-time.After(10 * time.Second):
			t.Error("Gone is not closed")
		}
		d.Release(context.Background(), s)
		_, err := d.Up(context.Background(), s, newKey(t).public())
		wantCode(t, err, agent.CodeVPNUnavailable)
		if len(d.stuck) != 0 {
			t.Error("peers of an interface that is gone are tried again")
		}
	})
}

func TestAuto(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		d := open(t, Config{Mode: ModeAuto, Name: interfaceName()})
		if d.link.mode() == ModeNetstack {
			t.Errorf("mode %s as root", d.link.mode())
		}
	})
}

func TestWithoutTUN(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		hide(t, "/dev/net")
		_, err := Open(Config{Mode: ModeTUN, Name: interfaceName(), Network: network, PrivateKeyFile: t.TempDir() + "/key", Log: logOf(t)})
		if err == nil || !strings.Contains(err.Error(), "/dev/net/tun") || !strings.Contains(err.Error(), "modprobe tun") {
			t.Errorf("error %v, want one that names /dev/net/tun and what to do", err)
		}
		var log strings.Builder
		d := open(t, Config{Mode: ModeAuto, Name: interfaceName(), Log: slog.New(slog.NewTextHandler(&log, nil))})
		switch d.link.mode() {
		case ModeTUN:
			t.Error("a TUN interface without /dev/net/tun")
		case ModeNetstack:
			if d.Lacks() != agent.TunnelLacksDevice || !strings.Contains(log.String(), "modprobe tun") {
				t.Errorf("lacks %q, logged %s", d.Lacks(), log.String())
			}
		}
	})
}

func TestAutoWithoutRights(t *testing.T) {
	netlab.Unprivileged(t, func(t *testing.T) {
		d := open(t, Config{Mode: ModeAuto, Name: interfaceName()})
		if d.link.mode() != ModeNetstack {
			t.Errorf("mode %s without rights", d.link.mode())
		}
		if d.Lacks() != agent.TunnelLacksRights {
			t.Errorf("lacks %q", d.Lacks())
		}
		serve(t, d, 80)
		s, p := connect(t, d)
		if got, err := p.get("http://10.99.0.1/", patience); err != nil || got != s.Address.String() {
			t.Errorf("the page says %q (%v), want %s", got, err, s.Address)
		}
		wantRefused(t, ModeTUN, interfaceName(), "CAP_NET_ADMIN")
	})
}
