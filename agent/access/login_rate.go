package access

import (
	"maps"
	"sync"
	"time"

	timerate "golang.org/x/time/rate"

	"ideco-agent/agent"
)

// Limits of successful logins and resumes, each of which writes to the disk. A device has a lower limit than its account,
// so that a device with a broken program does not use up the account's limit.
var (
	loginsPerAccount  = rate{burst: 300, every: 3 * time.Second}
	loginsPerDevice   = rate{burst: 120, every: 5 * time.Second}
	resumesPerAccount = rate{burst: 1000, every: time.Second}
	resumesPerDevice  = rate{burst: 120, every: 2 * time.Second}
)

// rate is a token bucket: burst at once, then one per every.
type rate struct {
	burst int
	every time.Duration
}

// rates limits accounts and their devices. Only a right password or token makes a key, and a key is dropped when its bucket
// is full again, so the number of keys is limited.
type rates struct {
	account, device rate

	mu      sync.Mutex // guards the fields below
	buckets map[rateKey]*timerate.Limiter
	swept   time.Time
}

// rateKey is a device of an account or, without a device, the account itself.
type rateKey struct {
	user   agent.UserID
	device string
}

func newRates(account, device rate) *rates {
	return &rates{account: account, device: device, buckets: map[rateKey]*timerate.Limiter{}, swept: time.Now()}
}

// take counts one event. A refusal, CodeTooManyAttempts with the time to wait, is not counted.
func (r *rates) take(user agent.UserID, device string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.sweep(now)
	taken := map[rateKey]*timerate.Limiter{}
	taken[rateKey{user: user}] = r.bucket(rateKey{user: user}, r.account)
	if device != "" {
		taken[rateKey{user, device}] = r.bucket(rateKey{user, device}, r.device)
	}
	var wait time.Duration
	var reserved []*timerate.Reservation
	for _, bucket := range taken {
		one := bucket.ReserveN(now, 1)
		reserved, wait = append(reserved, one), max(wait, one.DelayFrom(now))
	}
	if wait > 0 {
		for _, one := range reserved {
			one.CancelAt(now)
		}
		return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: wait}
	}
	maps.Copy(r.buckets, taken)
	return nil
}

// full returns the refusal that take would return now, and counts nothing.
func (r *rates) full(user agent.UserID, device string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	for key, size := range map[rateKey]rate{{user: user}: r.account, {user, device}: r.device} {
		if b := r.buckets[key]; b != nil && b.TokensAt(now) < 1 {
			return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: size.every}
		}
	}
	return nil
}

// bucket returns the key's bucket, or a new one.
func (r *rates) bucket(key rateKey, size rate) *timerate.Limiter {
	if b := r.buckets[key]; b != nil {
		return b
	}
	return timerate.NewLimiter(timerate.Every(size.every), size.burst)
}

// sweep drops full buckets, at most once a minute.
func (r *rates) sweep(now time.Time) {
	if now.Sub(r.swept) < time.Minute {
		return
	}
	r.swept = now
	maps.DeleteFunc(r.buckets, func(_ rateKey, b *timerate.Limiter) bool { return b.TokensAt(now) >= float64(b.Burst()) })
}
