//go:build wine

package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/installer"
	"ideco-agent/agent/needs"
)

const (
	olderVersion = "0.9.7" // of the program that is upgraded

	policyKey     = `HKEY_LOCAL_MACHINE\Software\Policies\Ideco\Agent`
	serviceLog    = `C:\Program Files\Ideco\Agent\service\service.log`
	startMenuName = windowTitle + ".lnk"
	textWaiting   = "Служба «Айдеко Агент» не отвечает. Ждём её"
	textNewer     = "Вышла новая версия Ideco агента: " + agent.Version
	textOlder     = "На этом компьютере уже есть более новая версия программы «Айдеко Агент»."
	checkSave     = "Сохранить пароль\u00a0"
	checkAuto     = "Автоматически подключаться при запуске приложения\u00a0"
)

// upgrades installs the current version over an older one whose window is open and has access. Then it tries to install the
// older one again, stops the service, and ends access from a command line.
func (p *winePrefix) upgrades(t *testing.T) {
	g := startInstallerGateway(t)
	older := olderInstaller(t, presetAddress, g.pin())
	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithAgent}}, nil)
	g.admin.user(map[string]any{"login": "ivanov", "name": "Иван Иванов", "psw": typedPassword})
	// An installer's address has no port. So the test names its gateway by policy, which an upgrade does not touch.
	p.must("reg", "add", policyKey, "/v", "UtmAddress", "/d", g.where.Agents[0], "/f")
	p.must("reg", "add", policyKey, "/v", "UtmPin", "/d", g.pin(), "/f")
	d := p.desktop()
	p.msiexec("/i", older)
	d.isInstalled(olderVersion, g.pin())
	d.starts("the window", anyWindow, installedProgram, "--lang", "ru")
	d.savesPassword(g)
	d.closesAsInstaller(windowTitle)
	g.admin.waitSessions("no access during the upgrade", nobody)
	p.msiexec("/i", g.presetMSI)
	d.isInstalled(agent.Version, g.pin())
	d.open(installedProgram, "--hidden", "--lang", "ru") // as Windows starts it again
	d.hasAccessAgain(g)
	d.refuses(older)
	d.isInstalled(agent.Version, g.pin())
	d.serviceStops(g)
	d.endsByCommand(g)
}

func nobody(s []session) bool { return len(s) == 0 }

