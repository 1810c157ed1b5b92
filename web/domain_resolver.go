package web

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// How often the domain is looked up, how soon again after a failure, how long that may take, and how many addresses count.
const (
	lookEvery   = time.Minute
	lookAgain   = 10 * time.Second
	lookTimeout = 5 * time.Second
	mostOutward = 64
)

// outwardFile keeps the answer of the last look in the data directory: after a power cut the gateway may run before its
// provider's line does, and agents in the LAN still have to reach it at the address that they know.
const outwardFile = "domain.json"

// domainResolver knows to which addresses the saved domain leads: a router's in front of the gateway, or the gateway's own.
// Nobody waits for DNS but its own goroutine; a domain that cannot be looked up keeps the addresses that it had, also
// those of the process before.
type domainResolver struct {
	dir    string // where the answer is kept
	log    *slog.Logger
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	wake   chan struct{} // there is another domain
	unkept error         // why the answer is not in its file; for whoever looks

	mu     sync.Mutex // guards what follows
	answer answer
}

// answer is where a domain leads. For another domain it means nothing.
type answer struct {
	Domain string       `json:"domain"`
	Addrs  []netip.Addr `json:"addresses"` // as outward returns them
}

// newDomainResolver begins with what the process before has found last.
func newDomainResolver(dir string, log *slog.Logger) *domainResolver {
	l := &domainResolver{dir: dir, log: log, wake: make(chan struct{}, 1), lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	b, err := os.ReadFile(filepath.Join(dir, outwardFile))
	if err == nil {
		err = json.Unmarshal(b, &l.answer)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("where the domain led before is not known until DNS answers", "error", err)
		l.answer = answer{}
	}
	l.answer.Addrs = outward(l.answer.Addrs)
	return l
}

// addresses are those of a domain, as far as they are known now. An address is its own.
func (l *domainResolver) addresses(domain string) []netip.Addr {
	if a, err := netip.ParseAddr(domain); err == nil {
		return outward([]netip.Addr{a})
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if domain == "" || domain != l.answer.Domain {
		return nil
	}
	return l.answer.Addrs
}

// lookUpNow has the domain looked up at once.
func (l *domainResolver) lookUpNow() {
	select {
	case l.wake <- struct{}{}:
	default: // it will be
	}
}

// run looks the domain up until ctx is over, and calls changed when it leads elsewhere.
func (l *domainResolver) run(ctx context.Context, domain func() string, changed func()) {
	for {
		again := lookEvery
		differs, err := l.lookUp(ctx, domain())
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

// lookUp looks a domain up and tells whether its addresses are other ones than before.
func (l *domainResolver) lookUp(ctx context.Context, domain string) (differs bool, err error) {
	if _, err := netip.ParseAddr(domain); err == nil || domain == "" {
		return false, nil // there is nothing to ask
	}
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	found, err := l.lookup(ctx, domain)
	if err != nil {
		return false, err
	}
	next := answer{domain, outward(found)}
	if differs = l.learn(next); differs || l.unkept != nil {
		l.keep(next)
	}
	return differs, nil
}

// learn puts an answer in the place of the one before, and tells whether it is another one.
func (l *domainResolver) learn(next answer) (differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = next.Domain != l.answer.Domain || !slices.Equal(next.Addrs, l.answer.Addrs)
	l.answer = next
	return differs
}

// keep writes an answer for the next process. What fails is logged once and tried again at the next look.
func (l *domainResolver) keep(a answer) {
	b, err := json.Marshal(a)
	if err == nil {
		err = atomicfile.Write(filepath.Join(l.dir, outwardFile), b, 0o600)
	}
	if isNewError(err, l.unkept) {
		l.log.Warn("where the domain leads is not known after a restart until DNS answers", "error", err)
	}
	l.unkept = err
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
