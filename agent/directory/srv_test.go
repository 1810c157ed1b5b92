package directory

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/miekg/dns"

	"ideco-agent/agent"
)

// fakeDNS is a DNS server without sockets. It knows some records and answers other names with NXDOMAIN.
type fakeDNS struct {
	records []string
	silent  bool
	closed  bool // nothing listens
	rcode   int  // instead of an answer
	asked   atomic.Int32
}

// dialDNS connects to fake DNS servers.
func dialDNS(servers map[string]*fakeDNS) func(context.Context, string, string) (net.Conn, error) {
	return func(_ context.Context, _, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		f := servers[host]
		if f == nil || f.closed {
			return nil, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}
		}
		ours, theirs := net.Pipe()
		go f.serve(theirs)
		return ours, nil
	}
}

// serve answers questions as over TCP, which is what the resolver takes a pipe for.
func (f *fakeDNS) serve(c net.Conn) {
	defer c.Close()
	for {
		var length uint16
		if binary.Read(c, binary.BigEndian, &length) != nil {
			return
		}
		b := make([]byte, length)
		if _, err := io.ReadFull(c, b); err != nil {
			return
		}
		f.asked.Add(1)
		question := new(dns.Msg)
		if question.Unpack(b) != nil || f.silent {
			continue
		}
		answer := new(dns.Msg).SetReply(question)
		answer.RecursionAvailable = true
		known := false
		for _, line := range f.records {
			rr, _ := dns.NewRR(line)
			if strings.EqualFold(rr.Header().Name, question.Question[0].Name) {
				if known = true; rr.Header().Rrtype == question.Question[0].Qtype {
					answer.Answer = append(answer.Answer, rr)
				}
			}
		}
		if !known {
			answer.Rcode = dns.RcodeNameError
		}
		if f.rcode != 0 {
			answer.Rcode, answer.Answer = f.rcode, nil
		}
		packed, _ := answer.Pack()
		c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(packed))), packed...))
	}
}

var zone = []string{
	"_ldap._tcp.example.test. SRV 0 100 389 DC1.example.test.",
	"_ldap._tcp.example.test. SRV 10 100 389 dc2.example.test.",
	"_none._tcp.example.test. SRV 0 0 0 .",
	"dc1.example.test. A 192.0.2.1",
	"dc1.example.test. AAAA 2001:db8::1",
}

