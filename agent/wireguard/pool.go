package wireguard

import (
	"container/list"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// rest is how long an address stays unused after its session, because answers to that session may still be under way. The
// same person may have it at once, and another person when no other address is free.
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

	held     map[netip.Addr]holder
	holders  map[string]netip.Addr // by session ID
	returned *list.List            // of *returned, the one that came back first in front
	resting  map[netip.Addr]*list.Element
	left     map[agent.UserID][]netip.Addr // those of resting by their last person, the one that came back last at the end
}

// holder is who has an address.
type holder struct {
	session string
	user    agent.UserID // 0 = nobody whom the pool knows
}

// returned is an address that came back. It stays in the list when its rest is over: the order tells which one has been
// free for the longest time.
type returned struct {
	address netip.Addr
	last    holder
	free    time.Time // for other people
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
	p := &pool{held: map[netip.Addr]holder{}, holders: map[string]netip.Addr{}, returned: list.New(),
		resting: map[netip.Addr]*list.Element{}, left: map[agent.UserID][]netip.Addr{}}
	p.renumber(n)
	return p
}

// renumber takes another network. Addresses that are in both keep their sessions and their rest.
func (p *pool) renumber(n netip.Prefix) {
	p.network, p.first, p.last = n, gatewayOf(n).Addr().Next(), broadcast(n).Prev()
	p.next = p.first
	for a, h := range p.held {
		if !p.hasRoomFor(a) {
			delete(p.held, a)
			delete(p.holders, h.session)
		}
	}
	for a := range p.resting {
		if !p.hasRoomFor(a) {
			p.wake(a)
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

// reserve gives a session the address that it holds, or the one that it asks for, or one that its person had before, or
// another. Refusals: agent.CodePoolExhausted.
func (p *pool) reserve(h holder, wanted netip.Addr, now time.Time) (netip.Addr, error) {
	if a, ok := p.holders[h.session]; ok {
		return a, nil
	}
	if p.free(h, wanted, now) {
		return p.take(h, wanted), nil
	}
	if own := p.left[h.user]; len(own) > 0 { // so that nobody empties the pool by logging in and out
		return p.take(h, own[len(own)-1]), nil
	}
	for ; !p.last.Less(p.next); p.next = p.next.Next() {
		if _, was := p.resting[p.next]; !was && !p.taken(p.next) {
			return p.take(h, p.next), nil
		}
	}
	return p.reuse(h)
}

// free tells whether a session may have the address that it asks for. It may have its own, or its person's, before the
// rest is over.
func (p *pool) free(h holder, a netip.Addr, now time.Time) bool {
	if !p.hasRoomFor(a) || p.taken(a) {
		return false
	}
	e, was := p.resting[a]
	if !was {
		return true
	}
	r := e.Value.(*returned)
	return r.last.session == h.session || r.last.user == h.user && h.user != 0 || !now.Before(r.free)
}

func (p *pool) taken(a netip.Addr) bool {
	_, taken := p.held[a]
	return taken
}

// reuse hands out the address that was returned first, even before its rest is over: the firewall deletes the connections of
// its last session before it opens the address again.
func (p *pool) reuse(h holder) (netip.Addr, error) {
	if e := p.returned.Front(); e != nil {
		return p.take(h, e.Value.(*returned).address), nil
	}
	return netip.Addr{}, &agent.Error{Code: agent.CodePoolExhausted, Wait: time.Minute, // nobody knows when a session will end
		Err: fmt.Errorf("%d of the addresses of %s are in use", len(p.held), p.network)}
}

func (p *pool) take(h holder, a netip.Addr) netip.Addr {
	p.wake(a)
	p.held[a], p.holders[h.session] = h, a
	return a
}

// wake takes an address out of those that came back, if it is one.
func (p *pool) wake(a netip.Addr) {
	e, was := p.resting[a]
	if !was {
		return
	}
	delete(p.resting, a)
	user := p.returned.Remove(e).(*returned).last.user
	own := slices.DeleteFunc(p.left[user], func(o netip.Addr) bool { return o == a })
	if p.left[user] = own; len(own) == 0 {
		delete(p.left, user)
	}
}

// release gives the address of a session back, if it has one.
func (p *pool) release(session string, now time.Time) {
	a, ok := p.holders[session]
	if !ok {
		return
	}
	h := p.held[a]
	delete(p.holders, session)
	delete(p.held, a)
	p.resting[a] = p.returned.PushBack(&returned{a, h, now.Add(rest)})
	if h.user != 0 {
		p.left[h.user] = append(p.left[h.user], a)
	}
}
