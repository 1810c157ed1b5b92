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

// DefaultSocks is where the proxy listens unless the person says otherwise.
const DefaultSocks = "127.0.0.1:1080"

// CheckSocks checks where the proxy shall listen: an IP address and a port, on this computer's loopback unless shared.
// The error is a *client.TunnelProblem.
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

// proxy is the SOCKS5 proxy in front of a TCP/IP stack. The library takes its connections from Accept, looks names up with
// Resolve and closes each connection when it has no more to do with it.
type proxy struct {
	net.Listener
	names  *resolver
	log    func(string)
	ctx    context.Context // done when the proxy is closed
	cancel context.CancelFunc
	open   sync.WaitGroup // what the library has not ended yet

	mu    sync.Mutex              // guards conns
	conns map[*proxyConn]struct{} // both sides of every connection through the proxy
}

// newProxy serves the listener until close. The library writes what went wrong, with the names that people visit;
// nobody wants to read that.
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
			return p.keep(c)
		},
	})
	p.open.Add(1)
	go func() {
		defer p.open.Done()
		_ = server.Serve(p) // until close
	}()
	return p
}

// Resolve gives up when the proxy is closed: the library has no context for it.
func (p *proxy) Resolve(_ context.Context, name string) (context.Context, net.IP, error) {
	return p.names.Resolve(p.ctx, name)
}

// Accept goes on after a failure, for instance when there are no file descriptors left.
func (p *proxy) Accept() (net.Conn, error) {
	for {
		c, err := p.Listener.Accept()
		switch {
		case err == nil:
			return p.keep(c)
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

// keep remembers a connection until the library closes it. The library waits for the far side of a connection even when
// the near side is gone, and the other way round.
func (p *proxy) keep(c net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.ctx.Err(); err != nil {
		c.Close()
		return nil, err
	}
	kept := &proxyConn{c, p}
	p.conns[kept] = struct{}{}
	p.open.Add(1)
	return kept, nil
}

// proxyConn is a connection that the proxy forgets when the library closes it.
type proxyConn struct {
	net.Conn
	proxy *proxy
}

func (c *proxyConn) Close() error {
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	if _, kept := c.proxy.conns[c]; kept {
		delete(c.proxy.conns, c)
		c.proxy.open.Done()
	}
	return c.Conn.Close()
}

// CloseWrite hands on that the other side has nothing more to say.
func (c *proxyConn) CloseWrite() error {
	if c, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// close ends the listener and all connections, and waits for them.
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