// TestResolver runs in real time, because package net keeps a channel from the first bubble that looks up a name.
func TestResolver(t *testing.T) {

	for _, c := range []struct {
		name    string
		servers []*fakeDNS
		finding agent.DirectoryFinding
		silent  int // how many limits it takes
	}{
		{"one", []*fakeDNS{{}}, "", 0},
		{"the first is silent", []*fakeDNS{{silent: true}, {}}, "", 1},
		{"the first is closed", []*fakeDNS{{closed: true}, {}}, "", 0},
		{"the first fails", []*fakeDNS{{rcode: dns.RcodeServerFailure}, {}}, "", 0},
		{"the first refuses", []*fakeDNS{{rcode: dns.RcodeRefused}, {}}, "", 0},
		{"two are silent", []*fakeDNS{{silent: true}, {silent: true}, {}}, "", 2},
		{"all are silent", []*fakeDNS{{silent: true}, {silent: true}}, agent.FindingNoDNS, 2},
		{"the only one is silent", []*fakeDNS{{silent: true}}, agent.FindingNoDNS, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r, servers := &resolver{limit: 100 * time.Millisecond}, map[string]*fakeDNS{}
			var names []string
			for i := range c.servers {
				c.servers[i].records = zone
				a := netip.AddrFrom4([4]byte{192, 0, 2, byte(53 + i)})
				servers[a.String()] = c.servers[i]
				r.servers, names = append(r.servers, a), append(names, a.String())
			}
			r.dial = dialDNS(servers)
			began := time.Now()
			records, err := r.lookupSRV(t.Context(), "_ldap._tcp.example.test")
			if took, least := time.Since(began), time.Duration(c.silent)*r.limit; took < least || took > least+time.Second {
				t.Errorf("took %v", took)
			}
			if c.finding != "" {
				f := asFinding(err, "")
				equal(t, "finding", f.Finding, c.finding)
				equal(t, "server", f.Args["Server"], strings.Join(names, ", "))
				return
			}
			if err != nil || len(records) != 2 || records[0].Target != "DC1.example.test." || records[0].Port != 389 {
				t.Fatalf("%+v, %v", records, err)
			}
			before := servers[names[0]].asked.Load()
			addresses, err := r.lookupHost(t.Context(), "dc1.example.test")
			slices.SortFunc(addresses, netip.Addr.Compare)
			if err != nil || !slices.Equal(addresses, []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}) {
				t.Errorf("%v, %v", addresses, err)
			}
			if len(names) > 1 { // the one that answered is asked first
				equal(t, "further questions to the bad server", servers[names[0]].asked.Load()-before, 0)
			}
			for _, name := range []string{"_ldap._tcp.other.test", "_none._tcp.example.test", "dc1.example.test"} {
				records, err = r.lookupSRV(t.Context(), name)
				if len(records) > 0 || err != nil {
					t.Errorf("%s: %v, %v", name, records, err)
				}
			}
			_, err = r.lookupHost(t.Context(), "dc9.example.test")
			f := asFinding(err, "")
			equal(t, "finding", f.Finding, agent.FindingUnresolved)
			equal(t, "host", f.Args["Host"], "dc9.example.test")
		})
	}
}

func srv(target string, priority, port uint16) *net.SRV {
	return &net.SRV{Target: target + ".example.test.", Priority: priority, Port: port, Weight: 100}
}

// TestDiscover: which controllers are found, in which order.
func TestDiscover(t *testing.T) {
	records := map[string][]*net.SRV{
		"_ldap._tcp.dc._msdcs.example.test":             {srv("DC1", 0, 389), srv("dc2", 0, 389), srv("dc3", 5, 389)},
		"_ldap._tcp.Riga._sites.dc._msdcs.example.test": {srv("dc3", 0, 389), srv("dc4", 1, 389)},
		"_ldap._tcp.example.test":                       {srv("dc5", 0, 1389)},
	}
	secure := map[string][]*net.SRV{"_ldap._tcp.example.test": records["_ldap._tcp.example.test"], "_ldaps._tcp.example.test": {srv("dc6", 0, 1636)}}
	for _, c := range []struct {
		name      string
		kind      agent.DirectoryKind
		transport agent.DirectoryTransport
		srv       map[string][]*net.SRV
		site      string
		want      string
	}{
		{"no site", agent.DirectoryAD, agent.TransportLDAPS, records, "", "dc1:636 dc2:636 dc3:636"},
		{"site", agent.DirectoryAD, agent.TransportLDAPS, records, "Riga", "dc3:636 dc4:636 dc1:636 dc2:636"},
		{"site without controllers", agent.DirectoryAD, agent.TransportStartTLS, records, "Oslo", "dc1:389 dc2:389 dc3:389"},
		{"no msdcs", agent.DirectoryAD, agent.TransportLDAPS, secure, "", "dc5:636"},
		{"no msdcs, StartTLS", agent.DirectoryAD, agent.TransportStartTLS, secure, "", "dc5:1389"},
		{"other kinds", agent.DirectoryFreeIPA, agent.TransportLDAPS, records, "Riga", "dc5:636"},
		{"other kinds, StartTLS", agent.DirectoryOpenLDAP, agent.TransportStartTLS, secure, "", "dc5:1389"},
		{"other kinds, with _ldaps", agent.DirectoryOpenLDAP, agent.TransportLDAPS, secure, "", "dc6:1636"},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := &fakeNet{srv: c.srv}
			s := n.servers(t, agent.DirectorySettings{Kind: c.kind, Transport: c.transport, CA: "none"})
			s.ping = func(context.Context, string) (string, error) { return c.site, nil }
			hosts, err := s.discover(t.Context())
			got := strings.ReplaceAll(strings.Join(hosts, " "), ".example.test", "")
			if got != c.want || err != nil {
				t.Errorf("%q, %v, want %q", got, err, c.want)
			}
		})
	}
}

