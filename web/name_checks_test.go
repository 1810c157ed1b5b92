package web

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/dns"
	"golang.org/x/crypto/acme"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
	"ideco-agent/web/certs"
)

// resolver is a DNS server on loopback, over UDP and TCP.
type resolver struct {
	addr    string
	records []dns.RR
	rcode   int    // instead of an answer
	overTCP bool   // answers over UDP are cut off
	refused string // a name whose CAA records are refused

	mu    sync.Mutex
	asked map[string]bool
}

// start starts the server with records.
func (r *resolver) start(t *testing.T, lines ...string) *resolver {
	t.Helper()
	r.asked = map[string]bool{}
	for _, line := range lines {
		rr, err := dns.NewRR(line)
		if err != nil {
			t.Fatal(err)
		}
		r.records = append(r.records, rr)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = listener.Addr().String()
	packets, err := net.ListenPacket("udp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []*dns.Server{{Listener: listener, Handler: r}, {PacketConn: packets, Handler: r}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		go func() { _ = s.ActivateAndServe() }()
		<-started
		t.Cleanup(func() { _ = s.Shutdown() })
	}
	return r
}

func (r *resolver) ServeDNS(w dns.ResponseWriter, question *dns.Msg) {
	q := question.Question[0]
	r.mu.Lock()
	r.asked[strings.TrimSuffix(q.Name, ".")] = true
	r.mu.Unlock()
	answer := new(dns.Msg).SetReply(question)
	owner, known := q.Name, false
	for _, rr := range r.records {
		if rr.Header().Name != owner {
			continue
		}
		known = true
		if alias, ok := rr.(*dns.CNAME); ok {
			owner = alias.Target // of the records that follow
			answer.Answer = append(answer.Answer, rr)
		} else if rr.Header().Rrtype == q.Qtype {
			answer.Answer = append(answer.Answer, rr)
		}
	}
	if !known {
		answer.Rcode = dns.RcodeNameError
	}
	if q.Qtype == dns.TypeCAA && r.refused == q.Name {
		answer.Rcode, answer.Answer = dns.RcodeRefused, nil
	}
	if r.rcode != 0 {
		answer.Rcode, answer.Answer = r.rcode, nil
	}
	if r.overTCP && w.LocalAddr().Network() == "udp" {
		answer.Truncated, answer.Answer = true, nil
	}
	_ = w.WriteMsg(answer)
}

// nameLab is a gateway and the Internet around it.
type nameLab struct {
	*nameChecks
	servers map[string]string // where the server for an address and port really listens
	inside  []string          // addresses that the gateway's resolver answers
}

func newNameLab(t *testing.T, directory string, public ...*resolver) *nameLab {
	t.Helper()
	lab := &nameLab{servers: map[string]string{}}
	internet := Internet{
		Resolvers: []string{},
		LookUp: func(context.Context, string) (list []netip.Addr, _ error) {
			for _, a := range lab.inside {
				list = append(list, netip.MustParseAddr(a))
			}
			return list, nil
		},
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			server, ok := lab.servers[address]
			if !ok {
				return nil, errors.New("nothing listens")
			}
			return (&net.Dialer{}).DialContext(ctx, network, server)
		},
	}
	for _, r := range public {
		internet.Resolvers = append(internet.Resolvers, r.addr)
	}
	var err error
	if lab.nameChecks, err = newNameChecks(internet, func() string { return directory }); err != nil {
		t.Fatal(err)
	}
	return lab
}

// gateway starts the gateway's ports 80 and 443 at an address.
func (l *nameLab) gateway(t *testing.T, address string) {
	t.Helper()
	orders, err := certs.OpenOrders(certs.OrdersConfig{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler), Names: func() []string { return nil },
		Settings: func() certs.OrderSettings { return certs.OrderSettings{} }})
	if err != nil {
		t.Fatal(err)
	}
	c := &certificates{checks: l.nameChecks, orders: orders}
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !c.answerChallenge(w, r) {
			_, _ = io.WriteString(w, "the captive page")
		}
	}))
	t.Cleanup(plain.Close)
	secure, err := tls.Listen("tcp", "127.0.0.1:0", c.portalTLS())
	if err != nil {
		t.Fatal(err)
	}
	accept(t, secure)
	l.servers[net.JoinHostPort(address, "80")] = plain.Listener.Addr().String()
	l.servers[net.JoinHostPort(address, "443")] = secure.Addr().String()
}

