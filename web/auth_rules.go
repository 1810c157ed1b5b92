package web

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
	"ideco-agent/handlers"
)

const (
	rulesEvery   = 2 * time.Second  // interval of checking hosts, accounts and settings for changes
	rulesRecheck = 10 * time.Second // interval of reading the rules and comparing the sessions with them, also without a change
	silentAfter  = 15 * time.Minute // a host that has not answered for so long is silent
	askAfter     = 5 * time.Minute  // a host that has not answered for so long is asked
	askOver      = 10 * time.Second // askAfter for the addresses of a MAC that has more of them than may be let through
	macTime      = 30 * time.Second // the shortest time between two changes of an address's MAC: spoofers may claim it all the time
	hostsPerMAC  = 32               // addresses of a MAC that are remembered
	maxAsked     = 200              // hosts that one pass asks
)

// authRules implements handlers.AuthRules. It tells the sessions which addresses the rules authorise now.
//
// A rule of an address authorises it while the neighbour table shows that its host has answered ARP or NDP within silentAfter; the gateway
// asks hosts that are quiet. With Always, or behind a router, where the gateway does not see the host, the rule authorises the address
// all the time. If the rule has a MAC too, it authorises only the host with this MAC, and none behind a router. A rule of a MAC alone
// authorises the addresses at which the neighbour table shows the MAC: one IPv4 address and agent.MaxIPv6 IPv6 addresses. The rule of
// an address goes before that of its MAC.
type authRules struct {
	*store.Store
	settings func() agent.Settings
	sessions interface {
		SetStatic(context.Context, []access.StaticSession)
		Sessions() []agent.LiveSession
	}
	network hostNetwork
	log     *slog.Logger

	mu        sync.Mutex                    // held during a pass; guards the fields below
	byAddress map[netip.Addr]agent.AuthRule // the rules in force, as last read
	byMAC     map[string]agent.AuthRule     // those without an address
	needHosts bool                          // some rule depends on the neighbour table
	writes    uint64                        // store.Writes when the rules were read
	checked   time.Time                     // when the sessions were last compared with the set
	hosts     map[netip.Addr]*host
	set       []access.StaticSession // of the last SetStatic
	failures  map[string]string      // last error by operation
}

var _ handlers.AuthRules = (*authRules)(nil)

// hostNetwork is what the kernel knows of the hosts in the LAN.
type hostNetwork interface {
	// neighbours returns the neighbour table of interfaces with MACs.
	neighbours() ([]neighbour, error)
	// attached returns the networks of these interfaces.
	attached() ([]netip.Prefix, error)
	// ask makes the kernel send an ARP or NDP request to a host whose entry is not fresh.
	ask(netip.Addr)
}

// neighbour is an entry of the neighbour table.
type neighbour struct {
	addr     netip.Addr
	mac      string        // empty: the host does not answer
	name     string        // of the interface
	answered time.Duration // how long ago the host answered last
}

// host is a host at an address.
type host struct {
	mac      string    // empty: not known, since a restart
	since    time.Time // when it was first seen with this MAC
	answered time.Time
	failed   bool      // it does not answer now
	asked    time.Time // when it was asked last
}

// newAuthRules returns the rules of the store. Call begin when the sessions are restored.
func newAuthRules(db *store.Store, settings func() agent.Settings, sessions *access.Manager, log *slog.Logger) *authRules {
	return &authRules{Store: db, settings: settings, sessions: sessions, network: kernelNeighbours{}, log: log,
		hosts: map[netip.Addr]*host{}, failures: map[string]string{}}
}

// AddAuthRule is [store.Store.AddAuthRule] and applies the rule at once.
func (a *authRules) AddAuthRule(ctx context.Context, r agent.AuthRule) (agent.RuleID, error) {
	id, err := a.Store.AddAuthRule(ctx, r)
	return id, a.applied(ctx, err)
}

// ChangeAuthRule is [store.Store.ChangeAuthRule] and applies the rule at once.
func (a *authRules) ChangeAuthRule(ctx context.Context, id agent.RuleID, change func(*agent.AuthRule) error) error {
	return a.applied(ctx, a.Store.ChangeAuthRule(ctx, id, change))
}

// DeleteAuthRule is [store.Store.DeleteAuthRule] and ends the sessions of the rule at once.
func (a *authRules) DeleteAuthRule(ctx context.Context, id agent.RuleID) error {
	return a.applied(ctx, a.Store.DeleteAuthRule(ctx, id))
}

// applied applies the rules after a change of the store, unless the change failed with err, and returns err.
func (a *authRules) applied(ctx context.Context, err error) error {
	if err == nil {
		a.apply(context.WithoutCancel(ctx), time.Now())
	}
	return err
}