// TestFastestFirst: without a site, controllers of the same priority are ordered by latency.
func TestFastestFirst(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		n.start(t, "dc3.example.test:636")
		n.srv = map[string][]*net.SRV{"_ldap._tcp.dc._msdcs.example.test": {srv("dc1", 0, 389), srv("dc2", 0, 389), srv("dc3", 1, 389)}}
		n.far = map[string]time.Duration{dc1: 150 * time.Millisecond, dc2: 20 * time.Millisecond}
		s := n.servers(t, agent.DirectorySettings{Kind: agent.DirectoryAD})
		s.ping = func(context.Context, string) (string, error) { return "", errors.New("no answer") }
		address, err := answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc2)
		equal(t, "latency", s.status()[0].Latency, 20*time.Millisecond)
		n.remove(dc2)
		address, _ = answering(t.Context(), s)
		equal(t, "address", address, dc1)
		n.remove(dc1)
		address, _ = answering(t.Context(), s)
		equal(t, "address", address, "dc3.example.test:636")
	})
}

// TestSilentAtStart: a silent controller delays the first login only shortly.
func TestSilentAtStart(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		n.at[dc1].stop()
		s := n.servers(t, two)
		equal(t, "failed", logins(t, s, 20, 2*headStart), 0)
	})
}

// TestChangedRecords: controllers of new SRV records are used without a restart, and those of removed records no longer.
func TestChangedRecords(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		const name = "_ldap._tcp.example.test"
		n.srv = map[string][]*net.SRV{name: {srv("dc1", 0, 389)}}
		s := n.servers(t, agent.DirectorySettings{Kind: agent.DirectoryFreeIPA})
		address, err := answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc1)
		n.srv[name] = []*net.SRV{srv("dc2", 0, 389)}
		pass(refindAfter)
		answering(t.Context(), s) // finds them
		synctest.Wait()
		address, err = answering(t.Context(), s)
		equal(t, "error", err, nil)
		equal(t, "address", address, dc2)
		equal(t, "controllers", len(s.status()), 1)
		n.at[dc1].mu.Lock()
		equal(t, "connections left", len(n.at[dc1].open)-n.at[dc1].ended, 0)
		n.at[dc1].mu.Unlock()

		n.srv[name] = nil // the known ones stay in use
		pass(refindAfter)
		for range 2 {
			address, err = answering(t.Context(), s)
			equal(t, "error", err, nil)
			equal(t, "address", address, dc2)
			synctest.Wait()
		}
	})
}

// TestUnusedController: a controller that is not in use is probed every refindAfter.
func TestUnusedController(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		equal(t, "error", login(t.Context(), s), nil)
		n.remove(dc2)
		for range 2 {
			pass(refindAfter + time.Minute)
			equal(t, "error", login(t.Context(), s), nil)
			synctest.Wait()
		}
		if status := s.status(); !status[0].Reachable || status[1].Reachable {
			t.Errorf("%+v", status)
		}
	})
}

func TestNoSRV(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, agent.DirectorySettings{Kind: agent.DirectoryAD})
		err := login(t.Context(), s)
		f := asFinding(err, "")
		equal(t, "finding", f.Finding, agent.FindingNoSRV)
		equal(t, "name", f.Args["Name"], "_ldap._tcp.dc._msdcs.example.test")
		_, err = s.bind(t.Context(), "alice", "alice's")
		equal(t, "unreachable", errors.Is(err, errUnreachable), true)
	})
}
