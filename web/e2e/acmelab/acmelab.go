//go:build linux

// Package acmelab runs a certificate authority (CA) for tests: Pebble, the small ACME server of Let's Encrypt, and
// pebble-challtestsrv, the DNS server that it asks. Both end with their test, also if the test program is killed. Only tests
// may import this package.
package acmelab

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent/directory/lab"
	"ideco-agent/agent/needs"
)

// Options say how a CA differs from that of the zero value.
type Options struct {
	// Address is where the CA and its DNS server listen: on the ports 14000 and 53. The CA then looks for challenges at the ports 80
	// and 443. With the zero value they listen at 127.0.0.1 on free ports, and challenges are looked for at CA.HTTP and CA.TLS.
	Address netip.Addr
	// Validity is the life of the certificates; zero is 90 days.
	Validity time.Duration
	// EAB are the keys for external account binding, base64url by key ID. With any of them the CA demands a binding.
	EAB map[string]string
	// Command makes the commands of the two programs, for instance in another network namespace; nil is exec.Command.
	Command func(program string, args ...string) *exec.Cmd
}

// CA is a running CA. Its DNS server answers 127.0.0.1 for every name until Resolve says otherwise.
type CA struct {
	Directory string // URL
	RootPEM   []byte // the root of the certificate at Directory

	// HTTP and TLS are where the CA looks for the challenges http-01 and tls-alpn-01 of a name with the address 127.0.0.1; nil if
	// Options has an address.
	HTTP, TLS *Relay

	tb          testing.TB
	options     Options
	dir         string
	httpPort    uint16 // where the CA looks for http-01
	tlsPort     uint16 // where the CA looks for tls-alpn-01
	management  string // URL of the management of Pebble
	nameServer  string // HOST:PORT
	nameControl string // URL of the management of the DNS server
	pebble      *process
	issued      *x509.CertPool // see Issued
	client      *http.Client
}

// patience limits every wait.
const patience = 30 * time.Second

// Start starts a CA and its DNS server, which end with the test.
func Start(tb testing.TB, o Options) *CA {
	tb.Helper()
	needs.Program(tb, "pebble", "pebble")
	needs.Program(tb, "pebble-challtestsrv", "pebble")
	if o.Validity == 0 {
		o.Validity = 90 * 24 * time.Hour
	}
	if o.Command == nil {
		o.Command = exec.Command
	}
	ca := &CA{tb: tb, options: o, dir: tb.TempDir(), httpPort: 80, tlsPort: 443}
	if !o.Address.IsValid() {
		ca.options.Address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		ca.HTTP, ca.TLS = newRelay(tb), newRelay(tb)
		ca.httpPort, ca.tlsPort = ca.HTTP.port(), ca.TLS.port()
	}
	authority := lab.NewAuthority(tb, "API of Pebble")
	ca.RootPEM = authority.PEM()
	pair := authority.Issue(tb, func(c *x509.Certificate) { c.IPAddresses = []net.IP{ca.options.Address.AsSlice()} }, "localhost")
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		tb.Fatal(err)
	}
	ca.write("cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]}))
	ca.write("key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: authority.Pool()}, DisableKeepAlives: true}
	ca.client = &http.Client{Transport: transport, Timeout: patience}
	ca.startDNS()
	ca.startPebble()
	return ca
}

// write writes a file for Pebble.
func (ca *CA) write(name string, content []byte) {
	ca.tb.Helper()
	if err := os.WriteFile(filepath.Join(ca.dir, name), content, 0o600); err != nil {
		ca.tb.Fatal(err)
	}
}

// startDNS starts pebble-challtestsrv without its own answers to challenges.
func (ca *CA) startDNS() {
	ca.tb.Helper()
	args := []string{"-http01", "", "-https01", "", "-tlsalpn01", "", "-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""}
	if out, _ := exec.Command("pebble-challtestsrv", "-h").CombinedOutput(); bytes.Contains(out, []byte("-doh")) {
		args = append(args, "-doh", "") // newer versions
	}
	ca.retry("pebble-challtestsrv", func() (*process, string) {
		management := ca.port(8055)
		ca.nameServer, ca.nameControl = ca.port(53), "http://"+management
		return start(ca.tb, ca.options.Command("pebble-challtestsrv", append(args, "-management", management, "-dns01", ca.nameServer)...)), ca.nameControl
	})
}

func (ca *CA) startPebble() {
	ca.tb.Helper()
	ca.pebble = ca.retry("pebble", func() (*process, string) {
		api, management := ca.port(14000), ca.port(15000)
		ca.management = "https://" + management
		ca.Directory = "https://" + api + "/dir"
		return ca.runPebble(api, management), ca.Directory
	})
	ca.readRoot()
}

func (ca *CA) runPebble(api, management string) *process {
	ca.tb.Helper()
	seconds := int64(ca.options.Validity / time.Second)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": api, "managementListenAddress": management,
		"certificate": filepath.Join(ca.dir, "cert.pem"), "privateKey": filepath.Join(ca.dir, "key.pem"),
		"httpPort": ca.httpPort, "tlsPort": ca.tlsPort,
		"externalAccountBindingRequired": len(ca.options.EAB) > 0, "externalAccountMACKeys": ca.options.EAB,
		"certificateValidityPeriod": seconds,
		"profiles":                  map[string]any{"default": map[string]any{"description": "of the test", "validityPeriod": seconds}}, // newer versions
	}})
	if err != nil {
		ca.tb.Fatal(err)
	}
	ca.write("config.json", config)
	cmd := ca.options.Command("pebble", "-config", filepath.Join(ca.dir, "config.json"), "-dnsserver", ca.nameServer)
	if cmd.Env == nil {
		cmd.Env = os.Environ()
	}
	cmd.Env = append(cmd.Env, "PEBBLE_VA_NOSLEEP=1", "PEBBLE_WFE_NONCEREJECT=5", "PEBBLE_AUTHZREUSE=0")
	return start(ca.tb, cmd)
}