// begin applies the rules after a restart. The hosts of restored sessions count as having just answered, so that none loses access.
func (a *authRules) begin(ctx context.Context) {
	a.mu.Lock()
	now := time.Now()
	for _, s := range a.sessions.Sessions() {
		if s.Kind == agent.KindStatic {
			a.hosts[s.Address] = &host{mac: s.MACStored, since: now, answered: now}
		}
	}
	a.mu.Unlock()
	a.apply(ctx, now)
}

// run applies the rules when hosts, accounts or settings change. It returns when ctx is done.
func (a *authRules) run(ctx context.Context) error {
	tick := time.NewTicker(rulesEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-tick.C:
			a.apply(ctx, now)
		}
	}
}

// apply makes a pass: it gives the sessions the addresses that the rules authorise now.
func (a *authRules) apply(ctx context.Context, now time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	recheck := now.Sub(a.checked) >= rulesRecheck
	if writes := a.Writes(); recheck || writes != a.writes {
		rules, err := a.RulesInForce(ctx)
		if a.logFailure("reading the rules of addresses", err); err != nil {
			return
		}
		a.index(rules)
		a.writes = writes
	}
	if len(a.byAddress)+len(a.byMAC)+len(a.set) == 0 && !recheck {
		return
	}
	networks, err := a.network.attached()
	if a.logFailure("reading the interfaces", err); err != nil {
		return
	}
	p := &rulesPass{authRules: a, now: now, settings: a.settings(), attached: networks}
	if a.needHosts {
		table, err := a.network.neighbours()
		a.logFailure("reading the neighbour table", err) // without a table no host has answered since the last pass
		p.updateHosts(table)
	}
	set := p.choose()
	p.askQuiet()
	if slices.Equal(set, a.set) && !(recheck && a.differs(set)) {
		a.checked = now
		return
	}
	a.sessions.SetStatic(ctx, append(slices.Clip(set), p.fallenSilent(set)...))
	a.set, a.checked = set, now
}

// index replaces the rules.
func (a *authRules) index(rules []agent.AuthRule) {
	a.byAddress, a.byMAC, a.needHosts = map[netip.Addr]agent.AuthRule{}, map[string]agent.AuthRule{}, false
	for _, r := range rules {
		if r.Address.IsValid() {
			a.byAddress[r.Address] = r
			a.needHosts = a.needHosts || !r.Always
		} else {
			a.byMAC[r.MAC] = r
			a.needHosts = true
		}
	}
}

// hasRule reports whether an address or a MAC has a rule.
func (a *authRules) hasRule(addr netip.Addr, mac string) bool {
	_, byAddress := a.byAddress[addr]
	_, byMAC := a.byMAC[mac]
	return byAddress || byMAC
}

// differs reports whether an address of the set has no session, or a session of KindStatic is not in the set.
func (a *authRules) differs(set []access.StaticSession) bool {
	missing := map[netip.Addr]bool{}
	for _, s := range set {
		missing[s.Address] = true
	}
	for _, s := range a.sessions.Sessions() {
		if s.Kind == agent.KindStatic && !missing[s.Address] {
			return true
		}
		delete(missing, s.Address)
	}
	return len(missing) > 0
}

// logFailure logs an error that differs from the last one of the same operation.
func (a *authRules) logFailure(doing string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if a.failures[doing] != text && err != nil {
		a.log.Error("failed "+doing+"; trying again", "error", err)
	}
	a.failures[doing] = text
}

// rulesPass is one application of the rules.
type rulesPass struct {
	*authRules
	now      time.Time
	settings agent.Settings
	attached []netip.Prefix
	quiet    []netip.Addr // hosts to ask
}

// updateHosts updates the hosts from the neighbour table, and forgets those that are silent and not in the table, or have no rule any more.
func (p *rulesPass) updateHosts(table []neighbour) {
	seen, perMAC := map[netip.Addr]bool{}, map[string]int{}
	for _, h := range p.hosts {
		perMAC[h.mac]++
	}
	for _, n := range table {
		h := p.hosts[n.addr]
		if h == nil && (n.mac == "" || !p.hasRule(n.addr, n.mac) || perMAC[n.mac] >= hostsPerMAC) {
			continue
		}
		if n.addr.IsLinkLocalUnicast() || !inside(p.settings, n.addr, n.name) {
			continue
		}
		switch {
		case n.mac == "":
			h.failed = true
			continue
		case h == nil:
			h = &host{mac: n.mac, since: p.now}
			p.hosts[n.addr] = h
			perMAC[n.mac]++
		case h.mac == "":
			h.mac = n.mac
		case h.mac != n.mac && p.now.Sub(h.since) < macTime:
			continue
		case h.mac != n.mac:
			*h = host{mac: n.mac, since: p.now}
		}
		seen[n.addr], h.failed = true, false
		if at := p.now.Add(-n.answered); at.After(h.answered) {
			h.answered = at
		}
	}
	for a, h := range p.hosts {
		gone := h.failed || !seen[a]
		if p.silent(h) && gone || !p.hasRule(a, h.mac) && p.now.Sub(h.since) > macTime {
			delete(p.hosts, a)
		}
	}
}

