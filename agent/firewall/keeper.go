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
	soon        = 20 * time.Millisecond  // until a host that was called should have answered
	clockTick   = 10 * time.Millisecond  // of the kernel's clock, by which elements run out
)

// keeper is the goroutine that changes the table, and what it knows of it.
type keeper struct {
	f        *Firewall
	wire     *wire
	nft      program
	plan     Plan
	loaded   bool              // the table of the plan is there
	sum      [sha256.Size]byte // of the table as it was loaded
	gen      uint32            // of all tables, as far as our own changes go
	replaces bool              // elements are replaced to be refreshed

	grants   map[string]*granted       // by session ID
	holders  map[netip.Addr]*held      // who has an address
	elements map[netip.Addr][]*element // what the kernel has, a few of each address
	sizes    map[*memberSet]int        // how many of them are in each set
	waiting  map[*held]bool            // hosts whose MAC is not known yet
	clean    bool                      // connections of all who are not let through were forgotten since the table stands
	dirty    map[netip.Addr]bool       // addresses whose connections were not, after all
	leaving  map[netip.Addr]bool       // whose elements could not be removed yet
	failed   map[string]string         // what does not work, and how it was told
	samples  int                       // how many were taken
}

// granted is a session that is let through, or would be if a chosen interface led to it.
type granted struct {
	client
	addrs  []*held // the session's own address first
	rx, tx uint64  // what elements had counted that are gone
}

// held is an address of a session.
type held struct {
	of     *granted
	addr   netip.Addr
	at     place
	placed bool
	mac    mac // by which it was let through last, also while nothing leads to it; zero if it never was by one
}

// element is one that the kernel has.
type element struct {
	entry
	owner
	live       bool      // refreshed, because its session is granted; otherwise it is left to expire
	expires    time.Time // unless it is refreshed
	timeout    time.Duration
	sample     int    // the last that has shown it
	base, last uint64 // bytes before the counter began anew, and since
}

func newKeeper(f *Firewall, w *wire, nft program, elements []found, replace bool) *keeper {
	k := &keeper{f: f, wire: w, nft: nft, dirty: map[netip.Addr]bool{}, replaces: replace || !refreshes(), grants: map[string]*granted{}, holders: map[netip.Addr]*held{},
		elements: map[netip.Addr][]*element{}, sizes: map[*memberSet]int{}, waiting: map[*held]bool{}, leaving: map[netip.Addr]bool{}, failed: map[string]string{}}
	now := time.Now()
	for _, e := range elements {
		k.keep(&element{entry: e.entry, owner: e.owner, expires: now.Add(e.left), timeout: e.timeout, last: e.bytes})
	}
	return k
}

// keep notes what the kernel has.
func (k *keeper) keep(e *element) {
	k.elements[e.addr] = append(k.elements[e.addr], e)
	k.sizes[e.set]++
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
	if g := k.grants[e.owner.session]; g != nil && key.inward() {
		g.rx += e.total()
	} else if g != nil {
		g.tx += e.total()
	}
	k.sizes[e.set]--
	rest := slices.DeleteFunc(slices.Clone(k.elements[key.addr]), func(o *element) bool { return o == e }) // somebody may be going through the list
	if k.elements[key.addr] = rest; len(rest) == 0 {
		delete(k.elements, key.addr)
	}
}

// run works until the firewall is closed.
func (k *keeper) run() {
	defer close(k.f.stopped)
	defer k.wire.close()
	watch, sample := time.NewTicker(watchEvery), time.NewTicker(sampleEvery)
	defer watch.Stop()
	defer sample.Stop()
	refresh := time.NewTimer(k.plan.timeout() / 3)
	defer refresh.Stop()
	for {
		select {
		case <-k.f.stop:
			k.finish()
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

// gather waits for more when only removals are in the queue.
func (k *keeper) gather() {
	over := time.NewTimer(gatherTime)
	defer over.Stop()
	for !k.f.urgent() {
		select {
		case <-over.C:
			return
		case <-k.f.stop:
			return
		case <-k.f.wake:
		}
	}
}

// finish does what was asked for before the end, and gives everybody the full timeout for the next process to come.
func (k *keeper) finish() {
	k.work(k.f.take())
	k.refresh()
}

// work does tasks in their order; those that follow each other and ask for the like are done together.
func (k *keeper) work(tasks []*task) {
	for len(tasks) > 0 {
		n := 1
		for n < len(tasks) && tasks[n].action == tasks[0].action {
			n++
		}
		switch tasks[0].action {
		case actRevoke:
			k.revoke(tasks[:n])
		case actRevokeAddress:
			k.revokeAddresses(tasks[:n])
		case actGrant:
			k.grant(tasks[:n])
		case actGrantAddress:
			for _, t := range tasks[:n] {
				t.done <- k.grantAddress(t)
			}
		}
		tasks = tasks[n:]
	}
}

// publish shows a session's counts and MAC to readers.
func (k *keeper) publish(g *granted) {
	k.f.mu.Lock()
	defer k.f.mu.Unlock()
	if k.grants[g.session] != g || g.kind == agent.KindVPN || len(g.addrs) == 0 || !g.addrs[0].placed {
		delete(k.f.seen, g.session) // nothing counts
		return
	}
	s := sight{traffic: agent.Traffic{Rx: g.rx, Tx: g.tx}, mac: g.addrs[0].at.mac}
	for _, h := range g.addrs {
		for _, e := range k.elements[h.addr] {
			switch {
			case e.session != g.session:
			case e.inward():
				s.traffic.Rx += e.total()
			default:
				s.traffic.Tx += e.total()
			}
		}
	}
	k.f.seen[g.session] = s
}

func (e *element) total() uint64 { return e.base + e.last }

// count takes over what the kernel's counter says, which begins anew with a new element.
func (e *element) count(bytes uint64) {
	if bytes < e.last {
		e.base += e.last
	}
	e.last = bytes
}

// isOwn tells whether an address is the one that its session was granted with.
func (h *held) isOwn() bool { return h == h.of.addrs[0] }

// keys are the elements of an address.
func (h *held) keys() []entry {
	if !h.placed {
		return nil
	}
	return h.at.keys()
}
