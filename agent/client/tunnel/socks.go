package tunnel

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/armon/go-socks5"

	"ideco-agent/agent/client"
	"ideco-agent/agent/client/locale"
)

// DefaultSocks is the default address of the proxy.
const DefaultSocks = "127.0.0.1:1080"

// CheckSocks checks the proxy's address: an IP address and a port, on the loopback unless shared. The error is a
// *client.TunnelProblem.
func CheckSocks(address string, shared bool) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return &client.TunnelProblem{Key: locale.BadSocks, Value: address, Err: err}
	}
	if !shared && !a.Addr().Unmap().IsLoopback() {
		return &client.TunnelProblem{Key: locale.SocksNotLoopback, Value: address}
	}
	return nil
}

// proxy is the SOCKS5 proxy in front of a TCP/IP stack. The library calls Accept and Resolve, and closes each
// connection when it is done.
type proxy struct {
	net.Listener
	names  *resolver
	log    func(string)
	ctx    context.Context // done when the proxy is closed
	cancel context.CancelFunc
	open   sync.WaitGroup // connections and goroutines of the library

	mu    sync.Mutex              // guards conns
	conns map[*proxyConn]struct{} // both sides of every connection through the proxy
}

// newProxy serves the listener until close. The library's log is discarded: it names the hosts that people visit.
func newProxy(listener net.Listener, dial dialer, names *resolver, logTo func(string)) *proxy {
	p := &proxy{Listener: listener, names: names, log: logTo, conns: map[*proxyConn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	server, _ := socks5.New(&socks5.Config{ // its error is always nil
		Resolver: p,
		Logger:   log.New(io.Discard, "", 0),
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
			defer cancel()
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return p.track(c)
		},
	})
	p.open.Add(1)
	go func() {
		defer p.open.Done()
		_ = server.Serve(p) // until close
	}()
	return p
}

// Resolve is cancelled when the proxy is closed; the library's context is not.
func (p *proxy) Resolve(_ context.Context, name string) (context.Context, net.IP, error) {
	return p.names.Resolve(p.ctx, name)
}

// Accept continues after a failure, for instance when no file descriptors are left.
func (p *proxy) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		switch {
		case err == nil:
			return p.track(c)
		case errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil:
			return nil, err
		}
		p.log("SOCKS5 proxy: " + err.Error())
		p.pause()
	}
}

func (p *proxy) pause() {
	t := time.NewTimer(time.Second)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

// track adds a connection to conns, so that close can close it: the library does not close one side of a connection
// when the other has ended.
func (p *proxy) track(c net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ctx.Err(); err != nil {
		c.Close()
		return nil, err
	}
	tracked := &proxyConn{c, p}
	p.conns[tracked] = struct{}{}
	p.open.Add(1)
	return tracked, nil
}

// proxyConn is a connection that removes itself from conns when it is closed.
type proxyConn struct {
	net.Conn
	proxy *proxy
}

func (c *proxyConn) Close() error {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	if _, tracked := c.proxy.conns[c]; tracked {
		delete(c.proxy.conns, c)
		c.proxy.open.Done()
	}
	return c.Conn.Close()
}

// CloseWrite passes on the end of the other side's data.
func (c *proxyConn) CloseWrite() error {
	if c, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// close closes the listener and all connections, and waits until they have ended.
func (p *proxy) close() {
	p.cancel()
	p.Listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Conn.Close()
	}
	p.mu.Unlock()
	p.open.Wait()
}
