//go:build linux

package netlab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Dial connects from an address in a place.
func (l *Lab) Dial(ctx context.Context, place, network string, from netip.Addr, to string) (c net.Conn, err error) {
	d := net.Dialer{Timeout: Patience, LocalAddr: &net.TCPAddr{IP: from.AsSlice()}}
	if strings.HasPrefix(network, "udp") {
		d.LocalAddr = &net.UDPAddr{IP: from.AsSlice()}
	}
	err = l.At(place, func() (err error) {
		c, err = d.DialContext(ctx, network, to)
		return err
	})
	return c, err
}

// Listen listens for TCP at an address in a place until the test is over.
func (l *Lab) Listen(tb testing.TB, place string, at netip.AddrPort) (ln net.Listener) {
	tb.Helper()
	if err := l.At(place, func() (err error) {
		ln, err = net.Listen("tcp", at.String())
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { ln.Close() })
	return ln
}

// Serve calls a function for each connection to an address in a place. It returns the address with its port.
func (l *Lab) Serve(tb testing.TB, place string, at netip.AddrPort, each func(net.Conn)) netip.AddrPort {
	tb.Helper()
	ln := l.Listen(tb, place, at)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				each(c)
			}()
		}
	}()
	return ln.Addr().(*net.TCPAddr).AddrPort()
}

// Says returns a function for Serve that answers with a word.
func Says(word string) func(net.Conn) {
	return func(c net.Conn) { fmt.Fprint(c, word) }
}

// Paced is a function for Serve that sends a few bytes every few milliseconds until the connection breaks. Buffers stay empty, so
// bytes that arrive late were sent late.
func Paced(c net.Conn) {
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for range ticker.C {
		_ = c.SetWriteDeadline(time.Now().Add(Patience))
		if _, err := c.Write([]byte("0123456789")); err != nil {
			return
		}
	}
}

// UDP opens a UDP socket at an address in a place until the test is over.
func (l *Lab) UDP(tb testing.TB, place string, at netip.AddrPort) (c *net.UDPConn) {
	tb.Helper()
	if err := l.At(place, func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(at))
		return err
	}); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { c.Close() })
	return c
}

// Hears connects and returns the word that the address answers with in time.
func (l *Lab) Hears(place string, from netip.Addr, to netip.AddrPort, within time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	c, err := l.Dial(ctx, place, "tcp", from, to.String())
	if err != nil {
		return "", err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(within))
	b := make([]byte, 64)
	n, err := c.Read(b)
	return string(b[:n]), err
}

// Download is a connection to a Paced sender.
type Download struct {
	what  string
	count atomic.Int64 // bytes
	last  atomic.Int64 // when the last bytes came, in Unix nanoseconds
	gap   atomic.Int64 // the longest pause, in nanoseconds
}

// Download connects to a Paced sender and reads until the test is over.
func (l *Lab) Download(tb testing.TB, what, place string, from netip.Addr, to netip.AddrPort) *Download {
	tb.Helper()
	c, err := l.Dial(tb.Context(), place, "tcp", from, to.String())
	if err != nil {
		tb.Fatalf("%s: %v", what, err)
	}
	tb.Cleanup(func() { c.Close() })
	d := &Download{what: what}
	d.last.Store(time.Now().UnixNano())
	go func() {
		for b := make([]byte, 4096); ; {
			n, err := c.Read(b)
			if err != nil {
				return
			}
			now := time.Now().UnixNano()
			d.count.Add(int64(n))
			d.gap.Store(max(d.gap.Load(), now-d.last.Swap(now)))
		}
	}()
	d.Runs(tb)
	return d
}

// Runs waits for more bytes.
func (d *Download) Runs(tb testing.TB) {
	tb.Helper()
	before := d.count.Load()
	Eventually(tb, d.what+" goes on", func() bool { return d.count.Load() > before+100 })
}

// Stops waits until nothing arrives for Silence, and returns when the last byte came.
func (d *Download) Stops(tb testing.TB) time.Time {
	tb.Helper()
	Eventually(tb, d.what+" stops", func() bool { return time.Since(d.Last()) > Silence })
	return d.Last()
}

// Last returns when the last byte came.
func (d *Download) Last() time.Time { return time.Unix(0, d.last.Load()) }

func (d *Download) Count() int64 { return d.count.Load() }

// Gap returns the longest pause since the last call.
func (d *Download) Gap() time.Duration { return time.Duration(d.gap.Swap(0)) }

// String returns the name that the test gave the download.
func (d *Download) String() string { return d.what }
