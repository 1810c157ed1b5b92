package settings

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"ideco-agent/agent/client/locale"
)

const (
	pinA = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
	pinB = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
)

func policy(address, pin string) Setting { return Setting{Source: Policy, Address: address, Pin: pin} }
func line(address, pin string) Setting {
	return Setting{Source: CommandLine, Address: address, Pin: pin}
}
func preset(address, pin string) Setting {
	return Setting{Source: Installer, Address: address, Pin: pin}
}
func unreadable(p Source) Setting { return Setting{Source: p, Err: errors.New("access denied")} }

// describe formats a result of ChooseGateway: the gateway, its pin and source, then the warnings or the error.
func describe(g Gateway, warnings []*Problem, err error) string {
	var parts []string
	if g.Host != "" {
		pin := "-"
		for name, text := range map[string]string{"A": pinA, "B": pinB} {
			if v := line("x", text); g.isPinnedBy(v) {
				pin = name
			}
		}
		parts = append(parts, fmt.Sprintf("%s %s %s", g, pin, g.Source))
	}
	for _, w := range warnings {
		parts = append(parts, fmt.Sprintf("%s %s", w.Key, w.Source))
	}
	var wrong *Problem
	if errors.As(err, &wrong) {
		parts = append(parts, fmt.Sprintf("error %s %s", wrong.Key, wrong.Source))
	}
	return strings.Join(parts, "; ")
}

