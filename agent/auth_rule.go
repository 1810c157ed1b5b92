package agent

import (
	"net"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// RuleID identifies an AuthRule.
type RuleID int64

// AuthRule authorises an address or a MAC in the LAN as a user, without a login. Its session has KindStatic and no length.
type AuthRule struct {
	ID      RuleID
	Enabled bool
	Address netip.Addr // zero = any address of MAC
	MAC     string     // in lower case with colons; empty = any computer at Address
	UserID  UserID
	Always  bool // the session is there even while the host is silent; only with Address
	Comment string
}

// Limits of rules.
const (
	MaxAuthRules   = 10000
	MaxRuleComment = 255 // characters
)

// ParseRuleAddress reads the address of a rule. An empty text is none.
func ParseRuleAddress(text string) (netip.Addr, Problem) {
	if text = strings.TrimSpace(text); text == "" {
		return netip.Addr{}, Problem{}
	}
	a, err := netip.ParseAddr(text)
	if err != nil || a.Zone() != "" {
		return netip.Addr{}, Problem{"ip", "field_address", Clean(text, 64)}
	}
	return Unmap(a), Problem{}
}

// ParseRuleMAC reads the MAC of a rule, the one of a network card: six bytes in hex, with colons, hyphens, dots or nothing between
// them. An empty text is none.
func ParseRuleMAC(text string) (string, Problem) {
	if text = strings.TrimSpace(text); text == "" {
		return "", Problem{}
	}
	dotted := text
	if len(text) == 12 {
		dotted = text[:4] + "." + text[4:8] + "." + text[8:]
	}
	m, err := net.ParseMAC(dotted)
	isGroup := err == nil && m[0]&1 != 0 // also ff:ff:ff:ff:ff:ff
	if err != nil || len(m) != 6 || isGroup || m.String() == "00:00:00:00:00:00" {
		return "", Problem{"mac", "field_mac", Clean(text, 64)}
	}
	return m.String(), Problem{}
}

// Check returns all problems of a rule, field by field under the REST names. An Address is checked only if before has another one: a
// change of the local networks must not prevent other changes of the rule.
func (r AuthRule) Check(s Settings, before AuthRule) (problems Problems) {
	refuse := func(wrong bool, field, code, value string) {
		if wrong {
			problems = append(problems, Problem{field, code, value})
		}
	}
	a := r.Address
	unusable := a.IsLoopback() || a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || !s.InLocalNetworks(a)
	refuse(!a.IsValid() && r.MAC == "", "ip", "field_rule_target", "")
	refuse(a.IsValid() && a != before.Address && unusable, "ip", "field_rule_address", a.String())
	refuse(r.Always && !a.IsValid(), "always_logged", "field_rule_always", "")
	refuse(utf8.RuneCountInString(r.Comment) > MaxRuleComment, "comment", "field_too_long", "")
	return problems
}
