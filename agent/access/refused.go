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

// Limits of the refused attempts in the journal, which apply to neither the log nor the throttle. A person who makes many attempts must
// not keep those of others out of the journal.
const (
	refusedEvery      = time.Minute // between two attempts with the same refusedKey
	maxRefused        = 60          // attempts in refusedEvery
	maxRefusedOutside = 40          // of them, from outside
	maxRefusedNetwork = 20          // of them, from one network
)

// refusedAttempts stores refused attempts for the journal. Method add never waits for the store.
type refusedAttempts struct {
	to    Refusals // nil = nothing is stored
	log   *slog.Logger
	queue chan agent.RefusedAttempt

	mu     sync.Mutex               // guards the field below
	recent map[refusedKey]time.Time // when one was last stored
}

// refusedKey is shared by attempts of which one in refusedEvery is stored.
type refusedKey struct {
	net    netip.Prefix
	inside bool
	login  string
	code   agent.Code
}

func newRefusedAttempts(to Refusals, log *slog.Logger) *refusedAttempts {
	return &refusedAttempts{to: to, log: log, queue: make(chan agent.RefusedAttempt, maxRefused), recent: map[refusedKey]time.Time{}}
}

// add queues an attempt that was refused with err, within the limits. It leaves out failures of the gateway, invalid messages, and
// refusals that say nothing about the person: the agent is switched off, or a reconnecting agent must log in again.
func (r *refusedAttempts) add(tried agent.RefusedAttempt, err error) {
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
	default: // the queue is full: the store hangs
	}
}

// allow reports whether the limits let an attempt be stored, and counts it.
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

func (r *refusedAttempts) write(ctx context.Context, tried agent.RefusedAttempt) error {
	ctx, cancel := context.WithTimeout(ctx, changeTimeout)
	defer cancel()
	return r.to.AddRefused(ctx, tried)
}