// olderInstaller builds the installer of an older version, with a program of that version.
func olderInstaller(t *testing.T, address, pin string) string {
	t.Helper()
	needs.Program(t, "wixl", "wixl")
	needs.Program(t, "msibuild", "msitools")
	dir, root := t.TempDir(), filepath.Join("..", "..")
	overlay, program, template := filepath.Join(dir, "overlay.json"), filepath.Join(dir, "older.exe"), filepath.Join(dir, "template.msi")
	writeOverlay(t, overlay)
	build := exec.Command("go", "build", "-overlay", overlay, "-modfile=cmd/ideco-agent/win8.mod", "-trimpath",
		"-ldflags", "-s -w -H windowsgui", "-o", program, "./cmd/ideco-agent")
	build.Env = append(os.Environ(), "GOTOOLCHAIN=go1.20.14", "GOFLAGS=-mod=readonly", "CGO_ENABLED=0", "GOOS=windows", "GOARCH=amd64")
	pack := exec.Command("cmd/ideco-agent/installer.sh", program, program, template, olderVersion)
	if _, err := os.Stat(filepath.Join(root, "build", "wintun.dll")); err == nil {
		pack.Args = append(pack.Args, "build/wintun.dll")
	}
	for _, cmd := range []*exec.Cmd{build, pack} {
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", cmd.Args, err, out)
		}
	}
	b, err := os.ReadFile(template)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := installer.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	image, err := opened.Preset(address, pin)
	if err != nil {
		t.Fatal(err)
	}
	preset := make([]byte, image.Size())
	if _, err := image.ReadAt(preset, 0); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "IdecoAgent.msi")
	if err := os.WriteFile(file, preset, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// writeOverlay makes a build use another version number, which only agent.go has.
func writeOverlay(t *testing.T, overlay string) {
	t.Helper()
	source, err := filepath.Abs(filepath.FromSlash("../../agent/agent.go"))
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	text := string(b)
	numbers := strings.Split(olderVersion, ".")
	for name, value := range map[string]string{"VersionMajor": numbers[0], "VersionMinor": numbers[1], "VersionBuild": numbers[2],
		"Version": fmt.Sprintf("%q", olderVersion)} {
		assignment := regexp.MustCompile(`(?m)^(\t` + name + ` +=).*$`)
		if !assignment.MatchString(text) {
			t.Fatalf("agent.go says nothing of %s", name)
		}
		text = assignment.ReplaceAllString(text, "$1 "+value)
	}
	older := overlay + ".go"
	list, err := json.Marshal(map[string]map[string]string{"Replace": {source: older}})
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string][]byte{older: []byte(text), overlay: list} {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// isInstalled: exactly one version is installed, complete, with its installer's gateway, and its service runs. That an upgrade
// keeps the service's files cannot be tested: Wine treats it like a removal.
func (d *desktop) isInstalled(version, pin string) {
	d.t.Helper()
	d.checkGateway("version "+version, presetAddress, pin)
	if list, want := d.products(), []string{windowTitle + " " + version}; !slices.Equal(list, want) {
		d.t.Errorf("list of programs: %q, want %q", list, want)
	}
	if said := d.must(installedProgram, "version"); !strings.Contains(said, version) {
		d.t.Errorf("installed is %s, want %s", said, version)
	}
	d.serviceRuns()
	d.until("the service is version "+version, func() bool {
		b, err := os.ReadFile(d.path(serviceLog))
		starts := serviceStart.FindAllSubmatch(b, -1)
		return err == nil && len(starts) > 0 && string(starts[len(starts)-1][1]) == version
	})
	shortcuts := slices.DeleteFunc(d.files(`C:\`), func(file string) bool { return filepath.Ext(file) != ".lnk" })
	if len(shortcuts) != 1 || filepath.Base(shortcuts[0]) != startMenuName {
		d.t.Errorf("Start menu: %q", shortcuts)
	}
}

var serviceStart = regexp.MustCompile(`Ideco agent (\S+) starts as a service`)

// savesPassword logs in with both checkboxes ticked, and sees the notice about the newer version.
func (d *desktop) savesPassword(g *installerGateway) {
	d.t.Helper()
	d.says(textReady, buttonIn)
	d.types("ivanov")
	for _, box := range []string{checkSave, checkAuto} {
		d.presses(box)
	}
	d.logsInAgain(g)
	d.sees(windowTitle, "the news of a newer version", func(w control) bool { return w.says(textNewer) })
}

// hasAccessAgain: the new window, which is hidden, has logged in with the saved password, and appears on a second start.
func (d *desktop) hasAccessAgain(g *installerGateway) {
	d.t.Helper()
	g.admin.waitSessions("the session of the new service", oneOf("ivanov"))
	if n := d.shown(); n != 0 {
		d.t.Errorf("%d windows are on show", n)
	}
	d.starts("access again", func(w control) bool { return w.says(textAccess) && !w.says(textNewer) }, installedProgram)
}

func oneOf(login string) func([]session) bool {
	return func(s []session) bool { return len(s) == 1 && s[0].Login == login && s[0].State == "connected" }
}

// refuses: an older installer shows why it does not install, and access continues.
func (d *desktop) refuses(older string) {
	d.t.Helper()
	if code, said := d.run("msiexec", "/i", windowsPath(older), "/qn"); code != fatalInstallError {
		d.t.Errorf("the older one over the newer: exit code %d, want %d\n%s", code, fatalInstallError, said)
	}
	over := filepath.Join(filepath.Dir(d.dir), "over")
	d.open("cmd", "/c", "msiexec /i "+windowsPath(older)+" & echo over > "+windowsPath(over))
	d.sees("Install Failed", "the refusal", func(w control) bool { return w.says(textOlder) }) // Wine's own title
	d.press("Return")
	d.until("the refusal is all", func() bool {
		_, err := os.Stat(over)
		return err == nil
	})
	d.says(textAccess, buttonOut)
}

// serviceStops: access ends with the service, and the window logs in again when the service is back.
func (d *desktop) serviceStops(g *installerGateway) {
	d.t.Helper()
	d.must("sc", "stop", "IdecoAgent")
	d.says(textWaiting, buttonIn)
	g.admin.waitSessions("no access without the service", nobody)
	d.must("sc", "start", "IdecoAgent")
	g.admin.waitSessions("logged in by the window", oneOf("ivanov"))
	d.says(textAccess, buttonOut)
}

// endsByCommand: an administrator ends access from a command line, and the window does not log in again. Wine has one user, so
// the access is that user's own.
func (d *desktop) endsByCommand(g *installerGateway) {
	d.t.Helper()
	ends := func(want int, says string) {
		d.t.Helper()
		if code, said := d.run(installedProgram, "end", "--lang", "ru"); code != want || !strings.Contains(said, says) {
			d.t.Errorf("IdecoAgent.exe end: exit code %d, want %d and %q\n%s", code, want, says, said)
		}
	}
	ends(0, "Доступ завершён.")
	g.admin.waitSessions("access has been ended", nobody)
	d.says(textOut, buttonIn)
	ends(0, "ни у кого не открыт")
	d.must("sc", "stop", "IdecoAgent")
	ends(1, "служба «Айдеко Агент» не ответила")
	g.admin.waitSessions("nobody logs in again", nobody)
}
