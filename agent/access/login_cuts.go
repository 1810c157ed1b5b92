package access

import (
	"sync"

	"ideco-agent/agent"
)

// cuts remembers whose sessions were ended or whose tokens were voided while logins were under way, so that a login
// whose password was checked before does not get in after.
type cuts struct {
	mu     sync.Mutex // guards what follows
	logins int        // under way
	count  int
	last   map[agent.UserID]int // the count at the person's last cut
}

// begin notes that a login is under way. Its ticket is for passed; done says that it is no longer.
func (c *cuts) begin() (ticket int, done func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logins++
	return c.count, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.logins--; c.logins == 0 {
			c.last = nil // nobody can ask any more
		}
	}
}

// cut stops the person's logins that are under way.
func (c *cuts) cut(user agent.UserID) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.logins == 0 {
		return
	}
	if c.last == nil {
		c.last = map[agent.UserID]int{}
	}
	c.count++
	c.last[user] = c.count
}

// passed tells whether the person was not cut since the ticket was drawn.
func (c *cuts) passed(user agent.UserID, ticket int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last[user] <= ticket
}
