package e2e

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
	"ideco-agent/agent/client/gatewaytest"
	"ideco-agent/agent/protocol"
)

// pinnedAgent is an agent that knows the gateway by a name and a pin, as an installer gives them, and trusts no other root. Nobody
// configures it again.
type pinnedAgent struct {
	dir   string       // with the file of what it has learned
	began atomic.Int64 // how often it got access
	knows atomic.Bool  // that it has access; the gateway knows it a moment earlier
	ended chan client.Result
}

// learned is what an agent stores of what the gateway has told.
type learned struct{ Hosts, Pins []string }

// pinnedAgents are the agents of one gateway, for which DNS is simulated.
type pinnedAgents struct {
	t      *testing.T
	g      *gateway
	admin  rest
	agents []*pinnedAgent

	mu    sync.Mutex
	names []string // that DNS resolves
}

const pinnedAgentCount = 50

// TestPinnedAgentsReconnect: agents with a pin reconnect by themselves when the gateway gets a public certificate, loses it, gets another
// name, and changes its root.
func TestPinnedAgentsReconnect(t *testing.T) {
	t.Parallel()
	g := startGateway(t)
	f := &pinnedAgents{t: t, g: g, admin: g.administrator()}
	f.admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	f.admin.must("PUT", settingPath, map[string]any{"auth_domain": "old.test", "local_networks": []string{"127.0.0.0/8"}}, nil)
	f.resolve("old.test")
	oldPin := g.pin()
	for i := range pinnedAgentCount {
		f.admin.user(map[string]any{"login": fmt.Sprint("user", i)})
		f.start(i, "old.test", oldPin)
	}
	f.allConnected("the first login")

	ca := issueUnder(t, nil, "Public CA", 48*time.Hour)
	public := issueUnder(t, ca, "public", 24*time.Hour, "old.test")
	var uploaded struct{ ID int }
	f.admin.must("POST", "/certificates", map[string]string{"pem": public.pem() + public.keyPEM(t) + ca.pem()}, &uploaded)
	f.serves("old.test", "Public CA")
	f.restart(syscall.SIGKILL)
	f.serves("old.test", "Public CA")
	f.allConnected("the gateway has a public certificate")

	f.admin.must("DELETE", fmt.Sprint("/certificates/", uploaded.ID), nil, nil)
	f.serves("old.test", "")
	f.restart(syscall.SIGTERM)
	f.allConnected("it has none again")

	f.rename("new.test")
	f.restart(syscall.SIGKILL)
	f.allConnected("another name")

	v := g.visitor(netip.Addr{})
	v.signIn("boss", adminPassword)
	v.open("/admin/certificate")
	v.submit("/admin/certificate/next-root", nil)
	v.submit("/admin/certificate/next-root", nil) // confirmed
	newPin := pinOfFile(t, filepath.Join(g.data, "root-next.pem"))
	f.wait("the next root is learned", func() bool { return f.learned(func(l learned) bool { return slices.Contains(l.Pins, newPin) }) })
	f.changeRootAt(func() time.Time { return time.Now().Add(10 * time.Second) })
	f.allConnected("before the change of the root")
	if g.pin() != oldPin {
		t.Fatal("the root has changed before its time")
	}
	began := f.began()
	f.wait("the change of the root", func() bool {
		chain := f.chain("new.test", protocol.ALPNPinned)
		return gatewaytest.Pin(chain[len(chain)-1]) == newPin
	})
	f.admin = g.rest("boss", adminPassword)
	f.allConnected("the change of the root")
	f.rename("third.test") // told over connections under the former root
	if now := f.began(); now != began {
		t.Errorf("%d logins through the change of the root", now-began)
	}
	f.restart(syscall.SIGKILL)
	f.allConnected("another root and name")
	f.noneEnded("in the end")

	// An agent that was off all the time has only what its installer gave it.
	late := f.start(pinnedAgentCount, "third.test", oldPin)
	select {
	case r := <-late.ended:
		if r.Outcome != client.NotTrusted {
			t.Errorf("with an installer from before it ended with %+v", r)
		}
	case <-time.After(patience):
		t.Error("with an installer from before it goes on")
	}
}

// resolve sets the names that DNS resolves. All lead to the gateway.
func (f *pinnedAgents) resolve(names ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.names = names
}

func (f *pinnedAgents) start(i int, host, pin string) *pinnedAgent {
	f.t.Helper()
	a := &pinnedAgent{dir: filepath.Join(f.t.TempDir(), "agent"), ended: make(chan client.Result, 1)}
	parsed, err := client.ParsePin(pin)
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	f.t.Cleanup(func() { stop(); <-done })
	config := client.Config{Host: host, Port: 14765, Login: fmt.Sprint("user", i), Password: userPassword,
		Device: agent.Device{ID: fmt.Sprint("device-", i), Name: "PC", OS: "windows"},
		Roots:  x509.NewCertPool(), Pins: []client.Pin{*parsed}, Trust: client.OpenTrust(a.dir),
		Events: func(s client.Status, added *client.Notice) {
			if s.State == client.Authorized && added == nil {
				a.began.Add(1)
			}
			a.knows.Store(s.State == client.Authorized)
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			host, _, _ := net.SplitHostPort(address)
			f.mu.Lock()
			known := slices.Contains(f.names, host)
			f.mu.Unlock()
			if !known {
				return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
			}
			dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 1, 0, byte(i+1))}}
			return dialer.DialContext(ctx, network, f.g.where.Agents[0])
		}}
	go func() {
		defer close(done)
		if r := client.Run(ctx, config); ctx.Err() == nil {
			a.ended <- r
		}
	}()
	if i < pinnedAgentCount {
		f.agents = append(f.agents, a)
	}
	return a
}

