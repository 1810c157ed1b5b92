package netstack

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	"golang.zx2c4.com/wireguard/tun"
)

const patience = 10 * time.Second

var near, far = netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")

// pair creates two connected stacks. close closes both and waits until nothing runs.
func pair(t *testing.T) (a, b *TUN, close func()) {
	t.Helper()
	a, err := New(near, 1420)
	if err != nil {
		t.Fatal(err)
	}
	b, err = New(far, 1420)
	if err != nil {
		t.Fatal(err)
	}
	var copying sync.WaitGroup
	copying.Add(2)
	go func() { defer copying.Done(); carry(t, a, b) }()
	go func() { defer copying.Done(); carry(t, b, a) }()
	close = func() { a.Close(); b.Close(); copying.Wait() }
	t.Cleanup(close)
	return a, b, close
}

// carry copies packets from one stack to the other.
func carry(t *testing.T, from, to tun.Device) {
	const offset = 16
	packet, sizes := make([]byte, offset+1500), make([]int, 1)
	for {
		n, err := from.Read([][]byte{packet}, sizes, offset)
		if err != nil {
			if !errors.Is(err, os.ErrClosed) {
				t.Error(err)
			}
			return
		}
		if n != 1 {
			t.Errorf("%d packets", n)
		}
		none, ipv6 := make([]byte, offset), append(make([]byte, offset), 0x60)
		if _, err := to.Write([][]byte{none, ipv6, packet[:offset+sizes[0]]}, offset); err != nil {
			t.Error(err)
		}
	}
}

// echo serves the echo protocol over TCP and UDP on port 7.
func echo(t *testing.T, s *TUN, at netip.Addr) net.Listener {
	t.Helper()
	l, err := s.Listen(netip.AddrPortFrom(at, 7))
	if err != nil {
		t.Fatal(err)
	}
	p, err := s.ListenPacket(netip.AddrPortFrom(at, 7))
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); _, _ = io.Copy(c, c) }()
		}
	}()
	go func() {
		for b := make([]byte, 1500); ; {
			n, from, err := p.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = p.WriteTo(b[:n], from)
		}
	}()
	return l
}

func hears(t *testing.T, s *TUN, network string, at netip.Addr) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), patience)
	defer stop()
	c, err := s.Dial(ctx, network, netip.AddrPortFrom(at, 7))
	if err != nil {
		t.Fatalf("%s to %s: %v", network, at, err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 5)
	if _, err := io.WriteString(c, "hello"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "hello" {
		t.Errorf("%s to %s: %q, %v", network, at, b, err)
	}
}

func TestRenumber(t *testing.T) {
	a, b, _ := pair(t)
	echo(t, b, far).Close()
	hears(t, a, "udp", far)
	before, other := b.Received(), netip.MustParseAddr("10.0.0.3")
	if err := b.Renumber(far, other); err != nil {
		t.Fatal(err)
	}
	echo(t, b, other)
	for _, network := range []string{"tcp", "udp"} {
		hears(t, a, network, other)
	}
	if b.Received() <= before {
		t.Error("Received does not grow")
	}
}

func TestAcceptEnds(t *testing.T) {
	s, _, _ := pair(t)
	l, err := s.Listen(netip.AddrPortFrom(near, 8))
	if err != nil {
		t.Fatal(err)
	}
	accepted := make(chan error, 1)
	go func() { _, err := l.Accept(); accepted <- err }()
	l.Close()
	select {
	case err := <-accepted:
		if err == nil {
			t.Error("Accept returned a connection")
		}
	case <-time.After(patience):
		t.Error("Accept goes on after Close")
	}
}

// TestCloseUnderTraffic: a stack can be closed while packets pass it.
func TestCloseUnderTraffic(t *testing.T) {
	for i := 0; i < 5; i++ {
		a, b, close := pair(t)
		echo(t, b, far)
		ctx, stop := context.WithTimeout(context.Background(), patience)
		c, err := a.Dial(ctx, "tcp", netip.AddrPortFrom(far, 7))
		stop()
		if err != nil {
			t.Fatal(err)
		}
		go func() { _, _ = io.Copy(c, zeros{}) }()
		if _, err := io.ReadFull(c, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		close()
		close() // a second Close does nothing
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
			t.Error("the connection outlives its stack")
		}
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

// TestSetMTU: a connection that is opened afterwards sends no longer packets, and wireguard-go is told.
func TestSetMTU(t *testing.T) {
	s, err := New(near, 1420)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.SetMTU(1200)
	s.SetMTU(1000) // the first event has not been taken yet
	if mtu, err := s.MTU(); mtu != 1000 || err != nil {
		t.Errorf("MTU %d, %v", mtu, err)
	}
	if e := <-s.Events(); e != tun.EventMTUUpdate {
		t.Errorf("event %d", e)
	}
	c, err := s.Dial(context.Background(), "udp", netip.AddrPortFrom(far, 7))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(make([]byte, 1300)); err != nil {
		t.Fatal(err)
	}
	packet, sizes := [][]byte{make([]byte, 2000)}, make([]int, 1)
	for range [2]int{} { // fragments
		if n, err := s.Read(packet, sizes, 0); n != 1 || err != nil || sizes[0] > 1000 {
			t.Errorf("%d packets of %d bytes, %v", n, sizes[0], err)
		}
	}
	s.Close()
	s.SetMTU(900)
}
