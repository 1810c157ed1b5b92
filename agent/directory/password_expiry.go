package directory

import (
	"context"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

// passwordExpiry is where a product says when a password expires. Where it is nowhere, the server says it in the answer to a bind.
type passwordExpiry struct {
	attribute string // of a person; empty = none
	computed  bool   // controllers compute it for each answer; it is read after a login only
}

// passwordExpires returns when a person's password expires; zero if never or if that cannot be read. answer is that of the bind.
func (r *remote) passwordExpires(ctx context.Context, p person, answer []ldap.Control) time.Time {
	e, name := p.entry, r.kind.expiry.attribute
	if name == "" {
		return warnedExpiry(answer, time.Now())
	}
	if r.kind.expiry.computed {
		err := r.servers.search(ctx, func(c *ldap.Conn) (err error) {
			e, err = readEntry(c, p.entry.DN, name)
			return err
		})
		if err != nil {
			r.log.InfoContext(ctx, "the expiry of a password cannot be read", "directory", r.Name, "person", agent.Clean(p.Login, agent.MaxLogin), "error", err)
			return time.Time{}
		}
		if at, ok := adTime(e, name); ok {
			return at
		}
		return time.Time{}
	}
	at, _ := timeOf(e, name)
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
