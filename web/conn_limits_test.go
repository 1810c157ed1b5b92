package web

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// fakeConn is a connection that remembers whether it was closed.
type fakeConn struct {
	net.Conn
	from   netip.Addr
	closed bool
}

func (c *fakeConn) RemoteAddr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 40000))
}
func (c *fakeConn) LocalAddr() net.Addr { return nil }
func (c *fakeConn) Close() error        { c.closed = true; return nil }

type limiterTest struct {
	t *testing.T
	*connLimiter
}

func newLimiterTest(t *testing.T) limiterTest {
	lan := netip.MustParsePrefix("192.168.0.0/16")
	return limiterTest{t, newConnLimiter(connLimits{host: 3, site: 5, outside: 8, lan: 4}, true, func(a netip.Addr, _ string) bool { return lan.Contains(a) })}
}

func (c limiterTest) come(from string) *limitedConn {
	return c.admit(&fakeConn{from: netip.MustParseAddr(from)})
}

func (c *limitedConn) isClosed() bool { return c.Conn.(*fakeConn).closed }

func (c limiterTest) isEmpty() {
	c.t.Helper()
	for _, group := range []*connGroup{&c.outside, &c.lan} {
		if group.all.conns != 0 || len(group.all.parts) != 0 || group.order.Len() != 0 {
			c.t.Errorf("after all have left: %+v", group.all)
		}
	}
}

// TestLimitHost: when a host outside exceeds its limit, its oldest connection is closed. In the LAN only the total is limited.
func TestLimitHost(t *testing.T) {
	for from, limited := range map[string]bool{"203.0.113.1": true, "2001:db8::1": true, "192.168.1.1": false} {
		c := newLimiterTest(t)
		var conns []*limitedConn
		for range 4 {
			conns = append(conns, c.come(from))
		}
		if conns[0].isClosed() != limited || conns[1].isClosed() || conns[3].isClosed() {
			t.Errorf("%s: the first is closed: %v, want %v", from, conns[0].isClosed(), limited)
		}
		for _, conn := range conns {
			conn.Close()
			conn.Close()
		}
		c.isEmpty()
	}
}

// TestLimitSite: all /64 networks of a /56 share one limit. Other customers keep their connections.
func TestLimitSite(t *testing.T) {
	c := newLimiterTest(t)
	other := c.come("2001:db8:0:100::1")
	first := c.come("2001:db8:0:0::1")
	for i := range 5 {
		c.come(fmt.Sprintf("2001:db8:0:%x::1", 1+i))
	}
	if !first.isClosed() || other.isClosed() || c.outside.all.conns != 6 {
		t.Errorf("closed: the first %v, another customer's %v; %d are left", first.isClosed(), other.isClosed(), c.outside.all.conns)
	}
}

// TestLimitWithinSite: when a site exceeds its limit, a connection of the host with the most connections is closed.
func TestLimitWithinSite(t *testing.T) {
	c := newLimiterTest(t)
	var flood []*limitedConn
	for range 3 {
		flood = append(flood, c.come("2001:db8:0:1::1"))
	}
	for range 2 {
		c.come("2001:db8:0:2::1")
	}
	c.come("2001:db8:0:100::1") // another site
	late := c.come("2001:db8:0:3::1")
	if !flood[0].isClosed() || flood[1].isClosed() || late.isClosed() {
		t.Errorf("closed: %v, %v, the late one %v", flood[0].isClosed(), flood[1].isClosed(), late.isClosed())
	}
}

// TestLimitAll: when the total outside is exceeded, the oldest connection of the host with the most connections is closed.
// The LAN has a limit of its own.
func TestLimitAll(t *testing.T) {
	c := newLimiterTest(t)
	lan := c.come("192.168.1.1")
	var flood []*limitedConn
	for i := range 8 {
		flood = append(flood, c.come(fmt.Sprintf("203.0.113.%d", i/3))) // three, three, two
	}
	late := c.come("198.51.100.1")
	if closed := flood[0].isClosed() || flood[3].isClosed(); !closed || late.isClosed() {
		t.Errorf("no connection of the busiest hosts was closed: %v", flood)
	}
	if flood[6].isClosed() || flood[7].isClosed() || lan.isClosed() {
		t.Error("a connection of another host was closed")
	}
	c.come("192.168.1.2")
	if c.outside.all.conns != 8 || c.lan.all.conns != 2 {
		t.Errorf("%d outside, %d in the LAN", c.outside.all.conns, c.lan.all.conns)
	}
}

