//go:build linux

package lab

import (
	"os"
	"testing"

	"github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/spnego"
)

// Realm is the Kerberos realm of Domain.
const Realm = "EXAMPLE.TEST"

// Service is the service principal of svc-http.
const Service = "HTTP/portal.example.test"

// KerberosClient is a person who is logged in at the KDC.
type KerberosClient struct{ client *client.Client }

// LogIn gets a ticket-granting ticket for a client of Realm, with its name as typed.
func (ad *AD) LogIn(tb testing.TB, name, password string) *KerberosClient {
	tb.Helper()
	conf, err := config.Load(os.Getenv("KRB5_CONFIG"))
	if err != nil {
		tb.Fatal(err)
	}
	c := client.NewWithPassword(name, Realm, password, conf, client.DisablePAFXFAST(true))
	if err := c.Login(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Destroy)
	return &KerberosClient{c}
}

// Token makes a fresh token of SPNEGO for Service. The ticket is got once.
func (c *KerberosClient) Token(tb testing.TB) []byte { return c.TokenFor(tb, Service) }

// TokenFor is Token for another service.
func (c *KerberosClient) TokenFor(tb testing.TB, service string) []byte {
	tb.Helper()
	ticket, key, err := c.client.GetServiceTicket(service)
	if err != nil {
		tb.Fatal(err)
	}
	init, err := spnego.NewNegTokenInitKRB5(c.client, ticket, key)
	if err != nil {
		tb.Fatal(err)
	}
	token := spnego.SPNEGOToken{Init: true, NegTokenInit: init}
	message, err := token.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return message
}
