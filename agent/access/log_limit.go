package access

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
)

// How often the log gets a line of the same kind, and how many kinds are told apart. What is beyond shares one line.
const (
	logEvery    = time.Minute
	maxLogKinds = 512
)

// sparing logs what somebody else can repeat without end: the first time at once, then once a minute with how many were
// left out before. A wrong password for an account is never left out: the throttle bounds those.
type logLimiter struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	kinds map[logKey]*repeated
}

// sparingKey is what counts as the same: an event, why it came, where it came from and whom it concerns.
type logKey struct {
	event, why string
	net        netip.Prefix
	user       agent.UserID
}

// repeated is what the log has of one kind.
type repeated struct {
	since time.Time // when the last line was written
	left  int       // lines left out since
}

// widest is where a peer comes from for the log: a flood from one network has one line, however many hosts it makes up.
func widestNetwork(peer agent.Peer) netip.Prefix { return peer.Networks()[0] }

func newLogLimiter(log *slog.Logger) *logLimiter {
	return &logLimiter{log: log, kinds: map[logKey]*repeated{}}
}

// warn logs an event, unless the log has one of its kind from the last minute.
func (s *logLimiter) warn(ctx context.Context, key logKey, message string, attrs ...any) {
	left, ok := s.due(key, time.Now())
	if !ok {
		return
	}
	attrs = append([]any{"event", key.event}, attrs...)
	if left > 0 {
		attrs = append(attrs, "left_out", left)
	}
	s.log.WarnContext(ctx, message, attrs...)
}

// due tells whether a line of a kind may be written, and how many were left out before it.
func (s *logLimiter) due(key logKey, now time.Time) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds[key] == nil && len(s.kinds) >= maxLogKinds {
		s.sweep(now)
		if len(s.kinds) >= maxLogKinds {
			key = logKey{event: "many"}
		}
	}
	r := s.kinds[key]
	switch {
	case r == nil:
		s.kinds[key] = &repeated{since: now}
		return 0, true
	case now.Sub(r.since) < logEvery:
		r.left++
		return 0, false
	}
	left, r.since, r.left = r.left, now, 0
	return left, true
}

// sweep drops the kinds that were not repeated for a minute.
func (s *logLimiter) sweep(now time.Time) {
	for key, r := range s.kinds {
		if now.Sub(r.since) >= logEvery {
			delete(s.kinds, key)
		}
	}
}
