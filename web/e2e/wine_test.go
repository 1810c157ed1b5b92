//go:build wine

package e2e

import (
	"context"
	"debug/buildinfo"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
)

const (
	installedProgram = `C:\Program Files\Ideco\Agent\IdecoAgent.exe`
	gatewayKey       = `HKEY_LOCAL_MACHINE\Software\Ideco\Agent`
	uninstallKey     = `HKLM\Software\Microsoft\Windows\CurrentVersion\Uninstall`

	dnsRule = `HKLM\SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`

	fatalInstallError = 1603 & 0xff // ERROR_INSTALL_FAILURE, of which Wine keeps 8 bits
)

// windowsGateway is a gateway with its installers on disk, for its own address and for another one.
type windowsGateway struct {
	*gateway
	boss       rest
	msi, other string
}

const (
	presetAddress  = "gw.example.test"
	otherAddress   = "10.20.30.40"
	typedAddress   = "gw.office.test"
	typedPin       = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
	officeNetworks = "127.0.0.0/8"
	elsewhere      = "127.0.0.200/32"
)

func startWindowsGateway(t *testing.T) *windowsGateway {
	t.Helper()
	g := &windowsGateway{gateway: startGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")}
	g.boss = g.administrator()
	g.boss.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	g.boss.user(map[string]any{"login": "remote", "name": "Удалённый Пётр", "remote_access": true})
	g.other, g.msi = g.save(t, otherAddress), g.save(t, presetAddress)
	g.boss = g.rest("boss", bossPassword) // with the re-issued root
	return g
}

func (g *windowsGateway) save(t *testing.T, address string) string {
	t.Helper()
	g.boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": address}, nil)
	response, err := g.boss.Get("https://" + g.where.Portal[0] + "/download/IdecoAgent.msi")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		needs.Skip(t, "this build has no installer (make build, with wixl and msitools installed)")
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "IdecoAgent.msi"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := io.Copy(file, response.Body); err != nil {
		t.Fatal(err)
	}
	return file.Name()
}

// TestWine installs and uses the agent program on Windows 8, 8.1 and 10 in Wine. On Windows 7 the installer refuses.
func TestWine(t *testing.T) {
	base := newPrefix(t)
	for _, c := range []struct{ windows, toolchain string }{
		{"win8", "go1.20.14"}, {"win81", "go1.20.14"}, {"win10", runtime.Version()},
	} {
		t.Run(c.windows, func(t *testing.T) {
			g, p := startWindowsGateway(t), base.as(t, c.windows)
			if c.windows == "win10" {
				p.addProcessPrng()
			}
			p.installs(g, c.toolchain)
			p.msiexec("/i", g.msi)
			p.logsIn(g)
			if c.windows == "win8" { // newer Go versions need a UDP feature that Wine 8 lacks
				p.tunnels(g)
			}
		})
	}
	t.Run("win7", func(t *testing.T) {
		g, p := startWindowsGateway(t), base.as(t, "win7")
		journal := filepath.Join(t.TempDir(), "journal")
		if code, said := p.run("msiexec", "/i", windowsPath(g.msi), "/qn", "/l*v", windowsPath(journal)); code != fatalInstallError {
			t.Errorf("exit code %d, want %d\n%s", code, fatalInstallError, said)
		}
		p.isClean()
		b, err := os.ReadFile(journal)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "LaunchConditions. Return value 0") {
			t.Errorf("the refusal is not the installer's own:\n%s", b)
		}
	})
}

func (p *prefix) msiexec(what, msi string, properties ...string) {
	p.t.Helper()
	p.must("msiexec", append([]string{what, windowsPath(msi), "/qn"}, properties...)...)
}

