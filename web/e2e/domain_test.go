package e2e

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"ideco-agent/agent/needs"
)

// rootFile is a copy of the root as somebody installs it now.
func (g *gateway) rootFile() string {
	g.t.Helper()
	path := filepath.Join(g.t.TempDir(), "root.pem")
	if err := os.WriteFile(path, g.rootPEM(), 0o600); err != nil {
		g.t.Fatal(err)
	}
	return path
}

// opens opens a page of the portal under a name, whatever DNS says, with trust in a root alone. It asks Go, then OpenSSL.
func (g *gateway) opens(host, rootFile string) (status int, err error) {
	g.t.Helper()
	pem, err := os.ReadFile(rootFile)
	if err != nil {
		g.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(pem)
	status, err = g.openWith(host, &tls.Config{RootCAs: roots})
	needs.Program(g.t, "openssl", "openssl")
	check := []string{"-verify_hostname", host, "-servername", host}
	if _, err := netip.ParseAddr(host); err == nil {
		check = []string{"-verify_ip", host, "-noservername"}
	}
	args := append([]string{"s_client", "-connect", g.where.Portal[0], "-CAfile", rootFile, "-no-CApath", "-no-CAstore", "-x509_strict", "-verify_return_error"}, check...)
	if out, failed := exec.CommandContext(g.t.Context(), "openssl", args...).CombinedOutput(); (failed == nil) != (err == nil) {
		g.t.Errorf("%s: Go says %v, OpenSSL says %v\n%s", host, err, failed, out)
	}
	return status, err
}

func (g *gateway) openWith(host string, config *tls.Config) (status int, err error) {
	transport := &http.Transport{TLSClientConfig: config, DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{Timeout: patience}).DialContext(ctx, network, g.where.Portal[0])
	}}
	defer transport.CloseIdleConnections()
	page := url.URL{Scheme: "https", Host: net.JoinHostPort(host, "8443"), Path: "/login"}
	response, err := (&http.Client{Transport: transport, Timeout: patience}).Get(page.String())
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// TestAnotherDomain: after another domain is saved, those who know the gateway by the former one go on, until it is removed.
func TestAnotherDomain(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	admin := g.administrator()
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "127.0.0.1"}, nil)
	admin.user(map[string]any{"login": "anna"})
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "old.test"}, nil)
	installed := g.rootFile()
	agent := g.agent("anna", userPassword, "pc", "--root", installed)
	agent.waits("authorized")

	v := g.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/agent")
	v.submit("/admin/agent/domain", map[string]string{"auth_domain": "new.test"})
	v.sees(".question h1", "Сменить адрес шлюза на new.test?")
	v.sees(".question", "прежний не действует для new.test")
	v.submit("/admin/agent/domain", nil)
	v.sees(".things", "old.test")
	v.sees(".things", "подключался 1 агент") // by 127.0.0.1

	now := g.rootFile()
	goesOn := func(when string) {
		t.Helper()
		for _, c := range []struct {
			host, root string
			want       bool
		}{
			{"old.test", installed, true}, {"old.test", now, true}, {"new.test", now, true}, {"new.test", installed, false},
			{"localhost", installed, true}, {"127.0.0.1", installed, true}, {"other.test", now, false},
		} {
			if status, err := g.opens(c.host, c.root); (err == nil) != c.want || err == nil && status != http.StatusOK {
				t.Errorf("%s: %s with the root from before %v: %d, %v", when, c.host, c.root == installed, status, err)
			}
		}
	}
	goesOn("saved")
	g.kill(syscall.SIGKILL)
	g.startAgain()
	agent.waits("authorized") // comes back by itself
	goesOn("restarted")
	g.agent("anna", userPassword, "laptop", "--root", installed).waits("authorized")

	v = g.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/agent")
	v.sees(".things", "подключались 2 агента")
	v.submit("/admin/agent/domain/forget", nil) // of the newest one
	v.sees(".question h1", "Удалить прежний адрес old.test?")
	v.submit("/admin/agent/domain/forget", nil)
	v.seesNot("old.test")
	if status, err := g.opens("old.test", installed); err == nil {
		t.Errorf("removed, old.test still has a certificate: %d", status)
	}
	if status, err := g.openWith("old.test", &tls.Config{InsecureSkipVerify: true}); status != http.StatusMisdirectedRequest {
		t.Errorf("removed, old.test answers %d, %v", status, err)
	}
	if before, err := os.ReadFile(now); err != nil || !bytes.Equal(before, g.rootPEM()) {
		t.Errorf("removing a former domain issued another root (%v)", err)
	}
}
