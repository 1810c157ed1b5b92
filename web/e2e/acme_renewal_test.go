//go:build acme

package e2e

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/netlab"
	"ideco-agent/web/e2e/acmelab"
)

// TestACMERenewal: at its start the gateway serves a nearly expired certificate from its files, and renews it, for each life that
// certificates have.
func TestACMERenewal(t *testing.T) {
	t.Parallel()
	for _, days := range []int{6, 45, 90} {
		t.Run(fmt.Sprint(days, " days"), func(t *testing.T) {
			t.Parallel()
			life := time.Duration(days) * 24 * time.Hour
			o := startOrdering(t, acmelab.Start(t, acmelab.Options{Validity: life}))
			o.admin.must("PUT", acmePath, o.fields(nil), nil)
			next := time.Until(*o.settles("done").Next)
			if next < life/2 || next > life*2/3 {
				t.Errorf("the renewal is in %v", next)
			}

			o.kill(syscall.SIGTERM)
			old := directorylab.NewAuthority(t, "Old root").Issue(t, func(c *x509.Certificate) {
				c.NotAfter = time.Now().Add(time.Hour)
				c.NotBefore = c.NotAfter.Add(-life)
			}, acmeName)
			o.store(old.Certificate[0], old.PrivateKey.(*ecdsa.PrivateKey))
			o.ca.Stop()
			o.startAgain()
			if leaf, _ := o.leaf(o.where.Portal[0]); !leaf.Equal(old.Leaf) {
				t.Errorf("at its start the portal serves a certificate of %s", leaf.Issuer)
			}
			o.ca.Restart()
			o.admin = o.rest("boss", adminPassword)
			netlab.Eventually(t, "the first try has failed, or brought the certificate", func() bool { return o.order().State != "running" })
			if o.order().State == "failed" {
				o.admin.must("POST", retryPath, nil, nil)
			}
			o.settles("done")
			o.serves("renewed", byCA)
			leaf, _ := o.leaf(o.where.Portal[0])
			if got := leaf.NotAfter.Sub(leaf.NotBefore).Round(time.Hour); got != life {
				t.Errorf("the new certificate lives %v", got)
			}
			o.validated("renewed", 1, 0) // since the CA has started again
		})
	}
}

// store replaces the ordered certificate in the files of a stopped gateway.
func (o *ordering) store(der []byte, key *ecdsa.PrivateKey) {
	o.t.Helper()
	files, err := filepath.Glob(filepath.Join(o.data, "acme", "*", acmeName+".pem"))
	if err != nil || len(files) != 1 {
		o.t.Fatalf("the files of the certificate are %v, %v", files, err)
	}
	if err := os.WriteFile(files[0], keyAndChain(o.t, key, der), 0o600); err != nil {
		o.t.Fatal(err)
	}
}

// keyAndChain returns a key and a certificate as PEM.
func keyAndChain(t testing.TB, key *ecdsa.PrivateKey, der []byte) []byte {
	t.Helper()
	k, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	_ = pem.Encode(&b, &pem.Block{Type: "EC PRIVATE KEY", Bytes: k})
	_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	return b.Bytes()
}
