package handlers

import (
	"io"
	"net/http"
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
