//go:build linux

package lab

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
)

// zone has the records of the DNS server at the start of a test, besides the addresses of the hosts.
const zone = `
_ldap._tcp.example.test. SRV 0 100 389 dc1.example.test.
_ldap._tcp.example.test. SRV 10 100 389 dc2.example.test.
_ldap._tcp.dc._msdcs.example.test. SRV 0 100 389 dc1.example.test.
_ldap._tcp.dc._msdcs.example.test. SRV 10 100 389 dc2.example.test.
_ldap._tcp.pdc._msdcs.example.test. SRV 0 100 389 dc1.example.test.
_ldap._tcp.Moscow._sites.example.test. SRV 0 100 389 dc2.example.test.
_ldap._tcp.Moscow._sites.dc._msdcs.example.test. SRV 0 100 389 dc2.example.test.
_ldap._tcp.Default-First-Site-Name._sites.example.test. SRV 0 100 389 dc1.example.test.
_gc._tcp.example.test. SRV 0 100 3268 dc1.example.test.
_gc._tcp.example.test. SRV 10 100 3268 dc2.example.test.
_kerberos._tcp.example.test. SRV 0 100 88 dc1.example.test.
_kerberos._tcp.example.test. SRV 10 100 88 dc2.example.test.
_kerberos._udp.example.test. SRV 0 100 88 dc1.example.test.
example.test. A 10.77.5.1
`

// NameServer is the DNS server of the lab, at DNSServer. It knows example.test only.
type NameServer struct {
	mu      sync.Mutex
	records map[key][]dns.RR
	asked   map[key]int
	silent  bool
}

type key struct {
	name string // lower case, with the final dot
	kind uint16
}

var nameServer NameServer

// DNS returns the DNS server. The end of the test undoes its changes.
func DNS(tb testing.TB) *NameServer {
	tb.Helper()
	require(tb)
	nameServer.reset()
	tb.Cleanup(nameServer.reset)
	return &nameServer
}

// Set replaces the records of each name and type in the lines: "www.example.test. A 10.77.5.1". The TTL is one hour.
func (d *NameServer) Set(tb testing.TB, lines ...string) {
	tb.Helper()
	if err := d.set(lines...); err != nil {
		tb.Fatal(err)
	}
}

func (d *NameServer) set(lines ...string) error {
	fresh := map[key][]dns.RR{}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			return err
		}
		k := key{strings.ToLower(rr.Header().Name), rr.Header().Rrtype}
		fresh[k] = append(fresh[k], rr)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for k, rrs := range fresh {
		d.records[k] = rrs
	}
	return nil
}

// Remove removes all records of a name, which ends with a dot.
func (d *NameServer) Remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for k := range d.records {
		if k.name == strings.ToLower(name) {
			delete(d.records, k)
		}
	}
}

// Silence makes the server ignore all questions, or ends that.
func (d *NameServer) Silence(silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.silent = silent
}

// Asked returns how often the name was asked for a type, such as dns.TypeSRV, in this test.
func (d *NameServer) Asked(name string, kind uint16) int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.asked[key{strings.ToLower(name), kind}]
}

func (d *NameServer) reset() {
	d.mu.Lock()
	d.records, d.asked, d.silent = map[key][]dns.RR{}, map[key]int{}, false
	d.mu.Unlock()
	lines := strings.Split(strings.TrimSpace(zone), "\n")
	for host, a := range addresses {
		lines = append(lines, fmt.Sprintf("%s. A %s", host, a))
	}
	if err := d.set(lines...); err != nil {
		panic(err)
	}
}

func (d *NameServer) start() error {
	d.reset()
	failed := make(chan error)
	for _, network := range []string{"udp", "tcp"} {
		s := &dns.Server{Addr: DNSServer.String(), Net: network, Handler: d, NotifyStartedFunc: func() { failed <- nil }}
		go func() {
			if err := s.ListenAndServe(); err != nil {
				failed <- err
			}
		}()
		if err := <-failed; err != nil {
			return err
		}
	}
	return nil
}

// ServeDNS answers one question.
func (d *NameServer) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	if len(question.Question) != 1 {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	k := key{strings.ToLower(question.Question[0].Name), question.Question[0].Qtype}
	d.asked[k]++
	if d.silent {
		return
	}
	answer := new(dns.Msg).SetReply(question)
	answer.Authoritative, answer.RecursionAvailable = true, true
	answer.Answer = d.records[k]
	if alias := d.records[key{k.name, dns.TypeCNAME}]; len(alias) > 0 && k.kind != dns.TypeCNAME {
		target := strings.ToLower(alias[0].(*dns.CNAME).Target)
		answer.Answer = append(alias[:1:1], d.records[key{target, k.kind}]...)
	}
	if len(answer.Answer) == 0 && !d.known(k.name) {
		answer.Rcode = dns.RcodeNameError
	}
	if w.LocalAddr().Network() == "udp" {
		size := dns.MinMsgSize
		if o := question.IsEdns0(); o != nil {
			size = int(o.UDPSize())
		}
		answer.Truncate(size)
	}
	_ = w.WriteMsg(answer)
}

func (d *NameServer) known(name string) bool {
	for k := range d.records {
		if k.name == name {
			return true
		}
	}
	return false
}
