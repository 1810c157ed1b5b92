package client

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// lookEvery is how often the agent looks for new addresses of this computer: those of RFC 8981 come without any change
// of the network.
const lookEvery = 45 * time.Second

// proofTries is how often an address is tried that the gateway refuses or where it cannot be reached. An address that is
// quite new may need a second try.
const proofTries = 3

// prover proves the further addresses of this computer, one after the other, on one connection; the person hears nothing
// of it. It begins when the gateway sends a first token. The zero value but for the first two fields is one that waits for
// that.
type prover struct {
	*client
	link *link

	token    *protocol.AddressToken // nil = there is none that was not used
	until    time.Time              // when it is over
	invited  bool                   // whether there ever was one
	asking   bool                   // whether the gateway was asked for another one
	proving  netip.Addr             // invalid = none now
	result   chan error             // of the proof under way
	cancel   context.CancelFunc     // of it
	look     <-chan time.Time
	stopLook func()

	round  int                // begins anew when the gateway has no room for another IPv6 address
	spent  int                // IPv6 addresses proved in the round
	proved map[netip.Addr]int // by round
	failed map[netip.Addr]int // how often
	tried  map[netip.Addr]bool
}

func newProver(c *client, l *link) *prover {
	return &prover{client: c, link: l, stopLook: func() {}, cancel: func() {}, result: make(chan error, 1),
		proved: map[netip.Addr]int{}, failed: map[netip.Addr]int{}, tried: map[netip.Addr]bool{}}
}

// hear takes a token. One that is over at once is none: asking for the next would never end.
func (p *prover) hear(m *protocol.AddressToken) {
	p.asking = false
	if m.Token == "" || m.TTL <= 0 {
		return
	}
	p.token, p.until, p.invited = m, p.clock.Now().Add(seconds(m.TTL)), true
	p.next()
}

// refused says that the gateway did not understand something, or would not do it. Until the next look there is no token.
func (p *prover) refused() { p.asking = false }

// again looks what addresses there are now.
func (p *prover) again() {
	p.asking, p.tried = false, map[netip.Addr]bool{}
	p.next()
}

// next proves the next address that is not proved. Where there is none it waits for the next look.
func (p *prover) next() {
	if !p.invited || p.asking || p.proving.IsValid() {
		return
	}
	p.stopLook()
	p.look, p.stopLook = p.clock.Timer(lookEvery)
	addr, ok := p.pick()
	if !ok {
		return
	}
	if p.token == nil || !p.clock.Now().Before(p.until) {
		p.ask()
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), proofTimeout)
	cfg, urls, token := p.cfg, proofURLs(p.token.URLs, addr), p.token.Token // cfg.Password may change meanwhile
	p.token, p.proving, p.cancel = nil, addr, cancel
	go func() {
		defer cancel()
		p.result <- prove(ctx, cfg, addr, urls, token)
	}()
}

// ask asks for a token. Where the connection fails, its loss is found where it is read.
func (p *prover) ask() {
	if err := p.link.send(protocol.AddressTokenRequest{Type: protocol.TypeAddressToken}); err != nil {
		p.cfg.Log(err.Error())
		return
	}
	p.asking = true
}

// finished takes the result of a proof.
func (p *prover) finished(err error) {
	addr := p.proving
	p.proving = netip.Addr{}
	if err != nil {
		p.failed[addr]++
		p.tried[addr] = true
		p.cfg.Log("address " + addr.String() + " has no access: " + agent.Clean(err.Error(), maxMessage))
	} else {
		p.proved[addr] = p.round
		if addr.Is6() {
			p.spent++
		}
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
	list = furtherOf(own, given, list)
	p.forget(list)
	if p.full(own, list) {
		p.round, p.spent = p.round+1, 0
	}
	return p.due(list)
}

// full tells whether the gateway must give up an address for a new one. It gives up the one that was proved longest ago,
// which may still be in use here; so all are proved anew, and those that are gone are the oldest.
func (p *prover) full(own netip.Addr, list []netip.Addr) bool {
	room := agent.MaxIPv6
	if own.Is6() {
		room--
	}
	if p.spent < room {
		return false
	}
	for _, a := range list {
		if _, known := p.proved[a]; !known && a.Is6() && p.mayTry(a) {
			return true
		}
	}
	return false
}

// due is the first address to prove of a list; those that were proved in an earlier round come before new ones.
func (p *prover) due(list []netip.Addr) (netip.Addr, bool) {
	for _, known := range []bool{true, false} {
		for _, a := range list {
			round, is := p.proved[a]
			if is == known && !(is && round == p.round) && p.mayTry(a) {
				return a, true
			}
		}
	}
	return netip.Addr{}, false
}

func (p *prover) mayTry(a netip.Addr) bool { return !p.tried[a] && p.failed[a] < proofTries }

// forget forgets addresses that this computer has no more; when they come back they are new.
func (p *prover) forget(list []netip.Addr) {
	there := map[netip.Addr]bool{}
	for _, a := range list {
		there[a] = true
	}
	for a := range p.proved {
		if !there[a] {
			delete(p.proved, a)
		}
	}
	for a := range p.failed {
		if !there[a] {
			delete(p.failed, a)
		}
	}
}

// end gives up what is under way.
func (p *prover) end() {
	p.stopLook()
	p.cancel()
}

// furtherOf are the addresses of a list that a session may have beside the one that it has: IPv6 up to the limit, and one
// of IPv4 when it has none. own is this end of the connection, given what the gateway calls it.
func furtherOf(own, given netip.Addr, list []netip.Addr) []netip.Addr {
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
	index int // of the interface
	addr  netip.Addr
	fresh bool // whether new connections may come from it
}

var errNoInterface = errors.New("no interface has the address of the connection to the gateway")

// beside are the global addresses of the interface that has own.
func beside(own netip.Addr, list []interfaceAddr) ([]netip.Addr, error) {
	for _, at := range list {
		if at.addr != own {
			continue
		}
		var addrs []netip.Addr
		for _, a := range list {
			if a.index == at.index && a.addr != own && a.fresh && a.addr.IsGlobalUnicast() {
				addrs = append(addrs, a.addr)
			}
		}
		return addrs, nil
	}
	return nil, errNoInterface
}
