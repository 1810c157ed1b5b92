package client

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/protocol"
)

// computer is a fake of Config.Addresses.
type computer struct {
	mu    sync.Mutex // guards the fields below
	addrs []netip.Addr
	err   error
	asked int
}

func (c *computer) has(addrs ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.addrs = nil
	for _, a := range addrs {
		c.addrs = append(c.addrs, netip.MustParseAddr(a))
	}
}

func (c *computer) list(own netip.Addr) ([]netip.Addr, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	return append([]netip.Addr{own}, c.addrs...), c.err
}

// serveTokens answers each request for a token, until the agent disconnects. It returns their number.
func serveTokens(c *gatewaytest.Conn, answer func(n int) any) (asked int) {
	for {
		switch m := c.Read().(type) {
		case nil:
			return asked
		case *protocol.AddressTokenRequest:
			asked++
			c.Send(answer(asked))
		case *protocol.Unauthorize:
			c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
		default:
			panic(fmt.Sprintf("%T", m))
		}
	}
}

// needIPv6 skips the test when this machine has no ::1.
func needIPv6(t *testing.T) {
	t.Helper()
	l, err := net.Listen("tcp", "[::1]:0")
	if err != nil {
		needs.Skip(t, "this test needs IPv6: %v", err)
	}
	l.Close()
}

// proof waits for the next proof.
func (r *run) proof(d *gatewaytest.AddressServer) gatewaytest.Proof {
	r.t.Helper()
	select {
	case p := <-d.Proofs:
		return p
	case <-time.After(testTimeout):
		r.t.Fatal("no proof")
		return gatewaytest.Proof{}
	}
}

// waitLog waits for a line of the log that contains part.
func (r *run) waitLog(part string) {
	r.t.Helper()
	var seen []string
	deadline := time.After(testTimeout)
	for {
		select {
		case line := <-r.log:
			if strings.Contains(line, part) {
				return
			}
			seen = append(seen, line)
		case <-deadline:
			r.t.Fatalf("the log has no %q: %q", part, seen)
		}
	}
}

func ok(gatewaytest.Proof) string { return "" }

// A session over IPv4 proves an IPv6 address, from that address and with the token that the gateway sent unasked.
func TestFurtherAddress(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	server := gatewaytest.NewAddressServer(t, leaf, "::1", ok)
	unused := gatewaytest.NewAddressServer(t, leaf, "127.0.0.1", ok)
	pc, changed := &computer{}, make(chan struct{})
	g := gatewaytest.Start(t, root, leaf, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(gatewaytest.Token("first", unused, server))
		if n := serveTokens(c, func(n int) any { return gatewaytest.Token("another", unused, server) }); n != 0 {
			t.Errorf("asked for %d tokens", n)
		}
	})
	pc.has("::1", "127.0.0.1", "fe80::1", "ff02::1")
	r := start(t, g, func(c *Config) { c.Addresses, c.NetworkChanged = pc.list, changed })
	r.waitEvent(Authorized, "")
	p := r.proof(server)
	if p.Token != "first" || p.Peer != netip.MustParseAddr("::1") || p.Header.Get("Origin") != "" ||
		!strings.HasPrefix(p.Header.Get("User-Agent"), "IdecoAgent/") {
		t.Errorf("%+v", p)
	}
	r.waitLog("::1 has access too")
	changed <- struct{}{} // nothing new
	changed <- struct{}{}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if len(server.Proofs)+len(unused.Proofs) != 0 {
		t.Error("more proofs than addresses")
	}
}

