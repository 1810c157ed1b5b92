//go:build wine

package e2e

import (
	"context"
	"debug/buildinfo"
	"errors"
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

// installerGateway is a gateway with two of its installers on disk: presetMSI with presetAddress and otherMSI with otherAddress.
type installerGateway struct {
	*gateway
	admin               rest
	presetMSI, otherMSI string
}

const (
	presetAddress   = "gw.example.test"
	otherAddress    = "10.20.30.40"
	propertyAddress = "gw.office.test"
	propertyPin     = "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
	lanWithAgent    = "127.0.0.0/8"
	lanWithoutAgent = "127.0.0.200/32"
)

func startInstallerGateway(t *testing.T) *installerGateway {
	t.Helper()
	g := &installerGateway{gateway: startGateway(t, "--tunnel", "netstack", "--wireguard-port", "0")}
	g.admin = g.administrator()
	g.admin.must("PUT", "/agent_backend/wireguard/state", map[string]bool{"enabled": true}, nil)
	g.admin.user(map[string]any{"login": "remote", "name": "Удалённый Пётр", "remote_access": true})
	g.otherMSI, g.presetMSI = g.downloadInstaller(t, otherAddress), g.downloadInstaller(t, presetAddress)
	g.admin = g.rest("boss", adminPassword) // the new address has replaced the root
	return g
}

func (g *installerGateway) downloadInstaller(t *testing.T, address string) string {
	t.Helper()
	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"auth_domain": address}, nil)
	response, err := g.admin.Get("https://" + g.where.Portal[0] + "/download/IdecoAgent.msi")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNotFound {
		needs.Skip(t, "this build has no installer: install wixl and msitools, and run make build")
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
			g, p := startInstallerGateway(t), base.copyAs(t, c.windows)
			if c.windows == "win10" {
				p.addProcessPrng()
			}
			p.checkInstaller(g, c.toolchain)
			p.msiexec("/i", g.presetMSI)
			p.checkLogin(g)
			if c.windows == "win8" { // built with a newer Go, the program needs a UDP option that Wine 8 lacks
				p.checkTunnel(g)
			}
		})
	}
	t.Run("win7", func(t *testing.T) {
		g, p := startInstallerGateway(t), base.copyAs(t, "win7")
		installLog := filepath.Join(t.TempDir(), "install.log")
		if code, said := p.run("msiexec", "/i", windowsPath(g.presetMSI), "/qn", "/l*v", windowsPath(installLog)); code != fatalInstallError {
			t.Errorf("exit code %d, want %d\n%s", code, fatalInstallError, said)
		}
		p.checkClean()
		b, err := os.ReadFile(installLog)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(b), "LaunchConditions. Return value 0") {
			t.Errorf("the installer failed for another reason than its launch condition:\n%s", b)
		}
	})
}

func (p *winePrefix) msiexec(what, msi string, properties ...string) {
	p.t.Helper()
	p.must("msiexec", append([]string{what, windowsPath(msi), "/qn"}, properties...)...)
}

