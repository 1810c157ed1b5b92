package directory

import (
	"cmp"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/netip"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// fakeNet is a network of fake controllers without sockets, for tests in a synctest bubble.
type fakeNet struct {
	ca   authority
	mu   sync.Mutex
	at   map[string]*fakeServer // by host:port
	srv  map[string][]*net.SRV
	far  map[string]time.Duration // time that a TCP connection takes
	logs strings.Builder
}

func newFakeNet(t *testing.T, addresses ...string) *fakeNet {
	n := &fakeNet{ca: newAuthority(t), at: map[string]*fakeServer{}}
	for _, a := range addresses {
		n.start(t, a)
	}
	return n
}

// start starts a controller that has a certificate for its address.
func (n *fakeNet) start(t *testing.T, address string) *fakeServer {
	host, _, _ := net.SplitHostPort(address)
	pair := n.ca.issue(t, nil, host)
	f := &fakeServer{certificate: &pair, passwords: map[string]string{"search": "secret", "alice": "alice's"}, running: closed()}
	t.Cleanup(func() { f.proceed(); pass(f.delay) })
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[address] = f
	return f
}

// remove closes the connections to a controller and refuses new ones.
func (n *fakeNet) remove(address string) *fakeServer {
	n.mu.Lock()
	defer n.mu.Unlock()
	f := n.at[address]
	delete(n.at, address)
	f.drop()
	return f
}

func (n *fakeNet) add(address string, f *fakeServer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at[address] = f
}

// lookupHost knows dcN.example.test, whose address is 192.0.2.N.
func (n *fakeNet) lookupHost(_ context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	number, ok := strings.CutPrefix(strings.TrimSuffix(host, ".example.test"), "dc")
	if !ok {
		return nil, hostFinding(agent.FindingUnresolved, host, nil)
	}
	return []netip.Addr{netip.MustParseAddr("192.0.2." + number)}, nil
}

func (n *fakeNet) lookupSRV(_ context.Context, name string) ([]*net.SRV, error) {
	return n.srv[name], nil
}

func (n *fakeNet) dial(ctx context.Context, address string) (net.Conn, error) {
	number, port, _ := strings.Cut(strings.TrimPrefix(address, "192.0.2."), ":")
	address = "dc" + number + ".example.test:" + port
	n.mu.Lock()
	f := n.at[address]
	n.mu.Unlock()
	if f == nil || ctx.Err() != nil {
		return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
	}
	if far := n.far[address]; far > 0 {
		pass(far)
	}
	ours, theirs := net.Pipe()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.accepted++
	f.open = append(f.open, theirs)
	go f.serve(theirs, address)
	return ours, nil
}

// servers makes servers that connect over the fake network.
func (n *fakeNet) servers(t *testing.T, settings agent.DirectorySettings) *servers {
	settings.Name, settings.User, settings.Password = "example.test", "search", "secret"
	if settings.Transport == "" {
		settings.Transport = agent.TransportLDAPS
	}
	if settings.CA == "" {
		settings.CA = n.ca.pem
	}
	s := newServers(settings, slog.New(slog.NewTextHandler(&n.logs, nil)))
	s.dns, s.dialTCP = n, n.dial
	t.Cleanup(s.close)
	return s
}

// fakeServer is a controller. It knows simple binds and answers every search with one entry, whose DN is its address.
type fakeServer struct {
	certificate *tls.Certificate // nil = it closes the connection when a handshake begins
	plain       bool             // connections begin without TLS
	startTLS    int              // result of StartTLS
	maxTLS      uint16
	passwords   map[string]string
	bindResult  int    // instead of checking the password
	message     string // with bindResult
	hangUp      bool   // it closes the connection instead of answering a bind
	hangUps     int    // number of searches that it answers by closing the connection
	full        bool   // it does not answer on new connections
	delay       time.Duration
	// find answers searches instead; any other result than success goes into the last message.
	find func(base, filter string) (entries []*ldap.Entry, result int)

	mu       sync.Mutex
	running  chan struct{} // closed unless the server is stopped
	accepted int
	open     []net.Conn
	ended    int      // how many of open are closed by now
	binds    []string // names, in order
	searches int
}

func closed() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// stop makes the server silent: it reads, but does not answer until proceed.
func (f *fakeServer) stop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.running = make(chan struct{})
}

func (f *fakeServer) proceed() {
	f.mu.Lock()
	defer f.mu.Unlock()
	select {
	case <-f.running:
	default:
		close(f.running)
	}
}

// drop closes all connections.
func (f *fakeServer) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, c := range f.open {
		c.Close()
	}
}

func (f *fakeServer) wait() {
	f.mu.Lock()
	running := f.running
	f.mu.Unlock()
	<-running
}

func (f *fakeServer) bindsOf(name string) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range f.binds {
		if b == name {
			n++
		}
	}
	return n
}

