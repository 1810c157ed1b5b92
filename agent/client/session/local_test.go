package session

import (
	"errors"
	"testing"
	"time"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/client/settings"
)

func TestLocal(t *testing.T) {
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.ConfirmLogout()
	})
	var gateway settings.Gateway
	var wrong error
	choose := func() (settings.Gateway, error) { return gateway, wrong }
	var l Session = NewLocal(Config{Roots: g.Root.Pool()}, choose, locale.English)
	changed, leave := l.Watch()
	defer leave()
	until := func(what string, is func(Status) bool) {
		t.Helper()
		for deadline := time.After(20 * time.Second); !is(l.Status()); {
			select {
			case <-changed:
			case <-deadline:
				t.Fatalf("%s: %+v", what, l.Status())
			}
		}
	}
	has := func(code, message string) func(Status) bool {
		return func(v Status) bool { return v.Problem != nil && v.Problem.Code == code && v.Problem.Message == message }
	}
	l.Probe()
	until("no gateway", has(NoGateway, "There is no gateway's address. Type it into the field Domain or gateway address, or ask your administrator."))
	wrong = &settings.Problem{Source: settings.Installer, Key: locale.BadServer, Value: "a\x00 b"}
	l.Login("i", "x")
	until("a bad one", has(BadSettings,
		`The gateway's address from the installer (HKLM\Software\Ideco\Agent) is neither a name nor an IP address: a b.`))
	wrong = errors.New("something else")
	l.Probe()
	until("another error", has(BadSettings, "something else"))
	gateway, wrong = settings.Gateway{Host: g.Host, Port: g.Port}, nil
	l.Login("i", "x")
	until("access", func(v Status) bool { return v.State == client.Authorized && v.Holder == You && v.Problem == nil })
	l.Close()
	l.Close()
	if v := l.Status(); v.State != client.Ended || v.Holder != Nobody {
		t.Errorf("%+v", v)
	}
}
