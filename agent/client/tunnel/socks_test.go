package tunnel

import (
	"context"
	"io"
	"net"
	"testing"
	"time"
)

// close also ends a connection that is half closed: the program has sent everything, and the server never answers.
func TestProxyClosesHalfClosedConnections(t *testing.T) {
	server := listen(t)
	dial := func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server.Addr().String())
	}
	p := newProxy(listen(t), dial, nil, func(string) {})
	program, err := net.Dial("tcp", p.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	exchange := func(request string, answer int) {
		t.Helper()
		if _, err := io.WriteString(program, request); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(program, make([]byte, answer)); err != nil {
			t.Fatal(err)
		}
	}
	exchange("\x05\x01\x00", 2)
	exchange("\x05\x01\x00\x01\x0a\x80\x00\x01\x00\x50", 10)
	silent, err := server.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if err := program.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Fatalf("the server reads %v", err)
	}
	closed := make(chan struct{})
	go func() { defer close(closed); p.close() }()
	select {
	case <-closed:
	case <-time.After(limit):
		t.Fatal("close does not return")
	}
	if len(p.conns) != 0 {
		t.Errorf("the proxy still has %d connections", len(p.conns))
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
