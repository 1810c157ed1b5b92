package tunnel

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// limit limits the wait for an event.
const limit = 20 * time.Second

var (
	inside    = netip.MustParseAddr("10.128.0.1") // the gateway's address
	firstAddr = netip.MustParseAddr("10.128.0.7")
	otherAddr = netip.MustParseAddr("10.128.0.8")
	secret    = agent.Key{7, 7, 7}
)

// agentRun is an agent program with a netstack tunnel.
type agentRun struct {
	t      *testing.T
	events chan client.Status
	result chan client.Result
	stop   context.CancelFunc
	socks  string // address of its proxy

	mu  sync.Mutex // guards log
	log []string
}

func runAgent(t *testing.T, g *gatewaytest.Gateway, tunnel func(*Tunnel)) *agentRun {
	r := &agentRun{t: t, events: make(chan client.Status, 256), result: make(chan client.Result, 1)}
	tun := New(Config{Mode: Netstack, Socks: "127.0.0.1:0", Log: r.write})
	if tunnel != nil {
		tunnel(tun)
	}
	ctx, stop := context.WithCancel(context.Background())
	r.stop = stop
	cfg := client.Config{Host: g.Host, Port: g.Port, Login: "ivanov", Password: "secret", Lang: locale.English,
		Device: agent.Device{ID: "d1", Name: "pc", OS: "linux"}, Roots: g.Root.Pool(), Tunnel: tun, Log: r.write,
		Events: func(s client.Status, added *client.Notice) {
			if added != nil {
				s.Code, s.Message = added.Code, added.Message
			}
			r.events <- s
		}}
	done := make(chan struct{})
	go func() { defer close(done); r.result <- client.Run(ctx, cfg) }()
	t.Cleanup(func() { stop(); <-done })
	return r
}

func (r *agentRun) write(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.log = append(r.log, text)
}

func (r *agentRun) event(state client.State, code string) client.Status {
	r.t.Helper()
	var seen []client.Status
	deadline := time.After(limit)
	for {
		select {
		case e := <-r.events:
			if e.Code == locale.NoteSocks {
				r.socks = regexp.MustCompile(`127\.0\.0\.1:\d+`).FindString(e.Message)
			}
			if e.State == state && e.Code == code {
				return e
			}
			seen = append(seen, e)
		case <-deadline:
			r.t.Fatalf("no event %s %q; there were %+v", state, code, seen)
		}
	}
}

func (r *agentRun) end(outcome client.Outcome) {
	r.t.Helper()
	select {
	case result := <-r.result:
		if result.Outcome != outcome {
			r.t.Errorf("ended with %+v", result)
		}
	case <-time.After(limit):
		r.t.Fatal("Run does not return")
	}
}

// browser returns an HTTP client that uses the proxy.
func (r *agentRun) browser() *http.Client {
	proxy := &url.URL{Scheme: "socks5", Host: r.socks}
	transport := &http.Transport{Proxy: http.ProxyURL(proxy), DisableCompression: true}
	r.t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: limit}
}

// page returns the text of the gateway's page: the address that the request came from.
func page(t *testing.T, c *http.Client, host string) string {
	t.Helper()
	response, err := c.Get("http://" + host + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(b))
}

// checkSource checks that the page names the address.
func checkSource(t *testing.T, page string, a netip.Addr) {
	t.Helper()
	if from, err := netip.ParseAddrPort(page); err != nil || from.Addr() != a {
		t.Errorf("the request came from %q, want %s", page, a)
	}
}

// admit gives access through the tunnel and returns the agent's public key.
func admit(c *gatewaytest.Conn, w *gatewaytest.Tunnel, a netip.Addr, answer protocol.TunnelReply) string {
	c.AnswerVersion()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, NeedTunnel: true, Resume: "token", Grace: 30})
	m, ok := c.Read().(*protocol.TunnelRequest)
	if !ok {
		return ""
	}
	if w != nil {
		w.SetPeer(m.PublicKey, secret, a)
	}
	c.Send(answer)
	return m.PublicKey
}

