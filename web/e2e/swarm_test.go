package e2e

import (
	"bufio"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"golang.org/x/sync/errgroup"
	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent/protocol"
)

// A swarm is many agents in a process of their own, so that the gateway's memory and CPU can be measured. The process is this
// test program, which reads commands from its standard input.

const swarmVariable = "IDECO_E2E_SWARM"

// swarmCommand is a line of the swarm's input; it answers each with a line of its own.
type swarmCommand struct {
	Do     string // login, resume, handshake, close; visit, linger, leave for agents without a session
	Server string
	Roots  []byte // PEM
	Agents int
	Users  int // agent i belongs to user i % Users
	Tunnel bool

	Logins, Password string // format of the logins, and their password; empty = user%d and userPassword
}

type swarmAnswer struct {
	Error   string
	Elapsed time.Duration
}

// swarm is the side that sends the commands.
type swarm struct {
	t       testing.TB
	in      io.Writer
	answers *bufio.Scanner
}

func startSwarm(t testing.TB) *swarm {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), swarmVariable+"=1")
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	return &swarm{t, in, bufio.NewScanner(out)}
}

// do sends a command, waits until all agents have done it, and returns how long that took.
func (s *swarm) do(c swarmCommand) time.Duration {
	s.t.Helper()
	if err := json.NewEncoder(s.in).Encode(c); err != nil {
		s.t.Fatal(err)
	}
	if !s.answers.Scan() {
		s.t.Fatal("the swarm ended")
	}
	var a swarmAnswer
	if err := json.Unmarshal(s.answers.Bytes(), &a); err != nil || a.Error != "" {
		s.t.Fatalf("swarm: %s: %v %s", c.Do, err, a.Error)
	}
	return a.Elapsed
}

func runSwarm() {
	var agents []*swarmAgent
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var c swarmCommand
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			panic(err)
		}
		for i := len(agents); i < c.Agents; i++ {
			agents = append(agents, &swarmAgent{number: i})
		}
		begun := time.Now()
		err := eachAgent(agents, c)
		a := swarmAnswer{Elapsed: time.Since(begun)}
		if err != nil {
			a.Error = err.Error()
		}
		if err := json.NewEncoder(os.Stdout).Encode(a); err != nil {
			panic(err)
		}
	}
}

// swarmAtOnce is how many agents of a swarm work at the same time. The gateway lets at most 32 strangers wait for the password
// hash.
const swarmAtOnce = 24

func eachAgent(agents []*swarmAgent, c swarmCommand) error {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(c.Roots)
	var g errgroup.Group
	g.SetLimit(swarmAtOnce)
	for _, a := range agents {
		g.Go(func() error {
			err := a.do(c, roots)
			if err != nil {
				return fmt.Errorf("agent %d: %w", a.number, err)
			}
			return nil
		})
	}
	return g.Wait()
}

// swarmAgent has a loopback address and a device of its own.
type swarmAgent struct {
	number int
	resume string
	conn   *websocket.Conn
	read   sync.WaitGroup
	tunnel *device.Device
	under  net.Conn  // TCP, of an agent without a session
	guest  *tls.Conn // over it
}

func (a *swarmAgent) do(c swarmCommand, roots *x509.CertPool) error {
	switch c.Do {
	case "login":
		login := fmt.Sprintf(cmp.Or(c.Logins, "user%d"), a.number%c.Users)
		return a.authorize(c, roots, map[string]any{"login": login, "password": cmp.Or(c.Password, userPassword)})
	case "resume":
		return a.authorize(c, roots, map[string]any{"resume": a.resume})
	case "handshake":
		return a.handshake(c, roots)
	case "visit":
		return a.visit(c, roots)
	case "linger":
		return a.linger()
	case "leave":
		return a.under.Close()
	case "close":
		if a.tunnel != nil {
			a.tunnel.Close()
		}
		_ = a.conn.CloseNow()
		a.read.Wait()
		return nil
	}
	return errors.New("no such command")
}

func (a *swarmAgent) dialer() *net.Dialer {
	n := a.number
	return &net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, byte(n/250), byte(n%250+1))}}
}

func (a *swarmAgent) tls(roots *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1", MinVersion: tls.VersionTLS13}
}

// handshake connects with TCP and TLS and does nothing more.
func (a *swarmAgent) handshake(c swarmCommand, roots *x509.CertPool) error {
	conn, err := (&tls.Dialer{NetDialer: a.dialer(), Config: a.tls(roots)}).Dial("tcp", c.Server)
	if err != nil {
		return err
	}
	return conn.Close()
}

// visit opens a WebSocket and sends nothing.
func (a *swarmAgent) visit(c swarmCommand, roots *x509.CertPool) (err error) {
	if a.under, err = a.dialer().Dial("tcp", c.Server); err != nil {
		return err
	}
	a.guest = tls.Client(a.under, a.tls(roots))
	_ = a.guest.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintf(a.guest, "GET /connect HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", c.Server); err != nil {
		return err
	}
	response, err := http.ReadResponse(bufio.NewReader(a.guest), nil)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(response.Status)
	}
	return nil
}

// linger makes the gateway allocate as much as possible without a login: an unfinished message, almost as long as allowed, and
// then an unfinished TLS record.
func (a *swarmAgent) linger() error {
	const length = protocol.MaxGuest - 1
	frame := append([]byte{1, 0x80 | 126, length >> 8, length & 0xFF, 0, 0, 0, 0}, make([]byte, length)...)
	if _, err := a.guest.Write(frame); err != nil {
		return err
	}
	record := append([]byte{23, 3, 3, 0x40, 0}, make([]byte, 16_000)...)
	_, err := a.under.Write(record)
	return err
}

func (a *swarmAgent) authorize(c swarmCommand, roots *x509.CertPool, message map[string]any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	transport := &http.Transport{DialContext: a.dialer().DialContext, TLSClientConfig: a.tls(roots)}
	conn, _, err := websocket.Dial(ctx, "wss://"+c.Server+"/connect", &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err != nil {
		return err
	}
	message["type"] = "authorize"
	message["device"] = map[string]string{"id": fmt.Sprint("device-", a.number), "name": "PC", "os": "linux"}
	frame, err := json.Marshal(message)
	if err != nil {
		return err
	}
	if err := conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	_, answer, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	var state reply
	if err := json.Unmarshal(answer, &state); err != nil || !state.Authorized {
		return fmt.Errorf("%s: %v", answer, err)
	}
	if c.Tunnel {
		if err := a.raise(ctx, conn); err != nil {
			return err
		}
	}
	a.conn, a.resume = conn, state.Resume
	a.read.Go(func() { // answers pings
		for {
			if _, _, err := conn.Read(context.Background()); err != nil {
				return
			}
		}
	})
	return nil
}
