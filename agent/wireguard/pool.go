package wireguard

import (
	"container/list"
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"ideco-agent/agent"
)

// rest is how long an address belongs to nobody after its session: answers to that session may still be under way.
const rest = 10 * time.Minute

// Sizes of a VPN network.
const (
	widest   = 16
	smallest = 30
)

// pool hands out the addresses of the VPN network. Every step takes the same time whatever the size of the network, and
// memory is taken only for addresses that were ever used.
type pool struct {
	network     netip.Prefix
	first, last netip.Addr // of those that are handed out
	next        netip.Addr // from here on nothing was handed out in its turn yet

	held     map[netip.Addr]string // session IDs
	holders  map[string]netip.Addr
	returned *list.List // of *returned, the one that came back first in front
	resting  map[netip.Addr]*list.Element
}

// returned is an address that came back. It stays in the list when its rest is over: the order tells which one has been
// free for the longest time.
type returned struct {
	address netip.Addr
	session string // the last that had it
	free    time.Time
}

func checkNetwork(n netip.Prefix) error {
	if !n.Addr().Is4() || n.Bits() < widest || n.Bits() > smallest || n != n.Masked() {
		return fmt.Errorf("%s is no VPN network: it takes an IPv4 network from /%d to /%d", n, widest, smallest)
	}
	return nil
}

// gatewayOf is the gateway's address with the length of the network.
func gatewayOf(n netip.Prefix) netip.Prefix { return netip.PrefixFrom(n.Addr().Next(), n.Bits()) }

func newPool(n netip.Prefix) *pool {
	p := &pool{held: map[netip.Addr]string{}, holders: map[string]netip.Addr{}, returned: list.New(),
		resting: map[netip.Addr]*list.Element{}}
	p.renumber(n)
	return p
}

// renumber takes another network. Addresses that are in both keep their sessions and their rest.
func (p *pool) renumber(n netip.Prefix) {
	p.network, p.first, p.last = n, gatewayOf(n).Addr().Next(), broadcast(n).Prev()
	p.next = p.first
	for a, id := range p.held {
		if !p.hasRoomFor(a) {
			delete(p.held, a)
			delete(p.holders, id)
		}
	}
	for a, e := range p.resting {
		if !p.hasRoomFor(a) {
			p.returned.Remove(e)
			delete(p.resting, a)
		}
	}
}

func broadcast(n netip.Prefix) netip.Addr {
	b := n.Addr().As4()
	hosts := uint32(1)<<(32-n.Bits()) - 1
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|hosts)
	return netip.AddrFrom4(b)
}

// hasRoomFor tells whether an address is one of those that are handed out.
func (p *pool) hasRoomFor(a netip.Addr) bool {
	return a.Is4() && !a.Less(p.first) && !p.last.Less(a)
}

// reserve gives a session the address that it holds, or the one that it asks for, or another. Refusals:
// agent.CodePoolExhausted.
func (p *pool) reserve(session string, wanted netip.Addr, now time.Time) (netip.Addr, error) {
	if a, ok := p.holders[session]; ok {
		return a, nil
	}
	if p.free(session, wanted, now) {
		return p.take(session, wanted), nil
	}
	for ; !p.last.Less(p.next); p.next = p.next.Next() {
		if _, was := p.resting[p.next]; !was && p.held[p.next] == "" {
			return p.take(session, p.next), nil
		}
	}
	return p.reuse(session, now)
}

// free tells whether a session may have the address that it asks for. One that comes back may have its own before the
// rest is over.
func (p *pool) free(session string, a netip.Addr, now time.Time) bool {
	if !p.hasRoomFor(a) || p.held[a] != "" {
		return false
	}
	e, was := p.resting[a]
	if !was {
		return true
	}
	r := e.Value.(*returned)
	return r.session == session || !now.Before(r.free)
}

// reuse hands out the address that came back first.
func (p *pool) reuse(session string, now time.Time) (netip.Addr, error) {
	wait := time.Minute // nobody knows when a session will end
	if e := p.returned.Front(); e != nil {
		r := e.Value.(*returned)
		if !now.Before(r.free) {
			return p.take(session, r.address), nil
		}
		wait = r.free.Sub(now)
	}
	return netip.Addr{}, &agent.Error{Code: agent.CodePoolExhausted, Wait: wait,
		Err: fmt.Errorf("%d of the addresses of %s are in use", len(p.held), p.network)}
}

func (p *pool) take(session string, a netip.Addr) netip.Addr {
	if e, was := p.resting[a]; was {
		p.returned.Remove(e)
		delete(p.resting, a)
	}
	p.held[a], p.holders[session] = session, a
	return a
}

// release gives the address of a session back, if it has one.
func (p *pool) release(session string, now time.Time) {
	a, ok := p.holders[session]
	if !ok {
		return
	}
	delete(p.holders, session)
	delete(p.held, a)
	p.resting[a] = p.returned.PushBack(&returned{a, session, now.Add(rest)})
}