// Programs reach hosts in the tunnel through the proxy, by names of the tunnel's DNS only, until the session ends.
func TestNetstack(t *testing.T) {
	w := gatewaytest.NewTunnel(t, inside, map[string]netip.Addr{"page.company.ru": inside})
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		answer := w.Reply(secret, firstAddr, "10.0.0.0/8")
		answer.DNSIPv4, answer.DNSSuffix = inside.String(), "company.ru"
		admit(c, w, firstAddr, answer)
		c.Wait()
	})
	r := runAgent(t, g, nil)
	if e := r.event(client.TunnelUp, ""); e.Mode != client.ModeVPN || e.Address != firstAddr.String() {
		t.Errorf("%+v", e)
	}
	browser := r.browser()
	for _, host := range []string{inside.String(), "page.company.ru", "page.company.ru.", "page"} {
		checkSource(t, page(t, browser, host), firstAddr)
	}
	for host, says := range map[string]string{
		"localhost":      "unreachable", // known to this computer, not to the tunnel's DNS
		g.Host:           "network unreachable",
		"192.0.2.1":      "network unreachable",
		"[::1]":          "network unreachable",
		"none.company":   "host unreachable",
		"10.128.0.1:444": "connection refused",
	} {
		if _, err := browser.Get("http://" + host + "/"); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v", host, err)
		}
	}
	r.stop()
	r.event(client.Ended, "logout")
	if c, err := net.Dial("tcp", r.socks); err == nil {
		c.Close()
		t.Error("the proxy still listens")
	}
	r.end(client.StoppedByUser)
}

// The end of the session closes open connections through the proxy, busy and idle ones.
func TestConnectionsEnd(t *testing.T) {
	over := make(chan struct{})
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		admit(c, w, firstAddr, w.Reply(secret, firstAddr, "0.0.0.0/0"))
		<-over
		c.End("admin", "")
		c.Wait()
	})
	r := runAgent(t, g, nil)
	r.event(client.TunnelUp, "")
	response, err := r.browser().Get("http://" + inside.String() + "/1000000000")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if _, err := io.CopyN(io.Discard, response.Body, 1<<20); err != nil {
		t.Fatal(err)
	}
	idle, err := net.Dial("tcp", r.socks) // sends nothing
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	close(over)
	r.event(client.Ended, "admin")
	if _, err := io.Copy(io.Discard, response.Body); err == nil {
		t.Error("the download was not cut off")
	}
	idle.SetDeadline(time.Now().Add(limit))
	if _, err := idle.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the idle connection: %v", err)
	}
	r.end(client.EndedByGateway)
}

// The agent reports that the network blocks UDP. When UDP comes through later, the tunnel works.
func TestBlocked(t *testing.T) {
	unblock := make(chan struct{})
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		key := admit(c, nil, firstAddr, w.Reply(secret, firstAddr, "10.0.0.0/8"))
		<-unblock
		w.SetPeer(key, secret, firstAddr)
		c.Wait()
	})
	r := runAgent(t, g, func(tun *Tunnel) { tun.timeouts.firstHandshake = 200 * time.Millisecond })
	e := r.event(client.Authorized, "tunnel_blocked")
	if !strings.Contains(e.Message, fmt.Sprintf("UDP %d", w.Port)) || e.Address != firstAddr.String() {
		t.Errorf("%+v", e)
	}
	close(unblock)
	r.event(client.TunnelUp, "") // the next handshake comes after 5 s
	checkSource(t, page(t, r.browser(), inside.String()), firstAddr)
}

// The agent reports a tunnel that stops working.
func TestBlockedLater(t *testing.T) {
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		admit(c, w, firstAddr, w.Reply(secret, firstAddr, "10.0.0.0/8"))
		c.Wait()
	})
	r := runAgent(t, g, func(tun *Tunnel) {
		tun.timeouts.stale, tun.timeouts.pollUp = 300*time.Millisecond, 10*time.Millisecond
	})
	r.event(client.TunnelUp, "")
	r.event(client.Authorized, "tunnel_blocked")
}

// A reconnect uses another key and replaces the peer. Proxy and connections stay.
func TestReconnect(t *testing.T) {
	restart := make(chan struct{})
	keys := make(chan string, 2)
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		keys <- admit(c, w, firstAddr, w.Reply(secret, firstAddr, "10.0.0.0/8"))
		if n == 0 {
			<-restart
			w.RemovePeers()
			c.End("shutdown", "")
		}
		c.Wait()
	})
	r := runAgent(t, g, nil)
	r.event(client.TunnelUp, "")
	browser := r.browser()
	before := page(t, browser, inside.String())
	proxy := r.socks
	close(restart)
	r.event(client.Reconnecting, "shutdown")
	r.event(client.TunnelUp, "")
	if after := page(t, browser, inside.String()); after != before || r.socks != proxy {
		t.Errorf("connection %s before and %s after, proxy %s before and %s after", before, after, proxy, r.socks)
	}
	if one, two := <-keys, <-keys; one == two || one == "" || two == "" {
		t.Errorf("keys %q and %q", one, two)
	}
}

