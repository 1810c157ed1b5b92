package access

import (
	"context"
	"maps"
	"net/netip"
	"sync"
	"time"

	timerate "golang.org/x/time/rate"

	"ideco-agent/agent"
)

// lookupEvery is the shortest time between two look-ups of the computer at one address. Computers without access cause look-ups by
// their requests.
const lookupEvery = 5 * time.Second

// allLookups limits all look-ups together.
var allLookups = rate{burst: 100, every: 20 * time.Millisecond}

// JoinSession makes a peer's address a further address of its computer's session of KindWeb, and reports whether it is one now. It
// reports false while look-ups are limited.
func (m *Manager) JoinSession(ctx context.Context, peer agent.Peer) bool {
	if m.firewall == nil || mayUseBrowser(m.settings(), peer) != nil {
		return false
	}
	if mayJoin, joined := m.joinState(peer.Addr); !mayJoin || joined {
		return joined
	}
	ctx, cancel := context.WithTimeout(ctx, lookupEvery)
	defer cancel()
	return m.lookups.take(peer.Addr) && m.join(ctx, peer)
}

// joinState reports whether an address may be a further address of a browser's session, and whether it became one within lookupEvery.
func (m *Manager) joinState(a netip.Addr) (mayJoin, joined bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.byAddress[a]
	if s == nil {
		return true, false
	}
	if s.Kind != agent.KindWeb {
		return false, false
	}
	for _, f := range s.further {
		if f.addr == a {
			return true, now().Before(f.proved.Add(lookupEvery))
		}
	}
	return false, false // the session's own address
}

// join is JoinSession without a limit of look-ups. It closes the address if it is a further address of another computer's session.
func (m *Manager) join(ctx context.Context, peer agent.Peer) (joined bool) {
	id, err := m.firewall.BrowserSessionOf(ctx, peer.Addr)
	if err != nil {
		m.gate.logLimiter.warn(ctx, logKey{event: "address_refused", why: "look-up"}, "address refused", "why", "look-up", "peer", peer, "error", err)
		return false
	}
	_ = m.change(ctx, func(c *change) error {
		joined = c.join(c.sessions[id], peer)
		return nil
	})
	return joined
}

// join makes a peer's address a further address of s, the session of its computer. s is nil if the computer has none.
func (c *change) join(s *session, from agent.Peer) bool {
	addr, holder := from.Addr, c.byAddress[from.Addr]
	_, hasRule := c.static[addr]
	from.Inside = c.inside(c.settings, addr, from.Interface)
	if c.closed.Load() || hasRule || holder != nil && (holder.Kind != agent.KindWeb || holder.Address == addr) {
		return false
	}
	if holder != nil && holder != s {
		c.dropFurtherIf(holder, func(f furtherAddress) bool { return f.addr == addr })
	}
	if s == nil || s.Kind != agent.KindWeb || mayUseBrowser(c.settings, from) != nil || addr.IsLinkLocalUnicast() || addr.Is4() && s.Address.Is4() {
		return false
	}
	c.mu.Lock()
	wait := s.payProof(c.now)
	c.mu.Unlock()
	return wait == 0 && c.grantFurther(s, from) == nil
}

// lookups limits how often the computers at addresses are looked up.
type lookups struct {
	all *timerate.Limiter

	mu      sync.Mutex               // guards the fields below
	latest  map[netip.Addr]time.Time // the last look-up of each address
	cleaned time.Time                // when older look-ups were last removed from latest
}

func newLookups() *lookups {
	return &lookups{all: timerate.NewLimiter(timerate.Every(allLookups.every), allLookups.burst), latest: map[netip.Addr]time.Time{}}
}

// take reports whether the computer at an address may be looked up now.
func (l *lookups) take(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.cleaned) >= lookupEvery {
		l.cleaned = now
		maps.DeleteFunc(l.latest, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) >= lookupEvery })
	}
	if at, ok := l.latest[a]; ok && now.Sub(at) < lookupEvery || !l.all.AllowN(now, 1) {
		return false
	}
	l.latest[a] = now
	return true
}
