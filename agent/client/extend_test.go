package client

import (
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

func TestExtend(t *testing.T) {
	extend := make(chan string)
	later := time.Unix(2e9, 0).UTC().Format(time.RFC3339)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		if m := c.Authorize(); m == nil || m.Login != "ivanov" || m.Password != "secret" || m.Resume != "" || m.Device == nil {
			t.Errorf("the first: %+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: "bad_credentials", Message: "No."})
		if m := c.Authorize(); m == nil || m.Password != "a newer one" {
			t.Errorf("the second: %+v", m)
		}
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1", Expires: later, Grace: 30})
		c.End("admin", "")
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.Extend = extend })
	r.waitEvent(Authorized, "")
	extend <- ""
	if e := r.waitEvent(Authorized, "bad_credentials"); !e.Notice || e.Message != "No." {
		t.Errorf("%+v", e)
	}
	extend <- "a newer one"
	if e := r.waitEvent(Authorized, ""); e.Expires != later || e.Notice || e.Address != "127.0.0.1" || e.Mode != ModeLAN {
		t.Errorf("%+v", e)
	}
	r.waitEnd(EndedByGateway, "admin")
}
