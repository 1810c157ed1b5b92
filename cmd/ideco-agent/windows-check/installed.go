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
	{"removal of what was installed", []*need{needInstaller, needForce}, (*suite).removeInstalled},
	{"silent installation", []*need{needInstaller}, (*suite).install},
	{"list of programs", []*need{needInstalled}, func(s *suite) result { return judgeProducts(s.products()) }},
	{"program", []*need{needInstalled}, (*suite).programFiles},
	{"driver file", []*need{needInstalled}, (*suite).driverFile},
	{"driver signature", []*need{needInstalled, needShell}, func(s *suite) result {
		return s.signature("signature-wintun", s.directory()+`\wintun.dll`, false)
	}},
	{"gateway in the registry", []*need{needInstalled}, func(s *suite) result { return judgePreset(s.preset, s.lastLog.Properties) }},
	{"autostart", []*need{needInstalled}, (*suite).autostart},
	{"Start menu", []*need{needInstalled}, (*suite).startMenu},
}

// removeInstalled removes the products of earlier installations. Otherwise the installation would be a repair, which keeps
// their gateway.
func (s *suite) removeInstalled() result {
	list := s.products()
	if len(list) == 0 {
		return notTried("the list of programs does not have the product")
	}
	var seen []string
	for _, p := range list {
		r, _ := s.msiexec("remove-installed", "/x", p.code, "/qn")
		if r.Status != statusOK {
			return r
		}
		seen = append(seen, "version "+p.version+": "+r.Seen)
	}
	return ok("%s", strings.Join(seen, "; "))
}

// install installs silently, as an administrator does. Without --gateway the installer's gateway is used from here on.
func (s *suite) install() result {
	r, l := s.msiexec("install", "/i", s.msi, "/qn")
	s.lastLog = l
	_, err := os.Stat(s.program())
	s.installed = err == nil
	if r.Status == statusOK && !s.installed {
		return failed("install.log in the zip", "the installation succeeded, but %s does not exist", s.program())
	}
	if s.installed {
		s.usePreset(s.registry(keyGateway, true).key(keyGateway))
	}
	return r
}

func (s *suite) usePreset(k regKey) {
	s.preset = k
	if s.gateway == "" {
		s.gateway, s.gatewayPin = k.text("UtmAddress"), k.text("UtmPin")
	}
}

// product is an entry in the list of programs.
type product struct{ code, version string }

// products returns the agent's entries in the list of programs. The other entries are private and do not go into the zip.
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
	for name, k := range tree {
		if k.text("Publisher") == publisher && strings.Contains(k.text("DisplayName"), strings.TrimSuffix(linkName, ".lnk")) {
			code := strings.ToUpper(name[strings.LastIndexByte(name, '\\')+1:])
			list = append(list, product{code, k.text("DisplayVersion")})
		}
	}
	return list
}

func judgeProducts(list []product) result {
	if len(list) != 1 {
		return failed("Settings, Apps", "%d entries, want one", len(list))
	}
	if list[0].version == "" {
		return failed("Settings, Apps", "one entry without a version")
	}
	return ok("one entry, version %s", list[0].version)
}

// programFiles starts the program. It must be the build for this Windows and have the version in the list of programs.
func (s *suite) programFiles() result {
	out := s.runTool("version", s.program(), "version")
	if out.err != nil || out.code != 0 {
		return failed("the row restrictions; Event Viewer, Application", "IdecoAgent.exe version: exit code %d, %v", out.code, out.err)
	}
	return judgeProgram(out.text, s.version, isWindows10(s.values(keyWindows, "CurrentMajorVersionNumber")))
}

// isWindows10 reports whether this is Windows 10 or newer, by the value that the installer uses too. Older Windows does not
// have the value; Wine gives 6 there.
func isWindows10(k regKey) bool { return k.number("CurrentMajorVersionNumber") >= 10 }

var (
	goVersion      = regexp.MustCompile(`\bgo(1\.\d+)`)
	programVersion = regexp.MustCompile(`\b\d+\.\d+\.\d+\b`)
)

// judgeProgram reads the numbers in the output of IdecoAgent.exe version. The words in it are translated.
func judgeProgram(text, version string, windows10 bool) result {
	var wrong []string
	build := goVersion.FindStringSubmatch(text)
	switch {
	case build == nil:
		wrong = append(wrong, "the program does not name its Go version: "+firstLine(text))
	case windows10 == (build[1] == "1.20"):
		wrong = append(wrong, "the program is built with Go "+build[1]+", which is the build for another version of Windows")
	}
	if seen := programVersion.FindString(text); seen != version {
		wrong = append(wrong, fmt.Sprintf("the program has version %q, but the list of programs says %q", seen, version))
	}
	if len(wrong) > 0 {
		return failed("WINDOWS_MAJOR in install.log in the zip", "%s", strings.Join(wrong, "; "))
	}
	return ok("version %s, built with Go %s", version, build[1])
}

func (s *suite) driverFile() result {
	b, err := os.ReadFile(s.directory() + `\wintun.dll`)
	if os.IsNotExist(err) {
		return failed("the build of the installer: make says that it has no VPN driver", "there is no wintun.dll, so this installer has no VPN")
	}
	if err != nil {
		return failed(s.directory(), "%v", err)
	}
	sum := sha256.Sum256(b)
	if hex.EncodeToString(sum[:]) != wintunSHA256 {
		return failed(s.directory(), "wintun.dll has SHA-256 %s, want %s", hex.EncodeToString(sum[:]), wintunSHA256)
	}
	if _, err := os.Stat(s.directory() + `\wintun-LICENSE.txt`); err != nil {
		return failed(s.directory(), "its licence is missing: %v", err)
	}
	return ok("wintun.dll 0.14.1 as WireGuard signed it, and its licence")
}

// judgePreset compares the registry with the installer's properties, in which "?" means no address and "=" no pin.
func judgePreset(k regKey, properties map[string]string) result {
	if k == nil {
		return failed(keyGateway, "the key does not exist")
	}
	address, pin := k.text("UtmAddress"), k.text("UtmPin")
	for _, v := range []struct{ what, has, property, none string }{
		{"address", address, "PresetAddress", "?"},
		{"pin", pin, "PresetPin", "="},
	} {
		preset, found := properties[v.property]
		if preset == v.none {
			preset = ""
		}
		if found && v.has != preset {
			return failed(keyGateway, "the registry has the %s %q, the installer %q", v.what, v.has, preset)
		}
	}
	switch {
	case address == "":
		return ok("none: this installer names no gateway")
	case pin == "":
		return ok("%s, without a pin", address)
	}
	return ok("%s, pin %s", address, pin)
}

func (s *suite) autostart() result {
	have, want := s.registry(keyRun, false).key(keyRun).text("IdecoAgent"), `"`+s.program()+`" --hidden`
	if !strings.EqualFold(have, want) {
		return failed(keyRun, "the value IdecoAgent is %q, want %q", have, want)
	}
	return ok("%s", have)
}

// startMenuLink returns the path of the shortcut, in the Start menu of all users. Wine makes it in that of the current user.
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
		return failed("the Start menu", "%v", err)
	}
	if !pointsTo(b, "IdecoAgent.exe") {
		return failed("the Start menu", "%s does not point to the program", linkName)
	}
	return ok("%s", linkName)
}

// pointsTo reports whether a shortcut contains the name of a file, in ASCII or UTF-16.
func pointsTo(link []byte, name string) bool {
	var wide []byte
	for i := 0; i < len(name); i++ {
		wide = append(wide, name[i], 0)
	}
	return bytes.Contains(link, []byte(name)) || bytes.Contains(link, wide)
}
