package web

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
)

// How often the domain is looked up, how soon again after a failure, how long that may take, and how many addresses count.
const (
	lookEvery   = time.Minute
	lookAgain   = 10 * time.Second
	lookTimeout = 5 * time.Second
	mostOutward = 64
)

// lookout knows to which addresses the saved domain leads: a router's in front of the gateway, or the gateway's own.
// Nobody waits for DNS but its own goroutine; a domain that cannot be looked up keeps the addresses that it had.
type lookout struct {
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	wake   chan struct{} // there is another domain

	mu     sync.Mutex // guards what follows
	domain string     // that was looked up
	addrs  []netip.Addr
}

func newLookout() *lookout {
	return &lookout{wake: make(chan struct{}, 1), lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
}

// addresses are those of a domain, as far as they are known now. An address is its own.
func (l *lookout) addresses(domain string) []netip.Addr {
	if a, err := netip.ParseAddr(domain); err == nil {
		return outward([]netip.Addr{a})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if domain == "" || domain != l.domain {
		return nil
	}
	return l.addrs
}

// hurry has the domain looked up at once.
func (l *lookout) hurry() {
	select {
	case l.wake <- struct{}{}:
	default: // it will be
	}
}

// run looks the domain up until ctx is over, and calls changed when it leads elsewhere.
func (l *lookout) run(ctx context.Context, domain func() string, changed func()) {
	for {
		again := lookEvery
		differs, err := l.look(ctx, domain())
		if err != nil {
			again = lookAgain
		}
		if differs {
			changed()
		}
		select {
		case <-ctx.Done():
			return
		case <-l.wake:
		case <-time.After(again):
		}
	}
}

// look looks a domain up and tells whether its addresses are other ones than before.
func (l *lookout) look(ctx context.Context, domain string) (differs bool, err error) {
	if _, err := netip.ParseAddr(domain); err == nil || domain == "" {
		return false, nil // there is nothing to ask
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := l.lookup(ctx, domain)
	if err != nil {
		return false, err
	}
	found = outward(found)
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = domain != l.domain || !slices.Equal(found, l.addrs)
	l.domain, l.addrs = domain, found
	return differs, nil
}

// outward are the addresses that somebody else could reach, in order.
func outward(addrs []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range addrs {
		if a = agent.Unmap(a); a.IsGlobalUnicast() {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return list[:min(len(list), mostOutward)]
}
