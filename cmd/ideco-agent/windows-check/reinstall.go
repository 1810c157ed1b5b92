package main

import "fmt"

// Names of gateways that do not exist: .invalid is reserved (RFC 2606).
const (
	addressOfRepair = "repair.windows-check.invalid"
	addressTyped    = "typed.windows-check.invalid"
)

var reinstallChecks = []check{
	{"repair (/fa) keeps the gateway", []*need{needInstalled, needWindows},
		keepsGateway("repair", "/fa", "/qn", "utm_address="+addressOfRepair)},
	{"repair (REINSTALL=ALL) keeps the gateway", []*need{needInstalled},
		keepsGateway("reinstall", "/i", "/qn", "REINSTALL=ALL", "utm_address="+addressOfRepair)},
	{"the same installer again keeps the gateway", []*need{needInstalled},
		keepsGateway("again", "/i", "/qn", "utm_address="+addressOfRepair)},
	{"installation with a progress window (/qb)", []*need{needInstalled, needWindows, needDesktop},
		keepsGateway("basic-window", "/i", "/qb")},
	{"another gateway's installer replaces it", []*need{needInstalled, needOtherInstaller}, (*suite).otherInstaller},
	{"address on the command line", []*need{needInstalled}, (*suite).typedAddress},
	{"service runs after the reinstallations", []*need{needInstalled}, (*suite).serviceRuns},
}

// keepsGateway runs msiexec on the installed product, whose gateway must stay.
func keepsGateway(name, action string, more ...string) func(*suite) result {
	return func(s *suite) result {
		r, _ := s.msiexec(name, action, s.msi, more...)
		return s.expectPreset(r, "the same as before")
	}
}

// expectGateway judges a run of msiexec and the gateway in the registry after it. description is that of the gateway.
func (s *suite) expectGateway(r result, description, address, pin string) result {
	if r.Status != statusOK {
		return r
	}
	k := s.registry(keyGateway, true).key(keyGateway)
	if a, p := k.text("UtmAddress"), k.text("UtmPin"); a != address || p != pin {
		return failed(keyGateway, "the gateway is %q with the pin %q, want %q with %q", a, p, address, pin)
	}
	if address == "" {
		address = "none"
	}
	return ok("%s; the gateway is %s: %s", r.Seen, description, address)
}

// expectPreset is expectGateway with the gateway that the installer names.
func (s *suite) expectPreset(r result, description string) result {
	return s.expectGateway(r, description, s.preset.text("UtmAddress"), s.preset.text("UtmPin"))
}

// otherInstaller installs the other gateway's installer over this one, and then this one over the other.
func (s *suite) otherInstaller() result {
	r, l := s.msiexec("other", "/i", s.other, "/qn")
	if r.Status != statusOK {
		return r
	}
	k := s.registry(keyGateway, true).key(keyGateway)
	address := k.text("UtmAddress")
	if preset, found := l.Properties["PresetAddress"]; found && preset != address {
		return failed(keyGateway, "the registry has the address %q, the other installer %q", address, preset)
	}
	if address == s.preset.text("UtmAddress") {
		return failed(keyGateway, "the gateway is still %q", address)
	}
	if n := len(s.products()); n != 1 {
		return failed("Settings, Apps", "%d entries in the list of programs, want one", n)
	}
	r, _ = s.msiexec("back", "/i", s.msi, "/qn")
	return s.expectPreset(r, fmt.Sprintf("%s after the other installer, and now the first one again", address))
}

// typedAddress removes the product and installs it with an address on the command line. That address replaces the
// installer's and drops its pin. With --keep the product is then installed again, with the installer's gateway.
func (s *suite) typedAddress() result {
	r := s.reinstall("typed", "utm_address="+addressTyped)
	r = s.expectGateway(r, "the one on the command line, without a pin", addressTyped, "")
	if r.Status == statusOK && s.keep {
		if back := s.reinstall("untyped"); back.Status != statusOK {
			return back
		}
	}
	return r
}

// reinstall removes the product and installs it again.
func (s *suite) reinstall(name string, properties ...string) result {
	if r, _ := s.msiexec(name+"-remove", "/x", s.msi, "/qn"); r.Status != statusOK {
		return r
	}
	r, _ := s.msiexec(name, "/i", s.msi, append([]string{"/qn"}, properties...)...)
	return r
}
