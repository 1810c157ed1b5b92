//go:build acme

package e2e

import (
	"crypto/ecdsa"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	directorylab "ideco-agent/agent/directory/lab"
	"ideco-agent/agent/netlab"
	"ideco-agent/web/e2e/acmelab"
)

// TestACMETooOften: by new tries, changed settings and restarts together the CA sees four failed challenges in an hour. Let's Encrypt
// permits five.
func TestACMETooOften(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	o.ca.HTTP.Lead("")
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	ends := func(tries int) {
		t.Helper()
		netlab.Eventually(t, fmt.Sprint("try ", tries, " has failed"), func() bool {
			web, _ := o.ca.Validations()
			return web == tries && o.order().State == "failed"
		})
	}
	ends(1)
	o.admin.must("POST", retryPath, nil, nil)
	ends(2)
	o.admin.must("PUT", acmePath, map[string]any{"email": "another@example.org"}, nil)
	ends(3)
	o.restart()
	o.admin = o.rest("boss", adminPassword)
	o.admin.must("POST", retryPath, nil, nil)
	ends(4)
	if status, body := o.admin.call("POST", retryPath, nil); status != http.StatusTooManyRequests || !strings.Contains(string(body), "ограничивает число попыток") {
		t.Errorf("the fifth try: %d %s", status, body)
	}
	o.admin.must("PUT", acmePath, map[string]any{"email": "again@example.org"}, nil)
	o.restart()
	o.admin = o.rest("boss", adminPassword)
	if now := o.order(); now.State != "failed" || now.Next == nil || time.Until(*now.Next) < 50*time.Minute {
		t.Errorf("after four tries the order is %+v", now)
	}
	o.validated("too often", 4, 0)
}

// TestACMEKilled: a gateway that is killed during an order goes on with it at its next start.
func TestACMEKilled(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { silent.Close() })
	o.ca.HTTP.Lead(silent.Addr().String())
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	netlab.Eventually(t, "the CA waits for the answer", func() bool { return o.ca.HTTP.Count() > 0 })
	o.kill(syscall.SIGKILL)
	o.ca.HTTP.Lead(o.where.HTTP[0])
	o.startAgain()
	o.admin = o.rest("boss", adminPassword)
	o.settles("done")
	o.serves("after the kill", byCA)
	o.validated("after the kill", 2, 0)
}

// TestACMEUploaded: nothing is ordered for a name with an uploaded certificate, until that is removed.
func TestACMEUploaded(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{}))
	company := directorylab.NewAuthority(t, "Company root")
	pair := company.Issue(t, nil, acmeName)
	var added struct{ ID int64 }
	o.admin.must("POST", certificatesPath, map[string]any{"pem": string(keyAndChain(t, pair.PrivateKey.(*ecdsa.PrivateKey), pair.Certificate[0])) +
		string(company.PEM())}, &added)
	o.admin.must("PUT", acmePath, o.fields(nil), nil)
	o.settles("uploaded")
	o.serves("uploaded", "CN=Company root")
	o.validated("uploaded", 0, 0)
	o.admin.must("DELETE", fmt.Sprint(certificatesPath, "/", added.ID), nil, nil)
	o.settles("done")
	o.serves("removed", byCA)
}

// TestACMESecretLost: without the file that encrypts it, the key of the external account binding must be typed again. An account that
// is there already goes on.
func TestACMESecretLost(t *testing.T) {
	t.Parallel()
	o := startOrdering(t, acmelab.Start(t, acmelab.Options{EAB: map[string]string{"kid-1": eabKey}}))
	binding := map[string]any{"eab": map[string]string{"key_id": "kid-1", "hmac_key": eabKey}}
	o.ca.HTTP.Lead("")
	o.admin.must("PUT", acmePath, o.fields(binding), nil)
	o.fails("connection", "не смог подключиться", "") // the account was made
	lose := func(pattern string) {
		t.Helper()
		o.kill(syscall.SIGTERM)
		files, err := filepath.Glob(filepath.Join(o.data, pattern))
		if err != nil || len(files) != 1 {
			t.Fatalf("%s: %v, %v", pattern, files, err)
		}
		if err := os.Remove(files[0]); err != nil {
			t.Fatal(err)
		}
		o.startAgain()
		o.admin = o.rest("boss", adminPassword)
	}
	lose("secret.key")
	o.admin.must("POST", retryPath, nil, nil)
	o.fails("connection", "не смог подключиться", "")
	lose("acme/*/account*.key")
	o.admin.must("POST", retryPath, nil, nil)
	o.fails("eab_lost", "Сохранённый ключ EAB не расшифровать", "")

	o.ca.HTTP.Lead(o.where.HTTP[0])
	o.admin.must("PUT", acmePath, binding, nil)
	o.settles("done")
	o.serves("typed again", byCA)
}
