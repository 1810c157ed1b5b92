package access

import (
	"context"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
)

// window is how long a wrong attempt counts, except towards the lockout of a directory.
const window = 15 * time.Minute

// outcome is the result of an attempt.
type outcome int

const (
	uncounted outcome = iota // changes no count
	wrong
	right
	perhapsWrong // a directory may have counted a wrong password; only the count for its lockout counts this
)

// rule limits the wrong attempts of a count.
type rule struct {
	limit     int
	strangers int // limit of those by strangers; 0 = no separate limit
	window    time.Duration
	together  bool // all expire together, a window after the last one; otherwise each a window after itself
}

// counts are the wrong attempts in the window, by key. A running attempt may turn out wrong: if the running ones could fill
// the count, the next one waits. So parallel attempts give no extra tries, and a person whose devices all reconnect at once
// is not refused.
type counts[K comparable] struct {
	rule    rule
	maxKeys int // 0 = no limit
	now     func() time.Time

	mu    sync.Mutex // guards what follows and every count in it
	byKey map[K]*count
	swept time.Time // time of the last sweep
}

// count is the count of one key. Only counts that are not empty are kept.
type count struct {
	rule             rule           // of the latest attempt
	wrong            []wrongAttempt // oldest first
	last             int            // number of the last wrong attempt
	running          int
	runningStrangers int
	waiting          []waiter
}

type wrongAttempt struct {
	at       time.Time
	account  string // Account.Key; empty for an unknown login
	stranger bool
	number   int // counts up within the count
}

// waiter is a waiting attempt.
type waiter struct {
	turn     chan error // receives one value; nil lets the attempt run
	stranger bool
}

// entry is a running attempt.
type entry struct {
	account  string // as in wrongAttempt
	stranger bool
	seen     int // number of the last wrong attempt before this one began
}

func newCounts[K comparable](limit, most int, now func() time.Time) *counts[K] {
	return &counts[K]{rule: rule{limit: limit, window: window}, maxKeys: most, now: now, byKey: map[K]*count{}, swept: now()}
}

// enter begins an attempt under the rule of the counts; see enterUnder.
func (c *counts[K]) enter(ctx context.Context, key K, account string) (entry, error) {
	return c.enterUnder(ctx, key, entry{account: account}, c.rule)
}

// enterUnder begins an attempt under a rule, after waiting while running attempts could fill the count. After nil the caller must
// call leave with the returned entry. Errors: CodeTooManyAttempts with the time to wait; ctx.Err.
func (c *counts[K]) enterUnder(ctx context.Context, key K, e entry, r rule) (entry, error) {
	c.mu.Lock()
	now := c.now()
	n := c.at(key, now)
	n.rule = r
	w := waiter{make(chan error, 1), e.stranger}
	n.waiting = append(n.waiting, w)
	n.admit(now)
	c.drop(key, n)
	c.mu.Unlock()
	select {
	case err := <-w.turn:
		if err == nil {
			e.seen = c.lastWrong(key)
		}
		return e, err
	case <-ctx.Done():
		c.giveUp(key, w)
		return e, ctx.Err()
	}
}

// lastWrong returns the number of the last wrong attempt of a key with a running one.
func (c *counts[K]) lastWrong(key K) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byKey[key].last
}

// leave ends an attempt. A right one clears the count. Where wrong attempts expire together, as in a directory, it leaves those
// that were counted while it ran: the directory may have counted them after the right password.
func (c *counts[K]) leave(key K, e entry, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	n := c.byKey[key] // not nil, because the attempt was running
	n.running--
	if e.stranger {
		n.runningStrangers--
	}
	switch {
	case o == wrong, o == perhapsWrong && n.rule.together:
		n.last++
		n.wrong = append(n.wrong, wrongAttempt{now, e.account, e.stranger, n.last})
	case o == right && n.rule.together:
		n.wrong = slices.DeleteFunc(n.wrong, func(m wrongAttempt) bool { return m.number <= e.seen })
	case o == right:
		n.wrong = nil
	}
	n.admit(now)
	c.drop(key, n)
}

// refusal returns the refusal of an attempt by a key whose count is full, or nil.
func (c *counts[K]) refusal(key K) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.byKey[key]
	if n == nil {
		return nil
	}
	now := c.now()
	if n.expire(now); !n.full(false) {
		return nil
	}
	return n.refusal(now)
}

// fullUntil is when the last of the full counts has room again; zero if none is full.
func (c *counts[K]) fullUntil(which func(K) bool) (until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for key, n := range c.byKey {
		if !which(key) {
			continue
		}
		if n.expire(now); !n.full(true) {
			continue
		}
		if room := n.roomAt(); room.After(until) {
			until = room
		}
	}
	return until
}

