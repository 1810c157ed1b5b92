package access

import (
	"context"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
)

// window is how long a wrong attempt counts.
const window = 15 * time.Minute

// outcome is the result of an attempt.
type outcome int

const (
	undecided outcome = iota // no comparison, or the result was not sent
	wrong
	right
)

// counts are the wrong attempts in the window, by key. A running attempt may turn out wrong: if the running ones could fill
// the count, the next one waits. So parallel attempts give no extra tries, and a person whose devices all reconnect at once
// is not refused.
type counts[K comparable] struct {
	limit   int // wrong attempts in the window
	maxKeys int // 0 = no limit

	mu    sync.Mutex // guards what follows and every count in it
	byKey map[K]*count
	swept time.Time // time of the last sweep
}

// count is the count of one key. Only counts that are not empty are kept.
type count struct {
	wrong   []mistake // oldest first
	running int
	waiting []chan error // each receives one value; nil lets the attempt run
}

// mistake is a wrong attempt.
type mistake struct {
	at   time.Time
	user agent.UserID // zero for an unknown login
}

func newCounts[K comparable](limit, most int) *counts[K] {
	return &counts[K]{limit: limit, maxKeys: most, byKey: map[K]*count{}, swept: time.Now()}
}

// enter begins an attempt, after waiting while running attempts could fill the count. After nil the caller must call leave.
// Errors: CodeTooManyAttempts with the time to wait; ctx.Err.
func (c *counts[K]) enter(ctx context.Context, key K) error {
	c.mu.Lock()
	now := time.Now()
	n := c.at(key, now)
	turn := make(chan error, 1)
	n.waiting = append(n.waiting, turn)
	n.admit(now, c.limit)
	c.drop(key, n)
	c.mu.Unlock()
	select {
	case err := <-turn:
		return err
	case <-ctx.Done():
		c.giveUp(key, turn)
		return ctx.Err()
	}
}

// leave ends an attempt. User is zero for an unknown login.
func (c *counts[K]) leave(key K, user agent.UserID, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	n := c.byKey[key] // not nil, because the attempt was running
	n.running--
	switch o {
	case wrong:
		n.wrong = append(n.wrong, mistake{now, user})
	case right:
		n.wrong = nil
	}
	n.admit(now, c.limit)
	c.drop(key, n)
}

// fullUntil is when the last of the full counts has room again; zero if none is full.
func (c *counts[K]) fullUntil(which func(K) bool) (until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for key, n := range c.byKey {
		if !which(key) {
			continue
		}
		if n.expire(now); len(n.wrong) < c.limit {
			continue
		}
		if room := n.wrong[len(n.wrong)-c.limit].at.Add(window); room.After(until) {
			until = room
		}
	}
	return until
}

// forget drops the counted wrong attempts for an account. Running ones are counted when they end.
func (c *counts[K]) forget(user agent.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	for key, n := range c.byKey {
		before := len(n.wrong)
		n.wrong = slices.DeleteFunc(n.wrong, func(m mistake) bool { return m.user == user })
		if len(n.wrong) < before {
			n.admit(now, c.limit)
			c.drop(key, n)
		}
	}
}

// giveUp removes an attempt whose context is over, even if it was just let in.
func (c *counts[K]) giveUp(key K, turn chan error) {
	c.mu.Lock()
	n := c.byKey[key]
	if n != nil {
		if i := slices.Index(n.waiting, turn); i >= 0 {
			n.waiting = slices.Delete(n.waiting, i, i+1)
			c.drop(key, n)
			c.mu.Unlock()
			return
		}
	}
	c.mu.Unlock()
	if err := <-turn; err == nil {
		c.leave(key, 0, undecided)
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
	n := &count{}
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

// expire drops wrong attempts older than the window.
func (n *count) expire(now time.Time) {
	n.wrong = slices.DeleteFunc(n.wrong, func(m mistake) bool { return now.Sub(m.at) >= window })
}

// admit lets waiting attempts run while there is room, in order. If the count is full it refuses them all.
func (n *count) admit(now time.Time, limit int) {
	n.expire(now)
	for len(n.waiting) > 0 {
		switch {
		case len(n.wrong) >= limit:
			n.waiting[0] <- &agent.Error{Code: agent.CodeTooManyAttempts, Wait: n.wrong[0].at.Add(window).Sub(now)}
		case len(n.wrong)+n.running < limit:
			n.running++
			n.waiting[0] <- nil
		default:
			return
		}
		n.waiting = slices.Delete(n.waiting, 0, 1)
	}
	n.waiting = nil
}
