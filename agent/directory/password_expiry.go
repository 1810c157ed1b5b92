package directory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// passwordExpiry is where a product says when a password expires. Where it is nowhere, the server says it in the answer to a bind.
type passwordExpiry struct {
	attribute string // of a person; empty = none
	computed  bool   // controllers compute it for each answer; it is read after a login only
}

// readExpiry sets when a person's password expires. answer is that of the bind; nil = there was none. It changes nothing if that
// cannot be read.
func (r *remote) readExpiry(ctx context.Context, p *person, answer []ldap.Control) {
	name := r.kind.expiry.attribute
	switch {
	case name == "" && answer == nil:
	case name == "":
		p.PasswordExpires, p.ExpiryRead = warnedExpiry(answer, time.Now()), true
	case !r.kind.expiry.computed:
		p.PasswordExpires, p.ExpiryRead = neverZero(timeOf(p.entry, name)), true
	default:
		err := r.servers.search(ctx, func(c *ldap.Conn) error {
			e, err := readEntry(c, p.entry.DN, name)
			if err != nil {
				return err
			}
			p.PasswordExpires, p.ExpiryRead = neverZero(adTime(e, name)), true
			return nil
		})
		if err != nil {
			r.log.InfoContext(ctx, "the expiry of a password cannot be read", "directory", r.Name, "error", err)
		}
	}
}

// neverZero is zero for a time that is never.
func neverZero(at time.Time, ok bool) time.Time {
	if !ok {
		return time.Time{}
	}
	return at
}

// warnedExpiry returns the time that a server warns of: with the control for password policies, or with the older one of 389
// Directory Server.
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
