package directory

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
)

func TestParseLogin(t *testing.T) {
	for login, want := range map[string]loginForm{
		"alice":                    {user: "alice"},
		" Иван Петров ":            {user: "Иван Петров"},
		`EXAMPLE\alice`:            {domain: "EXAMPLE", user: "alice"},
		`EXAMPLE \ Иван Петров`:    {domain: "EXAMPLE", user: "Иван Петров"},
		`example.test\alice`:       {domain: "example.test", user: "alice"},
		"example.test./alice":      {domain: "example.test", user: "alice"},
		"alice@example.test":       {domain: "example.test", user: "alice", at: true},
		"Иван Петров@домен.рф":     {domain: "домен.рф", user: "Иван Петров", at: true},
		"a@b@example.test":         {domain: "example.test", user: "a@b", at: true},
		`EXAMPLE\alice@other.test`: {domain: "EXAMPLE", user: "alice@other.test"},
		`EXAMPLE\a\b`:              {domain: "EXAMPLE", user: `a\b`},
		strings.Repeat("a", 320):   {user: strings.Repeat("a", 320)},
	} {
		if got, ok := parseLogin(login); !ok || got != want {
			t.Errorf("%q: %+v, %v", login, got, ok)
		}
	}
	for _, login := range []string{"", " ", `\`, `\alice`, `EXAMPLE\`, "/alice", "example.test/ ", "@example.test", "alice@", "alice@ .", "a\x00b", "a\nb", "a\xff",
		strings.Repeat("a", 321), "@"} {
		if got, ok := parseLogin(login); ok {
			t.Errorf("%q: %+v", login, got)
		}
	}
}

func TestLoginFormNames(t *testing.T) {
	for _, c := range []struct {
		login, name, netbios string
		want                 bool
	}{
		{`EXAMPLE\a`, "example.test", "EXAMPLE", true},
		{`example\a`, "example.test", "EXAMPLE", true},
		{"a@EXAMPLE.TEST", "example.test", "", true},
		{"a@домен.рф", "xn--d1acufc.xn--p1ai", "", true},
		{"a@xn--d1acufc.xn--p1ai", "xn--d1acufc.xn--p1ai", "", true},
		{"a@example", "example.test", "", false},
		{"a@домен.рф:443", "xn--d1acufc.xn--p1ai", "", false},
		{"a@sub.example.test", "example.test", "EXAMPLE", false},
	} {
		form, _ := parseLogin(c.login)
		if got := form.names(c.name, c.netbios); got != c.want {
			t.Errorf("%s names %s: %v", c.login, c.name, got)
		}
	}
}

// FuzzParseLogin: a login becomes a filter for one value whatever was typed, and the parts of the login are bounded.
func FuzzParseLogin(f *testing.F) {
	for _, s := range []string{"alice", `EXAMPLE\alice`, "example.test/alice", "alice@example.test", "Иван Петров", "a)(uid=*", `\2a*`, "a\x00", "@", "", "\xff",
		"a@b@c", `a\b/c@d`, "a@домен.рф."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, login string) {
		form, ok := parseLogin(login)
		if !ok {
			return
		}
		if form.user == "" || len(form.user)+len(form.domain) > agent.MaxLoginTyped || !utf8.ValidString(form.user) || form.at && form.domain == "" {
			t.Fatalf("%q: %+v", login, form)
		}
		form.names("example.test", "EXAMPLE")
		for _, k := range kinds {
			filter := k.byLogin(form)
			packet, err := ldap.CompileFilter(filter)
			if err != nil {
				t.Fatalf("%q: %s: %v", login, filter, err)
			}
			if packet.Tag == ldap.FilterOr {
				if len(packet.Children) != 2 {
					t.Fatalf("%q: %s", login, filter)
				}
				packet = packet.Children[0]
			}
			value := form.user
			if packet.Tag != ldap.FilterEqualityMatch || packet.Children[1].Data.String() != value {
				t.Fatalf("%q: %s", login, filter)
			}
		}
	})
}
