package e2e

import (
	"archive/zip"
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/needs"
)

// TestInstaller: the downloaded installer contains the gateway's address and the pin of its root, and is the same for all.
func TestInstaller(t *testing.T) {
	t.Parallel()
	needs.Program(t, "msiinfo", "msitools")
	g := startGateway(t)
	admin := g.administrator()
	page := "https://" + g.where.Portal[0] + "/download/IdecoAgent.msi"
	fetch := func(url string, header http.Header) (*http.Response, []byte) {
		t.Helper()
		request, err := http.NewRequest("GET", url, nil)
		if err != nil {
			t.Fatal(err)
		}
		for name, values := range header {
			request.Header[name] = values
		}
		response, err := admin.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, b
	}
	open := "https://" + g.where.Agents[0] + "/IdecoAgent.msi"
	for _, url := range []string{page, open} {
		if response, _ := fetch(url, nil); response.StatusCode != http.StatusNotFound {
			t.Errorf("agent off: %s answers %d", url, response.StatusCode)
		}
	}
	admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	if response, _ := fetch(page, nil); response.StatusCode != http.StatusNotFound {
		t.Errorf("no domain: %d", response.StatusCode)
	}

	codes := map[string]string{}
	for _, domain := range []string{"gw.example.test", "10.20.30.40", "gw.example.test"} {
		admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": domain}, nil)
		response, msi := fetch(page, nil)
		if response.StatusCode == http.StatusNotFound {
			needs.Skip(t, "this build has no installer (make build, with wixl and msitools installed)")
		}
		_, other := fetch(open, nil)
		if !bytes.Equal(msi, other) {
			t.Errorf("%s: portal and agent endpoint serve different installers", domain)
		}
		properties := export(t, msi, "Property")
		if properties["UTM_ADDRESS"] != domain || properties["PresetPin"] != g.pin() {
			t.Errorf("%s: UTM_ADDRESS %q, PresetPin %q, want the pin %q", domain, properties["UTM_ADDRESS"], properties["PresetPin"], g.pin())
		}
		code := properties["ProductCode"]
		if before := codes[domain]; before != "" && before != code {
			t.Errorf("%s: ProductCode %s, before %s", domain, code, before)
		}
		codes[domain] = code

		etag := response.Header.Get("ETag")
		if response, _ := fetch(page, http.Header{"If-None-Match": {etag}}); response.StatusCode != http.StatusNotModified {
			t.Errorf("%s: with its ETag %s: %d", domain, etag, response.StatusCode)
		}
		part, b := fetch(page, http.Header{"Range": {"bytes=1000-1999"}, "If-Range": {etag}})
		if part.StatusCode != http.StatusPartialContent || !bytes.Equal(b, msi[1000:2000]) {
			t.Errorf("%s: Range: %d with %d bytes", domain, part.StatusCode, len(b))
		}
	}
	if codes["gw.example.test"] == codes["10.20.30.40"] {
		t.Error("two addresses have one ProductCode")
	}
	anonymous, err := g.client(netip.Addr{}).Get(page)
	if err != nil {
		t.Fatal(err)
	}
	anonymous.Body.Close()
	if anonymous.Request.URL.Path != "/login" {
		t.Errorf("nobody gets %s from the portal", anonymous.Request.URL)
	}
}

// TestRollout: an administrator downloads the files for many computers.
func TestRollout(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	for _, c := range []struct {
		name string
		want []string
	}{
		{"IdecoAgent-policy.zip", []string{"IdecoAgent.admx", "en-US/IdecoAgent.adml", "ru-RU/IdecoAgent.adml"}},
		{"IdecoAgent-portable.zip", []string{"IdecoAgent-Windows8.exe", "IdecoAgent.exe", "README.txt"}},
	} {
		response, err := admin.Get("https://" + g.where.Portal[0] + "/download/" + c.name)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		if response.StatusCode == http.StatusNotFound && c.name == "IdecoAgent-portable.zip" {
			needs.Skip(t, "this build has no program for a share (make build)")
		}
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		var files []string
		for _, f := range archive.File {
			files = append(files, f.Name)
		}
		slices.Sort(files)
		if !slices.Equal(files, c.want) {
			t.Errorf("%s holds %q, want %q", c.name, files, c.want)
		}
	}
}

// pin computes the pin of the gateway's root.
func (g *gateway) pin() string {
	g.t.Helper()
	return pinOfFile(g.t, filepath.Join(g.data, "root.pem"))
}

// pinOfFile computes the pin of the root in a PEM file.
func pinOfFile(t testing.TB, path string) string {
	t.Helper()
	certificate, err := x509.ParseCertificate(pemFile(t, path))
	if err != nil {
		t.Fatal(err)
	}
	return gatewaytest.Pin(certificate)
}

// pemFile returns the content of the first PEM block of a file.
func pemFile(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		t.Fatalf("%s has no PEM", path)
	}
	return block.Bytes
}

// export reads a two-column table with msitools.
func export(t *testing.T, msi []byte, table string) map[string]string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "IdecoAgent.msi")
	if err := os.WriteFile(file, msi, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("msiinfo", "export", file, table).Output()
	if err != nil {
		t.Fatalf("msiinfo export %s: %v", table, err)
	}
	rows := map[string]string{}
	for _, line := range strings.Split(string(out), "\n") {
		if key, value, ok := strings.Cut(strings.TrimRight(line, "\r"), "\t"); ok {
			rows[key] = value
		}
	}
	return rows
}
