package locale

import (
	"strings"
	"time"

	"ideco-agent/agent"
)

// passwordRefusal returns the text of a refusal that depends on more than the code, or "".
func (l *Localizer) passwordRefusal(e *agent.Error) string {
	switch {
	case e.Code == agent.CodePasswordExpired && e.MayChange:
		return l.T("password_expired_here")
	case e.Code == agent.CodePasswordMustChange && e.MayChange:
		return l.T("password_must_change_here")
	case e.Code != agent.CodePasswordRejected || e.Policy == nil:
		return ""
	case e.Policy.TooYoung && e.Policy.MinAge > 0:
		return l.T("password_rejected_young", Args{"Age": l.days(e.Policy.MinAge)})
	case e.Policy.TooYoung:
		return l.T("password_rejected_soon")
	}
	if rules := l.rules(e.Policy); rules != "" {
		return l.T("password_rejected_rules", Args{"Rules": rules})
	}
	return ""
}

// ChangeFirst has the ids of the texts above the form for a new password on the sign-in page.
var ChangeFirst = map[agent.Code]string{
	agent.CodePasswordExpired:    "change_expired",
	agent.CodePasswordMustChange: "change_must",
}

// PasswordRules says what a new password must be; empty if nothing is known.
func (l *Localizer) PasswordRules(p *agent.PasswordPolicy) string {
	if p == nil || l.rules(p) == "" {
		return ""
	}
	return l.T("password_rules", Args{"Rules": l.rules(p)})
}

func (l *Localizer) rules(p *agent.PasswordPolicy) string {
	var rules []string
	if p.MinLength > 0 {
		rules = append(rules, l.N("rule_length", p.MinLength))
	}
	if p.Complex {
		rules = append(rules, l.T("rule_complex"))
	}
	switch {
	case p.History == 1:
		rules = append(rules, l.T("rule_not_current"))
	case p.History > 1:
		rules = append(rules, l.N("rule_history", p.History))
	}
	return strings.Join(rules, "; ")
}

// days formats a duration in whole days, if it is one.
func (l *Localizer) days(d time.Duration) string {
	const day = 24 * time.Hour
	if d%day != 0 {
		return l.Duration(d)
	}
	return l.N("days_count", int(d/day))
}

// PasswordWarning is how long before its expiry people are told.
const PasswordWarning = 14 * 24 * time.Hour

// PasswordExpiring warns of the expiry of a password. It is empty where that is not near, and after it. here says that the
// password can be changed through the gateway.
func (l *Localizer) PasswordExpiring(expires, now time.Time, here bool) string {
	left := expires.Sub(now)
	if expires.IsZero() || left <= 0 || left > PasswordWarning {
		return ""
	}
	args, text := Args{"Time": l.Time(expires)}, ""
	if days := int(left / (24 * time.Hour)); days > 0 {
		text = l.N("password_expires_in", days, args)
	} else {
		text = l.T("password_expires_today", args)
	}
	if here {
		return text + " " + l.T("password_expires_here")
	}
	return text + " " + l.T("password_expires_elsewhere")
}
