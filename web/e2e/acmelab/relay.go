//go:build linux

package acmelab

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
)

// Relay is a TCP port at 127.0.0.1 that counts connections. It forwards them to a target, or closes them if there is none.
type Relay struct {
	listener net.Listener

	mu     sync.Mutex
	target string // guarded by mu
	count  int    // guarded by mu
}

func newRelay(tb testing.TB) *Relay {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	r := &Relay{listener: ln}
	var all sync.WaitGroup
	tb.Cleanup(func() { ln.Close(); all.Wait() })
	all.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			all.Go(func() { r.forward(c) })
		}
	})
	return r
}

func (r *Relay) port() uint16 {
	return netip.MustParseAddrPort(r.listener.Addr().String()).Port()
}

// Lead sets the target HOST:PORT.
func (r *Relay) Lead(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// Count returns how many connections there were.
func (r *Relay) Count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// forward counts a connection and connects it to the target, until either end closes it.
func (r *Relay) forward(c net.Conn) {
	defer c.Close()
	r.mu.Lock()
	r.count++
	target := r.target
	r.mu.Unlock()
	if target == "" {
		return
	}
	to, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer to.Close()
	go func() { _, _ = io.Copy(to, c); to.Close() }()
	_, _ = io.Copy(c, to)
}
