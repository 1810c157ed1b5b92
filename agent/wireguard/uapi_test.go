package wireguard

import (
	"bufio"
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun"
	"golang.zx2c4.com/wireguard/tun/tuntest"
)

// TestUAPIEnds: close ends open connections, and a later one gets no answer.
func TestUAPIEnds(t *testing.T) {
	dev := device.NewDevice(tuntest.NewChannelTUN().TUN(), conn.NewDefaultBind(), goLogger(logOf(t)))
	path := filepath.Join(t.TempDir(), "socket")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	u := serveUAPI(l, dev)
	idle := dialUAPI(t, path)
	if _, err := io.WriteString(idle, "get=1\n\n"); err != nil {
		t.Fatal(err)
	}
	answer := bufio.NewReader(idle)
	if line, err := answer.ReadString('\n'); err != nil || line == "" {
		t.Fatalf("%q (%v)", line, err)
	}
	gone := dialUAPI(t, path)
	gone.Close()
	dev.Close()
	u.close()
	if _, err := io.Copy(io.Discard, answer); err != nil && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the connection was not ended: %v", err)
	}
	if len(u.conns) != 0 {
		t.Errorf("%d connections are left", len(u.conns))
	}
	late, other := net.Pipe()
	u.begin(late)
	if _, err := other.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a late connection is answered: %v", err)
	}
}

func dialUAPI(t *testing.T, path string) net.Conn {
	t.Helper()
	c, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// eventTUN is an interface that only reports events.
type eventTUN struct {
	tun.Device
	events chan tun.Event
}

func (t *eventTUN) Events() <-chan tun.Event { return t.events }

func (t *eventTUN) Close() error {
	close(t.events)
	return nil
}

// TestSteadyTUNEnds: the goroutine of steadyTUN ends although nobody receives the last event; otherwise synctest fails.
func TestSteadyTUNEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		inner := &eventTUN{events: make(chan tun.Event, 5)}
		s := newSteadyTUN(inner)
		inner.events <- tun.EventUp
		inner.events <- tun.EventMTUUpdate
		if e := <-s.Events(); e != tun.EventMTUUpdate {
			t.Errorf("event %d came through", e)
		}
		inner.events <- tun.EventMTUUpdate
		inner.events <- tun.EventDown
		inner.events <- tun.EventMTUUpdate
		synctest.Wait()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}
