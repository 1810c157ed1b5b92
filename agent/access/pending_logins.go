package access

import (
	"sync"

	"ideco-agent/agent"
)

// cuts remembers whose sessions were ended or whose tokens were voided while logins were under way, so that a login
// whose password was checked before does not get in after.
type pendingLogins struct {
	mu        sync.Mutex // guards what follows
	logins    int        // under way
	count     int
	cancelled map[agent.UserID]int // the count at the person's last cut
}

// begin notes that a login is under way. Its ticket is for passed; done says that it is no longer.
func (c *pendingLogins) begin() (ticket int, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins++
	return c.count, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.logins--; c.logins == 0 {
			c.cancelled = nil // nobody can ask any more
		}
	}
}

// cut stops the person's logins that are under way.
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

// passed tells whether the person was not cut since the ticket was drawn.
func (c *pendingLogins) valid(user agent.UserID, ticket int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.cancelled[user] <= ticket
}