func TestChooseGateway(t *testing.T) {
	var none Setting
	for _, c := range []struct {
		name                 string
		policy, line, preset Setting
		want                 string
	}{
		{"no setting", none, none, none, ""},
		{"blank", policy(" ", "\t"), line("", ""), preset("", " "), ""},
		{"preset", none, none, preset("gw.ru", pinA), "gw.ru A from_installer"},
		{"preset without a pin", none, none, preset("gw.ru", ""), "gw.ru - from_installer"},
		{"line over preset drops its pin", none, line("b.ru", ""), preset("a.ru", pinA), "b.ru - on_command_line"},
		{"line brings a pin", none, line("b.ru", pinB), preset("a.ru", pinA), "b.ru B on_command_line"},
		{"the same gateway keeps the pin", none, line(" GW.ru.:14765", ""), preset("gw.ru", pinA), "gw.ru A on_command_line"},
		{"the same gateway, its own pin", none, line("gw.ru", pinB), preset("gw.ru", pinA), "gw.ru B on_command_line"},
		{"another port is another gateway", none, line("gw.ru:443", ""), preset("gw.ru", pinA), "gw.ru:443 - on_command_line"},
		{"IPv6", none, line("[2001:DB8::1]:14765", ""), preset("2001:db8::1", pinA), "2001:db8::1 A on_command_line"},
		{"IPv6 with a port", none, line("[::1]:443", ""), none, "[::1]:443 - on_command_line"},
		{"spaces around", policy(" gw.ru ", " "+pinA+"\r\n"), none, none, "gw.ru A in_policy"},
		{"policy over all", policy("p.ru", pinA), line("", ""), preset("a.ru", pinB), "p.ru A in_policy"},
		{"policy over the line", policy("p.ru", ""), line("b.ru", pinB), preset("a.ru", pinA), "p.ru - in_policy; policy_wins on_command_line"},
		{"policy agrees with the line", policy("p.ru", pinA), line("P.ru", pinA), none, "p.ru A in_policy"},
		{"policy has another pin", policy("p.ru", pinA), line("p.ru", pinB), none, "p.ru A in_policy; policy_wins on_command_line"},
		{"policy, and a broken line", policy("p.ru", ""), line("https://", ""), none, "p.ru - in_policy; policy_wins on_command_line"},
		{"policy takes the preset's pin for the same gateway", policy("p.ru", ""), line("b.ru", pinB), preset("p.ru", pinA),
			"p.ru A in_policy; policy_wins on_command_line"},
		{"the nearest pin", policy("p.ru", ""), line("p.ru", pinB), preset("p.ru", pinA), "p.ru B in_policy"},

		{"a pin alone in policy", policy("", pinB), none, preset("a.ru", pinA), "a.ru A from_installer; pin_alone in_policy"},
		{"a pin alone on the line", none, line("", pinB), preset("a.ru", pinA), "a.ru A from_installer; pin_alone on_command_line"},
		{"a pin alone from the installer", none, line("a.ru", ""), preset("", pinA), "a.ru - on_command_line; pin_alone from_installer"},
		{"a broken pin alone", none, line("", "x"), preset("a.ru", ""), "a.ru - from_installer; pin_alone on_command_line"},
		{"pins alone everywhere", policy("", pinA), line("", pinA), preset("", pinA),
			"pin_alone in_policy; pin_alone on_command_line; pin_alone from_installer"},

		{"broken policy", policy("https://gw.ru", pinA), line("b.ru", ""), preset("a.ru", ""), "error bad_server in_policy"},
		{"policy with a broken pin", policy("p.ru", "x"), line("p.ru", pinA), preset("p.ru", pinA), "error bad_pin in_policy"},
		{"broken line", none, line("gw:0", ""), preset("a.ru", ""), "error bad_server on_command_line"},
		{"line with a broken pin", none, line("b.ru", pinA[1:]), preset("b.ru", pinA), "error bad_pin on_command_line"},
		{"broken preset", none, none, preset("0.0.0.0", ""), "error bad_server from_installer"},
		{"preset with a broken pin", none, none, preset("a.ru", pinA+"\n="), "error bad_pin from_installer"},
		{"a broken pin that would count", none, line("a.ru", ""), preset("a.ru", "x"), "error bad_pin from_installer"},
		{"broken where it does not count", none, line("b.ru", ""), preset("a b", "x"), "b.ru - on_command_line"},

		{"policy unread", unreadable(Policy), line("b.ru", ""), preset("a.ru", ""), "error not_read in_policy"},
		{"preset unread", none, none, unreadable(Installer), "error not_read from_installer"},
		{"preset unread where it does not count", none, line("b.ru", ""), unreadable(Installer), "b.ru - on_command_line"},
	} {
		if got := describe(ChooseGateway(c.policy, c.line, c.preset)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestProblemText(t *testing.T) {
	_, _, err := ChooseGateway(policy("a\x00b", ""))
	if got, want := err.Error(), "in_policy: bad_server "; !strings.HasPrefix(got, want) || strings.Contains(got, "\x00") {
		t.Errorf("%q", got)
	}
	_, _, err = ChooseGateway(unreadable(Policy))
	if got := errors.Unwrap(err); got == nil || got.Error() != "access denied" {
		t.Errorf("%v", got)
	}
}

// On other systems than Windows the settings are empty.
func TestReadRegistry(t *testing.T) {
	got := ReadRegistry()
	if got.Policy.Source != Policy || got.Installer.Source != Installer {
		t.Errorf("%+v", got)
	}
	if want := (Registry{Policy: Setting{Source: Policy}, Installer: Setting{Source: Installer}}); runtime.GOOS != "windows" && !reflect.DeepEqual(got, want) {
		t.Errorf("%+v", got)
	}
}

func TestReadArgument(t *testing.T) {
	for _, c := range []struct {
		arguments []string
		want      Setting
		wrong     string
	}{
		{[]string{"utm_address=gw.ru:443", "utm_pin=" + pinA}, line("gw.ru:443", pinA), ""},
		{[]string{"UTM_PIN=" + pinA, "Utm_Address=gw.ru"}, line("gw.ru", pinA), ""},
		{[]string{"utm_address=gw.ru", "utm_pin="}, line("gw.ru", ""), ""},
		{[]string{"utm_address=a=b"}, line("a=b", ""), ""},
		{[]string{"utm_address="}, Setting{}, locale.NoServer},
		{[]string{"utm_address= "}, Setting{}, locale.NoServer},
		{[]string{"utm_address=a", "UTM_ADDRESS=a"}, Setting{}, locale.GivenTwice},
		{[]string{"utm_address=a", "utm_pin=x", "utm_pin=x"}, Setting{}, locale.GivenTwice},
	} {
		var got Setting
		var err error
		for _, a := range c.arguments {
			var ok bool
			if ok, err = got.ReadArgument(a); !ok {
				t.Errorf("%q was not recognized", a)
			}
		}
		var wrong *Problem
		switch {
		case c.wrong == "" && (err != nil || got != c.want):
			t.Errorf("%q: %+v, %v", c.arguments, got, err)
		case c.wrong != "" && (!errors.As(err, &wrong) || wrong.Key != c.wrong || wrong.Source != CommandLine):
			t.Errorf("%q: %v", c.arguments, err)
		}
	}
	for _, a := range []string{"", "=", "utm_address", "utm_addres=a", "utm_addreſs=a", " utm_address=a", "--utm_address=a", "address=a"} {
		var v Setting
		if ok, err := v.ReadArgument(a); ok || err != nil || v != (Setting{}) {
			t.Errorf("%q was recognized: %+v, %v", a, v, err)
		}
	}
}

// An argument sets either the address or the pin, to the text after "=", or nothing. A gateway chosen from it is the same
// after formatting and parsing.
func FuzzReadArgument(f *testing.F) {
	for _, a := range []string{"utm_address=gw.ru", "UTM_PIN=" + pinA, "utm_address=[::1]:1", "utm_pin", "utm_address=шлюз.рф", "=", "utm_address=\x80", "utm_address==\x00"} {
		f.Add(a)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		var v Setting
		ok, err := v.ReadArgument(argument)
		if !ok || err != nil {
			if v != (Setting{}) || ok != (err != nil) {
				t.Fatalf("%+v, %v, %v", v, ok, err)
			}
			return
		}
		if !strings.HasSuffix(argument, "="+v.Address+v.Pin) || v.Address != "" && v.Pin != "" {
			t.Fatalf("%+v", v)
		}
		g, _, err := ChooseGateway(v)
		if err != nil || g.Host == "" {
			return
		}
		if again, _, err := ChooseGateway(line(g.String(), "")); err != nil || again != g {
			t.Errorf("%v, then %v, %v", g, again, err)
		}
	})
}