func (p *prefix) installs(g *windowsGateway, toolchain string) {
	p.t.Helper()
	before := p.files(`C:\`)
	p.msiexec("/i", g.msi)
	p.hasGateway("the preset alone", presetAddress, g.pin())
	p.hasProgram(toolchain)
	p.msiexec("/x", g.msi)
	p.isClean()
	left := slices.DeleteFunc(p.files(`C:\`), func(file string) bool { return slices.Contains(before, file) })
	if len(left) > 1 || len(left) == 1 && left[0] != p.path(`C:\windows\Installer`) { // where Windows keeps installers
		p.t.Errorf("left behind: %q", left)
	}

	p.msiexec("/i", g.msi, "utm_address="+typedAddress)
	p.hasGateway("an address alone", typedAddress, "")
	p.msiexec("/i", g.msi, "REINSTALL=ALL")
	p.hasGateway("a repair", typedAddress, "")

	p.msiexec("/i", g.other)
	p.hasGateway("another gateway's installer over it", otherAddress, g.pin())
	if list, want := p.products(), []string{"Айдеко Агент " + agent.Version}; !slices.Equal(list, want) {
		p.t.Errorf("list of programs: %q, want %q", list, want)
	}
	p.msiexec("/x", g.other)
	p.isClean()

	p.msiexec("/i", g.msi, "utm_address="+typedAddress, "utm_pin="+typedPin)
	p.hasGateway("an address and a pin", typedAddress, typedPin)
	p.hasProgram(toolchain)
	p.must("reg", "add", dnsRule, "/v", "Version", "/t", "REG_DWORD", "/d", "1") // which a killed program leaves
	p.msiexec("/x", g.msi)
	p.isClean()
	if p.registry(dnsRule) != nil {
		p.t.Error("left behind: the VPN's DNS rule")
	}
}

func (p *prefix) hasGateway(what, address, pin string) {
	p.t.Helper()
	got := p.registry(gatewayKey)[gatewayKey]
	if got["UtmAddress"] != address || got["UtmPin"] != pin {
		p.t.Errorf("%s: the registry has %q, want %q with the pin %q", what, got, address, pin)
	}
}

// hasProgram: the program is installed and runs, in the build of a version of Go.
func (p *prefix) hasProgram(toolchain string) {
	p.t.Helper()
	programs := slices.DeleteFunc(p.files(`C:\Program Files\Ideco`), func(file string) bool { return filepath.Ext(file) != ".exe" })
	if !slices.Equal(programs, []string{p.path(installedProgram)}) {
		p.t.Errorf("installed are %q", programs)
	}
	info, err := buildinfo.ReadFile(p.path(installedProgram))
	if err != nil {
		p.t.Fatal(err)
	}
	if info.GoVersion != toolchain {
		p.t.Errorf("the program is built with %s, want %s", info.GoVersion, toolchain)
	}
	if said := p.must(installedProgram, "version"); !strings.Contains(said, agent.Version) || !strings.Contains(said, toolchain) {
		p.t.Errorf("IdecoAgent.exe version: %s", said)
	}
}

// isClean fails the test if a file, registry key or service of ours is left.
func (p *prefix) isClean() {
	p.t.Helper()
	if list := p.files(`C:\Program Files\Ideco`); len(list) != 0 {
		p.t.Errorf("left behind: %q", list)
	}
	if list := p.mentions("Ideco", "Айдеко", presetAddress, otherAddress, typedAddress); len(list) != 0 {
		p.t.Errorf("left behind in the registry: %q", list)
	}
}

// products returns our programs in the list of installed programs, with their versions.
func (p *prefix) products() []string {
	p.t.Helper()
	var list []string
	for _, values := range p.registry(uninstallKey) {
		if values["Publisher"] == "Ideco" {
			list = append(list, values["DisplayName"]+" "+values["DisplayVersion"])
		}
	}
	return list
}

// agent starts the installed program, which trusts the gateway by the installed pin.
func (p *prefix) agent(g *windowsGateway, password string, flags ...string) *agentProcess {
	p.t.Helper()
	pin := p.registry(gatewayKey)[gatewayKey]["UtmPin"]
	args := append([]string{"connect", "--server", g.where.Agents[0], "--login", "remote", "--password-stdin", "--pin", pin, "--lang", "ru", "--json"}, flags...)
	return watch(p.t, p.command(context.Background(), installedProgram, args...), password)
}

func (p *prefix) logsIn(g *windowsGateway) {
	p.t.Helper()
	g.boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{officeNetworks}}, nil)

	wrong := p.agent(g, "не тот пароль")
	if e := wrong.waits("error"); e.Code != "bad_credentials" || !strings.Contains(e.Message, "Неверный логин или пароль") {
		p.t.Errorf("wrong password: %+v", e)
	}
	wrong.exits(3)

	stranger := p.agent(g, userPassword, "--pin", typedPin)
	if e := stranger.waits("error"); e.Code != "not_trusted" || e.Message == "" {
		p.t.Errorf("another pin: %+v", e)
	}
	stranger.exits(4)

	nobody := p.agent(g, userPassword, "--server", freeSOCKS(p.t))
	if e := nobody.waits("error"); e.Code != "unreachable" || e.Message == "" {
		p.t.Errorf("nobody listens: %+v", e)
	}
	nobody.exits(4)

	a := p.agent(g, userPassword)
	if e := a.waits("authorized"); e.Mode != "lan" || e.Address != "127.0.0.1" {
		p.t.Errorf("authorized: %+v", e)
	}
	g.kill(syscall.SIGKILL)
	a.waits("reconnecting")
	g.start(g.where.Portal[0], g.where.Agents[0], g.where.HTTP[0])
	a.waits("authorized")
	g.endedByAdministrator(a, "lan")
}

func (p *prefix) tunnels(g *windowsGateway) {
	p.t.Helper()
	g.boss.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{elsewhere}}, nil)
	socks := freeSOCKS(p.t)
	a := p.agent(g, userPassword, "--tunnel", "netstack", "--socks", socks)
	if e := a.waits("tunnel"); e.Mode != "vpn" || !strings.HasPrefix(e.Address, "10.128.") {
		p.t.Errorf("tunnel: %+v", e)
	}
	seesInside(p.t, socks)
	g.endedByAdministrator(a, "vpn")
	if page, err := through(socks, insidePage); err == nil {
		p.t.Errorf("after the end the page is still reached: %s", page)
	}
}

// endedByAdministrator: the monitor lists the agent's session and ends it.
func (g *windowsGateway) endedByAdministrator(a *agentProcess, kind string) {
	a.t.Helper()
	list := g.boss.waitSessions("the agent's session", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })
	if list[0].Login != "remote" || list[0].Kind != kind {
		a.t.Errorf("monitor: %+v", list)
	}
	g.boss.must("DELETE", "/monitor_backend/auth_sessions/"+list[0].ID, nil, nil)
	if e := a.waits("ended"); e.Code != "admin" || e.Message != "Администратор завершил вашу сессию." {
		a.t.Errorf("ended: %+v", e)
	}
	a.exits(5)
	g.boss.waitSessions("it is over", func(s []session) bool { return len(s) == 0 })
}
