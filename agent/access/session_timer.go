package access

import (
	"time"

	"ideco-agent/agent"
)

// tunnelWait is the time for an agent to send tunnel_wg.
const tunnelWait = 15 * time.Second

// notices are the times before the end of a session at which its agent is told.
var notices = [...]time.Duration{30 * time.Minute, 5 * time.Minute}

// arm sets the session's timer to its next deadline, if there is one.
func (c *change) arm(s *session) {
	s.stop()
	var due time.Time
	for _, at := range []time.Time{s.Expires, s.graceEnds, s.tunnelDeadline, s.proveBy(), s.nextNotice()} {
		if due.IsZero() || !at.IsZero() && at.Before(due) {
			due = at
		}
	}
	if due.IsZero() {
		return
	}
	m := c.Manager
	s.timer = time.AfterFunc(due.Sub(c.now), func() { m.always(func(c *change) { c.tick(s) }) })
}

// stop stops the timer. If it has just fired, tick does nothing.
func (s *session) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// tick handles the deadlines that have passed and sets the timer again.
func (c *change) tick(s *session) {
	if c.sessions[s.ID] != s || c.closed.Load() {
		return
	}
	due := func(at time.Time) bool { return !at.IsZero() && !c.now.Before(at) }
	switch {
	case due(s.Expires):
		c.end(s, agent.ReasonExpired)
	case due(s.graceEnds):
		c.end(s, agent.ReasonLost)
	case due(s.tunnelDeadline):
		c.end(s, agent.ReasonIdle, "cause", "no WireGuard peer")
	default:
		if due(s.proveBy()) {
			c.dropFurtherIf(s, func(f furtherAddress) bool { return due(f.proveBy) })
		}
		if due(s.nextNotice()) {
			c.notice(s)
		}
		c.arm(s)
	}
}

// nextNotice is when the next notice is due; zero for none. Notices due before the login or resume are left out.
func (s *session) nextNotice() time.Time {
	if !s.Kind.HasAgent() {
		return time.Time{}
	}
	for _, before := range notices {
		if at := s.Expires.Add(-before); at.After(s.noticed) {
			return at
		}
	}
	return time.Time{}
}

// notice tells the agent, if it is connected, when the session will end.
func (c *change) notice(s *session) {
	s.noticed = c.now
	if connection := s.connection; connection != nil {
		left, expires := s.Expires.Sub(c.now), s.Expires
		c.notify = append(c.notify, func() { connection.Expiring(left, expires) })
	}
}
