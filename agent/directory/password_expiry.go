package directory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// passwordExpiry is where a product has the expiry of a password.
type passwordExpiry struct {
	attribute string // of a person; empty = none: the server sends it in the answer to a bind
	computed  bool   // controllers compute it for each search, so only a login reads it
}

// readExpiry sets when a person's password expires, unless that cannot be read. answer is that of the bind; nil = there was none.
func (r *remote) readExpiry(ctx context.Context, p *person, answer []ldap.Control) {
	name := r.kind.expiry.attribute
	switch {
	case name == "" && answer == nil:
	case name == "":
		p.PasswordExpires, p.ExpiryRead = warnedExpiry(answer, time.Now()), true
	case !r.kind.expiry.computed:
		p.PasswordExpires, _ = timeOf(p.entry, name)
		p.ExpiryRead = true
	default:
		err := r.servers.search(ctx, func(c *ldap.Conn) error {
			e, err := readEntry(c, p.entry.DN, name)
			if err != nil {
				return err
			}
			p.PasswordExpires, _ = adTime(e, name)
			p.ExpiryRead = true
			return nil
		})
		if err != nil {
			r.log.InfoContext(ctx, "the expiry of a password cannot be read", "directory", r.Name, "error", err)
		}
	}
}

// warnedExpiry returns the expiry in the answer to a bind: in the control for password policies, or in the older one of 389 Directory
// Server.
func warnedExpiry(answer []ldap.Control, now time.Time) time.Time {
	left := int64(-1) // seconds
	for _, c := range answer {
		switch c := c.(type) {
		case *ldap.ControlBeheraPasswordPolicy:
			if c.Expire >= 0 {
				left = c.Expire
			}
		case *ldap.ControlVChuPasswordWarning:
			if left < 0 {
				left = c.Expire
			}
		}
	}
	const most = 10 * 365 * 24 * 60 * 60
	if left < 0 || left > most {
		return time.Time{}
	}
	return now.Add(time.Duration(left) * time.Second)
}
