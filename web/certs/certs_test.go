package certs

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"io"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// rootPEM is the root certificate as root.pem holds it.
func (a *Authority) rootPEM() []byte { return encodeRoot(a.current.Load().root) }

// names are the names in force in their canonical spelling: DNS names, then addresses, each in order.
func (a *Authority) names() []string { return a.current.Load().names.texts() }

func (n names) texts() []string {
	list := slices.Clone(n.dns)
	for _, ip := range n.ips {
		list = append(list, ip.String())
	}
	return list
}

var gateway = []string{"gw.company.ru", "10.0.0.1", "fd00::1"}

func openWith(t testing.TB, dir string, list ...string) *Authority {
	t.Helper()
	a, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) > 0 {
		if err := a.SetNames(list); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func poolOf(t testing.TB, a *Authority) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(a.rootPEM()) {
		t.Fatal("root.pem holds no certificate")
	}
	return pool
}

// serve answers TLS on loopback with one "ok" a connection and returns its address.
func serve(t *testing.T, c *tls.Config) string {
	t.Helper()
	l, err := tls.Listen("tcp", "127.0.0.1:0", c)
	if err != nil {
		t.Fatal(err)
	}
	var open sync.WaitGroup
	open.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			open.Go(func() {
				defer conn.Close()
				_, _ = io.WriteString(conn, "ok") // a refused handshake is the client's to tell
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Wait()
	})
	return l.Addr().String()
}

// dial shakes hands for the host, wherever the server really listens, and reads its answer.
func dial(addr, host string, roots *x509.CertPool) (tls.ConnectionState, error) {
	d := tls.Dialer{
		NetDialer: &net.Dialer{Timeout: 10 * time.Second},
		Config:    &tls.Config{ServerName: host, RootCAs: roots},
	}
	conn, err := d.DialContext(context.Background(), "tcp", addr)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer conn.Close()
	if _, err := io.ReadAll(conn); err != nil {
		return tls.ConnectionState{}, err
	}
	return conn.(*tls.Conn).ConnectionState(), nil
}

