package firewall

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

// How often and how long.
const (
	gatherTime  = 5 * time.Millisecond   // removals wait for others
	watchEvery  = 500 * time.Millisecond // whether somebody changed the table
	sampleEvery = 5 * time.Second        // the counters
	soon        = 20 * time.Millisecond  // until a host that was probed should have answered
	clockTick   = 10 * time.Millisecond  // of the kernel's clock, by which elements run out
)

// keeper is the goroutine that changes the table. It knows two states: what should be in the kernel, and what was last seen
// there. Its work is their difference.
type keeper struct {
	f        *Firewall
	kernel   *kernel
	nft      program
	replaces bool              // elements are replaced to be refreshed
	failed   map[string]string // what does not work, and how it was told

	// What should be in the kernel.
	plan     Plan
	sessions map[string]*granted     // by ID
	holders  map[netip.Addr]*address // the addresses of all sessions

	// What was last seen there.
	loaded   bool                      // the table of the plan
	sum      [sha256.Size]byte         // of the table as it was loaded
	gen      uint32                    // of all tables, as far as our own changes go
	elements map[netip.Addr][]*element // a few of each address
	behind   bool                      // the difference could not be made up for
	swept    bool                      // connections of all who are not let through were forgotten since the table stands
	unswept  map[netip.Addr]bool       // addresses whose connections were not, after all
}

// granted is a session that should be let through, if a chosen interface leads to it.
type granted struct {
	client
	addrs  []*address // the session's own first
	rx, tx uint64     // what elements had counted that are gone
}

// address is one of a session.
type address struct {
	of   *granted
	addr netip.Addr
	at   place // the zero value where no chosen interface leads to it
	mac  mac   // by which it was let through last, also while nothing leads to it; zero if it never was by one
}

// isOwn tells whether an address is the one that its session was granted with.
func (a *address) isOwn() bool { return a.addr == a.of.client.addr }

// element is one that the kernel has.
type element struct {
	entry
	owner
	inherited  bool      // from the process before, and not granted in this one: it is left to expire
	expires    time.Time // unless it is refreshed
	timeout    time.Duration
	sampled    bool   // by the sample that is being taken
	base, last uint64 // bytes before the counter began anew, and since
}

func newKeeper(f *Firewall, kern *kernel, nft program, elements []found, replace bool) *keeper {
	k := &keeper{f: f, kernel: kern, nft: nft, replaces: replace || !refreshes(), failed: map[string]string{}, sessions: map[string]*granted{},
		holders: map[netip.Addr]*address{}, elements: map[netip.Addr][]*element{}, unswept: map[netip.Addr]bool{}}
	now := time.Now()
	for _, e := range elements {
		k.keep(&element{entry: e.entry, owner: e.owner, inherited: true, expires: now.Add(e.left), timeout: e.timeout, last: e.bytes})
	}
	return k
}

// wants tells whether an element should be in the kernel.
func (k *keeper) wants(e *element) bool {
	h := k.holders[e.addr]
	return h != nil && h.of.owner == e.owner && slices.Contains(h.at.keys(), e.entry)
}

// each goes through all elements.
func (k *keeper) each(do func(*element)) {
	for _, list := range k.elements {
		for _, e := range list {
			do(e)
		}
	}
}

// keep notes what the kernel has.
func (k *keeper) keep(e *element) {
	k.elements[e.addr] = append(k.elements[e.addr], e)
}

// find returns the element of a key; nil if the kernel has none.
func (k *keeper) find(key entry) *element {
	for _, e := range k.elements[key.addr] {
		if e.entry == key {
			return e
		}
	}
	return nil
}

// lose notes what the kernel has no longer. What it counted stays the session's.
func (k *keeper) lose(key entry) {
	e := k.find(key)
	if e == nil {
		return
	}
	if s := k.sessions[e.owner.session]; s != nil && key.inward() {
		s.rx += e.total()
	} else if s != nil {
		s.tx += e.total()
	}
	rest := slices.DeleteFunc(slices.Clone(k.elements[key.addr]), func(o *element) bool { return o == e }) // somebody may be going through the list
	if k.elements[key.addr] = rest; len(rest) == 0 {
		delete(k.elements, key.addr)
	}
}

func (e *element) total() uint64 { return e.base + e.last }

// count takes over what the kernel's counter says, which begins anew with a new element.
func (e *element) count(bytes uint64) {
	if bytes < e.last {
		e.base += e.last
	}
	e.last = bytes
}

// restart notes that the counter begins anew.
func (e *element) restart() { e.base, e.last = e.total(), 0 }

// run works until the firewall is closed.
func (k *keeper) run() {
	defer close(k.f.stopped)
	defer k.kernel.close()
	watch, sample := time.NewTicker(watchEvery), time.NewTicker(sampleEvery)
	defer watch.Stop()
	defer sample.Stop()
	refresh := time.NewTimer(k.plan.timeout() / 3)
	defer refresh.Stop()
	for {
		select {
		case <-k.f.stop: // what was asked for is done, and everybody has the full timeout for the next process to come
			k.work(k.f.take())
			k.refresh()
			return
		case call := <-k.f.calls:
			before := k.plan.timeout()
			call(k)
			if k.plan.timeout() != before {
				refresh.Reset(k.plan.timeout() / 3)
			}
		case <-k.f.wake:
			k.gather()
			k.work(k.f.take())
		case <-k.f.heard:
			k.hear()
		case <-watch.C:
			k.watch()
			k.hear()
			k.retry()
		case <-sample.C:
			k.sample()
		case <-refresh.C:
			k.refresh()
			refresh.Reset(k.plan.timeout() / 3)
		}
	}
}

// publish shows a session's counts and MAC to readers.
func (k *keeper) publish(s *granted) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	if k.sessions[s.session] != s || s.kind == agent.KindVPN || !s.addrs[0].at.isValid() {
		delete(k.f.seen, s.session) // nothing counts
		return
	}
	v := view{traffic: agent.Traffic{Rx: s.rx, Tx: s.tx}, mac: s.addrs[0].at.mac}
	for _, a := range s.addrs {
		for _, e := range k.elements[a.addr] {
			switch {
			case e.session != s.session:
			case e.inward():
				v.traffic.Rx += e.total()
			default:
				v.traffic.Tx += e.total()
			}
		}
	}
	k.f.seen[s.session] = v
}

func (k *keeper) publishAll() {
	for _, s := range k.sessions {
		k.publish(s)
	}
}
