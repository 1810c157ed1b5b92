package tunnel

import (
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"
)

func TestTunnelMTU(t *testing.T) {
	for _, c := range []struct{ gateway, path, want int }{
		{1420, 1500, 1420}, {1420, 9000, 1420}, {1420, 1499, 1419}, {1420, 1400, 1320}, {1420, 1280, 1200},
		{1300, 1500, 1300}, {1300, 1280, 1200}, {1420, 600, 576}, {1420, 68, 576}, {1420, 0, 576},
	} {
		if got := tunnelMTU(c.gateway, c.path); got != c.want {
			t.Errorf("gateway %d, path %d: %d, want %d", c.gateway, c.path, got, c.want)
		}
	}
}

// fakeAdapter is an adapter with only setMTU, which fails the first time.
type fakeAdapter struct {
	adapter
	set    chan int
	failed bool
}

func (s *fakeAdapter) setMTU(mtu int) error {
	s.set <- mtu
	if !s.failed {
		s.failed = true
		return errors.New("not now")
	}
	return nil
}

// TestWatchMTU: the MTU is set at the beginning and after a change, and again after an error. stop does not wait for a
// measurement.
func TestWatchMTU(t *testing.T) {
	gateway, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer gateway.Close()
	a := &fakeAdapter{set: make(chan int)}
	r := &running{adapter: a, pathChanges: make(chan struct{}, 1)}
	p := path{to: netip.MustParseAddrPort(gateway.LocalAddr().String())}
	if size, err := p.knownMTU(); err != nil || size < 1300+overhead {
		t.Errorf("the path to this computer: %d, %v", size, err)
	}
	w := watchMTU(p, 1300, r, func(string) {})
	for range [2]int{} {
		select {
		case mtu := <-a.set:
			if mtu != 1300 {
				t.Errorf("MTU %d", mtu)
			}
		case <-time.After(limit):
			t.Fatal("the MTU is not set")
		}
		r.pathChanged()
	}
	begun := time.Now()
	w.stop()
	if took := time.Since(begun); took > limit {
		t.Errorf("stopped after %v", took)
	}
	probe := make([]byte, 2000)
	if err := gateway.SetReadDeadline(time.Now().Add(limit)); err != nil {
		t.Fatal(err)
	}
	if n, err := gateway.Read(probe); err != nil || n != 1300+overhead-udpOverV4 || probe[0] != 0 {
		t.Errorf("a datagram of %d bytes, type %d, %v", n, probe[0], err)
	}
}
