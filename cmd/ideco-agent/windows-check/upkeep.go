package main

import "fmt"

// Gateways that nobody has: names under .invalid (RFC 2606) lead nowhere.
const (
	addressOfRepair = "repair.windows-check.invalid"
	addressTyped    = "typed.windows-check.invalid"
)

var upkeepChecks = []check{
	{"repair (/fa) keeps the gateway", []need{needInstalled, needWindows}, func(s *suite) result {
		r, _ := s.msiexec("repair", "/fa", s.msi, "/qn", "utm_address="+addressOfRepair)
		return s.gatewayIs(r, "the one of before", s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
	}},
	{"repair (REINSTALL=ALL) keeps the gateway", []need{needInstalled}, func(s *suite) result {
		r, _ := s.msiexec("reinstall", "/i", s.msi, "/qn", "REINSTALL=ALL", "utm_address="+addressOfRepair)
		return s.gatewayIs(r, "the one of before", s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
	}},
	{"the same installer again keeps the gateway", []need{needInstalled}, func(s *suite) result {
		r, _ := s.msiexec("again", "/i", s.msi, "/qn", "utm_address="+addressOfRepair)
		return s.gatewayIs(r, "the one of before", s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
	}},
	{"installation with a progress window (/qb)", []need{needInstalled, needDesktop}, func(s *suite) result {
		r, _ := s.msiexec("basic-window", "/i", s.msi, "/qb")
		return s.gatewayIs(r, "the one of before", s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
	}},
	{"another gateway's installer replaces it", []need{needInstalled, needOther}, (*suite).anotherInstaller},
	{"address on the command line", []need{needInstalled}, (*suite).typedAddress},
	{"service runs after all that", []need{needInstalled}, (*suite).serviceRuns},
}

// gatewayIs judges a run of msiexec by what the registry then says.
func (s *suite) gatewayIs(r result, what, address, pin string) result {
	if r.Status != ok {
		return r
	}
	k := s.registry(keyGateway, true).key(keyGateway)
	if a, p := k.text("UtmAddress"), k.text("UtmPin"); a != address || p != pin {
		return bad(keyGateway, "the gateway is %q with the pin %q, want %q with %q", a, p, address, pin)
	}
	if address == "" {
		address = "none"
	}
	return good("%s; the gateway is %s: %s", r.Seen, what, address)
}

// anotherInstaller installs the other gateway's installer over this one, and this one over it.
func (s *suite) anotherInstaller() result {
	r, l := s.msiexec("other", "/i", s.other, "/qn")
	if r.Status != ok {
		return r
	}
	k := s.registry(keyGateway, true).key(keyGateway)
	address := k.text("UtmAddress")
	if preset, is := l.Properties["PresetAddress"]; is && preset != address {
		return bad(keyGateway, "the registry has %q and the other installer %q", address, preset)
	}
	if address == s.preset.text("UtmAddress") {
		return bad(keyGateway, "the gateway is still %q", address)
	}
	if n := len(s.products()); n != 1 {
		return bad("Settings, Apps", "%d entries in the list of programs, want one", n)
	}
	r, _ = s.msiexec("back", "/i", s.msi, "/qn")
	return s.gatewayIs(r, fmt.Sprintf("%s after the other installer, and now again the one of before", address),
		s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
}

// typedAddress removes the product and installs it with an address, which wins over the installer's and drops its pin.
// What is to be kept then gets its own gateway back.
func (s *suite) typedAddress() result {
	r := s.anew("typed", "utm_address="+addressTyped)
	r = s.gatewayIs(r, "the typed one, without a pin", addressTyped, "")
	if r.Status == ok && s.keep {
		if back := s.anew("untyped"); back.Status != ok {
			return back
		}
	}
	return r
}

// anew removes the product and installs it.
func (s *suite) anew(name string, properties ...string) result {
	if r, _ := s.msiexec(name+"-remove", "/x", s.msi, "/qn"); r.Status != ok {
		return r
	}
	r, _ := s.msiexec(name, "/i", s.msi, append([]string{"/qn"}, properties...)...)
	return r
}