func TestHandshakes(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	addr := serve(t, a.TLSConfig(tls.VersionTLS13))
	for _, host := range gateway {
		state, err := dial(addr, host, poolOf(t, a))
		if err != nil {
			t.Errorf("%s: %v", host, err)
			continue
		}
		if state.CurveID != tls.X25519MLKEM768 {
			t.Errorf("%s: key exchange %v, want the hybrid one", host, state.CurveID)
		}
		if n := len(state.PeerCertificates); n != 2 || !slices.Equal(state.PeerCertificates[n-1].Raw, a.RootDER()) {
			t.Errorf("%s: a chain of %d that does not end in the root", host, n)
		}
	}
	for _, host := range []string{"company.ru", "other.ru", "10.0.0.2", "fd00::2"} {
		if _, err := dial(addr, host, poolOf(t, a)); err == nil {
			t.Errorf("%s: accepted, though the gateway is not called so", host)
		}
	}
	if _, err := dial(addr, gateway[0], x509.NewCertPool()); err == nil {
		t.Error("accepted by a client that does not trust the root")
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	for _, min := range []uint16{0, tls.VersionTLS10, tls.VersionTLS12} {
		if got := a.TLSConfig(min).MinVersion; got != tls.VersionTLS12 {
			t.Errorf("TLSConfig(%#x) accepts %#x", min, got)
		}
	}
	addr := serve(t, a.TLSConfig(tls.VersionTLS13))
	old := &tls.Config{ServerName: gateway[0], RootCAs: poolOf(t, a), MaxVersion: tls.VersionTLS12}
	if conn, err := tls.Dial("tcp", addr, old); err == nil {
		conn.Close()
		t.Error("TLS 1.2 accepted by a listener for 1.3")
	}
}

func TestNoNamesNoCertificate(t *testing.T) {
	a := openWith(t, t.TempDir())
	if len(a.names()) != 0 {
		t.Errorf("names at the first start: %v", a.names())
	}
	addr := serve(t, a.TLSConfig(tls.VersionTLS13))
	if _, err := dial(addr, gateway[0], poolOf(t, a)); err == nil {
		t.Error("a certificate before the first SetNames")
	}
	if err := a.SetNames(gateway); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(addr, gateway[0], poolOf(t, a)); err != nil {
		t.Errorf("after SetNames: %v", err)
	}
}

func TestRunningListenerTakesNewNames(t *testing.T) {
	a := openWith(t, t.TempDir(), "old.ru")
	addr := serve(t, a.TLSConfig(tls.VersionTLS13))
	before := poolOf(t, a)
	if err := a.SetNames([]string{"new.ru"}); err != nil {
		t.Fatal(err)
	}
	if _, err := dial(addr, "new.ru", poolOf(t, a)); err != nil {
		t.Errorf("new name: %v", err)
	}
	if _, err := dial(addr, "old.ru", poolOf(t, a)); err == nil {
		t.Error("the old name is still certified")
	}
	if _, err := dial(addr, "new.ru", before); err == nil {
		t.Error("the root of the old name vouches for the new one")
	}
}

func TestRootShape(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	root, err := x509.ParseCertificate(a.RootDER())
	if err != nil {
		t.Fatal(err)
	}
	if !root.IsCA || root.MaxPathLen != 0 || !root.MaxPathLenZero || !root.PermittedDNSDomainsCritical {
		t.Errorf("CA %v, path length %d, critical constraints %v", root.IsCA, root.MaxPathLen, root.PermittedDNSDomainsCritical)
	}
	if want := x509.KeyUsageCertSign | x509.KeyUsageCRLSign; root.KeyUsage != want {
		t.Errorf("key usage %b, want %b", root.KeyUsage, want)
	}
	if !slices.Equal(root.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}) {
		t.Errorf("extended key usage %v", root.ExtKeyUsage)
	}
	if want := root.NotBefore.AddDate(20, 0, 0); !root.NotAfter.Equal(want) {
		t.Errorf("valid until %v, want %v", root.NotAfter, want)
	}
	if cn := root.Subject.CommonName; !strings.HasPrefix(cn, "Ideco agent root ") {
		t.Errorf("common name %q", cn)
	}
	sum := sha256.Sum256(root.RawSubjectPublicKeyInfo)
	if want := base64.StdEncoding.EncodeToString(sum[:]); a.Pin() != want {
		t.Errorf("pin %s, want %s", a.Pin(), want)
	}
}

func TestWhoTheRootIsStays(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, "old.ru")
	first, _ := x509.ParseCertificate(a.RootDER())
	if err := a.SetNames(gateway); err != nil {
		t.Fatal(err)
	}
	again := openWith(t, dir)
	second, _ := x509.ParseCertificate(again.RootDER())
	if a.Pin() != again.Pin() {
		t.Errorf("pin %s became %s", a.Pin(), again.Pin())
	}
	for what, same := range map[string]bool{
		"subject":       slices.Equal(first.RawSubject, second.RawSubject),
		"SubjectKeyId":  slices.Equal(first.SubjectKeyId, second.SubjectKeyId),
		"key":           slices.Equal(first.RawSubjectPublicKeyInfo, second.RawSubjectPublicKeyInfo),
		"serial number": first.SerialNumber.Cmp(second.SerialNumber) != 0, // the one thing that must differ
	} {
		if !same {
			t.Errorf("%s is not as it should be after new names", what)
		}
	}
	if diff := cmp.Diff([]string{"gw.company.ru", "10.0.0.1", "fd00::1"}, again.names()); diff != "" {
		t.Errorf("names after a restart: %s", diff)
	}
	addr := serve(t, again.TLSConfig(tls.VersionTLS13))
	if _, err := dial(addr, "10.0.0.1", poolOf(t, a)); err != nil {
		t.Errorf("after a restart, with the root from before it: %v", err)
	}
}

func TestSetNamesWithNothingNew(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, "gw.company.ru", "10.0.0.1", "fd00::1", "b.ru")
	before := a.rootPEM()
	for _, list := range [][]string{
		{"b.ru", "fd00::1", "10.0.0.1", "gw.company.ru"},
		{"B.RU", "b.ru", "fd00:0:0::1", "::ffff:10.0.0.1", "GW.company.ru"},
	} {
		if err := a.SetNames(list); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(before, a.rootPEM()) {
			t.Errorf("%v: another root for the same names", list)
		}
	}
	if again := openWith(t, dir); !slices.Equal(before, again.rootPEM()) {
		t.Error("a restart issued another root")
	}
}

