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

const (
	lookUpEvery   = time.Minute
	lookUpRetry   = 10 * time.Second // after a failure
	lookUpTimeout = 5 * time.Second
	maxOutward    = 64 // addresses
)

// outwardFile stores the last answer in the data directory: after a power cut the gateway may start before its Internet
// connection works, and agents in the LAN must still reach it at the domain's address.
const outwardFile = "domain.json"

// domainResolver looks up the addresses of the saved domain: those of a router in front of the gateway, or the gateway's
// own. Only run waits for DNS. After a failed lookup the last answer stays valid, also that of a previous process.
type domainResolver struct {
	dir     string // of outwardFile
	log     *slog.Logger
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	wake    chan struct{} // makes run look up at once
	unsaved error         // why the answer is not in its file; used by run only

	mu     sync.Mutex // guards the fields below
	answer answer
}

// answer holds the addresses of a domain.
type answer struct {
	Domain string       `json:"domain"`
	Addrs  []netip.Addr `json:"addresses"` // see outward
}

// newDomainResolver starts with the saved answer.
func newDomainResolver(dir string, log *slog.Logger) *domainResolver {
	l := &domainResolver{dir: dir, log: log, wake: make(chan struct{}, 1), lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	b, err := os.ReadFile(filepath.Join(dir, outwardFile))
	if err == nil {
		err = json.Unmarshal(b, &l.answer)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("cannot read the saved addresses of the domain; they are unknown until DNS answers", "error", err)
		l.answer = answer{}
	}
	l.answer.Addrs = outward(l.answer.Addrs)
	return l
}

// addresses returns the known addresses of a domain, which may itself be an address. It does not wait.
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

// lookUpNow makes run look the domain up at once.
func (l *domainResolver) lookUpNow() {
	select {
	case l.wake <- struct{}{}:
	default: // run will do so anyway
	}
}

// run looks the domain up until ctx is done, and calls changed when its addresses change.
func (l *domainResolver) run(ctx context.Context, domain func() string, changed func()) {
	for {
		again := lookUpEvery
		differs, err := l.lookUp(ctx, domain())
		if err != nil {
			again = lookUpRetry
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

// lookUp looks a domain up and reports whether its addresses have changed.
func (l *domainResolver) lookUp(ctx context.Context, domain string) (differs bool, err error) {
	if _, err := netip.ParseAddr(domain); err == nil || domain == "" {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	found, err := l.lookup(ctx, domain)
	if err != nil {
		return false, err
	}
	next := answer{domain, outward(found)}
	if differs = l.learn(next); differs || l.unsaved != nil {
		l.save(next)
	}
	return differs, nil
}

// learn stores an answer and reports whether it differs from the previous one.
func (l *domainResolver) learn(next answer) (differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = next.Domain != l.answer.Domain || !slices.Equal(next.Addrs, l.answer.Addrs)
	l.answer = next
	return differs
}

// save writes an answer for the next process. A failure is logged once and retried at the next lookup.
func (l *domainResolver) save(a answer) {
	b, err := json.Marshal(a)
	if err == nil {
		err = atomicfile.Write(filepath.Join(l.dir, outwardFile), b, 0o600)
	}
	if isNewError(err, l.unsaved) {
		l.log.Warn("cannot save the addresses of the domain; after a restart they are unknown until DNS answers", "error", err)
	}
	l.unsaved = err
}

// outward returns the global unicast addresses, sorted.
func outward(addrs []netip.Addr) []netip.Addr {
	var list []netip.Addr
	for _, a := range addrs {
		if a = agent.Unmap(a); a.IsGlobalUnicast() {
			list = append(list, a)
		}
	}
	slices.SortFunc(list, netip.Addr.Compare)
	list = slices.Compact(list)
	return list[:min(len(list), maxOutward)]
}
