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

// How often the domains are looked up, how soon again after a failure, how long that may take, and how many addresses count.
const (
	lookEvery   = time.Minute
	lookAgain   = 10 * time.Second
	lookTimeout = 5 * time.Second
	mostOutward = 64
)

// outwardFile keeps the answers of the last look in the data directory: after a power cut the gateway may run before its
// provider's line does, and agents in the LAN still have to reach it at the address that they know.
const outwardFile = "domain.json"

// domainResolver knows to which addresses the saved and former domains lead: a router's in front of the gateway, or the
// gateway's own.
// Nobody waits for DNS but its own goroutine; a domain that cannot be looked up keeps the addresses that it had, also
// those of the process before.
type domainResolver struct {
	dir    string // where the answers are kept
	log    *slog.Logger
	lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	wake   chan struct{} // there are other domains
	unkept error         // why the answers are not in their file; used by lookUp alone

	mu      sync.Mutex              // guards answers
	answers map[string][]netip.Addr // by domain; as outward returns them
}

// answer is where a domain leads, as the file has it.
type answer struct {
	Domain string       `json:"domain"`
	Addrs  []netip.Addr `json:"addresses"`
}

// newDomainResolver begins with what the process before has found last.
func newDomainResolver(dir string, log *slog.Logger) *domainResolver {
	l := &domainResolver{dir: dir, log: log, wake: make(chan struct{}, 1), lookup: func(ctx context.Context, host string) ([]netip.Addr, error) {
		return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	}}
	list, err := readAnswers(filepath.Join(dir, outwardFile))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Warn("where the domain led before is not known until DNS answers", "error", err)
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

// addresses are those of the domains, as far as they are known now. An address is its own.
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
	return outward(list)
}

// lookUpNow has the domains looked up at once.
func (l *domainResolver) lookUpNow() {
	select {
	case l.wake <- struct{}{}:
	default: // it will be
	}
}

// run looks the domains up until ctx is over, and calls changed when they lead elsewhere.
func (l *domainResolver) run(ctx context.Context, domains func() []string, changed func()) {
	for {
		again := lookEvery
		differs, err := l.lookUp(ctx, domains()...)
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

// lookUp looks the domains up and reports whether their addresses are other ones than before. A domain that is not found
// keeps its addresses.
func (l *domainResolver) lookUp(ctx context.Context, domains ...string) (differs bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
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
	if differs = l.learn(next); differs || l.unkept != nil {
		l.keep(next)
	}
	return differs, errors.Join(errs...)
}

// learn replaces the answers, and reports whether they are other ones.
func (l *domainResolver) learn(next map[string][]netip.Addr) (differs bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	differs = !maps.EqualFunc(next, l.answers, slices.Equal)
	l.answers = next
	return differs
}

// keep writes the answers for the next process. What fails is logged once and tried again at the next look.
func (l *domainResolver) keep(answers map[string][]netip.Addr) {
	list := []answer{}
	for _, domain := range slices.Sorted(maps.Keys(answers)) {
		list = append(list, answer{domain, answers[domain]})
	}
	b, err := json.Marshal(list)
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
