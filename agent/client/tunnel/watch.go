package tunnel

import (
	"bufio"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"
)

// patience is what the watch waits for.
type patience struct {
	first  time.Duration // until a tunnel without a handshake counts as blocked
	stale  time.Duration // until one counts as blocked that has had no handshake any more
	look   time.Duration // between two looks while nothing comes through
	relook time.Duration // while the tunnel works
}

// WireGuard does not accept the keys of a handshake after 180 s. The keepalive makes a new one every 120 s as long as
// packets get through.
var usualPatience = patience{first: 10 * time.Second, stale: 195 * time.Second, look: 100 * time.Millisecond, relook: 2 * time.Second}

// watch tells when a tunnel begins to work and when it stops.
type watch struct {
	works    chan bool
	patience patience
	quit     chan struct{}
	done     sync.WaitGroup
}

func newWatch(d *device.Device, p patience) *watch {
	w := &watch{works: make(chan bool), patience: p, quit: make(chan struct{})}
	w.done.Add(1)
	go w.run(d)
	return w
}

// stop returns when the watch says nothing more. It may be called again.
func (w *watch) stop() {
	select {
	case <-w.quit:
	default:
		close(w.quit)
	}
	w.done.Wait()
}

func (w *watch) run(d *device.Device) {
	defer w.done.Done()
	begun := time.Now()
	works, told := false, false
	for {
		shakes := lastHandshake(d)
		now := !shakes.IsZero() && time.Since(shakes) < w.patience.stale
		if now != works || !now && !told && time.Since(begun) >= w.patience.first {
			if !w.tell(now) {
				return
			}
			works, told = now, true
		}
		if !w.pause(works) {
			return
		}
	}
}

func (w *watch) tell(works bool) bool {
	select {
	case w.works <- works:
		return true
	case <-w.quit:
		return false
	}
}

func (w *watch) pause(works bool) bool {
	d := w.patience.look
	if works {
		d = w.patience.relook
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-w.quit:
		return false
	}
}

// lastHandshake is when the peer last agreed on keys, zero when it never did. The device lists its only peer's values
// one a line.
func lastHandshake(d *device.Device) time.Time {
	state, err := d.IpcGet()
	if err != nil {
		return time.Time{}
	}
	var seconds, nanoseconds int64
	for lines := bufio.NewScanner(strings.NewReader(state)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), "=")
		switch name {
		case "last_handshake_time_sec":
			seconds, _ = strconv.ParseInt(value, 10, 64)
		case "last_handshake_time_nsec":
			nanoseconds, _ = strconv.ParseInt(value, 10, 64)
		}
	}
	if seconds == 0 && nanoseconds == 0 {
		return time.Time{}
	}
	return time.Unix(seconds, nanoseconds)
}
