package access

import (
	"sync"

	"ideco-agent/agent"
)

// pendingLogins cancels logins that began before their person's sessions were ended or tokens were voided. Otherwise a login
// whose password was checked before the change would begin a session after it.
type pendingLogins struct {
	mu        sync.Mutex // guards what follows
	logins    int        // number of pending logins
	count     int
	cancelled map[agent.UserID]int // the count at the person's last cancel
}

// begin adds a pending login; done removes it. The ticket is for valid.
func (c *pendingLogins) begin() (ticket int, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins++
	return c.count, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.logins--; c.logins == 0 {
			c.cancelled = nil
		}
	}
}

// cancel cancels the person's pending logins.
func (c *pendingLogins) cancel(user agent.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logins == 0 {
		return
	}
	if c.cancelled == nil {
		c.cancelled = map[agent.UserID]int{}
	}
	c.count++
	c.cancelled[user] = c.count
}

// valid reports whether the person's logins were not cancelled since begin returned the ticket.
func (c *pendingLogins) valid(user agent.UserID, ticket int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled[user] <= ticket
}