// After a reconnect the gateway may give another address, which the tunnel then uses.
func TestReconnectNewAddress(t *testing.T) {
	restart := make(chan struct{})
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(n int, c *gatewaytest.Conn) {
		a := []netip.Addr{firstAddr, otherAddr}[n]
		admit(c, w, a, w.Reply(secret, a, "10.0.0.0/8"))
		if n == 0 {
			<-restart
			c.Drop()
		}
		c.Wait()
	})
	r := runAgent(t, g, nil)
	r.event(client.TunnelUp, "")
	checkSource(t, page(t, r.browser(), inside.String()), firstAddr)
	close(restart)
	r.event(client.Reconnecting, "lost")
	if e := r.event(client.TunnelUp, ""); e.Address != otherAddr.String() {
		t.Errorf("%+v", e)
	}
	checkSource(t, page(t, r.browser(), inside.String()), otherAddr)
}

func TestProxyAddressTaken(t *testing.T) {
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		admit(c, w, firstAddr, w.Reply(secret, firstAddr, "10.0.0.0/8"))
		if !c.ConfirmLogout() {
			t.Error("the agent sent no unauthorize")
		}
	})
	r := runAgent(t, g, func(tun *Tunnel) { tun.config.Socks = other.Addr().String() })
	if e := r.event(client.Failed, "vpn_unavailable"); !strings.Contains(e.Message, other.Addr().String()) {
		t.Errorf("%+v", e)
	}
	r.end(client.Refused)
}

// The log has no private or preshared key, also when the gateway has another preshared key.
func TestSecretsAreNotLogged(t *testing.T) {
	w := gatewaytest.NewTunnel(t, inside, nil)
	g := gatewaytest.New(t, func(_ int, c *gatewaytest.Conn) {
		answer := w.Reply(secret, firstAddr, "10.0.0.0/8", "127.0.0.0/8")
		answer.PresharedKey = agent.Key{8}.String() // not the gateway's
		admit(c, w, firstAddr, answer)
		c.Wait()
	})
	var private string
	var tun *Tunnel
	r := runAgent(t, g, func(t *Tunnel) { tun = t; t.timeouts.firstHandshake = 200 * time.Millisecond })
	r.event(client.Authorized, "tunnel_blocked")
	tun.mu.Lock()
	if tun.key != (privateKey{}) {
		t.Error("the key is kept beside the device")
	}
	state, err := tun.current.device.IpcGet()
	tun.mu.Unlock()
	for lines := bufio.NewScanner(strings.NewReader(state)); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), "private_key="); ok {
			private = value
		}
	}
	raw, _ := hex.DecodeString(private)
	if err != nil || len(raw) != 32 {
		t.Fatalf("private key %d bytes, %v", len(raw), err)
	}
	r.stop()
	r.end(client.StoppedByUser)
	log := strings.Join(r.log, "\n")
	for _, hidden := range []string{private, agent.Key(raw).String(), agent.Key{8}.String(), hex.EncodeToString(secret[:])} {
		if strings.Contains(log, hidden) {
			t.Errorf("the log has %s: %s", hidden, log)
		}
	}
	if !strings.Contains(log, "127.0.0.0/8") {
		t.Errorf("the log does not name the network that was left out: %s", log)
	}
}

func TestUpWithoutAKey(t *testing.T) {
	tun := New(Config{Mode: Netstack, Socks: "127.0.0.1:0"})
	if _, _, err := tun.Up(context.Background(), client.TunnelSetup{}); err == nil {
		t.Error("Up without a key returned no error")
	}
	tun.Down()
}

func TestCheckSocks(t *testing.T) {
	for address, want := range map[string]string{
		"127.0.0.1:1080":          "",
		"127.9.9.9:0":             "",
		"[::1]:1080":              "",
		"[::ffff:127.0.0.1]:1080": "",
		"0.0.0.0:1080":            locale.SocksNotLoopback,
		"[::]:1080":               locale.SocksNotLoopback,
		"192.0.2.1:1080":          locale.SocksNotLoopback,
		":1080":                   locale.BadSocks,
		"localhost:1080":          locale.BadSocks,
		"127.0.0.1":               locale.BadSocks,
		"127.0.0.1:65536":         locale.BadSocks,
	} {
		var problem *client.TunnelProblem
		got := ""
		if errors.As(CheckSocks(address, false), &problem) {
			got = problem.Key
		}
		if got != want {
			t.Errorf("%s: %q", address, got)
		}
		if err := CheckSocks(address, true); (err == nil) != (want != locale.BadSocks) {
			t.Errorf("%s, shared: %v", address, err)
		}
	}
}
