package handlers

import (
	"bytes"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Downloads are what an administrator needs beside the installer.
type Downloads interface {
	Driver() bool              // the installer carries the driver of the VPN
	Policy() Archive           // templates of the group policy
	Portable() (Archive, bool) // the program for a share; false when this build has none
}

// Archive is a zip file. The same build always has the same bytes.
type Archive struct {
	Content []byte
	ETag    string // strong, quoted
}

// rollout are the lines that an administrator copies. The installer knows the address; from a share the program is told.
// The directory is that of installer.wxs.
func (s *Site) rollout(domain string) templates.Rollout {
	_, portable := s.Downloads.Portable()
	programs, err := s.Installer.Programs()
	if err != nil {
		s.Log.Error("cannot read the programs in the installer; the page shows no sums", "error", err)
	}
	paths := []string{`%ProgramFiles%\Ideco\Agent\IdecoAgent.exe`}
	if s.Downloads.Driver() {
		paths = append(paths, `%ProgramFiles%\Ideco\Agent\wintun.dll`)
	}
	return templates.Rollout{
		Command:       "msiexec /i IdecoAgent.msi /qn",
		Startup:       `msiexec /i \\server\share\IdecoAgent.msi /qn`,
		Logon:         `start "" \\server\share\IdecoAgent.exe utm_address=` + domain + " utm_pin=" + s.Root.Pin(),
		PortableReady: portable,
		Unblock:       "Unblock-File IdecoAgent*",
		Paths:         paths,
		Programs:      programs,
	}
}

// downloadPolicy serves the templates of the group policy.
func (s *Site) downloadPolicy(c echo.Context) error {
	return serveArchive(c, "IdecoAgent-policy.zip", s.Downloads.Policy())
}

// downloadPortable serves the program that is started from a share.
func (s *Site) downloadPortable(c echo.Context) error {
	archive, ok := s.Downloads.Portable()
	if !ok {
		return refusal{http.StatusNotFound, locale.PortableAbsent}
	}
	return serveArchive(c, "IdecoAgent-portable.zip", archive)
}

func serveArchive(c echo.Context, name string, archive Archive) error {
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/zip")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("ETag", archive.ETag)
	http.ServeContent(newMoving(c), c.Request(), name, time.Time{}, bytes.NewReader(archive.Content))
	return nil
}
