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
	countEvery      = 5 * time.Second        // interval of reading the counters of firewall and tunnel
	saveCountsEvery = 2 * time.Minute        // interval of storing the counts; a crash loses what was counted since
	recountTimeout  = 200 * time.Millisecond // of reading the counters of sessions that end
)

// counters are the counts of a session. They include those of the former process.
type counters struct {
	rx, tx   uint64
	mac      string
	last     agent.Traffic // as last read from firewall or tunnel
	counted  bool          // firewall or tunnel counts the session now
	paused   bool          // the session's access is moving or is being restored, see pauseCount and adoptCounts
	lastByte time.Time     // when rx or tx last grew; the time of the last reading if the session is not counted
	saved    agent.SessionCounts
}

// countersOf returns the counters of a new, resumed or restored session.
func countersOf(s agent.Session, now time.Time) counters {
	saved := agent.SessionCounts{Rx: s.RxStored, Tx: s.TxStored, MAC: s.MACStored}
	return counters{rx: saved.Rx, tx: saved.Tx, mac: saved.MAC, lastByte: now, saved: saved}
}

// count adds what was counted since the last call. A count below the last one has restarted at 0.
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

// withCounts returns data of the session with its counts. The caller holds mu.
func (s *session) withCounts(of agent.Session) agent.Session {
	of.RxStored, of.TxStored = s.counters.rx, s.counters.tx
	if of.Kind != agent.KindStatic {
		of.MACStored = s.counters.mac
	}
	return of
}

// withCounts returns a session with its counts.
func (c *change) withCounts(s *session) agent.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return s.withCounts(s.Session)
}

// save stores a session. If it is live, its counts are stored too.
func (c *change) save(next agent.Session) error {
	if s := c.sessions[next.ID]; s != nil {
		c.mu.Lock()
		next = s.withCounts(next)
		c.mu.Unlock()
	}
	return c.store.SaveSession(c.ctx, next)
}

// readCounters returns traffic and MACs by session ID. Counts of the tunnel replace those of the firewall.
func (m *Manager) readCounters() (map[string]agent.Traffic, map[string]net.HardwareAddr) {
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

// count updates the counters of all sessions.
func (m *Manager) count() {
	m.counting.Lock()
	defer m.counting.Unlock()
	m.countLocked()
}

// countIfOld updates the counters of all sessions unless they are younger than maxCountAge.
func (m *Manager) countIfOld() {
	m.counting.Lock()
	defer m.counting.Unlock()
	if now().Sub(m.counted) >= maxCountAge {
		m.countLocked()
	}
}

// countLocked is count for a caller that holds counting.
func (m *Manager) countLocked() {
	traffic, macs := m.readCounters()
	at := now()
	m.counted = at
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

// countNow makes firewall and tunnel read the counters of sessions that are about to end, and updates all. It ignores nil sessions.
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

// pauseCount stops counting a session while its access moves between firewall and tunnel, or to another address. There the counters
// begin at 0.
func (c *change) pauseCount(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.counters.paused, s.counters.counted, s.counters.last = true, false, agent.Traffic{}
}

// unpauseCount counts a session again, after its access has moved.
func (c *change) unpauseCount(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.counters.paused = false
}

// adoptCounts begins to count the restored sessions, which are paused until then. If the kernel has kept the firewall's counters, they
// include what the former process counted. It is called once for all, because reading the counters takes long where there are many.
func (c *change) adoptCounts() {
	c.counting.Lock()
	defer c.counting.Unlock()
	traffic, _ := c.readCounters()
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, s := range c.sessions {
		if n := &s.counters; n.paused {
			n.paused, n.last = false, traffic[id]
			n.rx, n.tx = max(n.rx, n.last.Rx), max(n.tx, n.last.Tx)
		}
	}
}

// Record stores the counts of live sessions and the refused attempts, and ends the sessions of KindWeb without a byte for
// Config.WebIdle and those that a tunnel has replaced. It returns when ctx is done.
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

// endWeb ends the sessions of KindWeb that find returns.
func (m *Manager) endWeb(find func() []*session, reason agent.Reason) {
	if len(find()) == 0 {
		return
	}
	m.always(func(c *change) {
		if !c.closed.Load() {
			c.endEach(find(), reason)
		}
	})
}

// idle returns the sessions of KindWeb without a byte for webIdle.
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

// saveCounts stores the counts that have changed since it last did.
func (m *Manager) saveCounts(ctx context.Context) {
	changed := map[string]agent.SessionCounts{}
	m.mu.Lock()
	for id, s := range m.sessions {
		counts := agent.SessionCounts{Rx: s.counters.rx, Tx: s.counters.tx, MAC: s.counters.mac}
		if counts != s.counters.saved {
			changed[id] = counts
		}
	}
	m.mu.Unlock()
	if len(changed) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	if err := m.store.SaveCounts(ctx, changed); err != nil {
		if agent.AsError(err).Code != agent.CodeStoreUnavailable { // the store logs it once
			m.log.ErrorContext(ctx, "the traffic of live sessions was not written", "error", err)
		}
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for id, counts := range changed {
		if s := m.sessions[id]; s != nil {
			s.counters.saved = counts
		}
	}
}
