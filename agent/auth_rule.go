package agent

import (
	"net"
	"net/netip"
	"strings"
	"unicode/utf8"
)

// RuleID identifies an AuthRule.
type RuleID int64

// AuthRule gives an account access from an address or a MAC in the LAN, without a login. Its sessions are of KindStatic and have no length.
type AuthRule struct {
	ID      RuleID
	Enabled bool
	Address netip.Addr // zero = any address of MAC
	MAC     string     // in lower case with colons; empty = any computer at Address
	UserID  UserID
	Always  bool // access also while the computer does not answer; only with Address
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

// ParseRuleMAC reads the MAC of a rule: six bytes in hex, with colons, hyphens, dots or nothing between them. It refuses MACs that no
// network card has. An empty text is none.
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

// Check returns all problems of a rule under the names of the REST fields. Before is the rule before the change: an Address that
// stays the same is not checked, because the local networks may have changed since it was entered.
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