// TestLimitLAN: a few hosts with all connections of the LAN do not lock out another host.
func TestLimitLAN(t *testing.T) {
	c := newLimiterTest(t)
	var taken []*limitedConn
	for i := range 4 {
		taken = append(taken, c.come(fmt.Sprintf("192.168.1.%d", 1+i%2)))
	}
	late := c.come("192.168.1.9")
	if !(taken[0].isClosed() || taken[1].isClosed()) || taken[2].isClosed() || taken[3].isClosed() || late.isClosed() {
		t.Error("want the oldest connection of one of the two hosts closed, and no other")
	}
}

// TestLimitNetwork: a flood with one connection from each of many hosts closes its own connections only.
func TestLimitNetwork(t *testing.T) {
	for _, flood := range []string{
		"2001:db8:aaaa:%x::5",   // a /48
		"2001:db8:%x:1::5",      // a /32
		"2001:db8:aaaa:aa%x::5", // a /56 and more, below the limit of a customer
	} {
		c := newLimiterTest(t)
		c.limits.host, c.limits.site, c.outside.most = 200, 400, 40
		var people []*limitedConn
		for range 6 {
			people = append(people, c.come("203.0.113.1"), c.come("2001:db9:1:1::1"))
		}
		for i := range 200 {
			c.come(fmt.Sprintf(flood, i))
		}
		people = append(people, c.come("198.51.100.1"), c.come("2001:dba::1"))
		for i := range 200 {
			c.come(fmt.Sprintf(flood, i))
		}
		for _, conn := range people {
			if conn.isClosed() {
				t.Errorf("%s: a connection of %v is closed", flood, conn.networks)
			}
		}
		if c.outside.all.conns != 40 {
			t.Errorf("%s: %d connections", flood, c.outside.all.conns)
		}
	}
}

// TestLimitNeighbours: a host that floods from the LAN closes no connection of a neighbour, although both share an IPv6 /64.
func TestLimitNeighbours(t *testing.T) {
	for bad, neighbour := range map[string]string{"fd00:9::bad": "fd00:9::2", "192.168.1.66": "192.168.1.2"} {
		c := newLimiterTest(t)
		c.isLocal = func(_ netip.Addr, _ string) bool { return true }
		c.lan.most = 30
		var conns []*limitedConn
		for range 6 {
			conns = append(conns, c.come(neighbour))
		}
		for range 100 {
			c.come(bad)
		}
		for _, conn := range conns {
			if conn.isClosed() {
				t.Errorf("%s displaced a connection of %s", bad, neighbour)
			}
		}
	}
}

// TestLimitPeople: a flood whose hosts keep within their share closes no connections of people in one wide network.
func TestLimitPeople(t *testing.T) {
	c := limiterTest{t, newConnLimiter(connLimits{host: 200, site: 400, outside: 1250, lan: 10}, true, func(_ netip.Addr, _ string) bool { return false })}
	var people []*limitedConn
	for i := range 200 {
		for range 8 {
			c.come(fmt.Sprintf("203.0.%d.1", i))
		}
		if i == 100 { // the flood has older ones
			for person := range 12 {
				people = append(people, c.come(fmt.Sprintf("2001:db8:%x::1", person/4)))
			}
		}
	}
	for _, conn := range people {
		if conn.isClosed() {
			t.Errorf("a connection of %v is closed", conn.networks)
		}
	}
}

// TestLimitMadeUpAddresses: a host of the LAN that uses many addresses of its /64 closes no connection over IPv4.
func TestLimitMadeUpAddresses(t *testing.T) {
	c := limiterTest{t, newConnLimiter(connLimits{outside: 10, lan: 100}, true, func(_ netip.Addr, _ string) bool { return true })}
	neighbour := []*limitedConn{c.come("192.168.1.2"), c.come("192.168.1.2")}
	for i := range 1000 {
		c.come(fmt.Sprintf("fd00:9::%x", i))
	}
	for _, conn := range neighbour {
		if conn.isClosed() {
			t.Error("a connection of the neighbour is closed")
		}
	}
}