// stranger starts another gateway at an address.
func (l *nameLab) stranger(t *testing.T, address string) {
	other := newNameLab(t, "")
	other.gateway(t, address)
	for at, server := range other.servers {
		l.servers[at] = server
	}
}

func newProbes(t *testing.T) *nameProbes {
	t.Helper()
	p, err := newNameProbes((&net.Dialer{}).DialContext)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func accept(t *testing.T, l net.Listener) {
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { _ = c.(*tls.Conn).Handshake(); _, _ = c.Read(make([]byte, 1)); _ = c.Close() }()
		}
	}()
}

// findings writes checks as "public_dns ok Addresses=192.0.2.1".
func findings(checks []agent.NameCheck) (list []string) {
	for _, c := range checks {
		var args []string
		for name, value := range c.Args {
			if name != "Name" {
				args = append(args, name+"="+value)
			}
		}
		slices.Sort(args)
		list = append(list, strings.Join(append([]string{string(c.Check), string(c.State)}, args...), " "))
	}
	return list
}

const (
	companyCA = "https://ca.company.test/acme/directory"
	inDNS     = "gw.company.ru. A 192.0.2.1"
)

// TestNameChecks: each row is a name in DNS, and what the gateway finds out about it. The gateway answers at 192.0.2.1 and
// 2001:db8::1, strangers answer at 192.0.2.9 and 2001:db8::9.
func TestNameChecks(t *testing.T) {
	const publicDNS, port80 = "public_dns ok Addresses=192.0.2.1", "port_80 ok Address=192.0.2.1"
	for name, c := range map[string]struct {
		name      string
		records   []string
		rcode     int
		overTCP   bool
		inside    []string
		directory string
		want      []string
		alpn      bool
	}{
		"all is well":        {records: []string{inDNS}, inside: []string{"192.0.2.1"}, want: []string{publicDNS, port80}, alpn: true},
		"the answer is long": {records: []string{inDNS}, overTCP: true, want: []string{publicDNS, port80}, alpn: true},
		"an alias":           {records: []string{"gw.company.ru. CNAME host.company.ru.", "host.company.ru. A 192.0.2.1"}, want: []string{publicDNS, port80}, alpn: true},
		"IPv6 too": {records: []string{inDNS, "gw.company.ru. AAAA 2001:db8::1"}, alpn: true,
			want: []string{"public_dns ok Addresses=192.0.2.1, 2001:db8::1", port80, "port_80 ok Address=2001:db8::1"}},
		"IPv6 leads elsewhere": {records: []string{inDNS, "gw.company.ru. AAAA 2001:db8::9"},
			want: []string{"public_dns ok Addresses=192.0.2.1, 2001:db8::9", port80, "aaaa failed Address=2001:db8::9"}},
		"IPv6 leads nowhere": {records: []string{inDNS, "gw.company.ru. AAAA 2001:db8::5"},
			want: []string{"public_dns ok Addresses=192.0.2.1, 2001:db8::5", port80, "port_80_silent skipped Address=2001:db8::5"}},
		"another server answers": {records: []string{"gw.company.ru. A 192.0.2.9"},
			want: []string{"public_dns ok Addresses=192.0.2.9", "port_80_other warning Address=192.0.2.9"}},
		"nothing answers": {records: []string{"gw.company.ru. A 192.0.2.5"},
			want: []string{"public_dns ok Addresses=192.0.2.5", "port_80_silent skipped Address=192.0.2.5"}},
		"no such name":    {inside: []string{"192.0.2.1"}, want: []string{"not_in_dns failed", "gateway_dns ok Addresses=192.0.2.1"}},
		"no address":      {records: []string{"gw.company.ru. TXT text"}, want: []string{"not_in_dns failed"}},
		"DNSSEC fails":    {rcode: dns.RcodeServerFailure, want: []string{"dns_failed failed Server=127.0.0.1"}},
		"refused":         {rcode: dns.RcodeRefused, want: []string{"no_resolver skipped Servers=127.0.0.1"}},
		"private address": {records: []string{"gw.company.ru. A 10.0.0.1"}, want: []string{"private_dns failed Addresses=10.0.0.1"}},
		"carrier NAT":     {records: []string{"gw.company.ru. A 100.64.0.1"}, want: []string{"private_dns failed Addresses=100.64.0.1"}},
		"this computer":   {records: []string{"gw.company.ru. A 0.0.0.0"}, want: []string{"private_dns failed Addresses=0.0.0.0"}},
		"NAT64":           {records: []string{"gw.company.ru. AAAA 64:ff9b::a00:1"}, want: []string{"private_dns failed Addresses=64:ff9b::a00:1"}},
		"too many CAA records": {alpn: true, records: slices.Concat([]string{inDNS}, slices.Repeat([]string{`gw.company.ru. CAA 0 issue "a"`}, 1500)),
			want: []string{publicDNS, "caa failed Domain=gw.company.ru Issuers=" + strings.TrimSuffix(strings.Repeat("a, ", 8), ", "), port80}},
		"split DNS": {records: []string{inDNS}, inside: []string{"10.0.0.1"}, alpn: true,
			want: []string{publicDNS, "split_dns warning Inside=10.0.0.1 Outside=192.0.2.1", port80}},
		"own name in /etc/hosts": {records: []string{inDNS}, inside: []string{"127.0.1.1"}, want: []string{publicDNS, port80}, alpn: true},
		"CAA of the name": {records: []string{inDNS, `gw.company.ru. CAA 0 issue "ca.example"`}, alpn: true,
			want: []string{publicDNS, "caa failed Domain=gw.company.ru Issuers=ca.example", port80}},
		"CAA of the domain": {records: []string{inDNS, `company.ru. CAA 0 issue "ca.example"`, `company.ru. CAA 0 issue "other.example; a=b"`}, alpn: true,
			want: []string{publicDNS, "caa failed Domain=company.ru Issuers=ca.example, other.example; a=b", port80}},
		"CAA of the name overrules that of the domain": {alpn: true, want: []string{publicDNS, port80},
			records: []string{inDNS, `company.ru. CAA 0 issue "ca.example"`, `gw.company.ru. CAA 0 issue "LetsEncrypt.org; validationmethods=dns-01,http-01"`}},
		"CAA forbids all":     {records: []string{inDNS, `company.ru. CAA 0 issue ";"`}, want: []string{publicDNS, "caa failed Domain=company.ru Issuers=", port80}, alpn: true},
		"CAA about wildcards": {records: []string{inDNS, `company.ru. CAA 0 issuewild ";"`, `company.ru. CAA 0 iodef "mailto:a@b.ru"`}, want: []string{publicDNS, port80}, alpn: true},
		"CAA of another method": {records: []string{inDNS, `company.ru. CAA 0 issue "letsencrypt.org; validationmethods=dns-01"`}, alpn: true,
			want: []string{publicDNS, "caa failed Domain=company.ru Issuers=letsencrypt.org; validationmethods=dns-01", port80}},
		"CAA that nobody knows": {records: []string{inDNS, `company.ru. CAA 0 issue "letsencrypt.org"`, `company.ru. CAA 128 tbs "x"`}, alpn: true,
			want: []string{publicDNS, "caa failed Domain=company.ru Issuers=", port80}},
		"a company's CA sees the inside": {records: []string{inDNS, `company.ru. CAA 0 issue "letsencrypt.org"`}, inside: []string{"10.0.0.1"}, directory: companyCA,
			want: []string{publicDNS, "split_dns warning Inside=10.0.0.1 Outside=192.0.2.1", "caa warning Domain=company.ru Issuers=letsencrypt.org", "port_80 ok Address=10.0.0.1"}, alpn: true},
		"a name that only a company's CA can check": {name: "gw.company.local", records: []string{"gw.company.local. A 192.0.2.9"}, inside: []string{"10.0.0.1"}, directory: companyCA,
			want: []string{"gateway_dns ok Addresses=10.0.0.1", "port_80 ok Address=10.0.0.1"}, alpn: true},
		"a lab on one computer": {name: "gw.company.local", inside: []string{"127.0.0.1"}, directory: companyCA, want: []string{"port_80 ok Address=127.0.0.1"}, alpn: true},
		"an address":            {name: "192.0.2.1", inside: []string{"192.0.2.1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			public := (&resolver{rcode: c.rcode, overTCP: c.overTCP}).start(t, c.records...)
			if c.directory == "" {
				c.directory = agent.LetsEncrypt
			}
			if c.name == "" {
				c.name = "gw.company.ru"
			}
			lab := newNameLab(t, c.directory, public)
			lab.inside = c.inside
			for _, a := range []string{"192.0.2.1", "2001:db8::1", "10.0.0.1", "100.64.0.1", "127.0.0.1", "0.0.0.0", "64:ff9b::a00:1"} {
				lab.gateway(t, a)
			}
			lab.stranger(t, "192.0.2.9")
			lab.stranger(t, "2001:db8::9")
			checks := lab.Check(t.Context(), c.name)
			if got := findings(checks); !reflect.DeepEqual(got, c.want) {
				t.Errorf("got  %q\nwant %q", got, c.want)
			}
			for _, check := range checks {
				text := locale.For("en").NameCheck(check)
				for name, value := range check.Args {
					if name != "Name" && !strings.Contains(text, value) {
						t.Errorf("%s is not in %q", name, text)
					}
				}
				if strings.Contains(text, "—") && check.Args["Issuers"] != "" {
					t.Errorf("the text lacks an argument: %q", text)
				}
			}
			if got := lab.ALPNLeadsHere(t.Context(), c.name); got != c.alpn {
				t.Errorf("port 443 leads here: %v, want %v", got, c.alpn)
			}
			public.mu.Lock()
			defer public.mu.Unlock()
			if public.asked["gw.company.local"] {
				t.Error("the Internet was asked about a name of the company's network")
			}
		})
	}
}