func (p *winePrefix) checkInstaller(g *installerGateway, toolchain string) {
	p.t.Helper()
	before := p.files(`C:\`)
	p.msiexec("/i", g.presetMSI)
	p.checkGateway("the preset alone", presetAddress, g.pin())
	p.checkProgram(toolchain)
	trust := filepath.Join(filepath.Dir(p.path(installedProgram)), "service", "trust") // as the service writes it
	if err := errors.Join(os.MkdirAll(filepath.Dir(trust), 0o755), os.WriteFile(trust, []byte("[]"), 0o600)); err != nil {
		p.t.Fatal(err)
	}
	p.msiexec("/x", g.presetMSI)
	p.checkClean()
	left := slices.DeleteFunc(p.files(`C:\`), func(file string) bool { return slices.Contains(before, file) })
	if len(left) > 1 || len(left) == 1 && left[0] != p.path(`C:\windows\Installer`) { // where Windows stores copies of installers
		p.t.Errorf("left behind: %q", left)
	}

	p.msiexec("/i", g.presetMSI, "utm_address="+propertyAddress)
	p.checkGateway("an address alone", propertyAddress, "")
	p.msiexec("/i", g.presetMSI, "REINSTALL=ALL")
	p.checkGateway("a repair", propertyAddress, "")

	p.msiexec("/i", g.otherMSI)
	p.checkGateway("another gateway's installer over it", otherAddress, g.pin())
	want := []string{"Айдеко Агент " + agent.Version}
	list := p.products()
	if len(list) == 0 { // reg export in Wine has returned no programs once; a second reading decides
		p.t.Log("reg export returned no programs; reading again")
		list = p.products()
	}
	if !slices.Equal(list, want) {
		p.t.Errorf("list of programs: %q, want %q", list, want)
	}
	p.msiexec("/x", g.otherMSI)
	p.checkClean()

	p.msiexec("/i", g.presetMSI, "utm_address="+propertyAddress, "utm_pin="+propertyPin)
	p.checkGateway("an address and a pin", propertyAddress, propertyPin)
	p.checkProgram(toolchain)
	p.must("reg", "add", dnsRule, "/v", "Version", "/t", "REG_DWORD", "/d", "1") // a killed program leaves this behind
	p.msiexec("/x", g.presetMSI)
	p.checkClean()
	if p.registry(dnsRule) != nil {
		p.t.Error("left behind: the VPN's DNS rule")
	}
}

// checkGateway fails the test unless the registry has this address and pin.
func (p *winePrefix) checkGateway(what, address, pin string) {
	p.t.Helper()
	got := p.registry(gatewayKey)[gatewayKey]
	if got["UtmAddress"] != address || got["UtmPin"] != pin {
		p.t.Errorf("%s: the registry has %q, want %q with the pin %q", what, got, address, pin)
	}
}

// checkProgram fails the test unless the program is installed, runs and was built with a version of Go.
func (p *winePrefix) checkProgram(toolchain string) {
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

// checkClean fails the test if a file, registry key or service of the program is left.
func (p *winePrefix) checkClean() {
	p.t.Helper()
	if list := p.files(`C:\Program Files\Ideco`); len(list) != 0 {
		p.t.Errorf("left behind: %q", list)
	}
	if list := p.mentions("Ideco", "Айдеко", presetAddress, otherAddress, propertyAddress); len(list) != 0 {
		p.t.Errorf("left behind in the registry: %q", list)
	}
}

// products returns our programs in the list of installed programs, with their versions.
func (p *winePrefix) products() []string {
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
func (p *winePrefix) agent(g *installerGateway, password string, flags ...string) *agentProcess {
	p.t.Helper()
	pin := p.registry(gatewayKey)[gatewayKey]["UtmPin"]
	args := append([]string{"connect", "--server", g.where.Agents[0], "--login", "remote", "--password-stdin", "--pin", pin, "--lang", "ru", "--json"}, flags...)
	return watch(p.t, p.command(context.Background(), installedProgram, args...), password)
}

func (p *winePrefix) checkLogin(g *installerGateway) {
	p.t.Helper()
	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithAgent}}, nil)

	wrong := p.agent(g, "не тот пароль")
	if e := wrong.waits("error"); e.Code != "bad_credentials" || !strings.Contains(e.Message, "Неверный логин или пароль") {
		p.t.Errorf("wrong password: %+v", e)
	}
	wrong.exits(3)

	otherPin := p.agent(g, userPassword, "--pin", propertyPin)
	if e := otherPin.waits("error"); e.Code != "not_trusted" || e.Message == "" {
		p.t.Errorf("another pin: %+v", e)
	}
	otherPin.exits(4)

	unreachable := p.agent(g, userPassword, "--server", freeAddress(p.t))
	if e := unreachable.waits("error"); e.Code != "unreachable" || e.Message == "" {
		p.t.Errorf("no gateway at the address: %+v", e)
	}
	unreachable.exits(4)

	a := p.agent(g, userPassword)
	if e := a.waits("authorized"); e.Mode != "lan" || e.Address != "127.0.0.1" {
		p.t.Errorf("authorized: %+v", e)
	}
	g.kill(syscall.SIGKILL)
	a.waits("reconnecting")
	g.startAgain()
	a.waits("authorized")
	g.endedByAdministrator(a, "lan")
}

func (p *winePrefix) checkTunnel(g *installerGateway) {
	p.t.Helper()
	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithoutAgent}}, nil)
	socks := freeAddress(p.t)
	a := p.agent(g, userPassword, "--tunnel", "netstack", "--socks", socks)
	if e := a.waits("tunnel"); e.Mode != "vpn" || !strings.HasPrefix(e.Address, "10.128.") {
		p.t.Errorf("tunnel: %+v", e)
	}
	seesInside(p.t, socks)
	g.endedByAdministrator(a, "vpn")
	if page, err := through(socks, insidePage); err == nil {
		p.t.Errorf("the page is still reached after the session ended: %s", page)
	}
}

// endedByAdministrator ends the agent's session in the monitor, and fails the test unless the agent then exits.
func (g *installerGateway) endedByAdministrator(a *agentProcess, kind string) {
	a.t.Helper()
	list := g.admin.waitSessions("the agent's session", func(s []session) bool { return len(s) == 1 && s[0].State == "connected" })
	if list[0].Login != "remote" || list[0].Kind != kind {
		a.t.Errorf("monitor: %+v", list)
	}
	g.admin.must("DELETE", "/monitor_backend/auth_sessions/"+list[0].ID, nil, nil)
	if e := a.waits("ended"); e.Code != "admin" || e.Message != "Администратор завершил вашу сессию." {
		a.t.Errorf("ended: %+v", e)
	}
	a.exits(5)
	g.admin.waitSessions("the session has ended", func(s []session) bool { return len(s) == 0 })
}
