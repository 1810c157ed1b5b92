package web

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"

	"ideco-agent/agent"
)

// publicResolvers are asked what the Internet knows about a name: Google (developers.google.com/speed/public-dns), Cloudflare
// (developers.cloudflare.com/1.1.1.1) and Yandex (dns.yandex.com), because a network may block some of them. The first two
// validate DNSSEC, as certification authorities do.
var publicResolvers = []string{"8.8.8.8:53", "1.1.1.1:53", "77.88.8.8:53"}

// dnsTimeout is how long a resolver may take to answer over UDP, and again over TCP.
const dnsTimeout = 2 * time.Second

// publicDNS are the host:port of recursive DNS servers.
type publicDNS []string

// dnsAnswer is what the servers know about a name.
type dnsAnswer struct {
	records  []dns.RR
	answered bool   // a server says what records there are, if any
	failing  string // a server that cannot resolve the name; empty = none
}

// ask asks all servers for the records of a type. The answer is that of the first in their order that has one.
func (d publicDNS) ask(ctx context.Context, name string, kind uint16) (answer dnsAnswer) {
	replies := make([]*dns.Msg, len(d))
	var all sync.WaitGroup
	for i, server := range d {
		all.Go(func() { replies[i] = exchange(ctx, server, name, kind) })
	}
	all.Wait()
	for i, reply := range replies {
		switch {
		case reply == nil:
		case reply.Rcode == dns.RcodeServerFailure && answer.failing == "":
			answer.failing, _, _ = net.SplitHostPort(d[i])
		case !answer.answered && (reply.Rcode == dns.RcodeSuccess || reply.Rcode == dns.RcodeNameError):
			answer.answered = true
			for _, rr := range reply.Answer { // aliases are among them
				if rr.Header().Rrtype == kind {
					answer.records = append(answer.records, rr)
				}
			}
		}
	}
	return answer
}

// exchange asks one server over UDP, then over TCP if it did not answer or had to shorten its answer. It returns nil if there is
// no answer.
func exchange(ctx context.Context, server, name string, kind uint16) *dns.Msg {
	question := new(dns.Msg).SetQuestion(dns.Fqdn(name), kind)
	question.SetEdns0(dns.DefaultMsgSize, false)
	for _, network := range []string{"udp", "tcp"} {
		client := dns.Client{Net: network, Timeout: dnsTimeout}
		if reply, _, err := client.ExchangeContext(ctx, question, server); err == nil && !reply.Truncated {
			return reply
		}
	}
	return nil
}

// addresses asks for the IPv4 and IPv6 addresses of a name.
func (d publicDNS) addresses(ctx context.Context, name string) (addrs []netip.Addr, answered bool, failing string) {
	kinds := []uint16{dns.TypeA, dns.TypeAAAA}
	answers := make([]dnsAnswer, len(kinds))
	var both sync.WaitGroup
	for i, kind := range kinds {
		both.Go(func() { answers[i] = d.ask(ctx, name, kind) })
	}
	both.Wait()
	for _, answer := range answers {
		answered = answered || answer.answered
		if failing == "" {
			failing = answer.failing
		}
		for _, rr := range answer.records {
			var ip net.IP
			switch rr := rr.(type) {
			case *dns.A:
				ip = rr.A
			case *dns.AAAA:
				ip = rr.AAAA
			}
			if a, ok := netip.AddrFromSlice(ip); ok {
				addrs = append(addrs, a.Unmap())
			}
		}
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	return slices.Compact(addrs), answered, failing
}

// caaRestriction is what CAA records say about who may issue certificates for a name.
type caaRestriction struct {
	domain string   // that has the records; empty = nothing is restricted
	values []string // of the records that permit CAs, as they stand in DNS; none = no CA may issue
}

// caa finds the CAA records for a name: its own, or those of the nearest domain above that has any (RFC 8659, section 3).
func (d publicDNS) caa(ctx context.Context, name string) caaRestriction {
	labels := strings.Split(name, ".")
	answers := make([]dnsAnswer, len(labels))
	var all sync.WaitGroup
	for i := range labels {
		all.Go(func() { answers[i] = d.ask(ctx, strings.Join(labels[i:], "."), dns.TypeCAA) })
	}
	all.Wait()
	for i, answer := range answers {
		if !answer.answered {
			break
		}
		if len(answer.records) > 0 {
			return newCAARestriction(strings.Join(labels[i:], "."), answer.records)
		}
	}
	return caaRestriction{}
}

func newCAARestriction(domain string, records []dns.RR) (c caaRestriction) {
	for _, rr := range records {
		r, ok := rr.(*dns.CAA)
		if !ok {
			continue
		}
		switch strings.ToLower(r.Tag) {
		case "issue":
			c.domain = domain
			value := agent.Clean(r.Value, 100)
			if issuer, _, _ := strings.Cut(value, ";"); strings.TrimSpace(issuer) != "" {
				c.values = append(c.values, value)
			}
		case "issuewild", "issuemail", "issuevmc", "iodef", "contactemail", "contactphone":
		default:
			if r.Flag&128 != 0 { // critical: a CA that does not know the tag must not issue
				return caaRestriction{domain: domain}
			}
		}
	}
	return c
}

// permits reports whether a CA with an issuer domain may issue after checking the name by HTTP-01. A record that permits one account
// only (RFC 8657) counts as permission, because it may be the gateway's.
func (c caaRestriction) permits(issuer string) bool {
	return c.domain == "" || slices.ContainsFunc(c.values, func(value string) bool {
		parts := strings.Split(value, ";")
		for _, parameter := range parts[1:] {
			tag, methods, _ := strings.Cut(strings.TrimSpace(parameter), "=")
			if strings.EqualFold(tag, "validationmethods") && !slices.Contains(strings.Split(methods, ","), "http-01") {
				return false
			}
		}
		return strings.EqualFold(strings.TrimSuffix(strings.TrimSpace(parts[0]), "."), issuer)
	})
}
