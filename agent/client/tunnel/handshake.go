package tunnel

import (
	"bufio"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.zx2c4.com/wireguard/device"
)

// timeouts configure a handshakeWatch.
type timeouts struct {
	firstHandshake time.Duration // a tunnel without a handshake counts as blocked after this time
	stale          time.Duration // a tunnel counts as blocked when its last handshake is this old
	pollDown       time.Duration // between two checks while the tunnel does not work
	pollUp         time.Duration // the same while it works
}

// WireGuard does not accept the keys of a handshake after 180 s. The keepalive triggers a new one every 120 s while
// packets get through.
var defaultTimeouts = timeouts{firstHandshake: 10 * time.Second, stale: 195 * time.Second, pollDown: 100 * time.Millisecond, pollUp: 2 * time.Second}

// handshakeWatch reports when a tunnel begins and stops working.
type handshakeWatch struct {
	works    chan bool
	timeouts timeouts
	quit     chan struct{} // closed by stop
	once     sync.Once     // for stop
	done     sync.WaitGroup
}

func watchHandshakes(d *device.Device, t timeouts) *handshakeWatch {
	w := &handshakeWatch{works: make(chan bool), timeouts: t, quit: make(chan struct{})}
	w.done.Add(1)
	go w.run(d)
	return w
}

// stop stops the watch and waits for its goroutine. It may be called again, also concurrently.
func (w *handshakeWatch) stop() {
	w.once.Do(func() { close(w.quit) })
	w.done.Wait()
}

func (w *handshakeWatch) run(d *device.Device) {
	defer w.done.Done()
	started := time.Now()
	works, reported := false, false
	for {
		last := lastHandshake(d)
		now := !last.IsZero() && time.Since(last) < w.timeouts.stale
		if now != works || !now && !reported && time.Since(started) >= w.timeouts.firstHandshake {
			if !w.report(now) {
				return
			}
			works, reported = now, true
		}
		if !w.pause(works) {
			return
		}
	}
}

func (w *handshakeWatch) report(works bool) bool {
	select {
	case w.works <- works:
		return true
	case <-w.quit:
		return false
	}
}

func (w *handshakeWatch) pause(works bool) bool {
	d := w.timeouts.pollDown
	if works {
		d = w.timeouts.pollUp
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

// lastHandshake returns the time of the last handshake with the device's only peer; zero = there was none.
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
