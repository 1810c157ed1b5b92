package access

import (
	"context"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Limits of the log: the time between lines with one key, and the number of keys. Above it, all new keys share one.
const (
	logEvery    = time.Minute
	maxLogKinds = 512
)

// logLimiter logs events that a peer can repeat without limit: the first at once, then one a minute with the number of
// events left out.
type logLimiter struct {
	log *slog.Logger

	mu    sync.Mutex // guards the fields below
	kinds map[logKey]*repeated
}

// logKey is what events have in common that share a limit.
type logKey struct {
	event, why string
	net        netip.Prefix
	user       agent.UserID
}

// repeated counts the events of one key.
type repeated struct {
	since time.Time // when the last line was written
	left  int       // events left out since
}

// widestNetwork is the network of a logKey, so that a flood from many addresses of one network shares a limit.
func widestNetwork(peer agent.Peer) netip.Prefix { return peer.Networks()[0] }

// warn logs an event, unless one with the same key was logged in the last minute.
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

// due reports whether an event may be logged, and how many were left out before it.
func (s *logLimiter) due(key logKey, now time.Time) (left int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kinds[key] == nil && len(s.kinds) >= maxLogKinds {
		maps.DeleteFunc(s.kinds, func(_ logKey, r *repeated) bool { return now.Sub(r.since) >= logEvery })
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
