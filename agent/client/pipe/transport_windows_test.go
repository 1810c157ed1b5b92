package pipe

import (
	"context"
	"errors"
	"net"
	"os/user"
	"testing"
	"time"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// These tests create the service's pipe, so they must not run beside the service.

// acceptAll accepts connections until the test ends.
func acceptAll(t *testing.T, l net.Listener) <-chan net.Conn {
	conns := make(chan net.Conn, 16)
	go func() {
		defer close(conns)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns <- conn
		}
	}()
	t.Cleanup(func() { l.Close() })
	return conns
}

// A window sends nothing to another program that has created the pipe.
func TestWindowsImpostor(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	acceptAll(t, l)
	ctx, stop := context.WithTimeout(context.Background(), testTimeout)
	defer stop()
	conn, err := Dial(ctx)
	if !errors.Is(err, ErrUntrusted) {
		t.Errorf("%v, %v", conn, err)
	}
}

// Identify returns the user and the Windows session of a window.
func TestWindowsIdentify(t *testing.T) {
	l, err := Listen()
	if err != nil {
		t.Fatal(err)
	}
	conns := acceptAll(t, l)
	for try := 0; try < 3; try++ { // in Wine the first client is never served
		ctx, stop := context.WithTimeout(context.Background(), testTimeout)
		window, err := winio.DialPipeAccessImpLevel(ctx, path, userRights, winio.PipeImpLevelIdentification)
		stop()
		if err != nil {
			t.Fatal(err)
		}
		defer window.Close()
		if _, err := window.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if conn := firstServed(conns); conn != nil {
			checkIdentify(t, conn)
			return
		}
	}
	t.Error("no connection was served")
}

// firstServed returns the first connection that sends x, which a real window does not; nil after 2 s.
func firstServed(conns <-chan net.Conn) net.Conn {
	for enough := time.After(2 * time.Second); ; {
		select {
		case conn := <-conns:
			b := make([]byte, 1)
			if _, err := conn.Read(b); err == nil && b[0] == 'x' {
				return conn
			}
			conn.Close()
		case <-enough:
			return nil
		}
	}
}

func checkIdentify(t *testing.T, conn net.Conn) {
	defer conn.Close()
	who, err := Identify(conn)
	if err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	var session uint32
	if err := windows.ProcessIdToSessionId(windows.GetCurrentProcessId(), &session); err != nil {
		t.Fatal(err)
	}
	if who.User != me.Uid || who.Session != session {
		t.Errorf("%+v, want %s in %d", who, me.Uid, session)
	}
	t.Logf("%+v", who)
	var thread windows.Token
	if err := windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &thread); err == nil {
		t.Error("the thread still impersonates")
	}
}
