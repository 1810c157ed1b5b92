package client

import (
	"time"

	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// maxLeft is longer than any gateway's warning time. More time left than this means that one of the two clocks is
// wrong.
const maxLeft = time.Hour

// showNotice shows a notice of the gateway. The gateway's warning before the end of the session mentions a button
// that extends it; without such a button the agent shows its own text.
func (c *client) showNotice(n *protocol.Notice) {
	message := n.Message
	if n.Code == protocol.NoticeExpiring && c.cfg.Extend == nil {
		message = c.expiring(n.Expires)
	}
	c.addNotice(n.Code, message)
}

// expiring returns the text with the remaining time, or without it when this computer's clock seems wrong.
func (c *client) expiring(expires string) string {
	at, err := time.Parse(time.RFC3339, expires)
	left := at.Sub(c.clock.Now())
	if err != nil || left <= 0 || left > maxLeft {
		return c.text(locale.ExpiringSoon)
	}
	return locale.Text(c.cfg.Lang, locale.Expiring, "left", locale.Minutes(c.cfg.Lang, left))
}
