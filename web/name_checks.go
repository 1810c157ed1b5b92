package web

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"ideco-agent/agent"
)

const (
	checksTimeout = 15 * time.Second
	maxProbed     = 8 // addresses of a name
	maxIssuers    = 8 // named in a finding about CAA records
)

// letsEncryptIssuer is the domain of Let's Encrypt in CAA records (letsencrypt.org/docs/caa).
const letsEncryptIssuer = "letsencrypt.org"

// Internet is how the gateway finds out where its names lead. The zero value is the real Internet; tests replace it.
type Internet struct {
	Resolvers []string                                                             // HOST:PORT of recursive DNS servers on the Internet
	LookUp    func(ctx context.Context, host string) ([]netip.Addr, error)         // the gateway's own resolver
	Dial      func(ctx context.Context, network, address string) (net.Conn, error) // connects to the ports 80 and 443 of names
}

// nameChecks finds out what a certification authority (CA) would meet at a name of the gateway: what DNS on the Internet answers, and
// who answers at these addresses. The gateway asks from inside its network, so the findings inform. Only one
// prevents an order: a name with private addresses only, at Let's Encrypt.
type nameChecks struct {
	directory func() string // agent.ACMESettings.Directory
	public    publicDNS
	own       func(ctx context.Context, host string) ([]netip.Addr, error)
	probes    *nameProbes
}

func newNameChecks(internet Internet, directory func() string) (*nameChecks, error) {
	if internet.Resolvers == nil {
		internet.Resolvers = publicResolvers
	}
	if internet.LookUp == nil {
		internet.LookUp = func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		}
	}
	if internet.Dial == nil {
		internet.Dial = (&net.Dialer{}).DialContext
	}
	probes, err := newNameProbes(internet.Dial)
	return &nameChecks{directory: directory, public: internet.Resolvers, own: internet.LookUp, probes: probes}, err
}

// Check returns what there is to say about a name. It takes at most checksTimeout.
func (n *nameChecks) Check(ctx context.Context, name string) []agent.NameCheck {
	if _, err := netip.ParseAddr(name); err == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, checksTimeout)
	defer cancel()
	r := &nameReport{name: name, bad: agent.StepFailed}
	if !n.atLetsEncrypt() { // a company's CA may see other addresses and need no permission
		r.bad = agent.StepWarning
	}
	var restriction caaRestriction
	var caa sync.WaitGroup
	if _, ok := agent.OrderableName(name); ok {
		caa.Go(func() { restriction = n.public.caa(ctx, name) })
	}
	seen := n.resolve(ctx, name)
	caa.Wait()
	n.reportDNS(r, seen)
	if !restriction.permits(letsEncryptIssuer) || restriction.domain != "" && !n.atLetsEncrypt() {
		r.add(agent.CheckCAA, r.bad, map[string]string{"Domain": restriction.domain, "Issuers": strings.Join(restriction.values[:min(len(restriction.values), maxIssuers)], ", ")})
	}
	n.reportPort80(ctx, r, n.probed(seen))
	return r.checks
}

// ALPNLeadsHere reports whether all addresses of a name that a CA may use are known to lead to this gateway at port 443.
func (n *nameChecks) ALPNLeadsHere(ctx context.Context, name string) bool {
	ctx, cancel := context.WithTimeout(ctx, checksTimeout)
	defer cancel()
	addrs := n.probed(n.resolve(ctx, name))
	for _, one := range probeAll(addrs, func(a netip.Addr) leadsTo { return n.probes.tls(ctx, name, a) }) {
		if one != leadsHere {
			return false
		}
	}
	return len(addrs) > 0
}

// atLetsEncrypt reports whether certificates are ordered at Let's Encrypt, or nowhere yet.
func (n *nameChecks) atLetsEncrypt() bool {
	directory := n.directory()
	return directory == "" || agent.IsLetsEncrypt(directory)
}

// resolution is what the two kinds of resolvers know about a name.
type resolution struct {
	asked    bool         // the public ones were asked; they are not asked about names that exist only in a company's network
	answered bool         // a public one says what addresses there are, if any
	failing  string       // a public one that cannot resolve the name; empty = none
	outside  []netip.Addr // addresses by the public ones
	inside   []netip.Addr // addresses by the gateway's own
}

// resolve asks both kinds of resolvers at the same time.
func (n *nameChecks) resolve(ctx context.Context, name string) (seen resolution) {
	var both sync.WaitGroup
	both.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
		defer cancel()
		found, _ := n.own(ctx, name)
		for _, a := range found {
			seen.inside = append(seen.inside, agent.Unmap(a))
		}
		slices.SortFunc(seen.inside, netip.Addr.Compare)
	})
	if _, seen.asked = agent.OrderableName(name); seen.asked {
		both.Go(func() { seen.outside, seen.answered, seen.failing = n.public.addresses(ctx, name) })
	}
	both.Wait()
	return seen
}

