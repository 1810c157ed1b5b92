package access

import (
	"context"
	"maps"
	"net"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"ideco-agent/agent"
)

// DefaultWebIdle is how long a session of KindWeb may send and receive nothing.
const DefaultWebIdle = 15 * time.Minute

const (
	countEvery      = 5 * time.Second // as the counters of firewall and tunnel are read
	saveCountsEvery = 2 * time.Minute // after kill -9 the journal lacks at most what was counted since
	recountTimeout  = 200 * time.Millisecond
)

// counters are the counts of a session, those by the former process included.
type counters struct {
	rx, tx   uint64
	mac      string
	last     agent.Traffic // as read last from firewall or tunnel
	counted  bool          // they count this session now
	paused   bool          // the session is moving from one to the other: last does not hold for the next count
	lastByte time.Time     // when rx or tx grew last; the present while nothing counts
	saved    agent.SessionCounts
}

// countersOf returns the counters of a session that begins or goes on now.
func countersOf(s agent.Session, now time.Time) counters {
	saved := agent.SessionCounts{Rx: s.RxStored, Tx: s.TxStored, MAC: s.MACStored}
	return counters{rx: saved.Rx, tx: saved.Tx, mac: saved.MAC, lastByte: now, saved: saved}
}

// count adds what was counted since the last call. A smaller count than before means that it began again at 0.
func (c *counters) count(t agent.Traffic, counted bool, mac net.HardwareAddr, now time.Time) {
	rx, tx := growth(c.last.Rx, t.Rx), growth(c.last.Tx, t.Tx)
	if c.rx, c.tx = c.rx+rx, c.tx+tx; rx+tx > 0 || !counted {
		c.lastByte = now
	}
	c.last, c.counted = t, counted
	if len(mac) > 0 {
		c.mac = mac.String()
	}
}

func growth(before, now uint64) uint64 {
	if now < before {
		return now
	}
	return now - before
}

// withCounts returns the session with what was counted. The caller holds mu.
func (s *session) withCounts(of agent.Session) agent.Session {
	of.RxStored, of.TxStored = s.counters.rx, s.counters.tx
	if of.Kind != agent.KindStatic {
		of.MACStored = s.counters.mac
	}
	return of
}

// withCounts returns a session with what was counted.
func (c *change) withCounts(s *session) agent.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.withCounts(s.Session)
}

// save writes a session, with what was counted if it is live.
func (c *change) save(next agent.Session) error {
	if s := c.sessions[next.ID]; s != nil {
		c.mu.Lock()
		next = s.withCounts(next)
		c.mu.Unlock()
	}
	return c.store.SaveSession(c.ctx, next)
}

// read returns traffic and MACs by session ID. Counts of the tunnel replace those of the firewall.
func (m *Manager) read() (map[string]agent.Traffic, map[string]net.HardwareAddr) {
	traffic, macs := map[string]agent.Traffic{}, map[string]net.HardwareAddr{}
	if m.firewall != nil {
		maps.Copy(traffic, m.firewall.Traffic())
		macs = m.firewall.MACs()
	}
	if m.tunnel != nil {
		maps.Copy(traffic, m.tunnel.Traffic())
	}
	return traffic, macs
}

// count brings the counters of all sessions up to date.
func (m *Manager) count() {
	m.counting.Lock()
	defer m.counting.Unlock()
	traffic, macs := m.read()
	at := now()
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, s := range m.sessions {
		if s.counters.paused {
			continue
		}
		if s.Kind == agent.KindVPN {
			delete(macs, id)
		}
		t, counted := traffic[id]
		s.counters.count(t, counted, macs[id], at)
	}
}

// countNow reads the counters of sessions that are about to end, and brings all up to date. It leaves out nil.
func (c *change) countNow(ending ...*session) {
	var lan, vpn []string
	for _, s := range ending {
		switch {
		case s == nil:
		case s.Kind == agent.KindVPN:
			vpn = append(vpn, s.ID)
		default:
			lan = append(lan, s.ID)
		}
	}
	if len(lan)+len(vpn) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, recountTimeout)
	defer cancel()
	if len(lan) > 0 && c.firewall != nil {
		c.firewall.Recount(ctx, lan)
	}
	if len(vpn) > 0 && c.tunnel != nil {
		c.tunnel.Recount(ctx, vpn)
	}
	c.count()
}

// pauseCount stops counting a session whose access moves from the firewall to the tunnel or back, or to another address. The
// counters of the new place begin at 0.
func (c *change) pauseCount(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.counters.paused, s.counters.counted, s.counters.last = true, false, agent.Traffic{}
}

// unpauseCount goes on counting when the session has access at its new place.
func (c *change) unpauseCount(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.counters.paused = false
}

// adoptCount begins to count a session of the former process. The firewall's counters may include what that process counted, if the
// kernel has kept them.
func (c *change) adoptCount(s *session) {
	traffic, _ := c.read()
	n := &s.counters
	n.last = traffic[s.ID]
	n.rx, n.tx = max(n.rx, n.last.Rx), max(n.tx, n.last.Tx)
}

// Record stores the counts of live sessions and the refused attempts, and ends the sessions of KindWeb that send and receive
// nothing for Config.WebIdle or that a tunnel has replaced. It returns when ctx is done.
func (m *Manager) Record(ctx context.Context) error {
	var g errgroup.Group
	g.Go(func() error { m.refused.store(ctx); return nil })
	g.Go(func() error { m.watchTraffic(ctx); return nil })
	return g.Wait()
}

func (m *Manager) watchTraffic(ctx context.Context) {
	tick := time.NewTicker(min(countEvery, m.webIdle/2))
	defer tick.Stop()
	saved := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		m.count()
		m.endWeb(m.idle, agent.ReasonIdle)
		m.endWeb(m.replacedByTunnel, agent.ReasonReplaced)
		if time.Since(saved) >= saveCountsEvery {
			saved = time.Now()
			m.saveCounts(ctx)
		}
	}
}

// endWeb ends the sessions of KindWeb that which returns.
func (m *Manager) endWeb(which func() []*session, reason agent.Reason) {
	if len(which()) == 0 {
		return
	}
	m.always(func(c *change) {
		if !c.closed.Load() {
			c.endEach(which(), reason)
		}
	})
}

// idle returns the idle sessions of KindWeb.
func (m *Manager) idle() (list []*session) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := now()
	for _, s := range m.sessions {
		if s.Kind == agent.KindWeb && at.Sub(s.counters.lastByte) >= m.webIdle {
			list = append(list, s)
		}
	}
	slices.SortFunc(list, older)
	return list
}

// saveCounts stores the counts that have changed since they were stored last.
func (m *Manager) saveCounts(ctx context.Context) {
	changed := map[string]agent.SessionCounts{}
	m.mu.Lock()
	for id, s := range m.sessions {
		is := agent.SessionCounts{Rx: s.counters.rx, Tx: s.counters.tx, MAC: s.counters.mac}
		if is != s.counters.saved {
			changed[id] = is
		}
	}
	m.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := m.store.SaveTraffic(ctx, changed); err != nil {
		if agent.AsError(err).Code != agent.CodeStoreUnavailable { // the store logs it once
			m.log.ErrorContext(ctx, "the traffic of live sessions was not written", "error", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, is := range changed {
		if s := m.sessions[id]; s != nil {
			s.counters.saved = is
		}
	}
}
