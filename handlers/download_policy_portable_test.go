package handlers

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"ideco-agent/templates"
)

type wholeBuild struct{ policyAlone }

func (wholeBuild) Portable() (ZipFile, bool) { return zipFile("portable"), true }

func zipFile(content string) ZipFile {
	return ZipFile{strings.NewReader(content), func() (string, error) { return `"tag"`, nil }}
}

// TestDeploymentDownloads: an administrator gets both archives, or a message if this build has none.
func TestDeploymentDownloads(t *testing.T) {
	s := newSite(t)
	h, boss := s.PortalHandler(), signIn(t, s, "boss")
	const policy, portable = "/download/IdecoAgent-policy.zip", "/download/IdecoAgent-portable.zip"
	w := ask(h, "GET", portable, page, inLAN, boss)
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "Программы для общей папки в этой сборке шлюза нет") {
		t.Errorf("absent: %d %s", w.Code, w.Body)
	}
	s.Downloads = wholeBuild{}
	for path, want := range map[string]string{policy: "policy", portable: "portable"} {
		w := ask(h, "GET", path, page, inLAN, boss)
		if w.Code != http.StatusOK || w.Body.String() != want || w.Header().Get("Content-Type") != "application/zip" {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
		if got, want := w.Header().Get("Content-Disposition"), `attachment; filename="`+strings.TrimPrefix(path, "/download/")+`"`; got != want {
			t.Errorf("%s: %s", path, got)
		}
		if w := ask(h, "GET", path, page, inLAN, signIn(t, s, "ivanov")); w.Code != http.StatusForbidden {
			t.Errorf("%s for a user: %d", path, w.Code)
		}
	}
}

// TestDeploymentLines: the command line for a network share contains this gateway's address.
func TestDeploymentLines(t *testing.T) {
	s := newSite(t)
	got := s.deployment("gw.example.test")
	if want := `start "" \\server\share\IdecoAgent.exe utm_address=gw.example.test utm_pin=`; got.Logon != want || got.PortableReady {
		t.Errorf("%+v, want %q", got, want)
	}
}

type brokenInstaller struct{ noInstaller }

func (brokenInstaller) Programs() ([]templates.Program, error) { return nil, errors.New("broken") }

type withDriver struct{ policyAlone }

func (withDriver) Driver() bool { return true }

// TestDeploymentPrograms: the page lists the installed files, also if their hashes cannot be read.
func TestDeploymentPrograms(t *testing.T) {
	s := newSite(t)
	s.Installer = brokenInstaller{}
	program, driver := `%ProgramFiles%\Ideco\Agent\IdecoAgent.exe`, `%ProgramFiles%\Ideco\Agent\wintun.dll`
	if got := s.deployment("gw.example.test"); !slices.Equal(got.Paths, []string{program}) || got.Programs != nil {
		t.Errorf("%+v", got)
	}
	s.Downloads = withDriver{}
	if got := s.deployment("gw.example.test"); !slices.Equal(got.Paths, []string{program, driver}) {
		t.Errorf("with the driver: %+v", got)
	}
}