func (p *rulesPass) silent(h *host) bool { return p.now.Sub(h.answered) > silentAfter }

// choose returns the addresses that the rules authorise, in the order of the addresses.
func (p *rulesPass) choose() (set []access.StaticSession) {
	for _, r := range p.byAddress {
		if p.authorises(r) {
			set = append(set, access.StaticSession{User: r.UserID, Address: r.Address, Rule: r.ID, MAC: r.MAC})
		}
	}
	ofMAC := map[string][]netip.Addr{}
	for a, h := range p.hosts {
		if _, own := p.byAddress[a]; !own && !p.silent(h) && p.settings.InLocalNetworks(a) {
			ofMAC[h.mac] = append(ofMAC[h.mac], a)
		}
	}
	current := map[netip.Addr]agent.RuleID{}
	for _, s := range p.set {
		current[s.Address] = s.Rule
	}
	for mac, addrs := range ofMAC {
		r, ok := p.byMAC[mac]
		if !ok {
			continue
		}
		for _, a := range p.limit(addrs, func(a netip.Addr) bool { return current[a] == r.ID }) {
			set = append(set, access.StaticSession{User: r.UserID, Address: a, Rule: r.ID, MAC: mac})
		}
	}
	slices.SortFunc(set, func(a, b access.StaticSession) int { return a.Address.Compare(b.Address) })
	return set
}

// fallenSilent returns the sessions of the former set that are not in the new one although their rules are in force: their hosts have
// stopped answering.
func (p *rulesPass) fallenSilent(set []access.StaticSession) (silent []access.StaticSession) {
	stays := map[netip.Addr]bool{}
	for _, s := range set {
		stays[s.Address] = true
	}
	for _, s := range p.set {
		own := p.byAddress[s.Address]
		inForce := own.ID == s.Rule && own.MAC == s.MAC || p.byMAC[s.MAC].ID == s.Rule
		if s.Silent = true; !stays[s.Address] && inForce {
			silent = append(silent, s)
		}
	}
	return silent
}

// authorises reports whether the rule of an address authorises it now.
func (p *rulesPass) authorises(r agent.AuthRule) bool {
	attached := agent.InAny(p.attached, r.Address) // not behind a router
	switch {
	case !p.settings.InLocalNetworks(r.Address), r.MAC != "" && !attached:
		return false
	case r.Always, !attached:
		return true
	}
	h := p.hosts[r.Address]
	return h != nil && !p.silent(h) && (r.MAC == "" || r.MAC == h.mac)
}

// limit selects the addresses of one MAC that are let through. First come those let through now, then the others, and at the end
// those that do not answer now. Among equals, the one that answered last comes first.
func (p *rulesPass) limit(list []netip.Addr, isCurrent func(netip.Addr) bool) (chosen []netip.Addr) {
	rank := func(a netip.Addr) int {
		switch {
		case p.hosts[a].failed:
			return 2
		case isCurrent(a):
			return 0
		}
		return 1
	}
	slices.SortFunc(list, func(a, b netip.Addr) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), p.hosts[b].answered.Compare(p.hosts[a].answered), a.Compare(b))
	})
	left4, left6, over := 1, agent.MaxIPv6, false
	for _, a := range list {
		left := &left4
		if a.Is6() {
			left = &left6
		}
		if *left == 0 {
			over = true
			continue
		}
		*left--
		chosen = append(chosen, a)
	}
	if over { // another address may take the place of one that does not answer
		for _, a := range chosen {
			p.askIf(a, askOver, askOver)
		}
	}
	return chosen
}

// askQuiet asks the hosts that have not answered for a while. Traffic from a host does not renew its entry in the neighbour table.
func (p *rulesPass) askQuiet() {
	for a := range p.hosts {
		p.askIf(a, askAfter, time.Minute)
	}
	for i, a := range p.quiet {
		if i == maxAsked {
			break
		}
		p.hosts[a].asked = p.now
		p.network.ask(a)
	}
}

// askIf adds a host to quiet if it has not answered for a time and was not asked within the interval.
func (p *rulesPass) askIf(a netip.Addr, after, interval time.Duration) {
	if h := p.hosts[a]; !h.failed && p.now.Sub(h.answered) > after && p.now.Sub(h.asked) > interval {
		p.quiet = append(p.quiet, a)
	}
}
