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

// outcome is what became of an attempt.
type outcome int

const (
	undecided outcome = iota // nothing was compared, or nobody learned the result
	wrong
	right
)

// counts are the wrong attempts of the last 15 minutes by key. An attempt that is still running counts as one that may
// go wrong: where it could fill the count, the next one waits for its outcome. So nobody gets more tries by racing, and
// a person whose devices all come back at once is not refused.
type counts[K comparable] struct {
	limit   int // wrong attempts in the window
	maxKeys int // keys to keep; 0 = as many as come

	mu    sync.Mutex // guards what follows and every count in it
	byKey map[K]*count
	swept time.Time // when counts that ran out were last dropped
}

// count is one key's. It stays in its map while anything in it is not zero.
type count struct {
	wrong   []mistake // oldest first
	running int
	waiting []chan error // each takes one value: nil is leave to run
}

// mistake is a wrong attempt.
type mistake struct {
	at   time.Time
	user agent.UserID // zero where no account was meant
}

func newCounts[K comparable](limit, most int) *counts[K] {
	return &counts[K]{limit: limit, maxKeys: most, byKey: map[K]*count{}, swept: time.Now()}
}

// enter lets an attempt begin, once no other attempt can fill the count any more. After nil the attempt must leave.
// Errors: CodeTooManyAttempts with the time until the oldest drops out; ctx.Err.
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

// leave ends an attempt for an account; zero is none.
func (c *counts[K]) leave(key K, user agent.UserID, o outcome) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	n := c.byKey[key] // there, because the attempt was running
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

// fullUntil is when the last of the counts that are full has room again; zero when none is full.
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

// forget drops the wrong attempts for an account that were counted. Those that are running count when they end.
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

// giveUp takes back an attempt whose person has gone while it was waiting, or just when it was let in.
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

// at finds a key's count, or makes one.
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

// drop forgets a count that says nothing.
func (c *counts[K]) drop(key K, n *count) {
	if n.idle() && len(n.wrong) == 0 {
		delete(c.byKey, key)
	}
}

// sweep drops the counts that have run out, so that a flood is forgotten.
func (c *counts[K]) sweep(now time.Time) {
	for key, n := range c.byKey {
		n.expire(now)
		c.drop(key, n)
	}
	c.swept = now
}

// evict makes room for a new key: of a few keys taken at random the one with the fewest wrong attempts goes. A flood of
// new keys has one or two each and so pushes out itself, not the counts that hold somebody back.
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

// idle tells whether nobody holds on to the count.
func (n *count) idle() bool { return n.running == 0 && len(n.waiting) == 0 }

// expire drops what is older than the window.
func (n *count) expire(now time.Time) {
	n.wrong = slices.DeleteFunc(n.wrong, func(m mistake) bool { return now.Sub(m.at) >= window })
}

// admit lets in those waiting for whom there is room, first come first served; when the count is full, it turns all
// away.
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