func (f *fakeServer) serve(c net.Conn, address string) {
	defer func() {
		c.Close()
		f.mu.Lock()
		defer f.mu.Unlock()
		f.ended++
	}()
	if f.full {
		io.Copy(io.Discard, c)
		return
	}
	if f.wait(); f.plain {
		p, err := ber.ReadPacket(c)
		if err != nil {
			return
		}
		f.wait()
		c.Write(result(p, ldap.ApplicationExtendedResponse, f.startTLS, ""))
		if f.startTLS != 0 {
			return
		}
	}
	if f.certificate == nil {
		c.Read(make([]byte, 16<<10))
		return
	}
	secure := tls.Server(c, &tls.Config{Certificates: []tls.Certificate{*f.certificate}, MinVersion: tls.VersionTLS10, MaxVersion: f.maxTLS})
	for {
		p, err := ber.ReadPacket(secure)
		if err != nil {
			return
		}
		if f.delay > 0 {
			pass(f.delay)
		}
		f.wait()
		request := p.Children[1]
		switch request.Tag {
		case ldap.ApplicationBindRequest:
			name, password := string(request.Children[1].ByteValue), request.Children[2].Data.String()
			f.mu.Lock()
			f.binds = append(f.binds, name)
			code := f.bindResult
			f.mu.Unlock()
			if code == 0 && f.passwords[name] != password {
				code = ldap.LDAPResultInvalidCredentials
			}
			if f.hangUp {
				return
			}
			secure.Write(result(p, ldap.ApplicationBindResponse, code, f.message))
		case ldap.ApplicationSearchRequest:
			f.mu.Lock()
			f.searches++
			f.hangUps--
			hangUp := f.hangUps >= 0
			f.mu.Unlock()
			if hangUp {
				return
			}
			if f.find != nil {
				filter, _ := ldap.DecompileFilter(request.Children[6])
				entries, code := f.find(string(request.Children[0].ByteValue), filter)
				for _, e := range entries {
					secure.Write(answer(p, entryPacket(e)))
				}
				secure.Write(result(p, ldap.ApplicationSearchResultDone, code, ""))
				continue
			}
			entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
			entry.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, address, ""))
			entry.AppendChild(ber.NewSequence(""))
			secure.Write(answer(p, entry))
			secure.Write(result(p, ldap.ApplicationSearchResultDone, 0, ""))
		}
	}
}

func entryPacket(e *ldap.Entry) *ber.Packet {
	text := func(s string) *ber.Packet {
		return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, s, "")
	}
	entry := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	attributes := ber.NewSequence("")
	for _, a := range e.Attributes {
		values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
		for _, v := range a.Values {
			values.AppendChild(text(v))
		}
		attribute := ber.NewSequence("")
		attribute.AppendChild(text(a.Name))
		attribute.AppendChild(values)
		attributes.AppendChild(attribute)
	}
	entry.AppendChild(text(e.DN))
	entry.AppendChild(attributes)
	return entry
}

func answer(request, body *ber.Packet) []byte {
	message := ber.NewSequence("")
	message.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, request.Children[0].Value, ""))
	message.AppendChild(body)
	return message.Bytes()
}

func result(request *ber.Packet, tag ber.Tag, code int, text string) []byte {
	body := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	body.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	body.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	body.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, ""))
	return answer(request, body)
}

// authority signs certificates.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Example CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return authority{cert, key, pemOf(der)}
}

// issue makes a certificate for a host, after change. That of the zero authority is self-signed.
func (a authority) issue(t *testing.T, change func(*x509.Certificate), host string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, NotBefore: time.Now().AddDate(0, -1, 0), NotAfter: time.Now().AddDate(0, 6, 0)}
	if change != nil {
		change(template)
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func pemOf(der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

const dc1, dc2 = "dc1.example.test:636", "dc2.example.test:636"

var two = agent.DirectorySettings{Kind: agent.DirectoryAD, Controllers: []string{"dc1.example.test", "dc2.example.test"}}

// answering searches and returns the address of the controller that answered.
func answering(ctx context.Context, s *servers) (address string, err error) {
	err = s.search(ctx, func(c *ldap.Conn) error {
		r, err := c.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 1, false, "(objectClass=*)", nil, nil))
		if err == nil {
			address = r.Entries[0].DN
		}
		return err
	})
	return address, err
}

// inBubble runs a test with fake time and two fake controllers.
func inBubble(t *testing.T, f func(*testing.T, *fakeNet)) {
	synctest.Test(t, func(t *testing.T) { f(t, newFakeNet(t, dc1, dc2)) })
}

// pass lets fake time pass.
func pass(d time.Duration) { <-time.After(d) }

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s = %v, want %v", what, got, want)
	}
}

// reach connects to a controller as a test of the settings does. It returns the certificates that the controller sent.
func reach(t *testing.T, s *servers, host string) ([]agent.DirectoryCertificate, error) {
	t.Helper()
	r := (&tester{remote: &remote{servers: s}}).reach(t.Context(), host)
	return r.sent, cmp.Or(r.connect, r.secure)
}
