package agent

import (
	"net/netip"
	"strings"
	"testing"
)

func TestParseRuleMAC(t *testing.T) {
	for text, want := range map[string]string{
		"":                        "",
		"  ":                      "",
		" 02:00:5E:00:53:AF ":     "02:00:5e:00:53:af",
		"02-00-5E-00-53-AF":       "02:00:5e:00:53:af",
		"0200.5e00.53af":          "02:00:5e:00:53:af",
		"02005E0053AF":            "02:00:5e:00:53:af",
		"02:00:5e:00:53":          "bad",
		"02:00:5e:00:53:af:01:02": "bad", // EUI-64
		"02:00:5e:00:53:zz":       "bad",
		"00:00:00:00:00:00":       "bad",
		"ff:ff:ff:ff:ff:ff":       "bad",
		"01:00:5e:00:00:01":       "bad", // a group
		"192.168.1.5":             "bad",
		"яяяяяя":                  "bad", // 12 bytes
	} {
		got, p := ParseRuleMAC(text)
		if want == "bad" && (p.Field != "mac" || p.Code != "field_mac" || got != "") || want != "bad" && (p.Code != "" || got != want) {
			t.Errorf("%q: %q, %v", text, got, p)
		}
	}
}

func TestParseRuleAddress(t *testing.T) {
	for text, want := range map[string]string{
		"":                   "",
		" 192.168.1.5 ":      "192.168.1.5",
		"::ffff:192.168.1.5": "192.168.1.5",
		"FD00::0005":         "fd00::5",
		"192.168.1.0/24":     "bad",
		"fe80::1%eth0":       "bad",
		"printer":            "bad",
	} {
		got, p := ParseRuleAddress(text)
		is := got.IsValid() && got.String() == want || want == "" && !got.IsValid()
		if want == "bad" && p.Code != "field_address" || want != "bad" && (p.Code != "" || !is) {
			t.Errorf("%q: %v, %v", text, got, p)
		}
	}
}

// TestAuthRuleCheck: every problem of a rule is found. An address that is no longer local prevents no other change.
func TestAuthRuleCheck(t *testing.T) {
	s := DefaultSettings()
	s.LocalNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8"),
		netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("224.0.0.0/4")}
	at := func(a string) AuthRule { return AuthRule{Address: netip.MustParseAddr(a)} }
	always, long := AuthRule{MAC: "02:00:5e:00:53:af", Always: true}, at("10.0.0.5")
	long.Comment = strings.Repeat("я", MaxRuleComment+1)
	short := at("10.0.0.5")
	short.Comment = strings.Repeat("я", MaxRuleComment)
	for _, test := range []struct {
		rule, before AuthRule
		want         string // field and code; empty = nothing is wrong
	}{
		{rule: AuthRule{}, want: "ip field_rule_target"},
		{rule: AuthRule{MAC: "02:00:5e:00:53:af"}},
		{rule: at("10.0.0.5")},
		{rule: at("fd00::5")},
		{rule: short},
		{rule: long, want: "comment field_too_long"},
		{rule: always, want: "always_logged field_rule_always"},
		{rule: at("8.8.8.8"), want: "ip field_rule_address"},
		{rule: at("10.128.0.9"), want: "ip field_rule_address"}, // in the VPN network
		{rule: at("127.0.0.1"), want: "ip field_rule_address"},
		{rule: at("fe80::5"), want: "ip field_rule_address"},
		{rule: at("224.0.0.5"), want: "ip field_rule_address"},
		{rule: at("8.8.8.8"), before: at("8.8.8.8")},
		{rule: at("8.8.4.4"), before: at("8.8.8.8"), want: "ip field_rule_address"},
	} {
		got := ""
		if problems := test.rule.Check(s, test.before); len(problems) > 0 {
			got = problems[0].Field + " " + problems[0].Code
		}
		if got != test.want {
			t.Errorf("%+v: %q, want %q", test.rule, got, test.want)
		}
	}
}
