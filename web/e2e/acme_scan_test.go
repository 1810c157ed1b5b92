//go:build acme

package e2e

import (
	"encoding/json"
	"encoding/xml"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent/needs"
)

// TestACMEScan: two foreign scanners find nothing of note at the portal and at the agent endpoint.
func TestACMEScan(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	for name, port := range map[string]struct {
		address  string
		versions []string
	}{
		"portal": {g.where.Portal[0], []string{"1.2", "1.3"}},
		"agents": {g.where.Agents[0], []string{"1.3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sslscan(t, port.address, port.versions)
			testssl(t, port.address)
		})
	}
}

// sslscan fails the test if the server speaks other versions of TLS than these, or has anything that sslscan marks. Nil versions are
// not compared.
func sslscan(t *testing.T, address string, versions []string, flags ...string) {
	t.Helper()
	needs.Program(t, "sslscan", "sslscan")
	out, err := exec.CommandContext(t.Context(), "sslscan", append(flags, "--no-colour", "--xml=-", address)...).Output()
	if err != nil {
		t.Fatalf("sslscan: %v\n%s", err, out)
	}
	var found struct {
		Test struct {
			Protocols []struct {
				Type    string `xml:"type,attr"`
				Version string `xml:"version,attr"`
				Enabled int    `xml:"enabled,attr"`
			} `xml:"protocol"`
			Renegotiation struct {
				Supported int `xml:"supported,attr"`
			} `xml:"renegotiation"`
			Compression *struct {
				Supported int `xml:"supported,attr"`
			} `xml:"compression"`
			Heartbleed []struct {
				Vulnerable int `xml:"vulnerable,attr"`
			} `xml:"heartbleed"`
			Ciphers []struct {
				Name     string `xml:"cipher,attr"`
				Strength string `xml:"strength,attr"`
			} `xml:"cipher"`
			Groups []struct {
				Name string `xml:"name,attr"`
				Bits int    `xml:"bits,attr"`
			} `xml:"group"`
			Certificates []struct {
				Signature string `xml:"signature-algorithm"`
				Key       struct {
					Error bool `xml:"error,attr"`
				} `xml:"pk"`
				SelfSigned bool `xml:"self-signed"`
				Expired    bool `xml:"expired"`
			} `xml:"certificates>certificate"`
		} `xml:"ssltest"`
	}
	if err := xml.Unmarshal(out, &found); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	r := found.Test
	var spoken []string
	for _, p := range r.Protocols {
		if p.Enabled != 0 {
			spoken = append(spoken, p.Version)
		}
		if p.Enabled != 0 && p.Type != "tls" {
			t.Errorf("it speaks %s %s", p.Type, p.Version)
		}
	}
	if versions != nil && !slices.Equal(spoken, versions) {
		t.Errorf("it speaks TLS %v, want %v", spoken, versions)
	}
	bad := r.Renegotiation.Supported != 0 || r.Compression != nil && r.Compression.Supported != 0 ||
		len(r.Heartbleed) == 0 || len(r.Ciphers) == 0 || len(r.Groups) == 0 || len(r.Certificates) == 0
	for _, h := range r.Heartbleed {
		bad = bad || h.Vulnerable != 0
	}
	for _, c := range r.Ciphers {
		bad = bad || c.Strength != "acceptable" && c.Strength != "strong" || !strings.Contains(c.Name, "GCM") && !strings.Contains(c.Name, "CHACHA20")
	}
	for _, group := range r.Groups {
		bad = bad || group.Bits < 128
	}
	for _, c := range r.Certificates {
		bad = bad || !slices.Contains([]string{"ecdsa-with-SHA256", "sha256WithRSAEncryption"}, c.Signature) || c.Key.Error || c.SelfSigned || c.Expired
	}
	if bad {
		t.Errorf("sslscan found something:\n%s", out)
	}
}

// testssl fails the test if testssl.sh finds anything that is neither OK nor information about the protocols, forward secrecy and
// known vulnerabilities.
func testssl(t *testing.T, address string) {
	t.Helper()
	needs.Program(t, "testssl", "testssl.sh")
	file := filepath.Join(t.TempDir(), "found.json")
	out, err := exec.CommandContext(t.Context(), "testssl", "--quiet", "--color", "0", "--warnings", "off", "--protocols", "--fs", "--vulnerable",
		"--jsonfile", file, "https://"+address).CombinedOutput()
	b, failed := os.ReadFile(file)
	var found []struct{ ID, Severity, Finding string }
	if failed != nil || json.Unmarshal(b, &found) != nil || len(found) < 20 {
		t.Fatalf("testssl: %v, %v\n%s\n%s", err, failed, out, b)
	}
	for _, f := range found {
		// Its own OpenSSL lacks engines, which it does not need here.
		if f.ID != "engine_problem" && f.Severity != "OK" && f.Severity != "INFO" {
			t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
		}
	}
}
