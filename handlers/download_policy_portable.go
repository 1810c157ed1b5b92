package handlers

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Downloads serves administrators the files beside the installer.
type Downloads interface {
	Driver() bool              // the installer contains the VPN driver
	Policy() ZipFile           // group policy templates
	Portable() (ZipFile, bool) // the program for a network share; false if this build has none
}

// ZipFile is a zip file. A build always has the same bytes.
type ZipFile struct {
	Content interface {
		io.ReaderAt
		Size() int64
	}
	ETag func() (string, error) // strong, quoted
}

// deployment returns the command lines that an administrator copies. From a share the program gets the address by arguments.
// The directory is that of installer.wxs.
func (s *Site) deployment(domain string) templates.Deployment {
	_, portable := s.Downloads.Portable()
	programs, err := s.Installer.Programs()
	if err != nil {
		s.Log.Error("cannot read the programs in the installer; the page shows no sums", "error", err)
	}
	paths := []string{`%ProgramFiles%\Ideco\Agent\IdecoAgent.exe`}
	if s.Downloads.Driver() {
		paths = append(paths, `%ProgramFiles%\Ideco\Agent\wintun.dll`)
	}
	return templates.Deployment{
		Command:       "msiexec /i IdecoAgent.msi /qn",
		Startup:       `msiexec /i \\server\share\IdecoAgent.msi /qn`,
		Logon:         `start "" \\server\share\IdecoAgent.exe utm_address=` + domain + " utm_pin=" + s.Root.Pin(),
		PortableReady: portable,
		Unblock:       "Unblock-File IdecoAgent*",
		Paths:         paths,
		Programs:      programs,
	}
}

// downloadPolicy serves the group policy templates.
func (s *Site) downloadPolicy(c echo.Context) error {
	return serveArchive(c, "IdecoAgent-policy.zip", s.Downloads.Policy())
}

// downloadPortable serves the program for a network share.
func (s *Site) downloadPortable(c echo.Context) error {
	archive, ok := s.Downloads.Portable()
	if !ok {
		return refusal{http.StatusNotFound, locale.PortableAbsent}
	}
	return serveArchive(c, "IdecoAgent-portable.zip", archive)
}

func serveArchive(c echo.Context, name string, archive ZipFile) error {
	tag, err := archive.ETag()
	if err != nil {
		return fmt.Errorf("hash %s: %w", name, err)
	}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, "application/zip")
	h.Set(echo.HeaderContentDisposition, `attachment; filename="`+name+`"`)
	h.Set(echo.HeaderCacheControl, "private, no-cache")
	h.Set("ETag", tag)
	http.ServeContent(newSlowDownloadCutter(c), c.Request(), name, time.Time{}, io.NewSectionReader(archive.Content, 0, archive.Content.Size()))
	return nil
}
