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

// proxy is the SOCKS5 proxy in front of a TCP/IP stack.
type proxy struct {
	listener net.Listener
	server   *socks5.Server
	log      func(string)
	ctx      context.Context // done when the proxy is closed
	cancel   context.CancelFunc
	serving  sync.WaitGroup

	mu    sync.Mutex            // guards conns
	conns map[net.Conn]struct{} // both sides of every connection through the proxy
}

// newProxy serves the listener until close. The library writes what went wrong, with the names that people visit;
// nobody wants to read that.
func newProxy(listener net.Listener, dial dialer, names *resolver, logTo func(string)) *proxy {
	p := &proxy{listener: listener, log: logTo, conns: map[net.Conn]struct{}{}}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.server, _ = socks5.New(&socks5.Config{ // its error is always nil
		Resolver: bounded{p.ctx, names},
		Logger:   log.New(io.Discard, "", 0),
		Dial: func(_ context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(p.ctx, dialTimeout)
			defer cancel()
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return p.reached(c)
		},
	})
	p.serving.Add(1)
	go p.accept()
	return p
}

// bounded is a resolver that gives up when the proxy is closed: the library has no context for it.
type bounded struct {
	ctx   context.Context
	names *resolver
}

func (b bounded) Resolve(_ context.Context, name string) (context.Context, net.IP, error) {
	return b.names.Resolve(b.ctx, name)
}

func (p *proxy) accept() {
	defer p.serving.Done()
	for {
		c, err := p.listener.Accept()
		switch {
		case err == nil:
			p.serve(c)
		case errors.Is(err, net.ErrClosed) || p.ctx.Err() != nil:
			return
		default: // no file descriptors left, for instance
			p.log("SOCKS5 proxy: " + err.Error())
			p.pause()
		}
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

func (p *proxy) serve(c net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		c.Close()
		return
	}
	p.conns[c] = struct{}{}
	p.serving.Add(1)
	go func() {
		defer p.serving.Done()
		_ = p.server.ServeConn(c) // the other side has been told
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.conns, c)
	}()
}

// reached takes up the far side of a connection. The library waits for it even when the near side is gone.
func (p *proxy) reached(c net.Conn) (net.Conn, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		c.Close()
		return nil, p.ctx.Err()
	}
	p.conns[c] = struct{}{}
	return &farSide{c, p}, nil
}

// farSide is a connection that the proxy forgets when the library has closed it.
type farSide struct {
	net.Conn
	proxy *proxy
}

func (f *farSide) Close() error {
	f.proxy.mu.Lock()
	delete(f.proxy.conns, f.Conn)
	f.proxy.mu.Unlock()
	return f.Conn.Close()
}

// CloseWrite hands on that the near side has nothing more to say.
func (f *farSide) CloseWrite() error {
	if c, ok := f.Conn.(interface{ CloseWrite() error }); ok {
		return c.CloseWrite()
	}
	return nil
}

// close ends the listener and all connections, and waits for them.
func (p *proxy) close() {
	p.cancel()
	p.listener.Close()
	p.mu.Lock()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.serving.Wait()
}