// A token that the agent did not ask for makes it prove all addresses again, also those that were refused.
func TestFurtherAddressAgain(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	var mu sync.Mutex
	code := "address_refused"
	server := gatewaytest.NewAddressServer(t, leaf, "::1", func(gatewaytest.Proof) string {
		mu.Lock()
		defer mu.Unlock()
		return code
	})
	again := make(chan struct{})
	g := gatewaytest.Start(t, root, leaf, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(gatewaytest.Token("first", server))
		go func() {
			for _, token := range []string{"again 0", "again 1"} {
				<-again
				c.Send(gatewaytest.Token(token, server))
			}
		}()
		serveTokens(c, func(n int) any { return gatewaytest.Token(fmt.Sprint("token ", n), server) })
	})
	pc := &computer{}
	pc.has("::1")
	r := start(t, g, func(c *Config) { c.Addresses = pc.list })
	r.waitEvent(Authorized, "")
	r.proof(server)
	r.waitLog("::1 has no access")
	mu.Lock()
	code = ""
	mu.Unlock()
	for _, want := range []string{"again 0", "again 1"} {
		again <- struct{}{}
		if p := r.proof(server); p.Token != want {
			t.Errorf("%+v, want %s", p, want)
		}
		r.waitLog("::1 has access too")
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// A session over IPv6 proves one IPv4 address, and another one with another token.
func TestFurtherAddressOfIPv4(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	server := gatewaytest.NewAddressServer(t, leaf, "127.0.0.1", ok)
	pc, changed := &computer{}, make(chan struct{})
	g := gatewaytest.NewAt(t, "::1", func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(gatewaytest.Token("first", server))
		serveTokens(c, func(n int) any { return gatewaytest.Token(fmt.Sprint("token ", n), server) })
	})
	pool := g.Root.Pool()
	pool.AddCert(root.Cert)
	r := start(t, g, func(c *Config) { c.Addresses, c.NetworkChanged, c.Roots = pc.list, changed, pool })
	r.waitEvent(Authorized, "")
	changed <- struct{}{}
	pc.has("127.0.0.9", "127.0.0.10")
	changed <- struct{}{}
	if p := r.proof(server); p.Peer.String() != "127.0.0.9" || p.Token != "first" {
		t.Errorf("%+v", p)
	}
	r.waitLog("127.0.0.9 has access too")
	pc.has("127.0.0.10") // as after a new DHCP lease
	changed <- struct{}{}
	if p := r.proof(server); p.Peer.String() != "127.0.0.10" || p.Token != "token 1" {
		t.Errorf("%+v", p)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// The agent sends the token only to a server with a trusted certificate for Config.Host or, if Host is an address, for the
// address in the URL.
func TestFurtherAddressVerifiesServer(t *testing.T) {
	needIPv6(t)
	root, otherRoot := gatewaytest.NewRoot(t, nil), gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	leafFor := func(name string) tls.Certificate {
		return root.Leaf(t, func(c *x509.Certificate) {
			c.DNSNames, c.IPAddresses = nil, nil
			if ip := net.ParseIP(name); ip != nil {
				c.IPAddresses = []net.IP{ip}
			} else {
				c.DNSNames = []string{name}
			}
		})
	}
	byName := func(c *Config) { c.Host = "localhost" }
	pin, err := ParsePin(root.Pin())
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		server *gatewaytest.AddressServer
		change func(*Config)
		good   bool
	}{
		"a certificate of another address": {gatewaytest.NewAddressServer(t, leafFor("127.0.0.2"), "::1", ok), nil, false},
		"a certificate of another name":    {gatewaytest.NewAddressServer(t, leafFor("other.test"), "::1", ok), byName, false},
		"the gateway's name":               {gatewaytest.NewAddressServer(t, leafFor("localhost"), "::1", ok), byName, true},
		"the address alone, not the name":  {gatewaytest.NewAddressServer(t, leafFor("::1"), "::1", ok), byName, false},
		"the address that is its name":     {gatewaytest.NewAddressServer(t, leafFor("127.0.0.1"), "::1", ok), nil, true},
		"the address of the URL":           {gatewaytest.NewAddressServer(t, leafFor("::1"), "::1", ok), nil, true},
		"a certificate of somebody else":   {gatewaytest.NewAddressServer(t, otherRoot.Leaf(t, nil), "::1", ok), nil, false},
		"somebody else, with a pin": {gatewaytest.NewAddressServer(t, otherRoot.Leaf(t, nil), "::1", ok),
			func(c *Config) { c.Roots, c.Pins = x509.NewCertPool(), []Pin{*pin} }, false},
		"the gateway, with a pin": {gatewaytest.NewAddressServer(t, leaf, "::1", ok),
			func(c *Config) { c.Roots, c.Pins = x509.NewCertPool(), []Pin{*pin} }, true},
	} {
		c := c
		t.Run(name, func(t *testing.T) {
			pc := &computer{}
			pc.has("::1")
			g := gatewaytest.Start(t, root, leaf, func(_ int, conn *gatewaytest.Conn) {
				conn.Admit("")
				conn.Send(gatewaytest.Token("first", c.server))
				conn.Wait()
			})
			r := start(t, g, func(cfg *Config) {
				cfg.Addresses = pc.list
				if c.change != nil {
					c.change(cfg)
				}
			})
			if c.good {
				r.waitLog("::1 has access too")
			} else {
				r.waitLog("::1 has no access: ")
			}
			r.stop()
			r.waitEnd(StoppedByUser, "logout")
			if n := len(c.server.Proofs); (n == 1) != c.good {
				t.Fatalf("%d proofs", n)
			}
			if name == "the gateway's name" {
				if p := <-c.server.Proofs; p.ServerName != "localhost" {
					t.Errorf("the agent asked for the certificate of %q", p.ServerName)
				}
			}
		})
	}
}

// A refused address is tried proofTries times, once a check, and the session goes on. The agent tries the second URL when
// it cannot connect to the first.
func TestFurtherAddressRefused(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	server := gatewaytest.NewAddressServer(t, leaf, "::1", func(gatewaytest.Proof) string { return "address_refused" })
	pc, changed := &computer{}, make(chan struct{})
	pc.has("::1")
	g := gatewaytest.Start(t, root, leaf, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		token := func(n int) any {
			m := gatewaytest.Token(fmt.Sprint("token ", n), server)
			m.URLs = append([]string{"https://[::1]:1/address"}, m.URLs...)
			return m
		}
		c.Send(token(0))
		if n := serveTokens(c, token); n != proofTries-1 {
			t.Errorf("asked for %d tokens", n)
		}
	})
	r := start(t, g, func(c *Config) { c.Addresses, c.NetworkChanged = pc.list, changed })
	r.waitEvent(Authorized, "")
	for i := 0; i < proofTries; i++ {
		if p := r.proof(server); p.Token != fmt.Sprint("token ", i) {
			t.Errorf("%+v", p)
		}
		r.waitLog("403 address_refused")
		changed <- struct{}{}
	}
	changed <- struct{}{}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
	if len(server.Proofs) != 0 {
		t.Error("the agent tried more than proofTries times")
	}
}

