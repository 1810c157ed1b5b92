//go:build wine

package e2e

import (
	"archive/zip"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// checkPatience limits a run of windows-check, which starts about a hundred programs.
const checkPatience = 8 * time.Minute

// checkRow is a row of the table of windows-check.
type checkRow struct {
	Name   string `json:"name"`
	Status string `json:"status"`
	Seen   string `json:"seen"`
	LookAt string `json:"look_at"`
}

type checkRun struct {
	t     *testing.T
	code  int
	said  string
	rows  map[string]checkRow
	files map[string][]byte // in its zip
}

// TestWineCheck runs windows-check, which is made for a real Windows. Each row must be ok, or name why Wine cannot try it.
func TestWineCheck(t *testing.T) {
	g := startInstallerGateway(t)
	p := newPrefix(t).copyAs(t, "win8")
	goForWindows(t, "win8", "build", p.path(`C:\windows-check.exe`), "./cmd/ideco-agent/windows-check")
	before := p.files(`C:\`)
	login := []string{"--gateway", g.where.Agents[0], "--pin", g.pin(), "--login", "remote", "--password-stdin"}

	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithAgent}}, nil)
	lan := p.checks(t, append(login, "--msi", windowsPath(g.presetMSI), "--other", windowsPath(g.otherMSI), "--url", "http://"+g.where.HTTP[0]+"/")...)
	lan.exits(0)
	lan.hasRows(rowsInLAN)
	lan.hidesPassword()
	lan.has("-diagnose.zip/program.txt", "-install.log", "-service.log", "table.txt", "table.json")
	p.checkClean()
	if left := slices.DeleteFunc(p.files(`C:\`), func(file string) bool { return slices.Contains(before, file) }); len(left) > 1 {
		t.Errorf("left behind: %q", left) // one: the directory where Windows keeps installers
	}

	g.admin.must("PUT", "/agent_backend/wireguard/setting", map[string]any{"local_networks": []string{lanWithoutAgent}}, nil)
	vpn := p.checks(t, append(login, "--msi", windowsPath(g.presetMSI), "--keep")...)
	vpn.exits(0)
	vpn.hasRows(rowsFromOutside)
	vpn.hidesPassword()

	again := p.checks(t, "--msi", windowsPath(g.presetMSI))
	again.exits(2)
	if !strings.Contains(again.said, "is installed on this computer already") || again.rows != nil {
		t.Errorf("with the product installed: exit code %d\n%s", again.code, again.said)
	}
	p.checkGateway("windows-check changes nothing", presetAddress, g.pin())
	p.msiexec("/x", g.presetMSI)
	p.checkClean()

	p.msiexec("/i", g.presetMSI, "utm_address="+propertyAddress) // an interrupted run leaves this
	forced := p.checks(t, "--msi", windowsPath(g.presetMSI), "--force")
	forced.exits(0)
	forced.hasRows(rowsWithoutLogin)
	if row := forced.rows["gateway in the registry"]; !strings.HasPrefix(row.Seen, presetAddress) {
		t.Errorf("--force keeps the old gateway: %+v", row)
	}
	p.checkClean()

	long := p.checksSaying(t, strings.Repeat("x", 266<<10), append(login, "--msi", windowsPath(g.presetMSI))...)
	long.exits(2)
	if !strings.Contains(long.said, "longer than 1024 bytes") || long.rows != nil {
		t.Errorf("a long password: %s", long.said)
	}
	p.checkClean()

	broken := p.checks(t, "--msi", windowsPath(cutOff(t, g.presetMSI)))
	broken.exits(1)
	if row := broken.rows["installer file"]; row.Status != "failed" || !strings.Contains(row.Seen, "cut off") || row.LookAt == "" {
		t.Errorf("a broken installer: %+v", row)
	}
	if row := broken.rows["silent installation"]; row.Status != "not tried" || row.Seen != "the installer is broken" {
		t.Errorf("a broken installer is installed: %+v", row)
	}
	p.checkClean()
}

// Reasons for which rows are not tried.
const (
	noShell   = "no PowerShell"
	noWindows = "Wine"
	noLogin   = "no --login"
	noSSO     = "no --sso"
	noVPN     = "in the local network there is no tunnel"
	byPerson  = "a person has to do this; the steps are below the table"
)

// rowsAlways are the rows that do not depend on where the login comes from, with the reason why they are not tried. ""
// means that they are ok.
var rowsAlways = map[string]string{
	"Windows": "", "restrictions": "", "installer file": "", "Mark of the Web": "", "installer signature": noShell,
	"removal of what was installed": "no --force", "silent installation": "", "list of programs": "", "program": "", "driver file": "", "driver signature": noShell,
	"gateway in the registry": "", "autostart": "", "Start menu": "",
	"service runs": "", "service settings": "", "service path is quoted": noWindows, "service recovery": noWindows, "pipe": "",
	"repair (/fa) keeps the gateway": noWindows, "repair (REINSTALL=ALL) keeps the gateway": "", "the same installer again keeps the gateway": "",
	"installation with a progress window (/qb)": noWindows,
	"address on the command line":               "", "service runs after the reinstallations": "",
	"gateway answers": "", "wrong password is refused": "", "login": "", "login without a password": noSSO,
	"diagnose": "", "no secrets collected": "",
	"by hand: double click": byPerson, "by hand: window": byPerson, "by hand: sleep": byPerson, "by hand: network change": byPerson,
	"by hand: Remote Desktop": byPerson, "by hand: fast user switching": byPerson, "by hand: group policy": byPerson,
	"by hand: login without a password": byPerson, "by hand: screen reader": byPerson, "by hand: upgrade": byPerson, "by hand: shutdown": byPerson,
}

// rowsOfTheInterface are the rows about a tunnel with a network interface, for which Wine has no driver.
func rowsOfTheInterface(why string) map[string]string {
	rows := map[string]string{}
	for _, name := range []string{"tunnel with a network interface", "interface", "routes", "DNS", "Windows says Internet",
		"LLMNR, NetBIOS and DNS registration are off", "page in the tunnel", "page behind the gateway", "gateway stays outside the tunnel", "filters",
		"DNS past the tunnel is blocked", "IPv6 past the tunnel is blocked", "nothing stays after a kill", "nothing stays after Ctrl+Break"} {
		rows[name] = why
	}
	return rows
}

var rowsInLAN = merged(rowsAlways, rowsOfTheInterface(noVPN), map[string]string{
	"another gateway's installer replaces it":         "",
	"page in the tunnel, without a network interface": noVPN,
	"page in the local network":                       "",
	"removal":                                         "",
	"nothing stays: files and registry":               "",
	"nothing stays: interface, DNS rule and filters":  noShell,
	"nothing stays: scheduled tasks":                  noShell,
})

var rowsFromOutside = merged(rowsAlways, rowsOfTheInterface(noShell), map[string]string{
	"another gateway's installer replaces it":         "no --other",
	"page in the tunnel, without a network interface": "",
	"page in the local network":                       "no --url",
	"removal":                                         "--keep",
	"nothing stays: files and registry":               "--keep",
	"nothing stays: interface, DNS rule and filters":  "--keep",
	"nothing stays: scheduled tasks":                  "--keep",
})

var rowsWithoutLogin = merged(rowsAlways, rowsOfTheInterface(noLogin), map[string]string{
	"removal of what was installed":                   "",
	"another gateway's installer replaces it":         "no --other",
	"gateway answers":                                 "the installer names " + presetAddress + ": there is no such name, because .test is reserved for tests",
	"wrong password is refused":                       noLogin,
	"login":                                           noLogin,
	"page in the tunnel, without a network interface": noLogin,
	"page in the local network":                       noLogin,
	"removal":                                         "",
	"nothing stays: files and registry":               "",
	"nothing stays: interface, DNS rule and filters":  noShell,
	"nothing stays: scheduled tasks":                  noShell,
})

func merged(all ...map[string]string) map[string]string {
	rows := map[string]string{}
	for _, one := range all {
		maps.Copy(rows, one)
	}
	return rows
}

// checks runs windows-check, which writes one zip unless it refuses to check.
func (p *winePrefix) checks(t *testing.T, args ...string) *checkRun {
	t.Helper()
	return p.checksSaying(t, userPassword, args...)
}

func (p *winePrefix) checksSaying(t *testing.T, password string, args ...string) *checkRun {
	t.Helper()
	out := t.TempDir()
	ctx, stop := context.WithTimeout(context.Background(), checkPatience)
	defer stop()
	cmd := p.command(ctx, `C:\windows-check.exe`, append(args, "--out", windowsPath(out))...)
	cmd.Stdin = strings.NewReader(password + "\n")
	said, err := os.Create(filepath.Join(t.TempDir(), "said"))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	cmd.Stdout, cmd.Stderr = said, said // not a pipe, which programs of Wine in the background would keep open
	err = cmd.Run()
	b, readErr := os.ReadFile(said.Name())
	if cmd.ProcessState == nil || ctx.Err() != nil || readErr != nil {
		t.Fatalf("windows-check: %v, %v, %v\n%s", err, ctx.Err(), readErr, b)
	}
	r := &checkRun{t: t, code: cmd.ProcessState.ExitCode(), said: string(b)}
	t.Logf("windows-check %q: exit code %d\n%s", args, r.code, b)
	zips, err := filepath.Glob(filepath.Join(out, "windows-check-*.zip"))
	if err != nil || len(zips) > 1 {
		t.Fatalf("zips: %q, %v", zips, err)
	}
	if len(zips) == 1 {
		r.unpack(zips[0])
	}
	return r
}

func (r *checkRun) unpack(path string) {
	r.t.Helper()
	archive, err := zip.OpenReader(path)
	if err != nil {
		r.t.Fatal(err)
	}
	defer archive.Close()
	r.files = map[string][]byte{}
	for _, f := range archive.File {
		member, err := f.Open()
		if err != nil {
			r.t.Fatal(err)
		}
		if r.files[f.Name], err = io.ReadAll(member); err != nil {
			r.t.Fatalf("%s: %v", f.Name, err)
		}
		member.Close()
	}
	var rows []checkRow
	if err := json.Unmarshal(r.files["table.json"], &rows); err != nil {
		r.t.Fatal(err)
	}
	r.rows = map[string]checkRow{}
	for _, row := range rows {
		r.rows[row.Name] = row
	}
	if len(r.rows) != len(rows) {
		r.t.Errorf("two rows have one name: %+v", rows)
	}
}

func (r *checkRun) exits(code int) {
	r.t.Helper()
	if r.code != code {
		r.t.Errorf("exit code %d, want %d", r.code, code)
	}
}

// hasRows fails the test unless the run has exactly these rows, each ok or not tried for its reason.
func (r *checkRun) hasRows(want map[string]string) {
	r.t.Helper()
	for name, row := range r.rows {
		why, is := want[name]
		switch {
		case !is:
			r.t.Errorf("unexpected row: %+v", row)
		case why == "" && row.Status != "ok", why != "" && (row.Status != "not tried" || row.Seen != why):
			r.t.Errorf("%s: %s, %s; want %q\n%s", name, row.Status, row.Seen, why, row.LookAt)
		}
	}
	for name := range want {
		if _, is := r.rows[name]; !is {
			r.t.Errorf("there is no row %s", name)
		}
	}
}

// hidesPassword fails the test if the zip or the output contains the password.
func (r *checkRun) hidesPassword() {
	r.t.Helper()
	var wide []byte
	for _, u := range utf16.Encode([]rune(userPassword)) {
		wide = binary.LittleEndian.AppendUint16(wide, u)
	}
	files := maps.Clone(r.files)
	files["the screen"] = []byte(r.said)
	for name, b := range files {
		if strings.Contains(string(b), userPassword) || strings.Contains(string(b), string(wide)) {
			r.t.Errorf("%s contains the password", name)
		}
	}
}

// has fails the test unless the zip contains non-empty files whose names end like this.
func (r *checkRun) has(ends ...string) {
	r.t.Helper()
	for _, end := range ends {
		found := false
		for name, b := range r.files {
			found = found || strings.HasSuffix(name, end) && len(b) > 0
		}
		if !found {
			r.t.Errorf("no %s in the zip: %q", end, slices.Sorted(maps.Keys(r.files)))
		}
	}
}

// cutOff makes an installer whose download was interrupted.
func cutOff(t *testing.T, msi string) string {
	t.Helper()
	b, err := os.ReadFile(msi)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "IdecoAgent.msi")
	if err := os.WriteFile(file, b[:len(b)*2/3], 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
