package settings

import "testing"

// typed is a person's own address, typed over what the installer had named.
func typed(address, over string) Personal { return Personal{Address: address, AddressOver: over} }

func TestChoosePersonal(t *testing.T) {
	var none Setting
	for _, c := range []struct {
		name         string
		policy, line Setting
		own          Personal
		preset       Setting
		want         string
	}{
		{"nothing typed", none, none, typed("", ""), preset("a.ru", pinA), "a.ru A from_installer"},
		{"blank", none, none, typed(" ", "a.ru"), preset("a.ru", pinA), "a.ru A from_installer"},
		{"typed where there was nothing", none, none, typed("b.ru", ""), none, "b.ru - typed_in_window"},
		{"typed over the preset", none, none, typed("b.ru:443", "a.ru"), preset("a.ru", pinA), "b.ru:443 - typed_in_window"},
		{"the preset is written otherwise", none, none, typed("b.ru", "A.ru.:14765"), preset("a.ru", pinA), "b.ru - typed_in_window"},
		{"the preset has changed", none, none, typed("b.ru", "a.ru"), preset("c.ru", pinA), "c.ru A from_installer"},
		{"a preset came", none, none, typed("b.ru", ""), preset("c.ru", ""), "c.ru - from_installer"},
		{"the preset has gone", none, none, typed("b.ru", "a.ru"), none, ""},
		{"the preset is broken as it was", none, none, typed("b.ru", "a b"), preset("a b", ""), "b.ru - typed_in_window"},
		{"the same gateway keeps the pin", none, none, typed("a.ru:14765", "a.ru"), preset("a.ru", pinA), "a.ru A typed_in_window"},
		{"policy wins without a word", policy("p.ru", ""), none, typed("b.ru", "a.ru"), preset("a.ru", ""), "p.ru - in_policy"},
		{"the command line wins", none, line("l.ru", ""), typed("b.ru", "a.ru"), preset("a.ru", ""), "l.ru - on_command_line"},
		{"typed nonsense", none, none, typed("https://", ""), none, "error bad_server typed_in_window"},
	} {
		if got := shown(ChooseGateway(c.policy, c.line, c.own.Setting(c.preset), c.preset)); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestWithAddress(t *testing.T) {
	for _, c := range []struct{ name, address, preset, want, over string }{
		{"another one", " b.ru ", "a.ru", "b.ru", "a.ru"},
		{"the installer's own", "A.RU:14765", "a.ru", "", ""},
		{"none", "", "a.ru", "", ""},
		{"no installer", "b.ru", "", "b.ru", ""},
	} {
		got := Personal{Login: "ivanov", Address: "old", AddressOver: "older"}.WithAddress(c.address, preset(c.preset, pinA))
		if want := (Personal{Login: "ivanov", Address: c.want, AddressOver: c.over}); got != want {
			t.Errorf("%s: %+v, want %+v", c.name, got, want)
		}
	}
}

func TestVouches(t *testing.T) {
	var none Setting
	for _, c := range []struct {
		name           string
		policy, preset Setting
		line           Setting
		want           bool
	}{
		{"nobody named one", none, none, line("a.ru", ""), false},
		{"the installer's", none, preset("a.ru", pinA), line("A.ru", pinA), true},
		{"the installer's, written at length", none, preset("a.ru", ""), line("a.ru:14765", ""), true},
		{"another port", none, preset("a.ru", ""), line("a.ru:443", ""), false},
		{"another pin", none, preset("a.ru", pinA), line("a.ru", pinB), false},
		{"a pin of one's own", none, preset("a.ru", ""), line("a.ru", pinB), false},
		{"policy's", policy("p.ru", ""), preset("a.ru", ""), line("p.ru", ""), true},
		{"the installer's under a policy", policy("p.ru", ""), preset("a.ru", ""), line("a.ru", ""), false},
		{"a broken policy", policy("a b", ""), preset("a.ru", ""), line("a.ru", ""), false},
	} {
		g, _, err := ChooseGateway(c.line)
		if err != nil {
			t.Fatal(err)
		}
		if got := (Registry{Policy: c.policy, Installer: c.preset}).Names(g); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
	if (Registry{}).Names(Gateway{}) {
		t.Error("nobody vouches for no gateway")
	}
}
