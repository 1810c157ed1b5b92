package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// moving cuts an answer of which nothing has gone out for a minute, or which is slower than downloadRate on the whole after
// its first minute, so that a place is not held by doing next to nothing.
type moving struct {
	http.ResponseWriter
	started time.Time
	written int64 // bytes
}

const (
	downloadStall = time.Minute
	downloadRate  = 4 << 10 // bytes a second, which slow mobile networks reach
)

func newMoving(c echo.Context) *moving { return &moving{c.Response(), time.Now(), 0} }

func (m *moving) Write(b []byte) (int, error) {
	deadline := m.started.Add(downloadStall + time.Duration(m.written)*time.Second/downloadRate)
	if stalled := time.Now().Add(downloadStall); stalled.Before(deadline) {
		deadline = stalled
	}
	_ = http.NewResponseController(m.ResponseWriter).SetWriteDeadline(deadline)
	n, err := m.ResponseWriter.Write(b)
	m.written += int64(n)
	return n, err
}

func (m *moving) Unwrap() http.ResponseWriter { return m.ResponseWriter }

// How many open downloads the agent endpoint serves at once: in all, to one IPv6 /56 outside and to one host. The LAN has
// places of its own.
const (
	maxDownloads        = 20
	maxDownloadsSite    = 4
	maxDownloadsAddress = 2
)

// downloadSlots counts the downloads under way. The zero value is ready.
type downloadSlots struct {
	mu     sync.Mutex           // guards the fields below
	total  map[bool]int         // by whether they go into the LAN
	byPeer map[netip.Prefix]int // by host, and by site where there is one
}

// enter takes a place; leave gives it back.
func (d *downloadSlots) enter(peer agent.Peer) (leave func(), ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	host, site := peer.Host(), peer.Site()
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
			continue // no site
		}
		if d.byPeer[at] += n; d.byPeer[at] == 0 {
			delete(d.byPeer, at)
		}
	}
}
