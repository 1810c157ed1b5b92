package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/netlab"
)

// spoofer is a LAN host that sends frames with any source.
type spoofer struct {
	socket int
	to     unix.SockaddrLinklayer
	own    mac
	router mac
}

func (l lab) spoofer(t *testing.T) *spoofer {
	t.Helper()
	gateway, err := net.InterfaceByName("lan0")
	if err != nil {
		t.Fatal(err)
	}
	i := &spoofer{own: mac{2, 0xbb, 0xbb, 0xbb, 0xbb, 0xbb}, router: mac(gateway.HardwareAddr)}
	if err := l.At(inLAN, func() error {
		port, err := net.InterfaceByName("eth0")
		if err == nil {
			i.to.Ifindex = port.Index
			i.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(i.socket) })
	return i
}

func (i *spoofer) send(t *testing.T, as mac, from, to netip.AddrPort) {
	frame := append(append([]byte{}, i.router[:]...), as[:]...)
	if from.Addr().Is4() {
		frame = append(frame, 0x08, 0x00)
	} else {
		frame = append(frame, 0x86, 0xdd)
	}
	if err := unix.Sendto(i.socket, append(frame, packet(from, to)...), 0, &i.to); err != nil && err != unix.ENOBUFS {
		t.Error(err)
	}
}

// packet returns an IP packet with UDP, without a UDP checksum.
func packet(from, to netip.AddrPort) []byte {
	const question = "?"
	udp := binary.BigEndian.AppendUint16(nil, from.Port())
	udp = binary.BigEndian.AppendUint16(udp, to.Port())
	udp = binary.BigEndian.AppendUint16(udp, uint16(8+len(question)))
	udp = append(append(udp, 0, 0), question...)
	if from.Addr().Is6() {
		header := []byte{0x60, 0, 0, 0, 0, byte(len(udp)), unix.IPPROTO_UDP, 64}
		return append(append(append(header, from.Addr().AsSlice()...), to.Addr().AsSlice()...), udp...)
	}
	header := []byte{0x45, 0, 0, byte(20 + len(udp)), 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	header = append(append(header, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	sum := uint32(0)
	for n := 0; n < len(header); n += 2 {
		sum += uint32(binary.BigEndian.Uint16(header[n:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum&0xffff+sum>>16))
	return append(header, udp...)
}

// sendSpoofed sends one packet each from many spoofed addresses, each with its own MAC.
func (i *spoofer) sendSpoofed(t *testing.T, count int, to netip.AddrPort) {
	t.Helper()
	for n := range count {
		a := netip.AddrFrom4([4]byte{100, 64 | byte(n>>16), byte(n >> 8), byte(n)})
		if to.Addr().Is6() {
			a = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 13: byte(n >> 16), 14: byte(n >> 8), 15: byte(n)})
		}
		i.send(t, mac{2, 0xcc, 0, byte(n >> 16), byte(n >> 8), byte(n)}, netip.AddrPortFrom(a, 1024), to)
	}
}

// startSending sends packets with the spoofer's MAC and another host's address until over is called.
func (i *spoofer) startSending(t *testing.T, from, to netip.AddrPort) (over func()) {
	for range 10 * dnsRate { // more than the burst
		i.send(t, i.own, from, to)
	}
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		ticker := time.NewTicker(time.Millisecond)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				i.send(t, i.own, from, to)
			case <-stop:
				return
			}
		}
	}()
	return func() { close(stop); <-stopped }
}

// TestSpoofedDNS: a host that spoofs many addresses, or the address of another host, does not block the DNS of other hosts.
func TestSpoofedDNS(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		p := labPlan()
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server, Port: 53}, {Addr: server6, Port: 53}}
		open(t, p, Options{})
		i := l.spoofer(t)
		for _, c := range []struct{ host, other, server netip.Addr }{{host, second, server}, {host6, second6, server6}} {
			dns := netip.AddrPortFrom(c.server, 53)
			l.serveDNS(t, dns, func(a netip.Addr) bool { return a.Is4() || a == c.host || a == c.other })
			netlab.Eventually(t, "DNS works", func() bool { return l.resolves(t, c.host, dns) })
			set, size := map[bool]*memberSet{false: dnsMAC4, true: dnsMAC6}[dns.Addr().Is6()], 0
			i.sendSpoofed(t, dnsHosts+5000, dns)
			if size = sizeOf(t, set); size == 0 {
				t.Error("spoofed packets are not counted by their address")
			}
			if size < dnsHosts-1000 { // a busy machine does not send them within the 5 seconds after which the set forgets one
				netlab.Eventually(t, "the set is filled", func() bool { return fill(t, set, dnsHosts-500) == nil })
				i.sendSpoofed(t, 5000, dns)
				size = sizeOf(t, set)
			}
			if size < dnsHosts-1000 {
				t.Errorf("the spoofed packets did not fill the set: %d of %d hosts", size, dnsHosts)
			}
			if !l.resolves(t, c.other, dns) {
				t.Errorf("%s gets no DNS while others spoof addresses", c.other)
			}
			over := i.startSending(t, netip.AddrPortFrom(c.host, 1024), dns)
			if !l.resolves(t, c.host, dns) {
				t.Errorf("%s gets no DNS while its address is spoofed", c.host)
			}
			over()
		}
	})
}

