package web

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
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

// outwardFile stores the last answers in the data directory: after a power cut the gateway may start before its Internet
// connection works, and agents in the LAN must still reach it at the addresses of its domains.
const outwardFile = "domain.json"

// domainResolver looks up the addresses of the saved and former domains: those of a router in front of the gateway, or the
// gateway's own. Only run waits for DNS. After a failed lookup the last answer stays valid, also that of a previous process.
type domainResolver struct {
	dir     string // of outwardFile
	log     *slog.Logger
	lookup  func(ctx context.Context, host string) ([]netip.Addr, error)
	wake    chan struct{} // makes run look up at once
	unsaved error         // why the answers are not in their file; used by run only

	mu      sync.Mutex              // guards answers
	answers map[string][]netip.Addr // by domain; see outward
}

// answer holds the addresses of a domain, as in the file.
type answer struct {
	Domain string       `json:"domain"`
	Addrs  []netip.Addr `json:"addresses"`
}

// newDomainResolver starts with the saved answer.
func newDomainResolver(dir string, log *slog.Logger) *domainResolver {
	l := &domainResolver{dir: dir, log: log, wake: make(chan struct{}, 1), lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	list, err := readAnswers(filepath.Join(dir, outwardFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("cannot read the saved addresses of the domain; they are unknown until DNS answers", "error", err)
	}
	l.answers = map[string][]netip.Addr{}
	for _, a := range list {
		l.answers[a.Domain] = outward(a.Addrs)
	}
	return l
}

// readAnswers reads the file. Versions without former domains wrote one answer instead of a list.
func readAnswers(path string) (list []answer, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(b, &list); err == nil {
		return list, nil
	}
	var one answer
	if err := json.Unmarshal(b, &one); err != nil {
		return nil, err
	}
	return []answer{one}, nil
}

// addresses returns the known addresses of domains, which may themselves be addresses. It does not wait. Of too many it leaves
// out those of the last domains: former ones may belong to somebody else by now.
func (l *domainResolver) addresses(domains ...string) []netip.Addr {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []netip.Addr
	for _, domain := range domains {
		if a, err := netip.ParseAddr(domain); err == nil {
			list = append(list, a)
		} else {
			list = append(list, l.answers[domain]...)
		}
	}
	return outward(list[:min(len(list), maxOutward)])
}

// lookUpNow makes run look the domains up at once.
func (l *domainResolver) lookUpNow() {
	select {
	case l.wake <- struct{}{}:
	default: // run will do so anyway
	}
}

// run looks the domains up until ctx is done, and calls changed when their addresses change.
func (l *domainResolver) run(ctx context.Context, domains func() []string, changed func()) {
	for {
		again := lookUpEvery
		differs, err := l.lookUp(ctx, domains()...)
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

// lookUp looks domains up and reports whether their addresses have changed. A domain that is not found keeps its addresses.
func (l *domainResolver) lookUp(ctx context.Context, domains ...string) (differs bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookUpTimeout)
	defer cancel()
	found, errs := make([][]netip.Addr, len(domains)), make([]error, len(domains))
	var all sync.WaitGroup
	for i, domain := range domains {
		if _, err := netip.ParseAddr(domain); err == nil || domain == "" {
			continue // there is nothing to ask
		}
		all.Go(func() { found[i], errs[i] = l.lookup(ctx, domain) })
	}
	all.Wait()
	next := map[string][]netip.Addr{}
	for i, domain := range domains {
		if errs[i] != nil {
			found[i] = l.addresses(domain)
		}
		if len(found[i]) > 0 {
			next[domain] = outward(found[i])
		}
	}
	if differs = l.learn(next); differs || l.unsaved != nil {
		l.save(next)
	}
	return differs, errors.Join(errs...)
}

// learn replaces the answers and reports whether they differ from the previous ones.
func (l *domainResolver) learn(next map[string][]netip.Addr) (differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = !maps.EqualFunc(next, l.answers, slices.Equal)
	l.answers = next
	return differs
}

// save writes the answers for the next process. A failure is logged once and retried at the next lookup.
func (l *domainResolver) save(answers map[string][]netip.Addr) {
	list := []answer{}
	for _, domain := range slices.Sorted(maps.Keys(answers)) {
		list = append(list, answer{domain, answers[domain]})
	}
	b, err := json.Marshal(list)
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
