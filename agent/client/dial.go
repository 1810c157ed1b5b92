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
	conn, host, err := c.dialFirst(dialing)
	if err != nil {
		return nil, c.dialFailure(ctx, nil, err)
	}
	transport := &http.Transport{
		DialTLSContext:         func(context.Context, string, string) (net.Conn, error) { return conn, nil },
		MaxResponseHeaderBytes: protocol.MaxFrame,
	}
	defer transport.CloseIdleConnections()
	pinged := make(chan struct{}, 1)
	ws, response, err := websocket.Dial(dialing, "wss://"+hostPort(host, c.cfg.Port)+"/connect", &websocket.DialOptions{
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
		conn.Close()
		return nil, c.dialFailure(ctx, response, err)
	}
	c.host = host
	return newLink(ws, conn, pinged, c.cfg.Log), nil
}

func userAgent() string {
	return fmt.Sprintf("IdecoAgent/%s (%s; %s)", agent.Version, runtime.GOOS, runtime.GOARCH)
}

// target is one way to the gateway: connect to address and expect a certificate for host.
type target struct{ host, address string }

// headStart is how long a target is tried before the next one is tried as well. If the first two of three names do not answer, a login
// takes 2*headStart longer.
const headStart = time.Second

// dialed is the result of dialing one target.
type dialed struct {
	conn net.Conn
	host string
	err  error
}

// dialFirst opens a TLS connection to the first target that answers with a trusted certificate. It tries the next target when one
// has failed, or has not answered after headStart. host is that of the target.
func (c *client) dialFirst(ctx context.Context) (conn net.Conn, host string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waiting, running := c.targets(), 0
	results := make(chan dialed, len(waiting))
	defer func() { go closeConns(results, running) }()
	for len(waiting) > 0 || running > 0 {
		var late <-chan time.Time
		stop := func() {}
		if len(waiting) > 0 {
			config := TLSConfig(waiting[0].host, c.cfg.Roots, c.pins())
			go func(t target) { results <- c.dialTLS(ctx, t, config) }(waiting[0])
			waiting, running = waiting[1:], running+1
		}
		if len(waiting) > 0 {
			late, stop = c.clock.Timer(headStart)
		}
		select {
		case <-late:
		case r := <-results:
			running--
			if r.err == nil {
				stop()
				return r.conn, r.host, nil
			}
			if len(waiting)+running > 0 {
				c.cfg.Log(r.err.Error())
			}
			err = c.errorToShow(err, r)
		}
		stop()
	}
	return nil, "", err
}

// closeConns waits for n more results and closes their connections, which are no longer needed.
func closeConns(results <-chan dialed, n int) {
	for ; n > 0; n-- {
		if r := <-results; r.conn != nil {
			r.conn.Close()
		}
	}
}

// errorToShow returns the error to show when no target can be used: that of an untrusted certificate, otherwise that of Config.Host.
func (c *client) errorToShow(err error, r dialed) error {
	var untrusted *tls.CertificateVerificationError
	if err == nil || errors.As(r.err, &untrusted) || r.host == c.cfg.Host && !errors.As(err, &untrusted) {
		return r.err
	}
	return err
}

// dialTLS opens a TLS connection to a target and verifies its certificate.
func (c *client) dialTLS(ctx context.Context, to target, config *tls.Config) dialed {
	raw, err := c.cfg.Dial(ctx, "tcp", to.address)
	if err != nil {
		return dialed{nil, to.host, err}
	}
	conn, err := handshake(ctx, raw, to.address, config)
	return dialed{conn, to.host, err}
}

// handshake starts TLS on a connection, which it closes on an error. config is from TLSConfig and for this connection only.
//
// If the certificate is not trusted, that is the error even when verifying took longer than handshakeTimeout, for instance because
// Windows looked for a missing root on the Internet.
func handshake(ctx context.Context, raw net.Conn, address string, config *tls.Config) (net.Conn, error) {
	var untrusted error
	verify := config.VerifyConnection
	config.VerifyConnection = func(state tls.ConnectionState) error {
		untrusted = verify(state)
		return untrusted
	}
	conn := tls.Client(raw, config)
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	if err := conn.HandshakeContext(ctx); err != nil {
		raw.Close()
		if untrusted != nil {
			err = untrusted
		}
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
		return c.notTrusted(err)
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

// notTrusted returns the failure for a certificate that is not trusted.
func (c *client) notTrusted(err error) *failure {
	f := c.failed(NotTrusted, agent.CodeNotTrusted, err)
	var changed *rootChangedError
	switch {
	case errors.As(err, &changed):
		f.message = c.text(locale.RootChanged)
	case errors.Is(err, errDates):
		f.message = locale.Text(c.cfg.Lang, locale.CertificateDates, "server", c.status.Server, "now", time.Now().Format("02.01.2006 15:04"))
	}
	return f
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
