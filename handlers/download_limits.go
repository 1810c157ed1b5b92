package handlers

import (
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
)

// slowDownloadCutter ends a download when one write takes longer than downloadStall, or when the whole download takes
// downloadStall longer than at downloadRate. Otherwise slow readers could hold all download slots.
type slowDownloadCutter struct {
	http.ResponseWriter
	started time.Time // of the first write
	written int64     // bytes
}

const (
	downloadStall = time.Minute
	downloadRate  = 4 << 10 // bytes a second; slow mobile networks are faster
)

func newSlowDownloadCutter(c echo.Context) *slowDownloadCutter {
	return &slowDownloadCutter{ResponseWriter: c.Response()}
}

func (c *slowDownloadCutter) Write(b []byte) (int, error) {
	if c.started.IsZero() {
		c.started = time.Now()
	}
	deadline := c.started.Add(downloadStall + time.Duration(c.written)*time.Second/downloadRate)
	if stalled := time.Now().Add(downloadStall); stalled.Before(deadline) {
		deadline = stalled
	}
	_ = http.NewResponseController(c.ResponseWriter).SetWriteDeadline(deadline)
	n, err := c.ResponseWriter.Write(b)
	c.written += int64(n)
	return n, err
}

func (c *slowDownloadCutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// The limits of simultaneous downloads from the agent endpoint, and of exported tables: in total, to one IPv6 /56 outside, and to
// one host. The totals of the LAN and of outside are separate.
const (
	maxDownloads         = 20
	maxDownloadsCustomer = 4
	maxDownloadsHost     = 2
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
	host, customer := peer.Host(), peer.CustomerNetwork()
	if d.total[peer.Inside] >= maxDownloads || d.byPeer[host] >= maxDownloadsHost || d.byPeer[customer] >= maxDownloadsCustomer {
		return nil, false
	}
	if d.byPeer == nil {
		d.total, d.byPeer = map[bool]int{}, map[netip.Prefix]int{}
	}
	d.count(peer.Inside, 1, host, customer)
	return func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.count(peer.Inside, -1, host, customer)
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
