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

// accepted returns the connections of a listener.
func accepted(t *testing.T, l net.Listener) <-chan net.Conn {
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
	accepted(t, l)
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
	conns := accepted(t, l)
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
		if conn := speaks(conns); conn != nil {
			identified(t, conn)
			return
		}
	}
	t.Error("no connection was served")
}

// speaks returns the first connection that sends x. A real window, if there is one, does not.
func speaks(conns <-chan net.Conn) net.Conn {
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

func identified(t *testing.T, conn net.Conn) {
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
