package kerberos

import (
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"ideco-agent/agent"
)

// Limits of the remembered requests, in all and of one client. Each is kept for 10 minutes at most.
const (
	maxReplays         = 1 << 17
	maxReplaysOfClient = 1000
)

// replays remembers accepted requests until their time is too old for Acceptor.
type replays struct {
	most, ofClient int

	mu      sync.Mutex // guards the fields below
	clients map[string]map[replayKey]time.Time
	count   int
	swept   time.Time
}

// replayKey is a digest of an encrypted authenticator, which cannot be changed without the session key.
type replayKey [16]byte

func newReplays(most, ofClient int) *replays {
	return &replays{most: most, ofClient: ofClient, clients: map[string]map[replayKey]time.Time{}}
}

// add remembers a request until a time. Refusals: CodeSSORefused for a remembered one, CodeTooManyAttempts at a limit.
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

// sweep removes requests whose time is over.
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