// probed returns the addresses that the CA will probably use. A company's CA probably resolves names as the gateway does. Let's
// Encrypt never uses private addresses, and a former domain may belong to a stranger by now, who must not make the gateway connect to
// one.
func (n *nameChecks) probed(seen resolution) []netip.Addr {
	addrs := seen.outside
	if !n.atLetsEncrypt() && len(seen.inside) > 0 || seen.asked && !seen.answered {
		addrs = seen.inside
	}
	if n.atLetsEncrypt() {
		addrs = slices.DeleteFunc(slices.Clone(addrs), isPrivateAddress)
	}
	return addrs[:min(len(addrs), maxProbed)]
}

// nameReport collects the findings about a name.
type nameReport struct {
	name   string
	bad    agent.StepState // of findings that keep a CA on the Internet from issuing
	checks []agent.NameCheck
}

func (r *nameReport) add(check agent.NameCheckKind, state agent.StepState, args map[string]string) {
	if args == nil {
		args = map[string]string{}
	}
	args["Name"] = r.name
	r.checks = append(r.checks, agent.NameCheck{Check: check, State: state, Args: args})
}

func (n *nameChecks) reportDNS(r *nameReport, seen resolution) {
	outside := joinAddrs(seen.outside)
	switch {
	case len(seen.outside) > 0 && !slices.ContainsFunc(seen.outside, isPublicAddress):
		r.add(agent.CheckPrivateDNS, r.bad, map[string]string{"Addresses": outside})
	case len(seen.outside) > 0:
		r.add(agent.CheckPublicDNS, agent.StepOK, map[string]string{"Addresses": outside})
	case seen.failing != "": // reported below
	case seen.answered:
		r.add(agent.CheckNotInDNS, r.bad, nil)
	case seen.asked:
		var servers []string
		for _, server := range n.public {
			host, _, _ := net.SplitHostPort(server)
			servers = append(servers, host)
		}
		r.add(agent.CheckNoResolver, agent.StepSkipped, map[string]string{"Servers": strings.Join(servers, ", ")})
	}
	if seen.failing != "" {
		state := agent.StepWarning
		if len(seen.outside) == 0 {
			state = r.bad
		}
		r.add(agent.CheckDNSFailed, state, map[string]string{"Server": seen.failing})
	}
	// Debian writes the computer's own name as 127.0.1.1 into /etc/hosts.
	inside := slices.DeleteFunc(slices.Clone(seen.inside), netip.Addr.IsLoopback)
	switch {
	case len(inside) == 0:
	case len(seen.outside) == 0:
		r.add(agent.CheckGatewayDNS, agent.StepOK, map[string]string{"Addresses": joinAddrs(inside)})
	case !slices.ContainsFunc(inside, func(a netip.Addr) bool { return slices.Contains(seen.outside, a) }):
		r.add(agent.CheckSplitDNS, agent.StepWarning, map[string]string{"Inside": joinAddrs(inside), "Outside": outside})
	}
}

func (n *nameChecks) reportPort80(ctx context.Context, r *nameReport, addrs []netip.Addr) {
	for i, leads := range probeAll(addrs, func(a netip.Addr) leadsTo { return n.probes.http(ctx, r.name, a) }) {
		args := map[string]string{"Address": addrs[i].String()}
		switch {
		case leads == leadsHere:
			r.add(agent.CheckPort80, agent.StepOK, args)
		case leads == leadsNowhere:
			r.add(agent.CheckPort80Silent, agent.StepSkipped, args)
		case addrs[i].Is4(): // a router may show its settings page to its own network only
			r.add(agent.CheckPort80Other, agent.StepWarning, args)
		default:
			r.add(agent.CheckAAAA, r.bad, args)
		}
	}
}

// probeAll probes all addresses at the same time. The results are in their order.
func probeAll(addrs []netip.Addr, probe func(netip.Addr) leadsTo) []leadsTo {
	results := make([]leadsTo, len(addrs))
	var all sync.WaitGroup
	for i, a := range addrs {
		all.Go(func() { results[i] = probe(a) })
	}
	all.Wait()
	return results
}

// notGlobal are further networks to which no CA on the Internet can connect.
var notGlobal = []netip.Prefix{
	netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("::/128"), // a connection to 0.0.0.0 or :: leads to this computer
	netip.MustParsePrefix("100.64.0.0/10"),                                         // between the customers of a provider and the Internet (RFC 6598)
	netip.MustParsePrefix("64:ff9b::/96"), netip.MustParsePrefix("64:ff9b:1::/48"), // NAT64: an IPv4 address is in it, maybe a private one
	netip.MustParsePrefix("2002::/16"), // 6to4, likewise
}

// isPrivateAddress reports whether no CA on the Internet can connect to an address.
func isPrivateAddress(a netip.Addr) bool {
	one := netip.PrefixFrom(a, a.BitLen())
	return within(one, noInternet) || within(one, notGlobal)
}

func isPublicAddress(a netip.Addr) bool { return !isPrivateAddress(a) }

func joinAddrs(addrs []netip.Addr) string {
	var list []string
	for _, a := range addrs[:min(len(addrs), maxProbed)] {
		list = append(list, a.String())
	}
	return strings.Join(list, ", ")
}
