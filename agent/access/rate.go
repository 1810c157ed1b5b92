package access

import (
	"sync"
	"time"

	"ideco-agent/agent"
)

// How often one account may log in, and come back with resume tokens. Each login that succeeds writes to the disk: a
// session in the journal, or a browser's. A device has a rate below its account's, so that one device with a broken
// program leaves room for the others.
var (
	loginsPerAccount  = rate{burst: 300, every: 3 * time.Second}
	loginsPerDevice   = rate{burst: 120, every: 5 * time.Second}
	resumesPerAccount = rate{burst: 1000, every: time.Second}
	resumesPerDevice  = rate{burst: 120, every: 2 * time.Second}
)

// rate is a token bucket: burst at once, and one more each time every has passed.
type rate struct {
	burst int
	every time.Duration
}

// rates limits what accounts and their devices do. An account never counts for another one.
//
// Only a right password or token makes a key, and a key is dropped when its bucket is full again. So an account that is
// refused has one key for itself and no more keys of devices than its bucket has tokens.
type rates struct {
	account, device rate

	mu    sync.Mutex // guards what follows
	full  map[rateKey]time.Time
	swept time.Time
}

// rateKey is a device of an account; no device stands for the account itself.
type rateKey struct {
	user   agent.UserID
	device string
}

func newRates(account, device rate) *rates {
	return &rates{account: account, device: device, full: map[rateKey]time.Time{}, swept: time.Now()}
}

// take counts one more. A refusal is CodeTooManyAttempts with the time until the next one is taken, and counts nothing.
func (r *rates) take(user agent.UserID, device string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.sweep(now)
	account, wait := r.account.after(r.full[rateKey{user: user}], now)
	next := map[rateKey]time.Time{{user: user}: account}
	if device != "" {
		own, ownWait := r.device.after(r.full[rateKey{user, device}], now)
		next[rateKey{user, device}], wait = own, max(wait, ownWait)
	}
	if wait > 0 {
		return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: wait}
	}
	for key, full := range next {
		r.full[key] = full
	}
	return nil
}

// after is when a bucket is full again after one token was taken, and how long to wait until there is a token.
func (r rate) after(full, now time.Time) (next time.Time, wait time.Duration) {
	if full.Before(now) {
		full = now
	}
	next = full.Add(r.every)
	return next, next.Sub(now) - time.Duration(r.burst)*r.every
}

// sweep drops the buckets that are full, once a minute.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = now
	for key, full := range r.full {
		if !full.After(now) {
			delete(r.full, key)
		}
	}
}