// fill adds hosts to a set of addresses of MACs, for a minute. It fails while the set has others.
func fill(t *testing.T, set *memberSet, count int) error {
	t.Helper()
	list := make([]string, count)
	for n := range list {
		address := fmt.Sprintf("100.127.%d.%d", n>>8, n&0xff)
		if set == dnsMAC6 {
			address = fmt.Sprintf("2001:db8:f::%x", n)
		}
		list[n] = fmt.Sprintf("lan0 . 02:dd:00:00:%02x:%02x . %s timeout 1m", n>>8, n&0xff, address)
	}
	file := filepath.Join(t.TempDir(), "fill.nft")
	text := fmt.Sprintf("add element inet %s %s { %s }\n", Table, set.name, strings.Join(list, ", "))
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.CommandContext(t.Context(), "nft", "-f", file).Run()
}

func sizeOf(t *testing.T, set *memberSet) int {
	t.Helper()
	w, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	n, err := w.countAll(set)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestDNSLimitOfMAC: the addresses of one MAC have a limit together, so that a host that spoofs addresses cannot fill conntrack.
func TestDNSLimitOfMAC(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		netlab.Run(t, "nft", `table inet count {
			chain forward { type filter hook forward priority 10; iifname lan0 oifname wan0 counter name passed; }
			counter passed { }
		}`)
		p := labPlan()
		p.OpenBeforeLogin = []agent.OpenServer{{Addr: server, Port: 53}}
		open(t, p, Options{})
		i, dns := l.spoofer(t), netip.AddrPortFrom(server, 53)
		l.serveDNS(t, dns, func(a netip.Addr) bool { return true })
		begun := time.Now()
		for n := range 20000 {
			a := netip.AddrFrom4([4]byte{10, 88, byte(n >> 8), byte(n)})
			i.send(t, i.own, netip.AddrPortFrom(a, 1024), dns)
		}
		most := dnsMACRate + int(dnsMACRate*time.Since(begun).Seconds()) + 100
		passed := 0
		counter := netlab.Run(t, "nft", "list", "counter", "inet", "count", "passed")
		if _, err := fmt.Sscanf(counter[strings.Index(counter, "packets"):], "packets %d", &passed); err != nil {
			t.Fatal(err)
		}
		if passed < dnsMACRate || passed > most {
			t.Errorf("%d packets of one MAC passed, want %d to %d", passed, dnsMACRate, most)
		}
		if !l.resolves(t, host, dns) {
			t.Errorf("%s gets no DNS while others spoof addresses", host)
		}
	})
}
