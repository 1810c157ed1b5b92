package access

import (
	"context"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"ideco-agent/agent"
)

const (
	macEvery    = 2 * time.Second  // interval of looking for changed MACs
	macAgain    = 30 * time.Second // the least time between two changes of a session's MAC
	pingTimeout = 10 * time.Second
	maxChecks   = 32 // at the same time: each has a raw socket
)

// FollowMACs lets sessions follow computers whose MAC changes while address and connection stay, as with a Wi-Fi repeater, a
// team of network cards or a virtual machine that moves to another host. It returns when ctx is done.
//
// A session follows only if its agent answers a ping, sent after the change, on the session's own TLS connection, and the
// former MAC no longer answers for the address; the limits are in package firewall, at ProveMAC. It follows at most once in
// macAgain. A waiting session follows after its agent has come back. A session of KindWeb never follows: it has no such
// connection. Neither does one of KindStatic, whose rule says which MACs have access. See hasLeft for both.
func (m *Manager) FollowMACs(ctx context.Context) error {
	if m.firewall == nil {
		return nil
	}
	tick := time.NewTicker(macEvery)
	defer tick.Stop()
	var checks errgroup.Group
	checks.SetLimit(maxChecks)
	defer func() { _ = checks.Wait() }() // the checks return no errors
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		changes := m.firewall.ChangedMACs(ctx)
		m.setMoved(changes)
		for _, change := range changes {
			if s, connection := m.mayFollow(change.Session); s != nil {
				checks.Go(func() error { m.followMAC(ctx, s, connection, change); return nil })
			}
		}
	}
}

// mayFollow returns a session that may follow its computer now, and its connection; otherwise nil. followMAC must be called
// for it.
func (m *Manager) mayFollow(id string) (*session, Connection) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.sessions[id]
	if s == nil || s.Kind != agent.KindLAN || s.connection == nil || s.following || now().Before(s.followed.Add(macAgain)) {
		return nil, nil
	}
	s.following = true
	return s, s.connection
}

func (m *Manager) followMAC(ctx context.Context, s *session, connection Connection, found agent.MACChange) {
	defer func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		s.following = false
	}()
	left, err := m.firewall.ProveMAC(ctx, found, func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, pingTimeout)
		defer cancel()
		return connection.Ping(ctx)
	})
	if err != nil {
		m.log.DebugContext(ctx, "a changed MAC was not proved", "session", found.Session, "error", err)
		return
	}
	_ = m.change(ctx, func(c *change) error {
		if c.closed.Load() || c.sessions[s.ID] != s || s.connection != connection {
			return nil
		}
		if left {
			c.changeMAC(s, found)
		} else {
			c.refuseMAC(s, found)
		}
		return nil
	})
}

// changeMAC moves the session to its computer's new MAC. Its agent must prove the further addresses again.
func (c *change) changeMAC(s *session, found agent.MACChange) {
	if err := c.firewall.ChangeMAC(c.ctx, found); err != nil {
		c.log.WarnContext(c.ctx, "a session does not follow its computer's MAC", "session", s.ID, "error", err)
		return
	}
	c.mu.Lock()
	s.followed = c.now
	c.mu.Unlock()
	c.dropAllFurther(s)
	connection := s.connection
	c.notify = append(c.notify, func() { connection.ProveAgain(s.ID) })
	c.log.WarnContext(c.ctx, "a session follows its computer's MAC", "event", "mac_changed", "session", s.ID, "account", s.Login,
		"peer", s.ExternalIP, "mac", found.To.String(), "former_mac", found.From.String())
}

// refuseMAC logs that the computer still answers at its former MAC.
func (c *change) refuseMAC(s *session, found agent.MACChange) {
	c.gate.logLimiter.warn(c.ctx, logKey{event: "mac_refused", net: netip.PrefixFrom(s.ExternalIP, s.ExternalIP.BitLen()), user: s.UserID},
		"another MAC claims the address of a session, but the computer still answers at its former MAC: somebody spoofs ARP or NDP, or two computers use the address",
		"session", s.ID, "account", s.Login, "peer", s.ExternalIP, "mac", found.To.String(), "former_mac", found.From.String())
}
