package client

import (
	"time"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// maxLeft is more than any gateway warns ahead. More time than this means that one of the two clocks is wrong.
const maxLeft = time.Hour

// hearNotice shows what the gateway has to say. Of a session that is about to end it speaks as to somebody who has a window
// with a button that extends it; without one there are words of our own.
func (c *client) hearNotice(n *protocol.Notice) {
	message := n.Message
	if n.Code == protocol.NoticeExpiring && c.cfg.Extend == nil {
		message = c.expiring(n.Expires)
	}
	c.notice(n.Code, message)
}

// expiring says when the session ends, or only that it does when this computer's clock cannot tell.
func (c *client) expiring(expires string) string {
	at, err := time.Parse(time.RFC3339, expires)
	left := at.Sub(c.clock.Now())
	if err != nil || left <= 0 || left > maxLeft {
		return c.text(locale.ExpiringSoon)
	}
	return locale.Text(c.cfg.Lang, locale.Expiring, "left", locale.Minutes(c.cfg.Lang, left))
}
