package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// Timeouts of a connection.
const (
	writeTimeout = 10 * time.Second
	closeTimeout = time.Second
)

// link is one connection to the gateway. One goroutine reads from it; only the goroutine of Run does the rest.
type link struct {
	ws       *websocket.Conn
	conn     net.Conn
	incoming chan any      // pointers to messages of protocol.FromGateway, or *malformed; closed with the connection
	pinged   chan struct{} // receives a value when the gateway pings
	quit     chan struct{} // closed by close
	closeErr error         // why incoming was closed
}

// malformed is a malformed frame.
type malformed struct{ err error }

func newLink(ws *websocket.Conn, conn net.Conn, pinged chan struct{}, log func(string)) *link {
	l := &link{ws: ws, conn: conn, incoming: make(chan any, 1), pinged: pinged, quit: make(chan struct{})}
	ws.SetReadLimit(protocol.MaxFrame)
	go l.read(log)
	return l
}

// read decodes messages until the connection ends. It skips unknown types.
func (l *link) read(log func(string)) {
	defer close(l.incoming)
	for {
		m, err := l.readMessage()
		var unknown *protocol.UnknownTypeError
		switch {
		case l.closeErr != nil:
			return
		case errors.As(err, &unknown):
			log(err.Error())
			continue
		case err != nil:
			m = &malformed{err}
		}
		select {
		case l.incoming <- m:
		case <-l.quit:
			l.closeErr = net.ErrClosed
			return
		}
	}
}

// readMessage sets l.closeErr when the connection has ended.
func (l *link) readMessage() (any, error) {
	kind, frame, err := l.ws.Read(context.Background())
	if err != nil {
		l.closeErr = fmt.Errorf("connection: %w", err)
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, errors.New("message: not a text frame")
	}
	return protocol.Parse(frame, protocol.FromGateway)
}

// send writes one message.
func (l *link) send(m any) error {
	var frame bytes.Buffer
	enc := json.NewEncoder(&frame)
	enc.SetEscapeHTML(false) // it would triple some passwords, and protocol.MaxGuest limits a message
	if err := enc.Encode(m); err != nil {
		return fmt.Errorf("send %T: %w", m, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeTimeout)
	defer cancel()
	if err := l.ws.Write(ctx, websocket.MessageText, frame.Bytes()); err != nil {
		return fmt.Errorf("send %T: %w", m, err)
	}
	return nil
}

// close closes the WebSocket with the closing handshake, which takes at most closeTimeout.
func (l *link) close() {
	close(l.quit)
	if err := l.conn.SetDeadline(time.Now().Add(closeTimeout)); err != nil {
		l.ws.CloseNow()
		return
	}
	l.ws.Close(websocket.StatusNormalClosure, "")
}

// closeNow closes the connection without the closing handshake.
func (l *link) closeNow() {
	close(l.quit)
	l.ws.CloseNow()
}

// gateway returns the gateway's address, which is also the tunnel's endpoint.
func (l *link) gateway() netip.Addr { return addrOf(l.conn.RemoteAddr()) }

// own returns the local address of the connection.
func (l *link) own() netip.Addr { return addrOf(l.conn.LocalAddr()) }

func addrOf(a net.Addr) netip.Addr {
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return agent.Unmap(at.Addr())
}
