package client

import (
	"context"
	"net"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

func TestProbe(t *testing.T) {
	asked := make(chan any, 1)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Read()
		c.SendText(`{"type":"update","need_update":true,"version":{"major":9,"minor":1,"build":2}}`)
		asked <- c.Read()
	})
	var events []event
	cfg := Config{Host: g.Host, Port: g.Port, Roots: g.Root.Pool(), Lang: locale.Russian,
		Events: func(s Status, added *Notice) { events = append(events, eventOf(s, added)) }}
	if r := Probe(context.Background(), cfg); r.Outcome != Answered || r.Message != "Шлюз на связи. Введите логин и пароль." {
		t.Errorf("%+v", r)
	}
	if len(events) != 1 || !events[0].Notice || events[0].Code != CodeUpdate || !strings.Contains(events[0].Message, "9.1.2") {
		t.Errorf("events %+v", events)
	}
	if sent := <-asked; sent != nil {
		t.Errorf("after version the agent sent %T", sent)
	}
}

func TestProbeFails(t *testing.T) {
	refusing := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		c.Read()
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: string(agent.CodeAgentDisabled), Message: "Off."})
	})
	for name, c := range map[string]struct {
		change  func(*Config)
		outcome Outcome
		code    agent.Code
		says    string
	}{
		"another root": {func(c *Config) { c.Roots = gatewaytest.NewRoot(t, nil).Pool() }, NotTrusted, agent.CodeNotTrusted, "Could not verify"},
		"switched off": {func(*Config) {}, Refused, agent.CodeAgentDisabled, "Off."},
		"the name is not found": {func(c *Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "gw.company.ru", IsNotFound: true}}
			}
		}, Unreachable, agent.CodeUnreachable, "The IP address of gateway"},
		"no DNS server answers": {func(c *Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) {
				return nil, &net.OpError{Op: "dial", Err: &net.DNSError{Name: "gw.company.ru", IsTimeout: true}}
			}
		}, Unreachable, agent.CodeUnreachable, "the DNS server does not answer"},
		"no answer": {func(c *Config) {
			c.Dial = func(context.Context, string, string) (net.Conn, error) { return nil, net.ErrClosed }
		}, Unreachable, agent.CodeUnreachable, "does not answer"},
	} {
		cfg := Config{Host: refusing.Host, Port: refusing.Port, Roots: refusing.Root.Pool(), Lang: locale.English}
		c.change(&cfg)
		if r := Probe(context.Background(), cfg); r.Outcome != c.outcome || r.Code != string(c.code) || !strings.Contains(r.Message, c.says) {
			t.Errorf("%s: %+v", name, r)
		}
	}
	stopped, stop := context.WithCancel(context.Background())
	stop()
	if r := Probe(stopped, Config{Host: refusing.Host, Port: refusing.Port, Roots: refusing.Root.Pool()}); r.Outcome != StoppedByUser {
		t.Errorf("stopped: %+v", r)
	}
}
