package templates

import (
	"strconv"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

func (r UserRule) path(user agent.UserID) string {
	return userPath(user) + "/rules/" + strconv.FormatInt(int64(r.ID), 10)
}

// target is the address of a rule, or else its MAC.
func (r UserRule) target() string {
	if r.Address.IsValid() {
		return r.Address.String()
	}
	return r.MAC
}

// whom says which computers a rule is about.
func (r UserRule) whom(l *locale.Localizer) string {
	switch {
	case !r.Address.IsValid():
		return l.T("rule_any_address")
	case r.MAC == "":
		return l.T("rule_any_mac")
	}
	return l.T("rule_only_mac", locale.Args{"MAC": r.MAC})
}

// look is the class and the icon of a rule's state, and its text.
func (r UserRule) look(l *locale.Localizer) (class, symbol, word, explanation string) {
	word = l.T("rule_state_"+r.State, locale.Args{"Login": r.Holder})
	switch r.State {
	case RuleOpen:
		return "ok", "ok", word, ""
	case RuleOff:
		return "", "off", word, ""
	case RuleAgent:
		class, symbol = "ok", "ok"
	case RuleBusy, RuleRefused:
		class, symbol = "warn", "warn"
	default:
		class, symbol = "", "info"
	}
	return class, symbol, word, l.T("rule_state_" + r.State + "_help")
}
