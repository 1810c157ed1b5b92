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

// Prefix lengths of the largest and the smallest VPN network.
const (
	largest  = 16
	smallest = 30
)

// pool hands out the addresses of the VPN network. Every operation takes the same time whatever the size of the
// network, and only addresses that were ever used take memory.
type pool struct {
	network     netip.Prefix
	first, last netip.Addr // of the addresses for sessions
	next        netip.Addr // lowest address that was not handed out in ascending order yet

	held     map[netip.Addr]holder
	holders  map[string]netip.Addr         // by session ID
	returned *list.List                    // of *returned, oldest first
	elements map[netip.Addr]*list.Element  // of the list returned
	byUser   map[agent.UserID][]netip.Addr // returned addresses by their last person, oldest first
}

// holder is the session that has an address, and its person.
type holder struct {
	session string
	user    agent.UserID // 0 = not known
}

// returned is an address that a session gave back. It stays in the list after its rest, because the order of the list
// shows which address has been free for the longest time.
type returned struct {
	address netip.Addr
	last    holder
	free    time.Time // when other people may have it
}

func checkNetwork(n netip.Prefix) error {
	if !n.Addr().Is4() || n.Bits() < largest || n.Bits() > smallest || n != n.Masked() {
		return fmt.Errorf("%s is not a VPN network: it must be an IPv4 network from /%d to /%d", n, largest, smallest)
	}
	return nil
}

// gatewayOf returns the gateway's address with the prefix length of the network.
func gatewayOf(n netip.Prefix) netip.Prefix { return netip.PrefixFrom(n.Addr().Next(), n.Bits()) }

func newPool(n netip.Prefix) *pool {
	p := &pool{held: map[netip.Addr]holder{}, holders: map[string]netip.Addr{}, returned: list.New(),
		elements: map[netip.Addr]*list.Element{}, byUser: map[agent.UserID][]netip.Addr{}}
	p.renumber(n)
	return p
}

// renumber changes the network. Addresses in both networks keep their sessions and their rest.
func (p *pool) renumber(n netip.Prefix) {
	p.network, p.first, p.last = n, gatewayOf(n).Addr().Next(), broadcast(n).Prev()
	p.next = p.first
	for a, h := range p.held {
		if !p.contains(a) {
			delete(p.held, a)
			delete(p.holders, h.session)
		}
	}
	for a := range p.elements {
		if !p.contains(a) {
			p.forget(a)
		}
	}
}

func broadcast(n netip.Prefix) netip.Addr {
	b := n.Addr().As4()
	hosts := uint32(1)<<(32-n.Bits()) - 1
	binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])|hosts)
	return netip.AddrFrom4(b)
}

// contains reports whether an address is one of those for sessions.
func (p *pool) contains(a netip.Addr) bool {
	return a.Is4() && !a.Less(p.first) && !p.last.Less(a)
}

// reserve gives a session the address that it holds, or the wanted one, or one that its person had before, or another.
// Errors: agent.CodePoolExhausted.
func (p *pool) reserve(h holder, wanted netip.Addr, now time.Time) (netip.Addr, error) {
	if a, ok := p.holders[h.session]; ok {
		return a, nil
	}
	if p.free(h, wanted, now) {
		return p.take(h, wanted), nil
	}
	if own := p.byUser[h.user]; len(own) > 0 { // so that one person cannot exhaust the pool by logging in and out
		return p.take(h, own[len(own)-1]), nil
	}
	for ; !p.last.Less(p.next); p.next = p.next.Next() {
		if _, was := p.elements[p.next]; !was && !p.taken(p.next) {
			return p.take(h, p.next), nil
		}
	}
	return p.reuse(h)
}

// free reports whether a session may have an address. It may have its own, or its person's, before the rest is over.
func (p *pool) free(h holder, a netip.Addr, now time.Time) bool {
	if !p.contains(a) || p.taken(a) {
		return false
	}
	e, was := p.elements[a]
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
	return netip.Addr{}, &agent.Error{Code: agent.CodePoolExhausted, Wait: time.Minute, // a guess: sessions end at any time
		Err: fmt.Errorf("%d of the addresses of %s are in use", len(p.held), p.network)}
}

func (p *pool) take(h holder, a netip.Addr) netip.Addr {
	p.forget(a)
	p.held[a], p.holders[h.session] = h, a
	return a
}

// forget removes an address from those that were returned, if it is one of them.
func (p *pool) forget(a netip.Addr) {
	e, was := p.elements[a]
	if !was {
		return
	}
	delete(p.elements, a)
	user := p.returned.Remove(e).(*returned).last.user
	own := slices.DeleteFunc(p.byUser[user], func(o netip.Addr) bool { return o == a })
	if p.byUser[user] = own; len(own) == 0 {
		delete(p.byUser, user)
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
	p.elements[a] = p.returned.PushBack(&returned{a, h, now.Add(rest)})
	if h.user != 0 {
		p.byUser[h.user] = append(p.byUser[h.user], a)
	}
}
