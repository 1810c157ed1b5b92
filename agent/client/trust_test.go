package client

import (
	"context"
	"crypto/x509"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

func pinOf(t *testing.T, roots ...*gatewaytest.Root) (pins []Pin) {
	for _, r := range roots {
		pins = append(pins, *mustPin(t, r.Pin()))
	}
	return pins
}

func TestCheckTrust(t *testing.T) {
	root, other, next := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	for _, c := range []struct {
		name   string
		change func(*protocol.Trust)
		want   string // of the error; empty = none
	}{
		{"a domain", func(m *protocol.Trust) { *m = root.Trust(t, "gw.ru", nil) }, ""},
		{"an address", func(m *protocol.Trust) { *m = root.Trust(t, "192.0.2.7", nil) }, ""},
		{"an IPv6 address", func(m *protocol.Trust) { *m = root.Trust(t, "2001:db8::1", nil) }, ""},
		{"a pin", func(m *protocol.Trust) { *m = root.Trust(t, "gw.ru", next) }, ""},
		{"another root", func(m *protocol.Trust) { *m = other.Trust(t, "gw.ru", next) }, "wrong signature"},
		{"another domain", func(m *protocol.Trust) { m.Domain = "evil.ru" }, "wrong signature"},
		{"another pin", func(m *protocol.Trust) { m.PinNext = other.Pin() }, "wrong signature"},
		{"another time", func(m *protocol.Trust) { m.NotBefore = "2027-12-27T00:00:00Z" }, "wrong signature"},
		{"no signature", func(m *protocol.Trust) { m.Signature = "" }, "wrong signature"},
		{"not base64", func(m *protocol.Trust) { m.Signature = "*" }, "wrong signature"},
		{"no domain", func(m *protocol.Trust) { *m = root.Trust(t, "", next) }, "malformed domain"},
		{"a domain with a port", func(m *protocol.Trust) { *m = root.Trust(t, "gw.ru:443", nil) }, "malformed domain"},
		{"a domain in capitals", func(m *protocol.Trust) { *m = root.Trust(t, "GW.ru", nil) }, "malformed domain"},
		{"two lines", func(m *protocol.Trust) { *m = root.Trust(t, "gw.ru\n"+next.Pin(), nil) }, "malformed domain"},
		{"an unusable address", func(m *protocol.Trust) { *m = root.Trust(t, "0.0.0.0", nil) }, "malformed domain"},
		{"a malformed pin", func(m *protocol.Trust) { m.PinNext = "x" }, "pin"},
		{"a pin without a time", func(m *protocol.Trust) { m.NotBefore = "" }, "malformed time"},
		{"a time without a pin", func(m *protocol.Trust) { m.PinNext = "" }, "time without a pin"},
	} {
		m := root.Trust(t, "gw.ru", next)
		c.change(&m)
		got, err := checkTrust(&m, root.Cert)
		switch {
		case c.want == "" && err != nil, c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		case err == nil && (got == nil) != (m.PinNext == ""), err == nil && got != nil && *got != pinOf(t, next)[0]:
			t.Errorf("%s: next pin %v", c.name, got)
		}
	}
}

func TestPinsAfter(t *testing.T) {
	a, b, c, d := Pin{1}, Pin{2}, Pin{3}, Pin{4}
	for _, o := range []struct {
		name    string
		pins    []Pin
		current Pin
		next    *Pin
		want    []Pin
	}{
		{"nothing", []Pin{a}, a, nil, []Pin{a}},
		{"announced", []Pin{a}, a, &b, []Pin{a, b}},
		{"announced again", []Pin{a, b}, a, &b, []Pin{a, b}},
		{"cancelled", []Pin{a, b}, a, nil, []Pin{a}},
		{"another one announced", []Pin{a, b}, a, &c, []Pin{a, c}},
		{"changed", []Pin{a, b}, b, nil, []Pin{a, b}},
		{"the third", []Pin{a, b}, b, &c, []Pin{a, b, c}},
		{"the fourth drops the oldest", []Pin{a, b, c}, c, &d, []Pin{b, c, d}},
		{"the same", []Pin{a, b}, b, &b, []Pin{a, b}},
		{"an older one", []Pin{a, b}, b, &a, []Pin{a, b}},
		{"back to an older one", []Pin{a, b, c}, a, nil, []Pin{a}},
	} {
		if got := pinsAfter(o.pins, o.current, o.next); !reflect.DeepEqual(got, o.want) {
			t.Errorf("%s: %v, want %v", o.name, got, o.want)
		}
	}
}

func TestHostsAfter(t *testing.T) {
	for _, c := range []struct{ domain, works, configured, want string }{
		{"gw.ru", "gw.ru", "gw.ru", "gw.ru"},
		{"new.ru", "old.ru", "old.ru", "new.ru old.ru"},
		{"new.ru", "new.ru", "old.ru", "new.ru old.ru"},
		{"third.ru", "new.ru", "old.ru", "third.ru new.ru old.ru"},
		{"old.ru", "new.ru", "old.ru", "old.ru new.ru"},
		{"192.0.2.1", "old.ru", "old.ru", "192.0.2.1 old.ru"},
	} {
		if got := strings.Join(hostsAfter(c.domain, c.works, c.configured), " "); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
}

// dialTable returns a Config.Dial that knows only these names. The values are where to connect; "silent" = it never answers.
func dialTable(names map[string]string) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		switch to := names[host]; to {
		case "":
			return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
		case "silent":
			<-ctx.Done()
			return nil, ctx.Err()
		default:
			return (&net.Dialer{}).DialContext(ctx, network, to)
		}
	}
}

