package client

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/coder/websocket"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// Timeouts of each step of connecting to the gateway.
const (
	dialTimeout      = 10 * time.Second // TCP, all addresses of the name together
	handshakeTimeout = 10 * time.Second // TLS
	connectTimeout   = 30 * time.Second // everything up to the WebSocket
)

// dial opens wss://host:port/connect. It uses no proxy and follows no redirect, because the gateway gives access to
// the source address of the connection.
func (c *client) dial(ctx context.Context) (*link, *failure) {
	dialing, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	var conn net.Conn
	target := c.dialTarget()
	transport := &http.Transport{
		DialTLSContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			var err error
			conn, err = c.dialTLS(ctx, network, target)
			return conn, err
		},
		MaxResponseHeaderBytes: protocol.MaxFrame,
	}
	defer transport.CloseIdleConnections()
	pinged := make(chan struct{}, 1)
	ws, response, err := websocket.Dial(dialing, "wss://"+c.hostPort()+"/connect", &websocket.DialOptions{
		HTTPClient: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		HTTPHeader: http.Header{
			"User-Agent":      {userAgent()},
			"Accept-Language": {locale.AcceptLanguage(c.cfg.Lang)},
		},
		CompressionMode: websocket.CompressionDisabled,
		OnPingReceived: func(context.Context, []byte) bool {
			select {
			case pinged <- struct{}{}:
			default:
			}
			return true
		},
	})
	if err != nil {
		return nil, c.dialFailure(ctx, response, err)
	}
	return newLink(ws, conn, pinged, c.cfg.Log), nil
}

func userAgent() string {
	return fmt.Sprintf("IdecoAgent/%s (%s; %s)", agent.Version, runtime.GOOS, runtime.GOARCH)
}

// dialTLS opens a TLS connection to the gateway and verifies its certificate.
func (c *client) dialTLS(ctx context.Context, network, address string) (net.Conn, error) {
	raw, err := c.cfg.Dial(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return handshake(ctx, c.cfg, raw, address, c.cfg.Host)
}

// handshake starts TLS on a connection, which it closes on an error. The certificate must be for name.
func handshake(ctx context.Context, cfg Config, raw net.Conn, address, name string) (net.Conn, error) {
	conn := tls.Client(raw, TLSConfig(name, cfg.Roots, cfg.Pins))
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		return nil, fmt.Errorf("TLS with %s: %w", address, err)
	}
	return conn, nil
}

func (c *client) dialFailure(ctx context.Context, response *http.Response, err error) *failure {
	var untrusted *tls.CertificateVerificationError
	switch {
	case ctx.Err() != nil:
		return c.stoppedByUser()
	case errors.As(err, &untrusted):
		return c.failed(NotTrusted, agent.CodeNotTrusted, err)
	}
	unreachable := c.failed(Unreachable, agent.CodeUnreachable, err)
	if lookup := new(net.DNSError); errors.As(err, &lookup) {
		unreachable.message = c.text(locale.NameNotFound)
	}
	refusal, ok := httpRefusal(response)
	switch {
	case !ok:
		return unreachable
	case response.StatusCode >= http.StatusInternalServerError: // a temporary failure, explained by the gateway
		if words := agent.Clean(refusal.Message, maxMessage); words != "" {
			unreachable.message = words
		}
		return unreachable
	case !agent.Contains(agent.Codes, agent.Code(refusal.Code)):
		return unreachable
	}
	wait, _ := strconv.Atoi(response.Header.Get("Retry-After")) // 0 when there is none
	return c.refusal(refusal.Code, refusal.Message, wait, err)
}

// httpRefusal reads the protocol's error from an HTTP response without an upgrade. ok is false when the response has no
// such error, and so is not from a gateway.
func httpRefusal(response *http.Response) (refusal protocol.Error, ok bool) {
	if response == nil || response.StatusCode < http.StatusBadRequest || response.Body == nil {
		return refusal, false
	}
	body, err := io.ReadAll(response.Body) // the library passes at most 1024 bytes
	if err != nil || json.Unmarshal(body, &refusal) != nil {
		return refusal, false
	}
	return refusal, refusal.Code != ""
}