// wait waits until done returns true. No agent may end meanwhile.
func (f *pinnedAgents) wait(what string, done func() bool) {
	f.t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); !done(); {
		f.noneEnded(what)
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("%s: not within %v", what, patience)
		}
	}
}

func (f *pinnedAgents) noneEnded(what string) {
	f.t.Helper()
	for i, a := range f.agents {
		select {
		case r := <-a.ended:
			f.t.Fatalf("%s: agent %d ended: %+v", what, i, r)
		default:
		}
	}
}

// allConnected waits until the gateway has a connection with each agent.
func (f *pinnedAgents) allConnected(when string) {
	f.t.Helper()
	f.wait(when, func() bool {
		connected := 0
		for _, s := range f.admin.sessions() {
			if s.State == string(agent.StateConnected) {
				connected++
			}
		}
		return connected == pinnedAgentCount && !slices.ContainsFunc(f.agents, func(a *pinnedAgent) bool { return !a.knows.Load() })
	})
}

// began returns how often the agents got access in sum.
func (f *pinnedAgents) began() (n int64) {
	for _, a := range f.agents {
		n += a.began.Load()
	}
	return n
}

func (f *pinnedAgents) restart(s syscall.Signal) {
	f.t.Helper()
	f.g.kill(s)
	f.g.startAgain()
}

// rename gives the gateway another name. Once all agents know it, it removes the former one, also from DNS.
func (f *pinnedAgents) rename(name string) {
	f.t.Helper()
	f.admin.must("PUT", settingPath, map[string]any{"auth_domain": name}, nil)
	f.wait(name+" is learned", func() bool {
		return f.learned(func(l learned) bool { return len(l.Hosts) > 0 && l.Hosts[0] == name })
	})
	f.admin.must("PUT", settingPath, map[string]any{"former_domains": []string{}}, nil)
	f.resolve(name)
}

// learned reports whether what each agent has learned is as wanted.
func (f *pinnedAgents) learned(wanted func(learned) bool) bool {
	f.t.Helper()
	for _, a := range f.agents {
		var list []learned
		text, err := os.ReadFile(filepath.Join(a.dir, "trust"))
		if errors.Is(err, fs.ErrNotExist) {
			return false
		}
		if err == nil {
			err = json.Unmarshal(text, &list)
		}
		if err != nil {
			f.t.Fatal(err)
		}
		if len(list) != 1 || !wanted(list[0]) {
			return false
		}
	}
	return true
}

// serves checks the issuer of what the agent endpoint serves to agents without a pin; empty = the own root. Agents with a pin must get a
// certificate of the own root.
func (f *pinnedAgents) serves(name, issuer string) {
	f.t.Helper()
	const own = "Ideco agent root"
	if got := f.chain(name)[0].Issuer.CommonName; !strings.HasPrefix(got, cmp.Or(issuer, own)) {
		f.t.Errorf("agents without a pin get a certificate of %s, want %s", got, cmp.Or(issuer, own))
	}
	if got := f.chain(name, protocol.ALPNPinned)[0].Issuer.CommonName; !strings.HasPrefix(got, own) {
		f.t.Errorf("agents with a pin get a certificate of %s", got)
	}
}

// chain returns what the agent endpoint serves for a name to clients that offer ALPN protocols besides http/1.1.
func (f *pinnedAgents) chain(name string, offered ...string) []*x509.Certificate {
	f.t.Helper()
	conn, err := tls.Dial("tcp", f.g.where.Agents[0], &tls.Config{ServerName: name, NextProtos: append([]string{"http/1.1"}, offered...), InsecureSkipVerify: true})
	if err != nil {
		f.t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().NegotiatedProtocol; got != "http/1.1" {
		f.t.Errorf("the gateway speaks %q", got)
	}
	return conn.ConnectionState().PeerCertificates
}

// changeRootAt restarts the gateway with another time of the announced change, as if it had been announced earlier. It stops the gateway
// before it calls at.
func (f *pinnedAgents) changeRootAt(at func() time.Time) {
	f.t.Helper()
	f.g.kill(syscall.SIGKILL)
	path := filepath.Join(f.g.data, "root-next.pem")
	root, err := x509.ParseCertificate(pemFile(f.t, path))
	if err != nil {
		f.t.Fatal(err)
	}
	key, err := x509.ParsePKCS8PrivateKey(pemFile(f.t, filepath.Join(f.g.data, "root-next.key")))
	if err != nil {
		f.t.Fatal(err)
	}
	root.NotBefore = at().Add(-agent.RootNotice - 24*time.Hour) // package certs keeps the time of the change like this
	root.NotAfter = root.NotBefore.AddDate(20, 0, 0)
	der, err := x509.CreateCertificate(rand.Reader, root, root, root.PublicKey, key)
	if err != nil {
		f.t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
		f.t.Fatal(err)
	}
	f.g.startAgain()
}
