//go:build acme

package acmelab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"

	"ideco-agent/agent/netlab"
)

const name = "portal.example.test"

// issue orders a certificate by autocert alone. With an error it also returns what the CA said.
func issue(t *testing.T, ca *CA) (*tls.Certificate, string, error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca.RootPEM)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}}
	t.Cleanup(transport.CloseIdleConnections)
	answers := &recorder{RoundTripper: transport}
	m := &autocert.Manager{Prompt: autocert.AcceptTOS, HostPolicy: autocert.HostWhitelist(name),
		Client: &acme.Client{DirectoryURL: ca.Directory, HTTPClient: &http.Client{Transport: answers}}}
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Host, _, _ = net.SplitHostPort(r.Host)
		m.HTTPHandler(nil).ServeHTTP(w, r)
	}))
	t.Cleanup(web.Close)
	m.HTTPHandler(nil) // before the order, so that autocert answers http-01 too
	ca.HTTP.Lead(web.Listener.Addr().String())
	c, err := m.GetCertificate(&tls.ClientHelloInfo{ServerName: name, SupportedCurves: []tls.CurveID{tls.CurveP256},
		CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256}, SignatureSchemes: []tls.SignatureScheme{tls.ECDSAWithP256AndSHA256}})
	answers.mu.Lock()
	defer answers.mu.Unlock()
	return c, answers.said.String(), err
}

// recorder sends requests and keeps the answers of the CA.
type recorder struct {
	http.RoundTripper
	mu   sync.Mutex
	said strings.Builder // guarded by mu
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := r.RoundTripper.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	response.Body = io.NopCloser(bytes.NewReader(b))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.said.Write(b)
	return response, err
}

// TestIssue: the CA issues a certificate of the life that was asked for, and counts what it validated.
func TestIssue(t *testing.T) {
	t.Parallel()
	ca := Start(t, Options{Validity: 6 * 24 * time.Hour})
	got, _, err := issue(t, ca)
	if err != nil {
		t.Fatal(err)
	}
	leaf := got.Leaf
	intermediates := x509.NewCertPool()
	for _, der := range got.Certificate[1:] {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		intermediates.AddCert(c)
	}
	if _, err := leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: ca.Issued(), Intermediates: intermediates}); err != nil {
		t.Error(err)
	}
	if life := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); life != 6*24*time.Hour {
		t.Errorf("the certificate lives %v", life)
	}
	// autocert tries tls-alpn-01 first, which leads nowhere here.
	if web, alpn := ca.Validations(); web != 1 || alpn != 1 || ca.HTTP.Count() == 0 || ca.TLS.Count() == 0 {
		t.Errorf("%d validations by http-01 on %d connections, %d by tls-alpn-01 on %d connections", web, ca.HTTP.Count(), alpn, ca.TLS.Count())
	}
}

// TestFailures: the CA fails as it is told to.
func TestFailures(t *testing.T) {
	t.Parallel()
	ca := Start(t, Options{})
	for _, c := range []struct {
		breaks func()
		says   string
	}{
		{func() { ca.Resolve(name) }, "could not resolve"},
		{func() { ca.Resolve(name, "127.0.0.9") }, "connection refused"},
	} {
		c.breaks()
		_, said, err := issue(t, ca)
		if err == nil || !strings.Contains(said, c.says) {
			t.Errorf("%s: %v, and the CA says %s", c.says, err, said)
		}
	}
	ca.Stop()
	if _, _, err := issue(t, ca); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a CA that is down: %v", err)
	}
}

// roleVariable makes TestNothingLeft a process that starts a CA, writes the IDs of its processes into a file, and waits.
const roleVariable = "ACMELAB_PIDS"

// TestNothingLeft: no process outlives its test, nor a test program that is killed.
func TestNothingLeft(t *testing.T) {
	if file := os.Getenv(roleVariable); file != "" {
		Start(t, Options{})
		list, err := exec.Command("pgrep", "-P", strconv.Itoa(os.Getpid()), "pebble").Output()
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file+".new", list, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
		<-t.Context().Done()
		return
	}
	t.Parallel()
	var ca *CA
	t.Run("test", func(t *testing.T) { ca = Start(t, Options{}) })
	if err := ca.pebble.cmd.Process.Signal(syscall.Signal(0)); err == nil {
		t.Error("Pebble outlives the test")
	}
	if _, err := os.Stat(ca.dir); err == nil {
		t.Error("its files outlive the test")
	}

	file := filepath.Join(t.TempDir(), "pids")
	ctx, cancel := context.WithCancel(t.Context())
	other := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestNothingLeft$")
	other.Env = append(os.Environ(), roleVariable+"="+file, "TMPDIR="+t.TempDir())
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	var pids []string
	netlab.Eventually(t, "the other process has a CA", func() bool {
		b, err := os.ReadFile(file)
		pids = strings.Fields(string(b))
		return err == nil
	})
	cancel() // kills it
	_ = other.Wait()
	if len(pids) != 2 {
		t.Errorf("the CA has the processes %v, want two", pids)
	}
	for _, pid := range pids {
		netlab.Eventually(t, "process "+pid+" has ended", func() bool {
			status, err := os.ReadFile("/proc/" + pid + "/status")
			return err != nil || !strings.Contains(string(status), "pebble") || strings.Contains(string(status), "Z (zombie)")
		})
	}
}
