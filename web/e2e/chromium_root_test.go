//go:build browser

package e2e

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"ideco-agent/agent/needs"
)

// withRoot starts a browser on whose computer a root is installed. Names below .test lead to this computer.
func (g *gateway) withRoot(t *testing.T, rootFile string) *tab {
	t.Helper()
	needs.Program(t, "certutil", "libnss3-tools")
	home := t.TempDir()
	db := filepath.Join(home, ".pki", "nssdb")
	if err := os.MkdirAll(db, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "gateway", "-t", "C,,", "-i", rootFile}} {
		if out, err := exec.CommandContext(t.Context(), "certutil", append([]string{"-d", "sql:" + db}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %s: %v\n%s", args, err, out)
		}
	}
	return g.chromium(t, chromedp.Flag("ignore-certificate-errors-spki-list", false), chromedp.Env("HOME="+home),
		chromedp.Flag("host-resolver-rules", "MAP *.test 127.0.0.1"))
}

// trusts reports whether the browser opens the portal under a name or address.
func (b *tab) trusts(host string) bool {
	b.t.Helper()
	_, port, err := net.SplitHostPort(b.g.where.Portal[0])
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	err = chromedp.Do(ctx, chromedp.Navigate("https://"+net.JoinHostPort(host, port)+"/login"))
	if err == nil {
		b.sees("h1", "Вход")
		return true
	}
	if !strings.Contains(err.Error(), "ERR_CERT_") {
		b.t.Errorf("%s: %v", host, err)
	}
	return false
}

// TestRootInChromium: a browser that has the root of the former domain still opens the portal under it, and under the new
// domain with the new root.
func TestRootInChromium(t *testing.T) {
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "old.test"}, nil)
	former := g.rootFile()
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "new.test"}, nil)
	for _, c := range []struct {
		what, root string
		trusted    map[string]bool
	}{
		{"with the root from before", former, map[string]bool{"old.test": true, "new.test": false, "localhost": true, "127.0.0.1": true}},
		{"with the root of now", g.rootFile(), map[string]bool{"old.test": true, "new.test": true, "127.0.0.1": true, "other.test": false}},
	} {
		b := g.withRoot(t, c.root)
		for host, want := range c.trusted {
			if b.trusts(host) != want {
				t.Errorf("%s: %s is trusted: %v", c.what, host, !want)
			}
		}
	}
}
