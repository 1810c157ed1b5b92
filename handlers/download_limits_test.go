package handlers

import (
	"fmt"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// TestDownloadSlots: maxDownloads at once outside, maxDownloadsHost of them per host. Each one frees its slot.
func TestDownloadSlots(t *testing.T) {
	var d downloadSlots
	one := netip.MustParseAddr("192.0.2.1")
	var leave []func()
	for i := range maxDownloadsHost {
		l, ok := d.enter(agent.Peer{Addr: one})
		if !ok {
			t.Fatalf("download %d of one host is refused", i+1)
		}
		leave = append(leave, l)
	}
	if _, ok := d.enter(agent.Peer{Addr: one}); ok {
		t.Error("one host takes too many")
	}
	other := one
	for len(leave) < maxDownloads {
		other = other.Next()
		l, ok := d.enter(agent.Peer{Addr: other})
		if !ok {
			t.Fatalf("download %d is refused", len(leave)+1)
		}
		leave = append(leave, l)
	}
	if _, ok := d.enter(agent.Peer{Addr: other.Next()}); ok {
		t.Error("too many at once")
	}
	inside, ok := d.enter(agent.Peer{Addr: inLAN, Inside: true})
	if !ok {
		t.Error("downloads outside take the slots of the LAN")
	}
	inside()
	for _, l := range leave {
		l()
	}
	if _, ok := d.enter(agent.Peer{Addr: one}); !ok || len(d.byPeer) != 1 {
		t.Errorf("slots do not come back: %+v", d.byPeer)
	}
}

// TestDownloadSlotsOfACustomer: all hosts of one IPv6 /56 have 4 slots together.
func TestDownloadSlotsOfACustomer(t *testing.T) {
	var d downloadSlots
	var leave []func()
	for i := range 10 {
		host := netip.MustParseAddr(fmt.Sprintf("2001:db8:0:%x::1", i))
		if l, ok := d.enter(agent.Peer{Addr: host}); ok {
			leave = append(leave, l)
		}
	}
	if len(leave) != 4 {
		t.Errorf("one customer has %d downloads", len(leave))
	}
	if _, ok := d.enter(agent.Peer{Addr: netip.MustParseAddr("2001:db8:0:100::1")}); !ok {
		t.Error("another customer is refused")
	}
	for _, l := range leave {
		l()
	}
	if len(d.byPeer) != 2 {
		t.Errorf("slots do not come back: %+v", d.byPeer)
	}
}

// deadlines records the last write deadline.
type deadlines struct {
	*httptest.ResponseRecorder
	last time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error {
	d.last = at
	return nil
}

// TestDownloadRate: each write may take a minute, and the whole download at most a minute longer than at downloadRate.
func TestDownloadRate(t *testing.T) {
	for _, c := range []struct {
		name    string
		since   time.Duration // time since its start
		written int64
		left    time.Duration // time left for the next write
	}{
		{"at the start", 0, 0, time.Minute},
		{"fast", time.Minute, 100 << 20, time.Minute},
		{"just fast enough", 10 * time.Minute, 10 * 60 * downloadRate, time.Minute},
		{"rather slow", 10 * time.Minute, 10*60*downloadRate - 30*downloadRate, 30 * time.Second},
		{"some KB a minute", time.Hour, 10 * downloadRate, 70*time.Second - time.Hour},
	} {
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		cutter := slowDownloadCutter{d, time.Now().Add(-c.since), c.written}
		if n, err := cutter.Write([]byte("abc")); n != 3 || err != nil || cutter.written != c.written+3 {
			t.Errorf("%s: wrote %d, %v; %d in all", c.name, n, err, cutter.written)
		}
		if off := time.Until(d.last) - c.left; off > time.Second || off < -5*time.Second {
			t.Errorf("%s: %s left, want %s", c.name, time.Until(d.last), c.left)
		}
	}
	synctest.Test(t, func(t *testing.T) { // a workbook is made before its first byte
		d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		cutter := newSlowDownloadCutter(echo.New().NewContext(httptest.NewRequest("GET", "/", nil), d))
		<-time.After(time.Hour)
		if _, err := cutter.Write([]byte("abc")); err != nil || time.Until(d.last) != time.Minute {
			t.Errorf("%v, %s left after an hour without a byte", err, time.Until(d.last))
		}
	})
}
