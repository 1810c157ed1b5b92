package handlers

import (
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Installer makes the IdecoAgent.msi of this gateway.
type Installer interface {
	Ready() error // nil when there is a template
	// Image is the installer that knows the gateway's address and the pin of its root.
	Image(host, pin string) (Image, error)
	// Signed says whether Windows can tell who made the installer and the programs in it. If not, it warns people.
	Signed() bool
	// Programs are the installed programs; none when there is no template.
	Programs() ([]templates.Program, error)
}

// Image is one preset installer. The same gateway always gives the same bytes.
type Image interface {
	NewReader() io.ReadSeeker
	ETag() string // strong, quoted
	ModTime() time.Time
}

// Root is the gateway's own root certificate.
type Root interface {
	RootDER() []byte
	Pin() string // base64 SHA-256 of its SubjectPublicKeyInfo
}

// downloadAgent serves the installer to a person who is signed in.
func (s *Site) downloadAgent(c echo.Context) error {
	return s.serveInstaller(c)
}

// agentInstaller serves the installer to agents that update themselves: open on purpose, so the number of answers under
// way is limited.
func (s *Site) agentInstaller(c echo.Context) error {
	leave, ok := s.downloads.enter(who(c).Peer)
	if !ok {
		c.Response().Header().Set(echo.HeaderRetryAfter, "30")
		return refusal{http.StatusTooManyRequests, locale.TooManyDownload}
	}
	defer leave()
	return s.serveInstaller(c)
}

func (s *Site) serveInstaller(c echo.Context) error {
	now := s.Settings.Current()
	switch {
	case !now.Enabled:
		return refusal{http.StatusNotFound, string(agent.CodeAgentDisabled)}
	case now.Domain == "":
		return refusal{http.StatusNotFound, locale.DomainAbsent}
	case s.Installer.Ready() != nil:
		return refusal{http.StatusNotFound, locale.InstallerAbsent}
	}
	image, err := s.Installer.Image(now.Domain, s.Root.Pin())
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/x-msi")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="IdecoAgent.msi"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("ETag", image.ETag())
	http.ServeContent(newMoving(c), c.Request(), "IdecoAgent.msi", image.ModTime(), image.NewReader())
	return nil
}

// downloadRoot serves the root certificate in the form that Windows opens on a double click.
func (s *Site) downloadRoot(c echo.Context) error {
	c.Response().Header().Set(echo.HeaderContentDisposition, `attachment; filename="ideco-root.crt"`)
	return c.Blob(http.StatusOK, "application/x-x509-ca-cert", s.Root.RootDER())
}

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