// at returns the address of a gateway for net.Dial.
func at(g *gatewaytest.Gateway) string { return net.JoinHostPort(g.Host, portText(g)) }

// leafFor returns a certificate of the root for a name.
func leafFor(name string) func(*x509.Certificate) {
	return func(c *x509.Certificate) { c.DNSNames, c.IPAddresses = []string{name}, nil }
}

// An agent learns a new domain and the next root, keeps both, and connects after the former name has gone and the root has changed.
func TestTrustMessage(t *testing.T) {
	root, next := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	told := root.Trust(t, "new.example.ru", next)
	before := gatewaytest.Start(t, root, root.Leaf(t, leafFor("old.example.ru")), func(_ int, c *gatewaytest.Conn) {
		c.AnswerVersion()
		c.Send(told)
		c.Authorize()
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true})
		c.Wait()
	})
	after := gatewaytest.Start(t, next, next.Leaf(t, leafFor("new.example.ru")), func(_ int, c *gatewaytest.Conn) {
		if got := c.Request.Host; !strings.HasPrefix(got, "new.example.ru:") {
			t.Errorf("Host: %s", got)
		}
		c.Admit("")
		c.Wait()
	})
	dir := t.TempDir()
	config := func(names map[string]string) func(*Config) {
		return func(c *Config) {
			c.Host, c.Port, c.Roots, c.Pins = "old.example.ru", 14765, nil, pinOf(t, root)
			c.Trust, c.Dial = OpenTrust(dir), dialTable(names)
		}
	}
	r := start(t, before, config(map[string]string{"old.example.ru": at(before)}))
	r.waitEvent(Authorized, "")
	r.stop()
	r.waitEnd(StoppedByUser, "logout")

	r = start(t, after, config(map[string]string{"new.example.ru": at(after)}))
	if e := r.waitEvent(Authorized, ""); e.Server != "old.example.ru" {
		t.Errorf("the gateway is shown as %s", e.Server)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")

	// Another pin or address does not use it.
	for name, change := range map[string]func(*Config){
		"another pin":  func(c *Config) { c.Pins = pinOf(t, gatewaytest.NewRoot(t, nil)) },
		"another host": func(c *Config) { c.Host = "gw.company.ru" },
		"another port": func(c *Config) { c.Port = 443 },
		"no file":      func(c *Config) { c.Trust = nil },
	} {
		r := start(t, after, func(c *Config) {
			config(map[string]string{"new.example.ru": at(after)})(c)
			change(c)
		})
		if got := r.waitEnd(Unreachable, "unreachable"); !strings.Contains(got.Message, "could not be found") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

// What trust tells during a session is used for the reconnect.
func TestTrustInSession(t *testing.T) {
	root, next := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	before := gatewaytest.Start(t, root, root.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(root.Trust(t, "127.0.0.1", next))
		c.End("shutdown", "")
		c.Wait()
	})
	after := gatewaytest.Start(t, next, next.Leaf(t, nil), func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.Wait() })
	target := make(chan string, 2)
	target <- at(before)
	target <- at(after)
	r := start(t, before, func(c *Config) {
		c.Roots, c.Pins = nil, pinOf(t, root)
		c.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, <-target)
		}
	})
	r.waitEvent(Reconnecting, "shutdown")
	r.clock.fire(sessionTimers...)
	r.waitEvent(Authorized, "")
}

