package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// slowCutter ends a download that sends nothing for downloadStall, or that is slower than downloadRate after its first
// minute. Otherwise slow readers could hold all download slots.
type slowCutter struct {
	http.ResponseWriter
	started time.Time
	written int64 // bytes
}

const (
	downloadStall = time.Minute
	downloadRate  = 4 << 10 // bytes a second; slow mobile networks are faster
)

func newSlowCutter(c echo.Context) *slowCutter { return &slowCutter{c.Response(), time.Now(), 0} }

func (m *slowCutter) Write(b []byte) (int, error) {
	deadline := m.started.Add(downloadStall + time.Duration(m.written)*time.Second/downloadRate)
	if stalled := time.Now().Add(downloadStall); stalled.Before(deadline) {
		deadline = stalled
	}
	_ = http.NewResponseController(m.ResponseWriter).SetWriteDeadline(deadline)
	n, err := m.ResponseWriter.Write(b)
	m.written += int64(n)
	return n, err
}

func (m *slowCutter) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// The limits of simultaneous downloads from the agent endpoint: in total, to one IPv6 /56 outside, and to one host. The totals
// of the LAN and of outside are separate.
const (
	maxDownloads        = 20
	maxDownloadsSite    = 4
	maxDownloadsAddress = 2
)

// downloadSlots counts the downloads under way. The zero value is ready.
type downloadSlots struct {
	mu     sync.Mutex           // guards the fields below
	total  map[bool]int         // key: into the LAN
	byPeer map[netip.Prefix]int // key: host, and the /56 if there is one
}

// enter takes a slot; leave frees it.
func (d *downloadSlots) enter(peer agent.Peer) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	host, site := peer.Host(), peer.CustomerNetwork()
	if d.total[peer.Inside] >= maxDownloads || d.byPeer[host] >= maxDownloadsAddress || d.byPeer[site] >= maxDownloadsSite {
		return nil, false
	}
	if d.byPeer == nil {
		d.total, d.byPeer = map[bool]int{}, map[netip.Prefix]int{}
	}
	d.count(peer.Inside, 1, host, site)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.count(peer.Inside, -1, host, site)
	}, true
}

// count adds n downloads. The caller holds mu.
func (d *downloadSlots) count(inside bool, n int, peers ...netip.Prefix) {
	d.total[inside] += n
	for _, at := range peers {
		if !at.IsValid() {
			continue // no /56
		}
		if d.byPeer[at] += n; d.byPeer[at] == 0 {
			delete(d.byPeer, at)
		}
	}
}