// When the gateway refuses a token, the agent asks again at the next check. After a token without a lifetime it does not
// ask.
func TestFurtherAddressChecks(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	server := gatewaytest.NewAddressServer(t, leaf, "::1", ok)
	pc, refused := &computer{}, make(chan struct{})
	g := gatewaytest.Start(t, root, leaf, func(_ int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(protocol.AddressToken{Type: protocol.TypeAddressToken, Token: "of no use", URLs: []string{server.URL}})
		late := gatewaytest.Token("late", server)
		late.TTL = 1
		c.Send(late)
		serveTokens(c, func(n int) any {
			if n > 1 {
				return gatewaytest.Token("second", server)
			}
			defer close(refused)
			return protocol.Error{Type: protocol.TypeError, Code: "too_many_attempts"}
		})
	})
	r := start(t, g, func(c *Config) { c.Addresses = pc.list })
	r.waitEvent(Authorized, "")
	if d := r.clock.fire(sessionTimers...); d != checkEvery {
		t.Fatalf("waits %v", d)
	}
	pc.has("::1") // like a temporary address (RFC 8981)
	r.clock.fire(sessionTimers...)
	<-refused
	r.waitLog("too_many_attempts")
	r.clock.fire(sessionTimers...)
	if p := r.proof(server); p.Token != "second" {
		t.Errorf("%+v", p)
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

// Each connection proves the addresses again.
func TestFurtherAddressAfterReconnect(t *testing.T) {
	needIPv6(t)
	root := gatewaytest.NewRoot(t, nil)
	leaf := root.Leaf(t, nil)
	server := gatewaytest.NewAddressServer(t, leaf, "::1", ok)
	pc, drop := &computer{}, make(chan struct{})
	pc.has("::1")
	g := gatewaytest.Start(t, root, leaf, func(n int, c *gatewaytest.Conn) {
		c.Admit("")
		c.Send(gatewaytest.Token(fmt.Sprint("of connection ", n), server))
		if n == 0 {
			<-drop
			c.Drop()
		}
		c.Wait()
	})
	r := start(t, g, func(c *Config) { c.Addresses = pc.list })
	for _, want := range []string{"of connection 0", "of connection 1"} {
		if p := r.proof(server); p.Token != want {
			t.Errorf("%+v", p)
		}
		r.waitLog("has access too")
		if want == "of connection 0" {
			close(drop)
			r.waitEvent(Reconnecting, "lost")
			r.clock.fire(append(sessionTimers, checkEvery)...)
		}
	}
	r.stop()
	r.waitEnd(StoppedByUser, "logout")
}

func TestFurtherAddresses(t *testing.T) {
	for _, c := range []struct{ own, given, list, want string }{
		{"10.0.0.5", "10.0.0.5", "10.0.0.5 10.0.0.6 fe80::1 fd00::1 2001:db8::1", "fd00::1 2001:db8::1"},
		{"fd00::1", "fd00::1", "10.0.0.5 10.0.0.6 fd00::1 fd00::2", "10.0.0.5 fd00::2"},
		{"10.0.0.5", "fd00::9", "fd00::9 fd00::1", "fd00::1"},
		{"10.0.0.5", "", "fd00::1 fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7 fd00::8 fd00::9", "fd00::1 fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7 fd00::8"},
		{"fd00::1", "", "fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7 fd00::8 fd00::9", "fd00::2 fd00::3 fd00::4 fd00::5 fd00::6 fd00::7 fd00::8"},
		{"10.0.0.5", "", "::ffff:10.0.0.7 ff02::1 :: fd00::1%eth0", "fd00::1"},
	} {
		var list []netip.Addr
		for _, a := range strings.Fields(c.list) {
			list = append(list, netip.MustParseAddr(a))
		}
		given, _ := netip.ParseAddr(c.given)
		got := strings.Trim(fmt.Sprint(furtherAddresses(netip.MustParseAddr(c.own), given, list)), "[]")
		if got != c.want {
			t.Errorf("own %s, %s: %s, want %s", c.own, c.list, got, c.want)
		}
	}
}

func TestSameInterface(t *testing.T) {
	addr := netip.MustParseAddr
	list := []interfaceAddr{
		{1, addr("127.0.0.1"), true}, {1, addr("::1"), true},
		{2, addr("10.0.0.5"), true}, {2, addr("fe80::5"), true}, {2, addr("fd00::5"), true}, {2, addr("fd00::6"), false},
		{3, addr("10.0.1.5"), true}, {3, addr("fd00:1::5"), true},
	}
	if got, err := sameInterface(addr("10.0.0.5"), list); err != nil || fmt.Sprint(got) != "[fd00::5]" {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := sameInterface(addr("10.9.9.9"), list); !errors.Is(err, errNoInterface) || got != nil {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := systemAddresses(addr("127.0.0.1")); err != nil || len(got) != 0 { // loopback has no global address
		t.Errorf("this computer: %v, %v", got, err)
	}
}

func TestProofURLs(t *testing.T) {
	list := []string{"https://10.0.0.1:14765/address", "https://[2001:db8::1]:14765/address", "https://[fd00::1]:1/address",
		"http://[fd00::1]:1/address", "https://gw.example:1/address", "https://user@[fd00::1]:1/", "https://[fe80::1%25eth0]:1/",
		"https://[fd00::1]/address", "://", ""}
	for from, want := range map[string]string{
		"10.0.0.5": "[https://10.0.0.1:14765/address]",
		"fd00::5":  "[https://[fd00::1]:1/address https://[2001:db8::1]:14765/address]",
	} {
		if got := fmt.Sprint(proofURLs(list, netip.MustParseAddr(from))); got != want {
			t.Errorf("%s: %s, want %s", from, got, want)
		}
	}
	if n := len(proofURLs(make([]string, 10*maxProofURLs), netip.MustParseAddr("fd00::5"))); n != 0 {
		t.Errorf("%d", n)
	}
}

// When addresses rotate, one a day, the gateway never drops an address that is in use, and each address is proved once
// a day.
func TestRotation(t *testing.T) {
	for _, room := range []int{8, 7} { // at the gateway, which counts the session's own address if it is IPv6
		for _, temporary := range []int{3, room - 1} {
			testRotation(t, room, temporary)
		}
	}
}

func testRotation(t *testing.T, room, temporary int) {
	p := newProver(newClient(Config{}), nil)
	var gateway []netip.Addr // the address proved longest ago first
	for day := 1; day < 60; day++ {
		var list []netip.Addr
		for i := 0; i < temporary; i++ { // the newest first
			list = append(list, netip.AddrFrom16([16]byte{0xfd, 14: 1, 15: byte(100 + day - i)}))
		}
		list = append(list, netip.MustParseAddr("fd00::5")) // it stays
		proofs := 0
		for {
			p.update(list)
			a, found := p.nextDue(list)
			if !found {
				break
			}
			if proofs++; proofs > len(list) {
				t.Fatalf("day %d: more proofs than addresses", day)
			}
			gateway = append(without(gateway, a), a)
			p.proving = a
			p.finished(nil) // starts no proof, because there is no token
			if len(gateway) <= room {
				continue
			}
			if gone := gateway[0]; len(without(list, gone)) < len(list) {
				t.Fatalf("day %d: %v is in use and lost its access", day, gone)
			}
			gateway = gateway[1:]
		}
		for _, a := range list {
			if len(without(gateway, a)) == len(gateway) {
				t.Fatalf("day %d: %v has no access", day, a)
			}
		}
	}
}

func without(list []netip.Addr, a netip.Addr) []netip.Addr {
	var rest []netip.Addr
	for _, b := range list {
		if b != a {
			rest = append(rest, b)
		}
	}
	return rest
}
