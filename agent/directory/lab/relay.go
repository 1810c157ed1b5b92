//go:build linux

package lab

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
)

// Relay is a second controller for tests of failover. It is not a controller of its own: it forwards TCP connections to the Samba of
// dc1, so both have the same data and the same counts of wrong passwords. The certificate of Samba has both names.
type Relay struct {
	from, to  netip.Addr
	mu        sync.Mutex
	listeners []net.Listener
	conns     map[net.Conn]bool
	paused    chan struct{} // closed while the relay is not paused
	forwarded int           // connections since the start
	open      int           // those that are open now
	own       *tls.Certificate
}

var relayPorts = []uint16{88, 389, 636, 3268, 3269}

// newRelay starts a relay, which ends with the test.
func newRelay(tb testing.TB, from, to netip.Addr) *Relay {
	tb.Helper()
	r := &Relay{from: from, to: to, conns: map[net.Conn]bool{}, paused: make(chan struct{})}
	close(r.paused)
	r.Start(tb)
	tb.Cleanup(func() {
		r.Continue()
		r.Stop()
	})
	return r
}

// Start listens again after Stop.
func (r *Relay) Start(tb testing.TB) {
	tb.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, port := range relayPorts {
		l, err := net.Listen("tcp", netip.AddrPortFrom(r.from, port).String())
		if err != nil {
			tb.Fatal(err)
		}
		r.listeners = append(r.listeners, l)
		go r.serve(l, port)
	}
}

// Stop closes all connections and refuses new ones.
func (r *Relay) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, l := range r.listeners {
		l.Close()
	}
	r.listeners = nil
	r.drop()
}

// Drop closes all connections.
func (r *Relay) Drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drop()
}

func (r *Relay) drop() {
	for c := range r.conns {
		c.Close()
	}
}

// Pause makes the relay silent: the kernel accepts connections and bytes, and nothing is answered until Continue.
func (r *Relay) Pause() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.paused = make(chan struct{})
}

// Continue ends a pause.
func (r *Relay) Continue() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.paused:
	default:
		close(r.paused)
	}
}

// Present makes the relay show a certificate of the test at 636 and 3269. It opens TLS there and closes it to Samba.
// With nil it shows Samba's again. StartTLS always shows Samba's.
func (r *Relay) Present(c *tls.Certificate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.own = c
}

// Accepted returns the number of forwarded connections so far, which excludes those that wait for Continue.
func (r *Relay) Accepted() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.forwarded
}

// Connections returns how many of them are open.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.open
}

func (r *Relay) wait() {
	r.mu.Lock()
	paused := r.paused
	r.mu.Unlock()
	<-paused
}

func (r *Relay) serve(l net.Listener, port uint16) {
	for {
		c, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			go r.forward(c, port)
		}
	}
}

// keep adds connections to those that drop closes.
func (r *Relay) keep(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		r.conns[c] = true
	}
}

func (r *Relay) forget(conns ...net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range conns {
		c.Close()
		delete(r.conns, c)
	}
}

func (r *Relay) forward(client net.Conn, port uint16) {
	r.keep(client)
	defer r.forget(client)
	r.wait()
	r.mu.Lock()
	own := r.own
	r.forwarded++
	r.open++
	r.mu.Unlock()
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.open--
	}()
	samba, err := net.Dial("tcp", net.JoinHostPort(r.to.String(), strconv.Itoa(int(port))))
	if err != nil {
		return
	}
	r.keep(samba)
	defer r.forget(samba)
	down, up := client, samba
	if own != nil && slices.Contains([]uint16{636, 3269}, port) {
		down = tls.Server(client, &tls.Config{Certificates: []tls.Certificate{*own}})
		up = tls.Client(samba, &tls.Config{InsecureSkipVerify: true})
	}
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{down, up}, {up, down}} {
		go func() {
			_, _ = io.Copy(pausing{way[0], r}, way[1])
			done <- struct{}{}
		}()
	}
	<-done
}

// pausing is a connection that does not write during a pause.
type pausing struct {
	io.Writer
	r *Relay
}

func (p pausing) Write(b []byte) (int, error) {
	p.r.wait()
	return p.Writer.Write(b)
}
