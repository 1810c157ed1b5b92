// Package gatewaytest is a small gateway for tests of the agent program: real TLS 1.3 and real WebSockets on this
// machine, and whatever the test wants it to say.
package gatewaytest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent/protocol"
)

// patience is how long a test waits for something that should happen at once.
const patience = 20 * time.Second

// Gateway serves wss://Host:Port/connect.
type Gateway struct {
	Root *Root
	Host string
	Port uint16

	t       testing.TB
	serving sync.WaitGroup
	mu      sync.Mutex // guards conns
	conns   int
}

// New starts a gateway that ends with the test. serve is called for every connection, in a goroutine of its own, with
// the connection's number, from 0; the connection is closed when it returns.
func New(t testing.TB, serve func(n int, c *Conn)) *Gateway {
	root := NewRoot(t, nil)
	return Start(t, root, root.Leaf(t, nil), serve)
}

// Start is New with a certificate of the test's choice.
func Start(t testing.TB, root *Root, certificate tls.Certificate, serve func(n int, c *Conn)) *Gateway {
	return startAt(t, "127.0.0.1", root, certificate, serve)
}

// At is New on another address of this machine than 127.0.0.1.
func At(t testing.TB, address string, serve func(n int, c *Conn)) *Gateway {
	root := NewRoot(t, nil)
	leaf := root.Leaf(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(address)} })
	return startAt(t, address, root, leaf, serve)
}

func startAt(t testing.TB, address string, root *Root, leaf tls.Certificate, serve func(int, *Conn)) *Gateway {
	g := &Gateway{Root: root, t: t}
	return g.start(address, &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS13},
		func(w http.ResponseWriter, r *http.Request) { g.accept(w, r, serve) })
}

// StartHTTP serves something that is no gateway, or one that refuses the upgrade.
func StartHTTP(t testing.TB, config *tls.Config, handler http.HandlerFunc) *Gateway {
	g := &Gateway{t: t}
	if config == nil {
		g.Root = NewRoot(t, nil)
		config = &tls.Config{Certificates: []tls.Certificate{g.Root.Leaf(t, nil)}}
	}
	return g.start("127.0.0.1", config, handler)
}

func (g *Gateway) start(address string, config *tls.Config, handler http.HandlerFunc) *Gateway {
	listener, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		g.t.Fatal(err)
	}
	server := &httptest.Server{Listener: listener, Config: &http.Server{Handler: handler}}
	server.TLS = config
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	g.t.Cleanup(func() {
		server.Close()
		g.serving.Wait() // which the server does not do for connections that became WebSockets
	})
	host, port, err := net.SplitHostPort(server.Listener.Addr().String())
	if err != nil {
		g.t.Fatal(err)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		g.t.Fatal(err)
	}
	g.Host, g.Port = host, uint16(n)
	return g
}

func (g *Gateway) accept(w http.ResponseWriter, r *http.Request, serve func(int, *Conn)) {
	g.serving.Add(1)
	defer g.serving.Done()
	if r.URL.Path != "/connect" {
		http.NotFound(w, r)
		return
	}
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return // the agent has gone already
	}
	defer ws.CloseNow()
	ws.SetReadLimit(protocol.MaxFrame)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	g.mu.Lock()
	n := g.conns
	g.conns++
	g.mu.Unlock()
	serve(n, &Conn{Request: r, t: g.t, ws: ws, ctx: ctx})
}

// Connections is how many there have been.
func (g *Gateway) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns
}

// Conn is the gateway's end of one connection. Its methods report to the test what goes wrong.
type Conn struct {
	Request *http.Request
	t       testing.TB
	ws      *websocket.Conn
	ctx     context.Context
	drained chan struct{} // closed when drain has read the last message; nil before there is one
}

// Read is the agent's next message, or nil when the agent has gone.
func (c *Conn) Read() any {
	_, frame, err := c.ws.Read(c.ctx)
	if err != nil {
		return nil
	}
	m, err := protocol.Parse(frame, protocol.FromAgent)
	if err != nil {
		c.t.Errorf("from the agent: %v", err)
	}
	return m
}

// Hello reads version and answers that the agent is up to date.
func (c *Conn) Hello() {
	if m, ok := c.Read().(*protocol.Version); !ok {
		c.t.Errorf("the first message is %T", m)
	}
	c.Send(protocol.Update{Type: protocol.TypeUpdate})
}

// Authorize reads a request for access, or nil when the agent has gone.
func (c *Conn) Authorize() *protocol.Authorize {
	switch m := c.Read().(type) {
	case nil:
		return nil
	case *protocol.Authorize:
		return m
	default:
		c.t.Errorf("authorize expected, %T came", m)
		return nil
	}
}

// Admit is Hello, Authorize and an answer that gives access in the LAN with a grace of 30 s and the resume token.
func (c *Conn) Admit(resume string) *protocol.Authorize {
	c.Hello()
	m := c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1", Resume: resume, Grace: 30})
	return m
}

// Refuse is Hello, Authorize and a refusal; timeout in seconds.
func (c *Conn) Refuse(code, message string, timeout int) {
	c.Hello()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: code, Message: message, Timeout: timeout})
}

// End tells the agent that its session is over.
func (c *Conn) End(reason, message string) {
	c.Send(protocol.Ended{Type: protocol.TypeEnded, Reason: reason, Message: message})
}

// Goodbye reads unauthorize and confirms it. It tells whether that is what came.
func (c *Conn) Goodbye() bool {
	_, ok := c.Read().(*protocol.Unauthorize)
	if ok {
		c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
	}
	return ok
}

// Send writes a message.
func (c *Conn) Send(m any) {
	frame, err := json.Marshal(m)
	if err != nil {
		c.t.Errorf("to the agent: %v", err)
	}
	c.SendText(string(frame))
}

// SendText writes a frame. An agent that has gone meanwhile will be noticed by Read.
func (c *Conn) SendText(frame string) { _ = c.ws.Write(c.ctx, websocket.MessageText, []byte(frame)) }

// SendBinary writes a frame that no message may have.
func (c *Conn) SendBinary(frame []byte) { _ = c.ws.Write(c.ctx, websocket.MessageBinary, frame) }

// Ping is answered by an agent that is alive. Only Wait may follow.
func (c *Conn) Ping() error {
	c.drain()
	return c.ws.Ping(c.ctx)
}

// Wait returns when the agent has gone; what it says until then does not matter, but a goodbye is confirmed.
func (c *Conn) Wait() {
	c.drain()
	<-c.drained
}

func (c *Conn) drain() {
	if c.drained != nil {
		return
	}
	c.drained = make(chan struct{})
	go func() {
		defer close(c.drained)
		for m := c.Read(); m != nil; m = c.Read() {
			if _, ok := m.(*protocol.Unauthorize); ok {
				c.Send(protocol.AuthState{Type: protocol.TypeAuthState})
			}
		}
	}()
}

// Drop breaks the connection without a word.
func (c *Conn) Drop() { c.ws.CloseNow() }
