package tunnel

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// A program that has said all it wants, and waits for an answer that never comes, does not keep the tunnel from going
// down.
func TestProxyEndsWhatIsHalfClosed(t *testing.T) {
	far := listen(t)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, far.Addr().String())
	}
	p := newProxy(listen(t), dial, nil, func(string) {})
	near, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	says := func(request string, answer int) {
		t.Helper()
		if _, err := io.WriteString(near, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(near, make([]byte, answer)); err != nil {
			t.Fatal(err)
		}
	}
	says("\x05\x01\x00", 2)
	says("\x05\x01\x00\x01\x0a\x80\x00\x01\x00\x50", 10)
	silent, err := far.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := near.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the far side reads %v", err)
	}
	closed := make(chan struct{})
	go func() { defer close(closed); p.close() }()
	select {
	case <-closed:
	case <-time.After(limit):
		t.Fatal("the proxy does not end")
	}
	if len(p.conns) != 0 {
		t.Errorf("the proxy still knows of %d connections", len(p.conns))
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}