// TestLimitFew: if no host exceeds its share, the connection whose last request is the longest ago is closed.
func TestLimitFew(t *testing.T) {
	c := newLimiterTest(t)
	var conns []*limitedConn
	for i := range 8 {
		conns = append(conns, c.come(fmt.Sprintf("203.0.113.%d", i)))
	}
	onConnState(tls.Server(conns[0], nil), http.StateIdle)
	onConnState(tls.Server(conns[1], nil), http.StateActive)
	late := c.come("198.51.100.1")
	if conns[0].isClosed() || conns[1].isClosed() || !conns[2].isClosed() || conns[3].isClosed() || late.isClosed() {
		t.Error("want the third connection closed: the first two have had a request since")
	}
	onConnState(conns[2], http.StateIdle) // too late
	for _, conn := range append(conns, late) {
		conn.Close()
	}
	c.isEmpty()
}

// TestLimitSessions: a connection does not count while it carries a session, and counts again after its end.
func TestLimitSessions(t *testing.T) {
	c := newLimiterTest(t)
	var live []*limitedConn
	for range 20 {
		conn := c.come("203.0.113.1")
		conn.CarriesSession(true)
		live = append(live, conn)
	}
	for range 4 {
		c.come("203.0.113.1").Close()
	}
	c.isEmpty()
	for _, conn := range live {
		if conn.isClosed() {
			t.Fatal("a connection with a session is closed")
		}
		conn.CarriesSession(false)
	}
	if c.outside.all.conns != 20 {
		t.Errorf("%d count after the sessions have ended", c.outside.all.conns)
	}
	for _, conn := range live {
		conn.Close()
		conn.CarriesSession(false) // too late
	}
	c.isEmpty()
}

// TestBytesBeforeRequest: the bytes before the first request are limited, those after it are not.
func TestBytesBeforeRequest(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}))
	limiter := newConnLimiter(connLimits{host: 10, outside: 10, lan: 10}, true, func(_ netip.Addr, _ string) bool { return true })
	server.Listener = limiter.listen(server.Listener)
	server.TLS = &tls.Config{GetConfigForClient: func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		onClientHello(hello)
		return nil, nil
	}}
	server.Config.MaxHeaderBytes, server.Config.ConnState = maxHeaderBytes, onConnState
	server.StartTLS()
	defer server.Close()

	for range 2 { // the second time on the same connection
		request, err := http.NewRequest("POST", server.URL, bytes.NewReader(make([]byte, 200_000)))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Cookie", strings.Repeat("c", maxHeaderBytes-1000))
		response, err := server.Client().Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if response.StatusCode != http.StatusOK {
			t.Errorf("a long header: %s, %s", response.Status, body)
		}
	}

	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	// A handshake message that says it is 60,000 bytes long.
	hello := append([]byte{22, 3, 1, 0x3f, 0xff, 1, 0, 0xea, 0x60}, make([]byte, 16_000)...)
	if _, err := conn.Write(hello); err != nil {
		t.Fatal(err)
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("an unfinished handshake of 16,000 bytes is kept")
	}
}

// TestBudget: the shares leave a reserve and room for sessions, however few descriptors there are.
func TestBudget(t *testing.T) {
	for _, c := range []struct{ descriptors, sessions, reserve int }{{1024, 500, 64}, {20_000, 10_000, 1000}, {65_536, 40_000, 1000}} {
		b := budgetFor(c.descriptors)
		if b.sessions < c.sessions || b.reserve < c.reserve {
			t.Errorf("%d descriptors: %+v", c.descriptors, b)
		}
		sum := b.sessions + b.reserve
		for _, l := range []connLimits{b.portal, b.http, b.agent} {
			if l.outside < 16 || l.lan < 16 {
				t.Errorf("%d descriptors: %+v", c.descriptors, l)
			}
			sum += l.outside + l.lan
		}
		if sum != c.descriptors {
			t.Errorf("%d descriptors: the shares add up to %d", c.descriptors, sum)
		}
	}
}
