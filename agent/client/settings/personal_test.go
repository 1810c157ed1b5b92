package settings

import "testing"

// typedAddress is an address that was typed when the installer's was over.
func typedAddress(address, over string) Personal {
	return Personal{Address: address, AddressOver: over}
}

func TestChooseTypedGateway(t *testing.T) {
	var none Setting
	for _, c := range []struct {
		name         string
		policy, line Setting
		own          Personal
		preset       Setting
		want         string
	}{
		{"nothing typed", none, none, typedAddress("", ""), preset("a.ru", pinA), "a.ru A from_installer"},
		{"blank", none, none, typedAddress(" ", "a.ru"), preset("a.ru", pinA), "a.ru A from_installer"},
		{"typed where there was nothing", none, none, typedAddress("b.ru", ""), none, "b.ru - typed_in_window"},
		{"typed over the preset", none, none, typedAddress("b.ru:443", "a.ru"), preset("a.ru", pinA), "b.ru:443 - typed_in_window"},
		{"the preset is written otherwise", none, none, typedAddress("b.ru", "A.ru.:14765"), preset("a.ru", pinA), "b.ru - typed_in_window"},
		{"the preset has changed", none, none, typedAddress("b.ru", "a.ru"), preset("c.ru", pinA), "c.ru A from_installer"},
		{"a preset came", none, none, typedAddress("b.ru", ""), preset("c.ru", ""), "c.ru - from_installer"},
		{"the preset has gone", none, none, typedAddress("b.ru", "a.ru"), none, ""},
		{"the preset is invalid and unchanged", none, none, typedAddress("b.ru", "a b"), preset("a b", ""), "b.ru - typed_in_window"},
		{"the same gateway keeps the pin", none, none, typedAddress("a.ru:14765", "a.ru"), preset("a.ru", pinA), "a.ru A typed_in_window"},
		{"policy wins, without a warning", policy("p.ru", ""), none, typedAddress("b.ru", "a.ru"), preset("a.ru", ""), "p.ru - in_policy"},
		{"the command line wins", none, line("l.ru", ""), typedAddress("b.ru", "a.ru"), preset("a.ru", ""), "l.ru - on_command_line"},
		{"an invalid typed address", none, none, typedAddress("https://", ""), none, "error bad_server typed_in_window"},
	} {
		if got := describe(ChooseGateway(c.policy, c.line, c.own.Setting(c.preset), c.preset)); got != c.want {
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

func TestRegistryNames(t *testing.T) {
	var none Setting
	for _, c := range []struct {
		name           string
		policy, preset Setting
		line           Setting
		want           bool
	}{
		{"no setting", none, none, line("a.ru", ""), false},
		{"the installer's", none, preset("a.ru", pinA), line("A.ru", pinA), true},
		{"the installer's, with the port", none, preset("a.ru", ""), line("a.ru:14765", ""), true},
		{"another port", none, preset("a.ru", ""), line("a.ru:443", ""), false},
		{"another pin", none, preset("a.ru", pinA), line("a.ru", pinB), false},
		{"a pin, where the installer has none", none, preset("a.ru", ""), line("a.ru", pinB), false},
		{"policy's", policy("p.ru", ""), preset("a.ru", ""), line("p.ru", ""), true},
		{"the installer's under a policy", policy("p.ru", ""), preset("a.ru", ""), line("a.ru", ""), false},
		{"an invalid policy", policy("a b", ""), preset("a.ru", ""), line("a.ru", ""), false},
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
		t.Error("empty settings name no gateway")
	}
}
