//go:build ad && linux

package ticket

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"
	"github.com/jcmturner/gokrb5/v8/service"
	"github.com/jcmturner/gokrb5/v8/spnego"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/directory/lab"
	"ideco-agent/agent/needs"
)

func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }

// TestADTickets: a token from the cache file of kinit decrypts with the keytab of the service, with and without krb5.conf. Each
// token is new.
func TestADTickets(t *testing.T) {
	ad := lab.NewAD(t)
	needs.Program(t, "kinit", "krb5-user")
	file := filepath.Join(t.TempDir(), "tickets")
	kinit := exec.Command("kinit", "-c", file, "alice")
	kinit.Stdin = strings.NewReader(lab.Password + "\n")
	if out, err := kinit.CombinedOutput(); err != nil {
		t.Fatalf("kinit: %v\n%s", err, out)
	}
	keys, err := keytab.Load(ad.Keytab(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, conf := range []string{os.Getenv("KRB5_CONFIG"), filepath.Join(t.TempDir(), "none")} {
		tickets := fileTickets{getenv: func(name string) string {
			return map[string]string{"KRB5CCNAME": "FILE:" + file, "KRB5_CONFIG": conf}[name]
		}, now: time.Now}
		if got := tickets.Person(); got != "alice@EXAMPLE.TEST" {
			t.Errorf("the person is %q", got)
		}
		var tokens [2][]byte
		for i := range tokens {
			if tokens[i], err = tickets.Token(context.Background(), lab.Service); err != nil {
				t.Fatalf("with %s: %v", conf, err)
			}
			var token spnego.SPNEGOToken
			if err := token.Unmarshal(tokens[i]); err != nil {
				t.Fatal(err)
			}
			ok, who, status := spnego.SPNEGOService(keys, service.DecodePAC(false)).AcceptSecContext(&token)
			if !ok || who == nil {
				t.Errorf("with %s: %v", conf, status)
			}
		}
		if bytes.Equal(tokens[0], tokens[1]) {
			t.Error("the same token twice")
		}
		if _, err := tickets.Token(context.Background(), "HTTP/nothing.example.test"); keyOf(err) != locale.SSONoService {
			t.Errorf("another service: %v", err)
		}
	}
	tickets := fileTickets{getenv: func(name string) string { return map[string]string{"KRB5CCNAME": file}[name] }, now: time.Now,
		config: os.Getenv("KRB5_CONFIG")}
	ad.Stop()
	if _, err := tickets.Token(context.Background(), lab.Service); keyOf(err) != locale.SSONoDomain {
		t.Errorf("without a controller: %v", err)
	}
	ad.Start(t)
}