// TestPublicResolvers: one that answers is enough. One that validates DNSSEC may fail where another answers.
func TestPublicResolvers(t *testing.T) {
	answers, fails := (&resolver{}).start(t, inDNS), (&resolver{rcode: dns.RcodeServerFailure}).start(t)
	refuses := (&resolver{rcode: dns.RcodeRefused}).start(t)
	lab := newNameLab(t, agent.LetsEncrypt, refuses, fails, answers)
	lab.public = append(publicDNS{"127.0.0.1:1"}, lab.public...) // nothing listens there
	lab.gateway(t, "192.0.2.1")
	want := []string{"public_dns ok Addresses=192.0.2.1", "dns_failed warning Server=127.0.0.1", "port_80 ok Address=192.0.2.1"}
	if got := findings(lab.Check(t.Context(), "gw.company.ru")); !reflect.DeepEqual(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

// TestCAAUnknown: without an answer about the name nothing is said about the domains above it.
func TestCAAUnknown(t *testing.T) {
	records := []string{inDNS, `company.ru. CAA 0 issue "ca.example"`}
	for refused, want := range map[string]bool{"": true, "gw.company.ru.": false, "ru.": true} {
		lab := newNameLab(t, agent.LetsEncrypt, (&resolver{refused: refused}).start(t, records...))
		list := findings(lab.Check(t.Context(), "gw.company.ru"))
		if got := slices.Contains(list, "caa failed Domain=company.ru Issuers=ca.example"); got != want {
			t.Errorf("%q is refused: %q", refused, list)
		}
	}
}

// TestProbesAreNotForStrangers: without a running probe the ports answer as always.
func TestProbesAreNotForStrangers(t *testing.T) {
	p := newProbes(t)
	hello := &tls.ClientHelloInfo{SupportedProtos: []string{acme.ALPNProto}}
	p.expect(certs.ChallengePath+"token", "answer")
	for path, want := range map[string]string{"/": "", certs.ChallengePath: "", certs.ChallengePath + "other": "", certs.ChallengePath + "token": "answer"} {
		w := httptest.NewRecorder()
		if known := p.serve(w, httptest.NewRequest(http.MethodGet, path, nil)); known != (want != "") || w.Body.String() != want {
			t.Errorf("%s: %v, %q", path, known, w.Body)
		}
	}
	p.forget(certs.ChallengePath + "token")
	if p.serve(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, certs.ChallengePath+"token", nil)) {
		t.Error("a probe that has ended is answered")
	}
	if p.certificateFor(hello) != nil {
		t.Error("a certificate without a probe")
	}
	p.countALPN(1)
	if p.certificateFor(hello) == nil || p.certificateFor(&tls.ClientHelloInfo{SupportedProtos: []string{"http/1.1"}}) != nil {
		t.Error("the certificate is for probes, and for them only")
	}
}
