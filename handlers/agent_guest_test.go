package handlers

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent/protocol"
)

// upgrade opens a WebSocket; the test writes the frames itself.
func upgrade(t *testing.T, s *Site) net.Conn {
	t.Helper()
	server := httptest.NewServer(s.AgentHandler())
	t.Cleanup(server.Close)
	conn, err := net.Dial("tcp", server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	fmt.Fprint(conn, "GET /connect HTTP/1.1\r\nHost: gw.example.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	r := bufio.NewReader(conn)
	response, err := http.ReadResponse(r, nil)
	if err != nil || response.StatusCode != http.StatusSwitchingProtocols || r.Buffered() > 0 {
		t.Fatalf("upgrade: %v, %v", response, err)
	}
	return conn
}

// frame returns the header of a text frame with a zero mask.
func frame(last bool, length int) []byte {
	first := byte(1)
	if last {
		first |= 0x80
	}
	return []byte{first, 0x80 | 126, byte(length >> 8), byte(length), 0, 0, 0, 0}
}

// TestGuestMessages: an agent without a session may neither leave a message unfinished nor send a long one.
func TestGuestMessages(t *testing.T) {
	for name, sent := range map[string][]byte{
		"a fragment of a message": append(frame(false, 1000), make([]byte, 1000)...),
		"a part of a frame":       append(frame(true, 4000), make([]byte, 1000)...),
		"the header of a frame":   frame(true, 4000),
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t)
			s.guestTimeoutInTests = 200 * time.Millisecond
			conn := upgrade(t, s)
			if _, err := conn.Write(sent); err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is kept")
			}
		})
	}
}

// versionMessage returns a valid message of this length.
func versionMessage(length int) []byte {
	const before, after = `{"type":"version","os":"`, `"}`
	return []byte(before + strings.Repeat("x", length-len(before)-len(after)) + after)
}

// TestGuestLongMessages: a longer message than the limit is refused before it is complete.
func TestGuestLongMessages(t *testing.T) {
	for name, c := range map[string]struct {
		sent   []byte
		answer string
	}{
		"the longest":       {append(frame(true, protocol.MaxGuest), versionMessage(protocol.MaxGuest)...), `"update"`},
		"one byte too many": {append(frame(true, protocol.MaxGuest+1), versionMessage(protocol.MaxGuest+1)...), "bad_message"},
		"a long fragment":   {append(frame(false, 65_000), make([]byte, protocol.MaxGuest+1)...), "bad_message"},
	} {
		conn := upgrade(t, newSite(t))
		if _, err := conn.Write(c.sent); err != nil {
			t.Fatal(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer := make([]byte, 4096)
		if n, err := conn.Read(answer); err != nil || !bytes.Contains(answer[:n], []byte(c.answer)) {
			t.Errorf("%s: %q, %v", name, answer[:n], err)
		}
	}
}

// TestGuestMayTypeSlowly: the time limit of a message does not limit the time before it, and the limits do not apply to a
// session.
func TestGuestMayTypeSlowly(t *testing.T) {
	s := newSite(t)
	s.guestTimeoutInTests = 500 * time.Millisecond
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	conn := dialAgent(t, s)
	timer := time.NewTimer(3 * s.guestTimeoutInTests / 2)
	<-timer.C
	if m := askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`)); m["authorized"] != true {
		t.Fatalf("%v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"version","os":"`+strings.Repeat("x", 10_000)+`"}`)); m["type"] != "update" {
		t.Errorf("a long message on a session: %v", m)
	}
	if m := askAgent(t, conn, []byte(`{"type":"unauthorize"}`)); m["authorized"] != false {
		t.Errorf("logout: %v", m)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, make([]byte, protocol.MaxGuest+1)); err != nil {
		t.Fatal(err)
	}
	if _, answer, err := conn.Read(ctx); err != nil || !bytes.Contains(answer, []byte("bad_message")) {
		t.Errorf("a long message after the logout: %s, %v", answer, err)
	}
	if _, _, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("close status: %v", err)
	}
}