func TestSetNamesRefuses(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, gateway...)
	before := a.rootPEM()
	tooMany := make([]string, maxNames+1)
	for i := range tooMany {
		tooMany[i] = net.IPv4(10, 1, byte(i>>8), byte(i)).String()
	}
	for name, list := range map[string][]string{
		"nothing":     {},
		"too many":    tooMany,
		"empty":       {""},
		"not ASCII":   {"шлюз.рф"},
		"wildcard":    {"*.company.ru"},
		"leading dot": {".company.ru"},
		"final dot":   {"company.ru."},
		"URL":         {"https://company.ru"},
		"port":        {"company.ru:443"},
		"network":     {"10.0.0.0/8"},
		"zone":        {"fe80::1%eth0"},
		"unspecified": {"0.0.0.0"},
		"multicast":   {"ff02::1"},
		"one of two":  {"good.ru", "bad name"},
		"not quite":   {"10.0.0.300"},
	} {
		if err := a.SetNames(list); err == nil {
			t.Errorf("%s: accepted", name)
		}
		if !slices.Equal(before, a.rootPEM()) {
			t.Fatalf("%s: the root changed", name)
		}
	}
	if err := a.SetNames(tooMany[1:]); err != nil {
		t.Fatal(err)
	}
	if err := goVerify(a, servedLeaf(t, a), tooMany[1]); err != nil {
		t.Errorf("as many names as are allowed: %v", err)
	}
}

func TestSetNamesOnABrokenDiskChangesNothing(t *testing.T) {
	dir := t.TempDir()
	a := openWith(t, dir, gateway...)
	before := a.rootPEM()
	a.dir = filepath.Join(dir, "gone")
	if err := a.SetNames([]string{"new.ru"}); err == nil {
		t.Fatal("accepted without a place to keep the root")
	}
	if !slices.Equal(before, a.rootPEM()) || !slices.Contains(a.names(), gateway[0]) {
		t.Error("names changed that are not on the disk")
	}
}

func TestRootDERIsACopy(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	clear(a.RootDER())
	if _, err := x509.ParseCertificate(a.RootDER()); err != nil {
		t.Error(err)
	}
	if err := goVerify(a, servedLeaf(t, a), gateway[0]); err != nil {
		t.Error(err)
	}
}

// With -race: handshakes, readers and writers at once. Each client trusts the root that it was shown, as one with a pin.
func TestAtOnce(t *testing.T) {
	a := openWith(t, t.TempDir(), gateway...)
	addr := serve(t, a.TLSConfig(tls.VersionTLS13))
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 10 {
				if err := a.SetNames(append([]string{net.IPv4(10, 2, byte(i), byte(j)).String()}, gateway...)); err != nil {
					t.Error(err)
				}
				if len(a.names()) != 4 || len(a.rootPEM()) == 0 || a.Pin() == "" {
					t.Error("a half-changed authority")
				}
			}
		})
		all.Go(func() {
			for range 10 {
				if err := dialPinned(addr, gateway[0], a.Pin()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if _, err := dial(addr, gateway[0], poolOf(t, a)); err != nil {
		t.Error(err)
	}
}

// dialPinned trusts a chain whose last certificate has the pin, and verifies it in full.
func dialPinned(addr, host, pin string) error {
	conn, err := tls.Dial("tcp", addr, &tls.Config{
		ServerName:         host,
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(s tls.ConnectionState) error {
			roots := x509.NewCertPool()
			root := s.PeerCertificates[len(s.PeerCertificates)-1]
			if sum := sha256.Sum256(root.RawSubjectPublicKeyInfo); base64.StdEncoding.EncodeToString(sum[:]) == pin {
				roots.AddCert(root)
			}
			_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: host, Roots: roots})
			return err
		},
	})
	if err != nil {
		return err
	}
	return conn.Close()
}
