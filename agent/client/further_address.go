package client

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// checkEvery is how often the agent checks for new addresses of this computer. Temporary addresses (RFC 8981) appear
// without any change of the network.
const checkEvery = 45 * time.Second

// proofTries is how often an address is tried when the gateway refuses it or does not answer. A new address may need
// a second try.
const proofTries = 3

// prover proves the further addresses of this computer, one after the other, for one connection. It starts with the
// first token from the gateway. It shows the person nothing.
type prover struct {
	*client
	link *link

	token     *protocol.AddressToken // not used yet; nil = none
	until     time.Time              // when token expires
	tokenSeen bool                   // a token has come before
	asking    bool                   // the gateway was asked for a token
	proving   netip.Addr             // the address being proved; invalid = none
	result    chan error             // of proving
	cancel    context.CancelFunc     // cancels the proof
	checkDue  <-chan time.Time
	stopCheck func()

	known map[netip.Addr]*addressState // of the computer's addresses at the last check
}

func newProver(c *client, l *link) *prover {
	return &prover{client: c, link: l, stopCheck: func() {}, cancel: func() {}, result: make(chan error, 1),
		known: map[netip.Addr]*addressState{}}
}

// addressState is the state of one address.
type addressState struct {
	proved   bool // at least once
	due      bool // it is to be proved
	deferred bool // it failed; the next check tries it again
	failures int  // since it was last proved
}

// takeToken stores a token. An unasked token means that all addresses must be proved again. takeToken ignores a token that
// has already expired; otherwise it would ask for the next one without end.
func (p *prover) takeToken(m *protocol.AddressToken) {
	if !p.asking {
		for _, a := range p.known {
			*a = addressState{proved: a.proved, due: true}
		}
	}
	p.asking = false
	if m.Token == "" || m.TTL <= 0 {
		return
	}
	p.token, p.until, p.tokenSeen = m, p.clock.Now().Add(seconds(m.TTL)), true
	p.next()
}

// refused is called when the gateway has refused or not understood a request. The prover asks for a token again at the
// next check.
func (p *prover) refused() { p.asking = false }

// recheck checks the computer's addresses anew.
func (p *prover) recheck() {
	p.asking = false
	for _, a := range p.known {
		a.deferred = false
	}
	p.next()
}

// next proves the next address, or waits for the next check when all are proved.
func (p *prover) next() {
	if !p.tokenSeen || p.asking || p.proving.IsValid() {
		return
	}
	p.stopCheck()
	p.checkDue, p.stopCheck = p.clock.Timer(checkEvery)
	addr, ok := p.pick()
	if !ok {
		return
	}
	if p.token == nil || !p.clock.Now().Before(p.until) {
		p.ask()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), proofTimeout)
	cfg, urls, token := p.cfg, proofURLs(p.token.URLs, addr), p.token.Token // p.cfg may change meanwhile
	cfg.Host, cfg.Pins = p.host, p.pins()
	p.token, p.proving, p.cancel = nil, addr, cancel
	go func() {
		defer cancel()
		p.result <- prove(ctx, cfg, addr, urls, token)
	}()
}

// ask asks for a token. An error of the connection is only logged: reading from it fails too and ends it.
func (p *prover) ask() {
	if err := p.link.send(protocol.AddressTokenRequest{Type: protocol.TypeAddressToken}); err != nil {
		p.cfg.Log(err.Error())
		return
	}
	p.asking = true
}

// finished handles the result of a proof.
func (p *prover) finished(err error) {
	addr := p.proving
	p.proving = netip.Addr{}
	state := p.known[addr]
	if err != nil {
		state.failures++
		state.deferred = true
		p.cfg.Log("address " + addr.String() + " has no access: " + agent.Clean(err.Error(), maxMessage))
	} else {
		*state = addressState{proved: true}
		p.cfg.Log("address " + addr.String() + " has access too")
	}
	p.next()
}

// pick returns the next address to prove.
func (p *prover) pick() (netip.Addr, bool) {
	own := p.link.own()
	list, err := p.cfg.Addresses(own)
	if err != nil {
		p.cfg.Log("addresses of this computer: " + err.Error())
		return netip.Addr{}, false
	}
	given, _ := netip.ParseAddr(p.address)
	list = furtherAddresses(own, given, list)
	p.update(list)
	return p.nextDue(list)
}

// update stores the computer's addresses. When one appears, all are proved again: beyond its limit the gateway drops
// the address that was proved longest ago, and that must not be one in use.
func (p *prover) update(list []netip.Addr) {
	known, appeared := map[netip.Addr]*addressState{}, false
	for _, a := range list {
		if known[a] = p.known[a]; known[a] == nil {
			known[a], appeared = &addressState{}, true
		}
	}
	p.known = known
	for _, state := range known {
		state.due = state.due || appeared
	}
}

// nextDue returns the first address of the list that is due. Those proved before come before new ones.
func (p *prover) nextDue(list []netip.Addr) (netip.Addr, bool) {
	for _, proved := range []bool{true, false} {
		for _, a := range list {
			if s := p.known[a]; s.proved == proved && s.due && !s.deferred && s.failures < proofTries {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

// end cancels the current proof.
func (p *prover) end() {
	p.stopCheck()
	p.cancel()
}

// furtherAddresses returns the addresses of the list that a session may have besides its own: IPv6 up to the limit, and one
// IPv4 when own is IPv6. own is the local address of the connection, given the address that the gateway sees, which differs
// behind NAT.
func furtherAddresses(own, given netip.Addr, list []netip.Addr) []netip.Addr {
	room4, room6 := 0, agent.MaxIPv6
	if own.Is6() {
		room4, room6 = 1, room6-1
	}
	var further []netip.Addr
	for _, a := range list {
		a = agent.Unmap(a)
		switch {
		case a == own, a == given, a.IsLinkLocalUnicast(), a.IsMulticast(), a.IsUnspecified():
		case a.Is4() && room4 > 0:
			further, room4 = append(further, a), room4-1
		case a.Is6() && room6 > 0:
			further, room6 = append(further, a), room6-1
		}
	}
	return further
}

// interfaceAddr is an address of this computer.
type interfaceAddr struct {
	index  int // of the interface
	addr   netip.Addr
	usable bool // whether new connections may come from it
}

var errNoInterface = errors.New("no interface has the address of the connection to the gateway")

// sameInterface returns the other global addresses of the interface that has own.
func sameInterface(own netip.Addr, list []interfaceAddr) ([]netip.Addr, error) {
	for _, at := range list {
		if at.addr != own {
			continue
		}
		var addrs []netip.Addr
		for _, a := range list {
			if a.index == at.index && a.addr != own && a.usable && a.addr.IsGlobalUnicast() {
				addrs = append(addrs, a.addr)
			}
		}
		return addrs, nil
	}
	return nil, errNoInterface
}
