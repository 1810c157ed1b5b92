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

// Installer builds the IdecoAgent.msi of this gateway.
type Installer interface {
	Ready() error // nil if this build has a template
	// Preset returns the installer with the gateway's address and the pin of its root.
	Preset(host, pin string) (PresetInstaller, error)
	Size() int64 // of the installer, whatever the preset; 0 without a template
	// Signed reports whether the installer and its programs have a code signature. Without one Windows warns.
	Signed() bool
	// Programs returns the programs in the installer; none without a template.
	Programs() ([]templates.Program, error)
}

// PresetInstaller is an installer with a preset. Its bytes depend only on the preset.
type PresetInstaller interface {
	NewReader() io.ReadSeeker
	ETag() string // strong, quoted
	ModTime() time.Time
}

// downloadAgent serves the installer to signed-in people.
func (s *Site) downloadAgent(c echo.Context) error {
	return s.serveInstaller(c)
}

// agentInstaller serves the installer to agents that update themselves. It needs no login, so the number of downloads is
// limited.
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
	msi, err := s.Installer.Preset(now.Domain, s.Root.Pin())
	if err != nil {
		return err
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/x-msi")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="IdecoAgent.msi"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("ETag", msi.ETag())
	http.ServeContent(newSlowDownloadCutter(c), c.Request(), "IdecoAgent.msi", msi.ModTime(), msi.NewReader())
	return nil
}