// forget drops the counted wrong attempts for an account. Running ones are counted when they end.
func (c *counts[K]) forget(account string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	for key, n := range c.byKey {
		before := len(n.wrong)
		n.wrong = slices.DeleteFunc(n.wrong, func(m wrongAttempt) bool { return m.account == account })
		if len(n.wrong) < before {
			n.admit(now)
			c.drop(key, n)
		}
	}
}

// giveUp removes an attempt whose context is over, even if it was just let in.
func (c *counts[K]) giveUp(key K, w waiter) {
	c.mu.Lock()
	n := c.byKey[key]
	if n != nil {
		if i := slices.Index(n.waiting, w); i >= 0 {
			n.waiting = slices.Delete(n.waiting, i, i+1)
			c.drop(key, n)
			c.mu.Unlock()
			return
		}
	}
	c.mu.Unlock()
	if err := <-w.turn; err == nil {
		c.leave(key, entry{stranger: w.stranger}, uncounted)
	}
}

// at returns the count of a key; it makes one if needed.
func (c *counts[K]) at(key K, now time.Time) *count {
	if n := c.byKey[key]; n != nil {
		return n
	}
	if now.Sub(c.swept) >= window {
		c.sweep(now)
	}
	if c.maxKeys > 0 && len(c.byKey) >= c.maxKeys {
		c.evict(now)
	}
	n := &count{rule: c.rule}
	c.byKey[key] = n
	return n
}

// drop removes an empty count.
func (c *counts[K]) drop(key K, n *count) {
	if n.idle() && len(n.wrong) == 0 {
		delete(c.byKey, key)
	}
}

// sweep removes the counts whose wrong attempts have all expired.
func (c *counts[K]) sweep(now time.Time) {
	for key, n := range c.byKey {
		n.expire(now)
		c.drop(key, n)
	}
	c.swept = now
}

// evict removes the key with the fewest wrong attempts among up to 32 random ones. The keys of a flood have one or two each,
// so they go before full counts.
func (c *counts[K]) evict(now time.Time) {
	var victim K
	fewest, seen := -1, 0
	for key, n := range c.byKey {
		if n.expire(now); n.idle() && (fewest < 0 || len(n.wrong) < fewest) {
			victim, fewest = key, len(n.wrong)
		}
		if seen++; fewest == 0 || fewest > 0 && seen >= 32 {
			break
		}
	}
	if fewest >= 0 {
		delete(c.byKey, victim)
	}
}

// idle reports whether no attempt is running or waiting.
func (n *count) idle() bool { return n.running == 0 && len(n.waiting) == 0 }

// expire drops expired wrong attempts. Those that expire together stay while an attempt runs, because the directory may have
// counted that one within their window.
func (n *count) expire(now time.Time) {
	switch {
	case !n.rule.together:
		n.wrong = slices.DeleteFunc(n.wrong, func(m wrongAttempt) bool { return now.Sub(m.at) >= n.rule.window })
	case n.running == 0 && len(n.wrong) > 0 && !now.Before(n.roomAt()):
		n.wrong = nil
	}
}

// full reports whether the wrong attempts alone fill the count, for a stranger or for others.
func (n *count) full(stranger bool) bool {
	return len(n.wrong) >= n.rule.limit || stranger && n.rule.strangers > 0 && n.byStrangers() >= n.rule.strangers
}

// fits reports whether one more attempt cannot exceed the limits, even if all running ones turn out wrong.
func (n *count) fits(stranger bool) bool {
	return len(n.wrong)+n.running < n.rule.limit &&
		(!stranger || n.rule.strangers == 0 || n.byStrangers()+n.runningStrangers < n.rule.strangers)
}

// byStrangers returns the number of wrong attempts by strangers.
func (n *count) byStrangers() (k int) {
	for _, m := range n.wrong {
		if m.stranger {
			k++
		}
	}
	return k
}

// roomAt returns when a full count has room again.
func (n *count) roomAt() time.Time {
	if n.rule.together {
		return n.wrong[len(n.wrong)-1].at.Add(n.rule.window)
	}
	return n.wrong[len(n.wrong)-n.rule.limit].at.Add(n.rule.window)
}

// refusal is the refusal of an attempt for which the count is full.
func (n *count) refusal(now time.Time) error {
	return &agent.Error{Code: agent.CodeTooManyAttempts, Wait: max(n.roomAt().Sub(now), time.Second)}
}

// admit lets waiting attempts run while there is room, in order. It refuses those for whom the count is full.
func (n *count) admit(now time.Time) {
	n.expire(now)
	n.waiting = slices.DeleteFunc(n.waiting, func(w waiter) bool {
		switch {
		case n.full(w.stranger):
			w.turn <- n.refusal(now)
		case n.fits(w.stranger):
			n.running++
			if w.stranger {
				n.runningStrangers++
			}
			w.turn <- nil
		default:
			return false
		}
		return true
	})
}