// retry starts a program until it answers at a URL. It tries three times, since another program can take a port that was free.
func (ca *CA) retry(program string, begin func() (*process, string)) *process {
	ca.tb.Helper()
	var log string
	for range 3 {
		p, url := begin()
		if ca.answers(p, url) {
			ca.tb.Cleanup(func() {
				if ca.tb.Failed() {
					ca.tb.Logf("log of %s:\n%s", program, p.log.String())
				}
			})
			return p
		}
		p.stop()
		log = p.log.String()
	}
	ca.tb.Fatalf("%s does not start:\n%s", program, log)
	return nil
}

// answers waits until a URL answers; false if the process has ended.
func (ca *CA) answers(p *process, url string) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(patience); ; {
		if response, err := ca.client.Get(url); err == nil {
			_ = response.Body.Close()
			return true
		}
		select {
		case <-tick.C:
		case <-p.ended:
			return false
		case <-deadline:
			return false
		}
	}
}

// port returns HOST:PORT to listen at: the usual port, or without Options.Address one that was free a moment ago.
func (ca *CA) port(usual uint16) string {
	ca.tb.Helper()
	if ca.HTTP == nil {
		return netip.AddrPortFrom(ca.options.Address, usual).String()
	}
	ln, err := net.Listen("tcp", netip.AddrPortFrom(ca.options.Address, 0).String())
	if err != nil {
		ca.tb.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().String()
}

// Stop ends Pebble, as if the CA were down.
func (ca *CA) Stop() { ca.pebble.stop() }

// Restart starts Pebble again at the same URL. It has forgotten everything and has a new root.
func (ca *CA) Restart() {
	ca.tb.Helper()
	api, management := strings.TrimSuffix(strings.TrimPrefix(ca.Directory, "https://"), "/dir"), strings.TrimPrefix(ca.management, "https://")
	ca.pebble = ca.retry("pebble", func() (*process, string) { return ca.runPebble(api, management), ca.Directory })
	ca.readRoot()
}

// Issued returns the root of the certificates that the CA issues, also when it is down.
func (ca *CA) Issued() *x509.CertPool { return ca.issued }

// readRoot reads the root for Issued.
func (ca *CA) readRoot() {
	ca.tb.Helper()
	ca.issued = x509.NewCertPool()
	if !ca.issued.AppendCertsFromPEM(ca.ask(ca.management+"/roots/0", nil)) {
		ca.tb.Fatal("Pebble has no root")
	}
}

var attempt = regexp.MustCompile(`Attempting to validate w/ HTTP: (\S+)`) // in Pebble's log

// Validations returns how many challenges the CA has tried to validate since its start, by http-01 and by tls-alpn-01. It connects
// several times for each.
func (ca *CA) Validations() (web, alpn int) {
	log := ca.pebble.log.String()
	urls := map[string]bool{}
	for _, match := range attempt.FindAllString(log, -1) {
		urls[match] = true
	}
	return len(urls), strings.Count(log, "Pulled a task from the Tasks queue") - len(urls)
}

// Attempt returns the last URL at which the CA looked for a challenge by http-01; empty = none.
func (ca *CA) Attempt() string {
	all := attempt.FindAllStringSubmatch(ca.pebble.log.String(), -1)
	if len(all) == 0 {
		return ""
	}
	return all[len(all)-1][1]
}

// Resolve sets the addresses of a name, as the CA sees them. Without addresses the name has none, and neither has any other name that was
// not set.
func (ca *CA) Resolve(name string, addresses ...string) {
	ca.tb.Helper()
	ca.tell("clear-a", map[string]any{"host": name + "."})
	if len(addresses) == 0 {
		ca.tell("set-default-ipv4", map[string]any{"ip": ""})
		return
	}
	ca.tell("add-a", map[string]any{"host": name + ".", "addresses": addresses})
}

// tell sends a command to the DNS server.
func (ca *CA) tell(what string, body any) {
	ca.tb.Helper()
	ca.ask(ca.nameControl+"/"+what, body)
}

// ask sends a request, a POST with JSON if there is a body, and returns the answer.
func (ca *CA) ask(url string, body any) []byte {
	ca.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	method, payload := http.MethodGet, []byte(nil)
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			ca.tb.Fatal(err)
		}
		method = http.MethodPost
	}
	request, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(payload))
	if err != nil {
		ca.tb.Fatal(err)
	}
	response, err := ca.client.Do(request)
	if err != nil {
		ca.tb.Fatal(err)
	}
	defer response.Body.Close()
	b, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", response.Status, b)
	}
	if err != nil {
		ca.tb.Fatalf("%s: %v", url, err)
	}
	return b
}
