package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"regexp"
	"strings"
)

const (
	linkName     = "Айдеко Агент.lnk"
	publisher    = "Ideco"
	wintunSHA256 = "e5da8447dc2c320edc0fc52fa01885c103de8c118481f683643cacc3220dafce" // WireGuard's wintun.dll 0.14.1 for x64
)

var installChecks = []check{
	{"silent installation", []need{needInstaller}, (*suite).install},
	{"list of programs", []need{needInstalled}, func(s *suite) result { return judgeProducts(s.products()) }},
	{"program", []need{needInstalled}, (*suite).programFiles},
	{"driver file", []need{needInstalled}, (*suite).driverFile},
	{"driver signature", []need{needInstalled, needShell}, func(s *suite) result {
		return s.signature("signature-wintun", s.directory()+`\wintun.dll`, false)
	}},
	{"gateway in the registry", []need{needInstalled}, (*suite).gatewayInRegistry},
	{"autostart", []need{needInstalled}, (*suite).autostart},
	{"Start menu", []need{needInstalled}, (*suite).startMenu},
}

// install is what an administrator does. Where nobody has named a gateway, the installer's own is used from here on.
func (s *suite) install() result {
	r, l := s.msiexec("install", "/i", s.msi, "/qn")
	s.lastLog = l
	_, err := os.Stat(s.program())
	s.installed = err == nil
	if r.Status == ok && !s.installed {
		return bad(r.Seen, "the installation succeeded, and %s is not there", s.program())
	}
	if s.installed {
		s.preset = s.registry(keyGateway, true).key(keyGateway)
		if s.gateway == "" && s.login != "" {
			s.gateway, s.gatewayPin = s.preset.text("UtmAddress"), s.preset.text("UtmPin")
		}
	}
	return r
}

// product is an entry in the list of programs.
type product struct{ version string }

// products are ours in the list of programs. Other entries are nobody's business and do not go into the zip.
func (s *suite) products() []product {
	var list []product
	for _, key := range []string{keyPrograms, keyPrograms32} {
		list = append(list, ourProducts(s.registry(key, false))...)
	}
	if len(list) > 0 {
		s.version = list[0].version
	}
	return list
}

func ourProducts(tree regTree) []product {
	var list []product
	for _, k := range tree {
		if k.text("Publisher") == publisher && strings.Contains(k.text("DisplayName"), strings.TrimSuffix(linkName, ".lnk")) {
			list = append(list, product{k.text("DisplayVersion")})
		}
	}
	return list
}

func judgeProducts(list []product) result {
	if len(list) != 1 {
		return bad("Settings, Apps", "%d entries, want one", len(list))
	}
	if list[0].version == "" {
		return bad("Settings, Apps", "one entry without a version")
	}
	return good("one entry, version %s", list[0].version)
}

// programFiles starts the program: it must be the build for this Windows, and of the version in the list of programs.
func (s *suite) programFiles() result {
	out := s.ask("version", s.program(), "version")
	if out.err != nil || out.code != 0 {
		return bad("restrictions above; Event Viewer, Application", "IdecoAgent.exe version: exit code %d, %v", out.code, out.err)
	}
	return judgeProgram(out.text, s.version, isWindows10(s.values(keyWindows, "CurrentMajorVersionNumber")))
}

// isWindows10 tells what the installer looks at too: there is no such value before Windows 10 (or 6, in Wine).
func isWindows10(k regKey) bool { return k.number("CurrentMajorVersionNumber") >= 10 }

var (
	goVersion      = regexp.MustCompile(`\bgo(1\.\d+)`)
	programVersion = regexp.MustCompile(`\b\d+\.\d+\.\d+\b`)
)

// judgeProgram reads the numbers in what the program says of itself, whose words are translated.
func judgeProgram(said, version string, windows10 bool) result {
	var wrong []string
	build := goVersion.FindStringSubmatch(said)
	switch {
	case build == nil:
		wrong = append(wrong, "the program does not say how it was built: "+firstLine(said))
	case windows10 == (build[1] == "1.20"):
		wrong = append(wrong, "the program is built with Go "+build[1]+", which is the build for another Windows")
	}
	if is := programVersion.FindString(said); is != version {
		wrong = append(wrong, fmt.Sprintf("the program is version %q, and the list of programs says %q", is, version))
	}
	if len(wrong) > 0 {
		return verdict(wrong, "the log of the installation: WINDOWS_MAJOR", "")
	}
	return good("version %s, built with Go %s", version, build[1])
}

func (s *suite) driverFile() result {
	b, err := os.ReadFile(s.directory() + `\wintun.dll`)
	if os.IsNotExist(err) {
		return bad("how the installer was built (make says \"No VPN driver\")", "there is no wintun.dll: no VPN with this installer")
	}
	if err != nil {
		return bad(s.directory(), "%v", err)
	}
	sum := sha256.Sum256(b)
	if hex.EncodeToString(sum[:]) != wintunSHA256 {
		return bad(s.directory(), "wintun.dll has SHA-256 %s, want %s", hex.EncodeToString(sum[:]), wintunSHA256)
	}
	if _, err := os.Stat(s.directory() + `\wintun-LICENSE.txt`); err != nil {
		return bad(s.directory(), "its licence is missing: %v", err)
	}
	return good("wintun.dll 0.14.1 as WireGuard signed it, and its licence")
}

func (s *suite) gatewayInRegistry() result {
	return judgePreset(s.preset, s.lastLog.Properties)
}

// judgePreset compares the registry with what the installer knows: "-" and "=" stand for no address and no pin.
func judgePreset(k regKey, properties map[string]string) result {
	if k == nil {
		return bad(keyGateway, "the key is missing")
	}
	address, pin := k.text("UtmAddress"), k.text("UtmPin")
	if preset, is := properties["PresetAddress"]; is {
		if preset == "-" {
			preset = ""
		}
		if address != preset {
			return bad(keyGateway, "the registry has %q and the installer %q", address, preset)
		}
	}
	if preset, is := properties["PresetPin"]; is {
		if preset == "=" {
			preset = ""
		}
		if pin != preset {
			return bad(keyGateway, "the registry has the pin %q and the installer %q", pin, preset)
		}
	}
	switch {
	case address == "":
		return good("none: this installer names no gateway")
	case pin == "":
		return good("%s, without a pin", address)
	}
	return good("%s, pin %s", address, pin)
}

func (s *suite) autostart() result {
	have, want := s.registry(keyRun, false).key(keyRun).text("IdecoAgent"), `"`+s.program()+`" --hidden`
	if !strings.EqualFold(have, want) {
		return bad(keyRun, "the value IdecoAgent is %q, want %q", have, want)
	}
	return good("%s", have)
}

// startMenuLink is for everybody at this computer. Wine makes the person's own instead.
func (s *suite) startMenuLink() string {
	of := "ProgramData"
	if s.wine {
		of = "APPDATA"
	}
	return folder(of) + `\Microsoft\Windows\Start Menu\Programs\` + linkName
}

func (s *suite) startMenu() result {
	b, err := os.ReadFile(s.startMenuLink())
	if err != nil {
		return bad("the Start menu", "%v", err)
	}
	if !leadsTo(b, "IdecoAgent.exe") {
		return bad("the Start menu", "%s does not lead to the program", linkName)
	}
	return good("%s", linkName)
}

// leadsTo tells whether a shortcut names a file, which it does in one byte a character or in two.
func leadsTo(link []byte, name string) bool {
	var wide []byte
	for i := 0; i < len(name); i++ {
		wide = append(wide, name[i], 0)
	}
	return bytes.Contains(link, []byte(name)) || bytes.Contains(link, wide)
}
