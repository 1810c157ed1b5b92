//go:build ad

package lab

import (
	"crypto/tls"
	"os"
	"testing"

	"github.com/go-ldap/ldap/v3"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// dial connects to a directory until the end of the test.
func dial(t *testing.T, url string, ca *Authority) *ldap.Conn {
	t.Helper()
	c, err := ldap.DialURL(url, ldap.DialWithTLSConfig(&tls.Config{RootCAs: ca.Pool()}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestAD: each account of the domain answers as Active Directory does.
func TestAD(t *testing.T) {
	ad := NewAD(t)
	for _, host := range []string{DC1, DC2} {
		if err := dial(t, "ldaps://"+host, ad.CA).Bind("alice@"+Domain, Password); err != nil {
			t.Errorf("alice at %s: %v", host, err)
		}
	}
	for _, login := range []string{"alice", "bob", "dave", "carol", "Иван Петров", "disabled", "locked", "expired", "mustchange", "pwexpired", "nohours", "otherpc", "smartcard", "strict"} {
		err := dial(t, "ldaps://"+DC1, ad.CA).Bind(`EXAMPLE\`+login, Password)
		t.Log(login, err)
		err = dial(t, "ldaps://"+DC1, ad.CA).Bind(`EXAMPLE\`+login, "wrong")
		t.Log(login, err)
	}
}
