package access

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Limits of the refused attempts in the journal: somebody who makes many must not hide those of others. The log and the throttle have
// limits of their own.
const (
	refusedEvery      = time.Minute // between two with the same network, login and code
	maxRefused        = 60          // in refusedEvery
	maxRefusedOutside = 40          // of them, from outside
	maxRefusedNetwork = 20          // of them, from one network
)

// refusedAttempts stores refused attempts. Adding never waits for the store.
type refusedAttempts struct {
	to    Refusals // may be nil
	log   *slog.Logger
	queue chan agent.Refused

	mu     sync.Mutex // guards the field below
	recent map[refusedKey]time.Time
}

// refusedKey is what attempts have in common of which only one a minute is stored.
type refusedKey struct {
	net    netip.Prefix
	inside bool
	login  string
	code   agent.Code
}

func newRefusedAttempts(to Refusals, log *slog.Logger) *refusedAttempts {
	return &refusedAttempts{to: to, log: log, queue: make(chan agent.Refused, maxRefused), recent: map[refusedKey]time.Time{}}
}

// add queues an attempt that was refused with err, within the limits. It leaves out what refuses nobody in particular or is part of
// each reconnection, and failures of the gateway.
func (r *refusedAttempts) add(tried agent.Refused, err error) {
	var refusal *agent.Error
	if r.to == nil || !errors.As(err, &refusal) {
		return
	}
	switch refusal.Code {
	case agent.CodeSessionOver, agent.CodeAgentDisabled, agent.CodeBadMessage, agent.CodeStoreUnavailable, agent.CodeInternal:
		return
	}
	tried.At, tried.Code = now(), refusal.Code
	tried.Login = agent.Clean(tried.Login, agent.MaxLogin)
	if !r.allow(refusedKey{widestNetwork(tried.Peer), tried.Peer.Inside, tried.Login, tried.Code}, tried.At) {
		return
	}
	select {
	case r.queue <- tried:
	default: // the store has not written for a while
	}
}

func (r *refusedAttempts) allow(key refusedKey, at time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	maps.DeleteFunc(r.recent, func(_ refusedKey, was time.Time) bool { return at.Sub(was) >= refusedEvery })
	outside, sameNetwork := 0, 0
	for other := range r.recent {
		if !other.inside {
			outside++
		}
		if other.net == key.net {
			sameNetwork++
		}
	}
	_, was := r.recent[key]
	if was || len(r.recent) >= maxRefused || !key.inside && outside >= maxRefusedOutside || sameNetwork >= maxRefusedNetwork {
		return false
	}
	r.recent[key] = at
	return true
}

// store writes the queue until ctx is done.
func (r *refusedAttempts) store(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case tried := <-r.queue:
			if err := r.write(ctx, tried); err != nil && agent.AsError(err).Code != agent.CodeStoreUnavailable { // the store logs it once
				r.log.ErrorContext(ctx, "a refused sign-in was not written to the journal", "code", string(tried.Code), "error", err)
			}
		}
	}
}

func (r *refusedAttempts) write(ctx context.Context, tried agent.Refused) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	return r.to.AddRefused(ctx, tried)
}
