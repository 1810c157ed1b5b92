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

// Limits of looking up the computer at an address: the time between two look-ups for one address, and all look-ups together.
// A computer without access causes them by requests.
const lookupAgain = 5 * time.Second

var allLookups = rate{burst: 100, every: 20 * time.Millisecond}

// JoinSession makes the address of a peer a further address of the session of KindWeb that its computer has, and reports whether it
// is one. It is false while look-ups are limited.
func (m *Manager) JoinSession(ctx context.Context, peer agent.Peer) bool {
	if m.firewall == nil || mayUseBrowser(m.settings(), peer) != nil {
		return false
	}
	if mayJoin, joined := m.joinState(peer.Addr); !mayJoin || joined {
		return joined
	}
	ctx, cancel := context.WithTimeout(ctx, lookupAgain)
	defer cancel()
	return m.lookups.take(peer.Addr) && m.join(ctx, peer)
}

// joinState reports whether an address may become a further address of a browser's session, and whether it has just become one.
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
			return true, now().Before(f.proved.Add(lookupAgain))
		}
	}
	return false, false // the session's own address
}

// join is JoinSession without a limit of look-ups. It closes a further address of a session whose computer no longer has it.
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

// join makes an address a further address of s, the session of its computer, which is nil if it has none.
func (c *change) join(s *session, from agent.Peer) bool {
	peer, holder := from.Addr, c.byAddress[from.Addr]
	_, hasRule := c.static[peer]
	from.Inside = c.inside(c.settings, peer, from.Interface)
	if c.closed.Load() || hasRule || holder != nil && (holder.Kind != agent.KindWeb || holder.Address == peer) {
		return false
	}
	if holder != nil && holder != s {
		c.dropFurtherIf(holder, func(f furtherAddress) bool { return f.addr == peer })
	}
	if s == nil || s.Kind != agent.KindWeb || mayUseBrowser(c.settings, from) != nil || peer.IsLinkLocalUnicast() || peer.Is4() && s.Address.Is4() {
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

	mu     sync.Mutex // guards what follows
	latest map[netip.Addr]time.Time
	swept  time.Time
}

func newLookups() *lookups {
	return &lookups{all: timerate.NewLimiter(timerate.Every(allLookups.every), allLookups.burst), latest: map[netip.Addr]time.Time{}}
}

// take reports whether the computer at an address may be looked up now.
func (l *lookups) take(a netip.Addr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if now.Sub(l.swept) >= lookupAgain {
		l.swept = now
		maps.DeleteFunc(l.latest, func(_ netip.Addr, at time.Time) bool { return now.Sub(at) >= lookupAgain })
	}
	if at, is := l.latest[a]; is && now.Sub(at) < lookupAgain || !l.all.AllowN(now, 1) {
		return false
	}
	l.latest[a] = now
	return true
}
