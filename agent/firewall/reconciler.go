package firewall

import (
	"crypto/sha256"
	"net/netip"
	"slices"
	"time"

	"ideco-agent/agent"
)

const (
	batchTime   = 5 * time.Millisecond   // removals wait this long for further ones
	watchEvery  = 500 * time.Millisecond // interval of checks for changes by others
	sampleEvery = 5 * time.Second        // interval of reading the counters
	probeTime   = 20 * time.Millisecond  // a probed host should answer within this time
	clockTick   = 10 * time.Millisecond  // resolution of the kernel's element timeouts
)

// reconciler changes the table in its own goroutine. It has the desired state and the last observed state of the kernel,
// and applies their difference.
type reconciler struct {
	f           *Firewall
	kernel      *kernel
	nft         program
	replaces    bool              // elements are refreshed by replacing them
	canProveMAC bool              // this process can send frames, so ProveMAC works
	failed      map[string]string // last logged error of each operation that fails now

	// Desired state.
	plan      Plan
	sessions  map[string]*grantedSession // by ID
	addresses map[netip.Addr]*address    // the addresses of all sessions

	// Observed state.
	loaded     bool                      // the table of the plan is loaded
	sum        [sha256.Size]byte         // fingerprint of the table after loading
	gen        uint32                    // nftables generation after our last change
	elements   map[netip.Addr][]*element // by address
	incomplete bool                      // an earlier change failed; retry repeats it
	swept      bool                      // sweep has succeeded since the table was created
	unswept    map[netip.Addr]bool       // addresses that may have connections although swept
}

// grantedSession is a session that should be let through if a chosen interface leads to it.
type grantedSession struct {
	sessionInfo
	addrs  []*address // the session's own first
	rx, tx uint64     // bytes counted by removed elements
}

// address is an address of a session.
type address struct {
	of   *grantedSession
	addr netip.Addr
	at   place // the zero value where no chosen interface leads to it
	mac  mac   // the last one that it was let through with, kept while no interface leads to it; zero if there was none
}

// isOwn reports whether an address is the one that its session was granted with, not a further one.
func (a *address) isOwn() bool { return a.addr == a.of.sessionInfo.addr }

// element is an element that the kernel has.
type element struct {
	entry
	owner
	inherited  bool      // from the previous process and not granted in this one; it is left to expire
	expires    time.Time // unless it is refreshed
	timeout    time.Duration
	sampled    bool   // seen by the sample in progress
	base, last uint64 // bytes before the counter was reset, and since
}

func newReconciler(f *Firewall, kn *kernel, nft program, elements []found, replace bool) *reconciler {
	r := &reconciler{f: f, kernel: kn, nft: nft, replaces: replace || !refreshes(), failed: map[string]string{}, sessions: map[string]*grantedSession{},
		addresses: map[netip.Addr]*address{}, elements: map[netip.Addr][]*element{}, unswept: map[netip.Addr]bool{}}
	now := time.Now()
	for _, e := range elements {
		r.recordAdded(&element{entry: e.entry, owner: e.owner, inherited: true, expires: now.Add(e.left), timeout: e.timeout, last: e.bytes})
	}
	return r
}

// wants reports whether an element should be in the kernel.
func (r *reconciler) wants(e *element) bool {
	cur := r.addresses[e.addr]
	return cur != nil && cur.of.owner == e.owner && slices.Contains(cur.at.keys(), e.entry)
}

func (r *reconciler) each(do func(*element)) {
	for _, list := range r.elements {
		for _, e := range list {
			do(e)
		}
	}
}

// recordAdded records that the kernel has an element.
func (r *reconciler) recordAdded(e *element) {
	r.elements[e.addr] = append(r.elements[e.addr], e)
}

func (r *reconciler) find(key entry) *element {
	for _, e := range r.elements[key.addr] {
		if e.entry == key {
			return e
		}
	}
	return nil
}

// recordRemoved records that the kernel no longer has an element, and adds its count to the session's.
func (r *reconciler) recordRemoved(key entry) {
	e := r.find(key)
	if e == nil {
		return
	}
	if s := r.sessions[e.owner.session]; s != nil && key.inward() {
		s.rx += e.total()
	} else if s != nil {
		s.tx += e.total()
	}
	rest := slices.DeleteFunc(slices.Clone(r.elements[key.addr]), func(o *element) bool { return o == e }) // callers may be iterating over the list
	if r.elements[key.addr] = rest; len(rest) == 0 {
		delete(r.elements, key.addr)
	}
}

func (e *element) total() uint64 { return e.base + e.last }

// count stores the kernel's counter. A smaller value means that the kernel has reset it.
func (e *element) count(bytes uint64) {
	if bytes < e.last {
		e.base += e.last
	}
	e.last = bytes
}

// restart records that the kernel resets the counter.
func (e *element) restart() { e.base, e.last = e.total(), 0 }

// run is the loop of the goroutine. It ends when the firewall is closed.
func (r *reconciler) run() {
	defer close(r.f.stopped)
	defer r.kernel.close()
	watch, sample := time.NewTicker(watchEvery), time.NewTicker(sampleEvery)
	defer watch.Stop()
	defer sample.Stop()
	refresh := time.NewTimer(r.plan.timeout() / 3)
	defer refresh.Stop()
	for {
		select {
		case <-r.f.stop: // do the queued tasks, and give the next process the full timeout
			r.work(r.f.take())
			r.refresh()
			return
		case call := <-r.f.calls:
			before := r.plan.timeout()
			call(r)
			if r.plan.timeout() != before {
				refresh.Reset(r.plan.timeout() / 3)
			}
		case <-r.f.wake:
			r.gather()
			r.work(r.f.take())
		case <-r.f.probed:
			r.grantProbed()
		case <-watch.C:
			r.watch()
			r.grantProbed()
			r.retry()
		case <-sample.C:
			r.sample()
		case <-refresh.C:
			r.refresh()
			refresh.Reset(r.plan.timeout() / 3)
		}
	}
}

// publish updates what Traffic and MACs return for a session.
func (r *reconciler) publish(s *grantedSession) {
	r.f.mu.Lock()
	defer r.f.mu.Unlock()
	if r.sessions[s.session] != s || s.kind == agent.KindVPN || !s.addrs[0].at.isValid() {
		delete(r.f.views, s.session)
		return
	}
	v := view{traffic: agent.Traffic{Rx: s.rx, Tx: s.tx}, mac: s.addrs[0].at.mac}
	for _, a := range s.addrs {
		for _, e := range r.elements[a.addr] {
			switch {
			case e.session != s.session:
			case e.inward():
				v.traffic.Rx += e.total()
			default:
				v.traffic.Tx += e.total()
			}
		}
	}
	r.f.views[s.session] = v
}

func (r *reconciler) publishAll() {
	for _, s := range r.sessions {
		r.publish(s)
	}
}