// The agent believes trust only if the chain matches a pin and the chain's root has signed the message.
func TestTrustNeedsPin(t *testing.T) {
	root, other := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	for _, c := range []struct {
		name   string
		signer *gatewaytest.Root
		roots  *x509.CertPool
		pins   []Pin
		learns bool
	}{
		{"pin", root, nil, pinOf(t, root), true},
		{"root file", root, root.Pool(), nil, false},
		{"root file and another pin", root, root.Pool(), pinOf(t, other), false},
		{"signed by another root", other, nil, pinOf(t, root), false},
		{"signed by another root with a pin", other, nil, pinOf(t, other, root), false},
	} {
		g := gatewaytest.Start(t, root, root.Leaf(t, nil), func(_ int, conn *gatewaytest.Conn) {
			conn.Admit("")
			conn.Send(c.signer.Trust(t, "new.ru", nil))
			conn.End("admin", "")
			conn.Wait()
		})
		dir := t.TempDir()
		r := start(t, g, func(to *Config) { to.Trust, to.Roots, to.Pins = OpenTrust(dir), c.roots, c.pins })
		r.waitEnd(EndedByGateway, "admin")
		if _, err := os.Stat(filepath.Join(dir, "trust")); (err == nil) != c.learns {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// The names of the gateway are tried one after the other, and a name that does not answer delays the login by a second at most.
func TestNamesInTurn(t *testing.T) {
	root := gatewaytest.NewRoot(t, nil)
	serve := func(_ int, c *gatewaytest.Conn) { c.Admit(""); c.Wait() }
	gateway := func(name string) string { return at(gatewaytest.Start(t, root, root.Leaf(t, leafFor(name)), serve)) }
	old, middle, fresh := gateway("old.ru"), gateway("middle.ru"), gateway("new.ru")
	stranger := gatewaytest.NewRoot(t, nil)
	bought := at(gatewaytest.Start(t, stranger, stranger.Leaf(t, leafFor("new.ru")), func(int, *gatewaytest.Conn) { t.Error("the agent connected to a stranger") }))
	usePublicRoots(t, stranger.Pool())
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close()
	for _, c := range []struct {
		name   string
		names  map[string]string
		host   string // that answers; empty = none
		starts int    // how many head starts pass before it answers
		code   string
	}{
		{"the new name", map[string]string{"new.ru": fresh, "middle.ru": middle, "old.ru": old}, "new.ru", 0, ""},
		{"it does not resolve", map[string]string{"middle.ru": middle, "old.ru": old}, "middle.ru", 0, ""},
		{"its port is closed", map[string]string{"new.ru": closed.Addr().String(), "middle.ru": middle, "old.ru": old}, "middle.ru", 0, ""},
		{"it does not answer", map[string]string{"new.ru": "silent", "middle.ru": middle, "old.ru": old}, "middle.ru", 1, ""},
		{"two do not answer", map[string]string{"new.ru": "silent", "middle.ru": "silent", "old.ru": old}, "old.ru", 2, ""},
		{"one does not answer, one is unknown", map[string]string{"new.ru": "silent", "old.ru": old}, "old.ru", 1, ""},
		{"it belongs to somebody else", map[string]string{"new.ru": bought, "old.ru": old}, "old.ru", 0, ""},
		{"it belongs to somebody else, and nothing else answers", map[string]string{"new.ru": bought}, "", 0, "not_trusted"},
		{"it has another gateway's certificate", map[string]string{"new.ru": old, "old.ru": closed.Addr().String()}, "", 0, "not_trusted"},
		{"nothing answers", map[string]string{"new.ru": closed.Addr().String()}, "", 0, "unreachable"},
	} {
		trust := OpenTrust("")
		cfg := Config{Host: "old.ru", Port: 14765, Pins: pinOf(t, root)}
		if err := trust.save(trustKey(cfg), learned{Hosts: []string{"new.ru", "middle.ru", "old.ru"}}); err != nil {
			t.Fatal(err)
		}
		r := start(t, &gatewaytest.Gateway{Root: root}, func(to *Config) {
			to.Host, to.Port, to.Roots, to.Pins = cfg.Host, cfg.Port, nil, cfg.Pins
			to.Trust, to.Dial = trust, dialTable(c.names)
		})
		for i := 0; i < c.starts; i++ {
			r.clock.fire(sessionTimers...)
		}
		if c.host == "" {
			r.waitEvent(Failed, c.code)
			continue
		}
		r.waitEvent(Authorized, "")
		r.stop()
		r.waitEnd(StoppedByUser, "logout")
		if got := r.client.host; got != c.host {
			t.Errorf("%s: connected to %s, want %s", c.name, got, c.host)
		}
		if passed := r.clock.Now().Sub(time.Unix(1e9, 0)); passed != time.Duration(c.starts)*headStart || passed > 3*time.Second {
			t.Errorf("%s: after %v", c.name, passed)
		}
	}
}

func TestTrustFile(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "below", "trust")
	f := OpenTrust(filepath.Dir(file))
	want := learned{Hosts: []string{"new.ru", "old.ru"}, Pins: []Pin{{1}, {2}}}
	if got, err := f.load("old.ru:14765"); err != nil || !reflect.DeepEqual(got, learned{}) {
		t.Errorf("without a file: %+v, %v", got, err)
	}
	if err := f.save("old.ru:14765", want); err != nil {
		t.Fatal(err)
	}
	if got, err := OpenTrust(filepath.Dir(file)).load("old.ru:14765"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for i := 0; i < maxGateways+3; i++ { // the oldest are dropped
		if err := f.save(portName(i), learned{Pins: []Pin{{byte(i)}}}); err != nil {
			t.Fatal(err)
		}
	}
	for i := 0; i < maxGateways+3; i++ {
		if got, _ := f.load(portName(i)); (len(got.Pins) == 1) != (i >= 3) {
			t.Errorf("gateway %d: %+v", i, got)
		}
	}
	for _, broken := range []string{"", "{", `[{"gateway":"a","pins":["x"]}]`, "\x00\x00"} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := f.load("a"); err == nil || len(got.Pins)+len(got.Hosts) != 0 {
			t.Errorf("%q: %+v, %v", broken, got, err)
		}
		if err := f.save("a", want); err != nil {
			t.Errorf("%q: %v", broken, err)
		}
	}
	blocked := OpenTrust(filepath.Join(file, "no-directory"))
	if err := blocked.save("a", want); err == nil {
		t.Error("a file in place of the directory: no error")
	}
	if got, err := blocked.load("a"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("after a failure in memory: %+v, %v", got, err)
	}
	var none *TrustFile
	if got, err := none.load("a"); err != nil || none.save("a", want) != nil || !reflect.DeepEqual(got, learned{}) {
		t.Errorf("nil: %+v, %v", got, err)
	}
}

func portName(i int) string { return hostPort("gw.ru", uint16(i+1)) }
