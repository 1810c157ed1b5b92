package kerberos

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Limits of remembered requests, which keep for 10 minutes at most. One client cannot use up the places of all others.
const (
	maxReplays         = 1 << 17
	maxReplaysOfClient = 1000
)

// replays are the requests that were accepted and whose time is still good.
type replays struct {
	most, ofClient int

	mu      sync.Mutex // guards the fields below
	clients map[string]map[replayKey]time.Time
	count   int
	swept   time.Time
}

// replayKey is a digest of an encrypted authenticator. It cannot be encrypted in another way without the session key.
type replayKey [16]byte

func newReplays(most, ofClient int) *replays {
	return &replays{most: most, ofClient: ofClient, clients: map[string]map[replayKey]time.Time{}}
}

// add remembers a request until a time. Refusals: CodeSSORefused for one that is there already, CodeTooManyAttempts without a free
// place.
func (r *replays) add(client string, authenticator []byte, until, now time.Time) error {
	digest := sha256.Sum256(authenticator)
	key := replayKey(digest[:])
	r.mu.Lock()
	defer r.mu.Unlock()
	full := func() bool { return r.count >= r.most || len(r.clients[client]) >= r.ofClient }
	if now.Sub(r.swept) >= time.Minute || full() && now.Sub(r.swept) >= time.Second {
		r.sweep(now)
	}
	if _, again := r.clients[client][key]; again {
		return refuse(errors.New("replay: the same request was accepted before"))
	}
	if full() {
		return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: time.Minute, Err: errors.New("too many requests by Kerberos")}
	}
	if r.clients[client] == nil {
		r.clients[client] = map[replayKey]time.Time{}
	}
	r.clients[client][key] = until
	r.count++
	return nil
}

// sweep forgets requests whose time is over.
func (r *replays) sweep(now time.Time) {
	r.swept = now
	for client, keys := range r.clients {
		for key, until := range keys {
			if now.After(until) {
				delete(keys, key)
				r.count--
			}
		}
		if len(keys) == 0 {
			delete(r.clients, client)
		}
	}
}
