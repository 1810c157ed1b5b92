// Package gatewaytest is a fake gateway for tests of the agent program, with real TLS 1.3 and WebSockets on this
// machine. The test decides what it sends.
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

// timeout limits a connection.
const timeout = 20 * time.Second

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

// New starts a gateway that runs until the test ends. serve is called for each connection, in its own goroutine, with
// the number of the connection, from 0. The connection is closed when it returns.
func New(t testing.TB, serve func(n int, c *Conn)) *Gateway {
	root := NewRoot(t, nil)
	return Start(t, root, root.Leaf(t, nil), serve)
}

// Start is New with the given certificate.
func Start(t testing.TB, root *Root, certificate tls.Certificate, serve func(n int, c *Conn)) *Gateway {
	return startAt(t, "127.0.0.1", root, certificate, serve)
}

// NewAt is New on another address of this machine than 127.0.0.1.
func NewAt(t testing.TB, address string, serve func(n int, c *Conn)) *Gateway {
	root := NewRoot(t, nil)
	leaf := root.Leaf(t, func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.ParseIP(address)} })
	return startAt(t, address, root, leaf, serve)
}

func startAt(t testing.TB, address string, root *Root, leaf tls.Certificate, serve func(int, *Conn)) *Gateway {
	g := &Gateway{Root: root, t: t}
	return g.start(address, &tls.Config{Certificates: []tls.Certificate{leaf}, MinVersion: tls.VersionTLS13},
		func(w http.ResponseWriter, r *http.Request) { g.accept(w, r, serve) })
}

// StartRoots is New with a root that may change: current is called for each connection.
func StartRoots(t testing.TB, current func() *Root, serve func(n int, c *Conn)) *Gateway {
	g := &Gateway{Root: current(), t: t}
	return g.start("127.0.0.1", &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{MinVersion: tls.VersionTLS13, Certificates: []tls.Certificate{current().Leaf(t, nil)}}, nil
	}}, func(w http.ResponseWriter, r *http.Request) { g.accept(w, r, serve) })
}

// StartHTTP starts a server that is not a gateway, or a gateway that refuses the upgrade.
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
		g.serving.Wait() // the server does not wait for WebSockets
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
		return // the agent has disconnected
	}
	defer ws.CloseNow()
	ws.SetReadLimit(protocol.MaxSSOFrame)
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	g.mu.Lock()
	n := g.conns
	g.conns++
	g.mu.Unlock()
	serve(n, &Conn{Request: r, t: g.t, ws: ws, ctx: ctx})
}

// Connections returns the number of connections so far.
func (g *Gateway) Connections() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.conns
}

// Conn is the gateway's end of one connection. Its methods report errors to the test.
type Conn struct {
	Request *http.Request
	t       testing.TB
	ws      *websocket.Conn
	ctx     context.Context
	drained chan struct{} // closed when drain has read the last message; nil before drain
}

// Read returns the agent's next message, or nil when the agent has disconnected.
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

// AnswerVersion reads version and answers that the agent is up to date, and that SSO is possible with the domains.
func (c *Conn) AnswerVersion(sso ...string) {
	if m, ok := c.Read().(*protocol.Version); !ok {
		c.t.Errorf("the first message is %T", m)
	}
	c.Send(protocol.Update{Type: protocol.TypeUpdate, SSO: sso})
}

// Challenge reads the first sso and answers with a challenge. It returns the second sso, or nil when the agent sends something
// else or has disconnected.
func (c *Conn) Challenge(sessionToken string) *protocol.SSORequest {
	if m, ok := c.Read().(*protocol.SSORequest); !ok || m.Token != nil || m.SessionToken != nil {
		c.t.Errorf("instead of the first sso: %+v", m)
		return nil
	}
	c.Send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: sessionToken, ComputerName: c.Request.Host})
	m, ok := c.Read().(*protocol.SSORequest)
	if !ok || m.Token == nil || m.SessionToken == nil || *m.SessionToken != sessionToken {
		return nil
	}
	return m
}

// Authorize reads authorize. It returns nil when the agent has disconnected.
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

// Admit calls AnswerVersion and Authorize and gives access in the LAN, with a grace period of 30 s and the resume token.
func (c *Conn) Admit(resume string) *protocol.Authorize {
	c.AnswerVersion()
	m := c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: true, Address: "127.0.0.1", Resume: resume, Grace: 30})
	return m
}

// Refuse calls AnswerVersion and Authorize and refuses access; timeout is in seconds.
func (c *Conn) Refuse(code, message string, timeout int) {
	c.AnswerVersion()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: code, Message: message, Timeout: timeout})
}

// RefuseChangeable calls Refuse, with the offer to change the password.
func (c *Conn) RefuseChangeable(code, message string) {
	c.AnswerVersion()
	c.Authorize()
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Code: code, Message: message, ChangePassword: true})
}

// ChangePassword reads change_password. It returns nil when the agent has disconnected.
func (c *Conn) ChangePassword() *protocol.ChangePassword {
	switch m := c.Read().(type) {
	case nil:
		return nil
	case *protocol.ChangePassword:
		return m
	default:
		c.t.Errorf("change_password expected, %T came", m)
		return nil
	}
}

// AnswerChange answers change_password with a code and a message. authorized says whether there is a session.
func (c *Conn) AnswerChange(authorized bool, code, message string) {
	c.Send(protocol.AuthState{Type: protocol.TypeAuthState, Authorized: authorized, Code: code, Message: message})
}

// End sends ended.
func (c *Conn) End(reason, message string) {
	c.Send(protocol.Ended{Type: protocol.TypeEnded, Reason: reason, Message: message})
}

// ConfirmLogout reads unauthorize and confirms it. It returns false for any other message.
func (c *Conn) ConfirmLogout() bool {
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

// SendText writes a text frame. Errors are ignored: Read notices that the agent has disconnected.
func (c *Conn) SendText(frame string) { _ = c.ws.Write(c.ctx, websocket.MessageText, []byte(frame)) }

// SendBinary writes a binary frame, which the protocol does not allow.
func (c *Conn) SendBinary(frame []byte) { _ = c.ws.Write(c.ctx, websocket.MessageBinary, frame) }

// Ping sends a ping and waits for the answer. Only Wait may follow.
func (c *Conn) Ping() error {
	c.drain()
	return c.ws.Ping(c.ctx)
}

// Wait waits until the agent disconnects. It ignores messages, but confirms unauthorize.
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

// Drop closes the connection without the closing handshake.
func (c *Conn) Drop() { c.ws.CloseNow() }
