//go:build debian

package e2e

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
)

// suites are the Debian systems that the packages are tried on.
var suites = []string{"bookworm", "trixie"}

// Paths in a root.
const (
	systemUnits = "/etc/systemd/system/"
	backendUnit = "ideco-agent-backend.service"
	dataDir     = "/var/lib/ideco-portal"
	byHand      = "/usr/local/bin/ideco-portal"
)

// debian is a Debian system in a directory, where nothing runs but what the test starts.
type debian struct {
	t   *testing.T
	dir string
}

// inDebian runs the body of a test in each suite, in a new network namespace.
func inDebian(t *testing.T, body func(*debian)) {
	for _, suite := range suites {
		t.Run(suite, func(t *testing.T) {
			if netlab.Here() == nil {
				t.Parallel()
			}
			needs.Root(t)
			tar := filepath.Join(os.Getenv("DEBIAN_ROOTS"), suite+".tar")
			if _, err := os.Stat(tar); err != nil {
				needs.Skip(t, "this test needs a Debian root (make test-package): %v", err)
			}
			netlab.InNewNamespace(t, func(t *testing.T) {
				d := &debian{t, t.TempDir()}
				must(t, syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""))
				must(t, syscall.Mount("tmpfs", d.dir, "tmpfs", 0, "mode=755"))
				t.Cleanup(func() { _ = syscall.Unmount(d.dir, syscall.MNT_DETACH) })
				netlab.Run(t, "tar", "-C", d.dir, "-xf", tar)
				must(t, syscall.Mount("proc", d.path("/proc"), "proc", 0, ""))
				netlab.Run(t, "ip", "link", "set", "lo", "up")
				body(d)
			})
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (d *debian) path(name string) string { return filepath.Join(d.dir, name) }

// command returns a command that runs a program of the system, as root and with messages in English.
func (d *debian) command(program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), "/usr/bin/env", append([]string{"-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"LANG=en_US.UTF-8", "LC_MESSAGES=en_US.UTF-8", "PERL_BADLANG=0", "DEBIAN_FRONTEND=noninteractive", program}, args...)...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: d.dir, Pdeathsig: syscall.SIGKILL}
	return cmd
}

// run runs a program that must succeed and returns what it prints.
func (d *debian) run(program string, args ...string) string {
	d.t.Helper()
	out, err := d.command(program, args...).CombinedOutput()
	if err != nil {
		d.t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// refuses runs a program that must fail and returns what it prints.
func (d *debian) refuses(program string, args ...string) string {
	d.t.Helper()
	out, err := d.command(program, args...).CombinedOutput()
	if err == nil {
		d.t.Fatalf("%s %s does not fail:\n%s", program, strings.Join(args, " "), out)
	}
	return string(out)
}

func (d *debian) exists(name string) bool {
	_, err := os.Lstat(d.path(name))
	return err == nil
}

func (d *debian) read(name string) string {
	d.t.Helper()
	b, err := os.ReadFile(d.path(name))
	must(d.t, err)
	return string(b)
}

func (d *debian) write(name, text string, mode fs.FileMode) {
	d.t.Helper()
	must(d.t, os.MkdirAll(filepath.Dir(d.path(name)), 0o755))
	must(d.t, os.WriteFile(d.path(name), []byte(text), mode))
}

// takes copies files of this machine into the system's /tmp and returns their paths there.
func (d *debian) takes(files ...string) []string {
	d.t.Helper()
	paths := make([]string, len(files))
	for i, file := range files {
		b, err := os.ReadFile(file)
		must(d.t, err)
		paths[i] = "/tmp/" + filepath.Base(file)
		d.write(paths[i], string(b), 0o755)
	}
	return paths
}

// install installs packages by apt, with what they depend on.
func (d *debian) install(packages ...string) string {
	d.t.Helper()
	return d.run("apt-get", append([]string{"install", "--yes"}, d.takes(packages...)...)...)
}

// pretendSystemd makes the maintainer scripts believe that systemd runs. What they tell it is in the file that asked reads.
func (d *debian) pretendSystemd() {
	d.write("/run/systemd/system/.exists", "", 0o644)
	must(d.t, os.Rename(d.path("/usr/bin/systemctl"), d.path("/run/systemctl")))
	d.write("/usr/bin/systemctl", `#!/bin/sh
echo "$*" >>/run/systemctl.log
case "$*" in
*is-enabled*) echo enabled ;;
*is-active*) echo active ;;
*start* | *stop* | *daemon-reload*) ;;
*) exec /run/systemctl "$@" ;; # it makes and removes links, for which nothing need run
esac
`, 0o755)
}

func (d *debian) stopPretending() {
	must(d.t, os.RemoveAll(d.path("/run/systemd")))
	must(d.t, os.Rename(d.path("/run/systemctl"), d.path("/usr/bin/systemctl")))
}

// asked returns what systemd was told to start, restart and stop since the last call.
func (d *debian) asked() []string {
	b, _ := os.ReadFile(d.path("/run/systemctl.log"))
	_ = os.Remove(d.path("/run/systemctl.log"))
	var acts []string
	for line := range strings.Lines(string(b)) {
		if m := regexp.MustCompile(`\b(start|restart|stop) (.*)`).FindStringSubmatch(line); m != nil {
			acts = append(acts, m[1]+" "+m[2])
		}
	}
	return acts
}

// files returns all files of the system except those in which apt, dpkg and useradd keep a record, with the contents of those in /etc.
func (d *debian) files() []string {
	ignored := regexp.MustCompile(`^/(proc|sys|dev|run|tmp|var/lib/dpkg|var/lib/apt|var/cache|var/log)(/|$)|^/etc/(passwd|shadow|group|gshadow|subuid|subgid)-$`)
	var list []string
	must(d.t, filepath.WalkDir(d.dir, func(path string, entry fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, d.dir)
		switch {
		case err != nil:
			return err
		case ignored.MatchString(name) && entry.IsDir():
			return filepath.SkipDir
		case ignored.MatchString(name):
			return nil
		case strings.HasPrefix(name, "/etc/") && entry.Type().IsRegular() && name != "/etc/ld.so.cache":
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			name += fmt.Sprintf(" %x", sha256.Sum256(b))
		}
		list = append(list, name)
		return nil
	}))
	return list
}

// gateway returns a gateway that runs in the system; begin starts it.
func (d *debian) gateway() *gateway {
	g := &gateway{t: d.t, data: d.path(dataDir)}
	d.t.Cleanup(func() {
		if g.cmd != nil {
			g.kill(syscall.SIGTERM)
		}
		if d.t.Failed() {
			d.t.Logf("log of the gateway:\n%s", g.log)
		}
	})
	return g
}

// begin starts the gateway as systemd does by a unit and its drop-ins: as its user, with its rights and environment.
func (d *debian) begin(g *gateway, unit string) {
	d.t.Helper()
	text := ""
	for _, dir := range []string{"/usr/lib/systemd/system/", systemUnits} {
		if d.exists(dir + unit) {
			text = d.read(dir + unit)
		}
	}
	dropIns, _ := filepath.Glob(d.path(systemUnits + unit + ".d/*.conf"))
	for _, file := range dropIns {
		b, err := os.ReadFile(file)
		must(d.t, err)
		text += string(b)
	}
	var user, capabilities, command string
	environment := []string{"PATH=/usr/bin:/bin"}
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "User":
			user = value
		case "AmbientCapabilities":
			capabilities = "+" + strings.ReplaceAll(strings.ToLower(strings.ReplaceAll(value, "CAP_", "")), " ", ",+")
		case "ExecStart":
			command = value
		case "Environment":
			environment = append(environment, value)
		case "EnvironmentFile":
			for line := range strings.Lines(d.read(strings.TrimPrefix(value, "-"))) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' {
					environment = append(environment, line)
				}
			}
		}
	}
	args := append([]string{"--reuid", user, "--regid", user, "--init-groups", "--no-new-privs", "--inh-caps", capabilities, "--ambient-caps", capabilities,
		"env", "-i"}, environment...)
	g.run(d.command("setpriv", append(args, strings.Fields(command)...)...))
	g.where = listening{Portal: []string{"127.0.0.1:8443"}, Agents: []string{"127.0.0.1:14765"}}
}

const jsonLog = "[Service]\nEnvironment=IDECO_LOG_FORMAT=json\n"

// populate makes an administrator, an account and a live session at a gateway that runs.
func (d *debian) populate(g *gateway, program string) (rest, *agentProcess, session) {
	d.t.Helper()
	cmd := d.command("runuser", "-u", "ideco-portal", "--", program, "admin", "create", "--login", "boss")
	cmd.Stdin = strings.NewReader(adminPassword + "\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		d.t.Fatalf("admin create: %v\n%s", err, out)
	}
	admin := g.rest("boss", adminPassword)
	admin.must("PUT", statePath, map[string]bool{"enabled": true}, nil)
	admin.must("PUT", settingPath, map[string]any{"auth_domain": "127.0.0.1"}, nil)
	admin.user(map[string]any{"login": "ivanov"})
	a := g.agent("ivanov", userPassword, "one", "--state", d.t.TempDir())
	a.waits("authorized")
	list := admin.sessions()
	if len(list) != 1 {
		d.t.Fatalf("sessions: %+v", list)
	}
	return admin, a, list[0]
}

// survived checks that a new process has the account and the session of the former one, and that the agent came back by itself.
func (d *debian) survived(g *gateway, a *agentProcess, before session) {
	d.t.Helper()
	a.waits("authorized")
	list := g.rest("boss", adminPassword).sessions()
	if len(list) != 1 || list[0].ID != before.ID || list[0].Login != "ivanov" {
		d.t.Fatalf("sessions after the restart: %+v, before it: %+v", list, before)
	}
}

// packages returns the packages of this tree and of the commit before, for amd64.
func packages(t *testing.T) (current, previous string) {
	t.Helper()
	for dir, to := range map[string]*string{"build/packages": &current, "build/previous/packages": &previous} {
		found, _ := filepath.Glob(filepath.Join("..", "..", dir, "ideco-portal_*_amd64.deb"))
		if len(found) != 1 {
			needs.Skip(t, "%s should have one package (make test-package): %q", dir, found)
		}
		*to = found[0]
	}
	return current, previous
}

// TestPackageUpgrade installs, upgrades, removes and purges the package in a clean Debian, with live data.
func TestPackageUpgrade(t *testing.T) {
	inDebian(t, func(d *debian) {
		t := d.t
		current, previous := packages(t)
		before := d.files()

		out := d.install(previous)
		if !strings.Contains(out, "setpriv --reuid ideco-portal") {
			t.Errorf("the installation without systemd does not say how to start:\n%s", out)
		}
		if !d.exists(systemUnits + "multi-user.target.wants/" + backendUnit) {
			t.Error("the service is not enabled")
		}
		d.write(systemUnits+backendUnit+".d/log.conf", jsonLog, 0o644)
		g := d.gateway()
		d.begin(g, backendUnit)

		d.pretendSystemd()
		link := strings.TrimSpace(g.setupLink())
		if out := d.run("/var/lib/dpkg/info/ideco-portal.postinst", "configure"); !strings.Contains(out, dataDir+"/setup-link") ||
			!strings.Contains(out, "https://127.0.0.1:8443/") || strings.Contains(out, link) {
			t.Errorf("the first installation should name the file of the setup link and the portal's address, and not show the link:\n%s", out)
		}
		if got, want := d.asked(), []string{"start " + backendUnit}; !slices.Equal(got, want) {
			t.Errorf("systemd is told %q, want %q", got, want)
		}

		_, a, live := d.populate(g, "/usr/bin/ideco-portal")
		netlab.Run(t, "nft", "add table inet ideco_agent; add set inet ideco_agent kept { type ipv4_addr; elements = { 192.0.2.1 } }")
		rules := netlab.Run(t, "nft", "list", "table", "inet", "ideco_agent")

		out = d.install(current)
		if got, want := d.asked(), []string{"restart " + backendUnit}; !slices.Equal(got, want) {
			t.Errorf("in the upgrade systemd is told %q, want %q", got, want)
		}
		if strings.Contains(out, "setup-link") {
			t.Errorf("the upgrade offers the setup link although there is an administrator:\n%s", out)
		}
		if got := netlab.Run(t, "nft", "list", "table", "inet", "ideco_agent"); got != rules {
			t.Errorf("the upgrade changed the rules in the kernel:\n%s\nbefore it:\n%s", got, rules)
		}
		g.kill(syscall.SIGTERM)
		d.begin(g, backendUnit)
		d.survived(g, a, live)

		version := d.run("dpkg-query", "-W", "-f", "${Version}", "ideco-portal")
		out = d.refuses("apt-get", append([]string{"install", "--yes", "--allow-downgrades"}, d.takes(previous)...)...)
		if !strings.Contains(out, "cannot be replaced by the older version") || !strings.Contains(out, "restore a backup") {
			t.Errorf("the downgrade is not refused in words:\n%s", out)
		}
		if got := d.run("dpkg-query", "-W", "-f", "${Version} ${Status}", "ideco-portal"); got != version+" install ok installed" {
			t.Errorf("after the refused downgrade: %s", got)
		}
		if got := d.asked(); len(got) > 0 {
			t.Errorf("the refused downgrade told systemd %q", got)
		}

		d.checkUnits()

		d.run("apt-get", "remove", "--yes", "ideco-portal")
		if got, want := d.asked(), []string{"stop " + backendUnit + " ideco-firewall.service"}; !slices.Equal(got, want) {
			t.Errorf("in the removal systemd is told %q, want %q", got, want)
		}
		g.kill(syscall.SIGTERM)
		if d.exists("/usr/bin/ideco-portal") || !d.exists(dataDir+"/ideco.db") {
			t.Error("the removal left the program or took the data")
		}
		if out := d.refuses("apt-get", append([]string{"install", "--yes"}, d.takes(previous)...)...); !strings.Contains(out, "cannot be replaced by the older version") {
			t.Errorf("an older version takes over the data that a removed one left:\n%s", out)
		}

		d.install(current)
		d.begin(g, backendUnit)
		d.survived(g, a, live)
		g.kill(syscall.SIGTERM)

		d.stopPretending()
		d.run("apt-get", "purge", "--yes", "--autoremove", "ideco-portal")
		d.leftNothing(before)
	})
}

// leftNothing checks that the system is as it was before a package.
func (d *debian) leftNothing(before []string) {
	d.t.Helper()
	after := d.files()
	others := map[string]bool{"/etc/hosts": true} // netbase completes it
	lists, _ := filepath.Glob(d.path("/var/lib/dpkg/info/*.list"))
	for _, list := range lists { // what the package depended on stays if others need it too
		b, err := os.ReadFile(list)
		must(d.t, err)
		for line := range strings.Lines(string(b)) {
			others[strings.TrimSpace(line)] = true
		}
	}
	for _, name := range after {
		path, _, _ := strings.Cut(name, " ")
		if !others[path] && !slices.Contains(before, name) {
			d.t.Errorf("the purge left %s", name)
		}
	}
	for _, name := range before {
		path, _, _ := strings.Cut(name, " ")
		if !others[path] && !slices.Contains(after, name) {
			d.t.Errorf("the purge took %s", name)
		}
	}
	if out, err := exec.Command("nft", "list", "table", "inet", "ideco_agent").CombinedOutput(); err == nil {
		d.t.Errorf("the purge left rules in the kernel:\n%s", out)
	}
}

// checkUnits checks the installed units with systemd's own tools.
func (d *debian) checkUnits() {
	d.t.Helper()
	if out := d.run("systemd-analyze", "verify", "--man=no", "/usr/lib/systemd/system/"+backendUnit, "/usr/lib/systemd/system/ideco-firewall.service"); strings.Contains(out, "ideco") {
		d.t.Errorf("systemd-analyze verify says:\n%s", out)
	}
	out := d.run("systemd-analyze", "security", "--offline=true", "--no-pager", "/usr/lib/systemd/system/"+backendUnit)
	overall := regexp.MustCompile(`Overall exposure level for .*: (\d+\.\d)`).FindStringSubmatch(out)
	if overall == nil {
		d.t.Fatalf("systemd-analyze security gives no figure:\n%s", out)
	}
	if level, err := strconv.ParseFloat(overall[1], 64); err != nil || level > 2.3 {
		d.t.Errorf("systemd-analyze security gives %s, more than 2.3", overall[1])
	}
}

// TestPackageOverManualInstallation installs the package over a gateway that was installed by hand, as the manual said before
// there was a package. Its flags, its data and its sessions are kept.
func TestPackageOverManualInstallation(t *testing.T) {
	inDebian(t, func(d *debian) {
		t := d.t
		current, _ := packages(t)
		program, err := os.ReadFile(filepath.Join("..", "..", "build", "previous", "ideco-portal"))
		if err != nil {
			needs.Skip(t, "this test needs the program of the commit before (make test-package): %v", err)
		}
		before := d.files()

		d.write(byHand, string(program), 0o755)
		for _, unit := range []string{"ideco-portal.service", "ideco-firewall.service"} {
			text, err := os.ReadFile(filepath.Join("testdata", unit))
			must(t, err)
			if unit == "ideco-portal.service" { // as somebody may have changed it
				text = bytes.Replace(text, []byte("serve --firewall nftables\n"), []byte("serve --firewall nftables \\\n  --wireguard-port 3052\nEnvironment=IDECO_LOG_LEVEL=debug\n"), 1)
			}
			d.write(systemUnits+unit, string(text), 0o644)
		}
		d.write(systemUnits+"ideco-portal.service.d/log.conf", jsonLog, 0o644)
		must(t, os.MkdirAll(d.path(systemUnits+"multi-user.target.wants"), 0o755))
		must(t, os.Symlink(systemUnits+"ideco-portal.service", d.path(systemUnits+"multi-user.target.wants/ideco-portal.service")))
		must(t, os.MkdirAll(d.path(systemUnits+"sysinit.target.wants"), 0o755))
		must(t, os.Symlink(systemUnits+"ideco-firewall.service", d.path(systemUnits+"sysinit.target.wants/ideco-firewall.service")))
		d.run("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", "ideco-portal")
		d.run("install", "-d", "-m", "700", "-o", "ideco-portal", "-g", "ideco-portal", dataDir)
		d.run("apt-get", "install", "--yes", "nftables")

		g := d.gateway()
		d.begin(g, "ideco-portal.service")
		_, a, live := d.populate(g, byHand)

		d.pretendSystemd()
		out := d.install(current)
		if got, want := d.asked(), []string{"stop ideco-portal.service", "start " + backendUnit}; !slices.Equal(got, want) {
			t.Errorf("systemd is told %q, want %q", got, want)
		}
		g.kill(syscall.SIGTERM)
		for _, want := range []string{"ideco-portal.service.dpkg-old", backendUnit + ".d/00-ideco-portal.conf", "is now called " + backendUnit} {
			if !strings.Contains(out, want) {
				t.Errorf("the installation does not name %s:\n%s", want, out)
			}
		}
		for _, name := range []string{byHand, systemUnits + "ideco-firewall.service", systemUnits + "ideco-portal.service.d", systemUnits + "multi-user.target.wants/ideco-portal.service"} {
			if d.exists(name) {
				t.Errorf("%s is still there", name)
			}
		}
		for _, name := range []string{"multi-user.target.wants/" + backendUnit, "sysinit.target.wants/ideco-firewall.service"} {
			if target, err := os.Readlink(d.path(systemUnits + name)); err != nil || !strings.Contains(target, "lib/systemd/system/") {
				t.Errorf("%s leads to %q, not to the unit of the package: %v", name, target, err)
			}
		}
		for _, alias := range []string{"ideco-agent-server.service", "ideco-agent-websocket.service", "ideco-portal.service"} {
			if target, err := os.Readlink(d.path(systemUnits + alias)); err != nil || filepath.Base(target) != backendUnit {
				t.Errorf("the alias %s leads to %q: %v", alias, target, err)
			}
		}

		d.begin(g, backendUnit)
		if command := strings.Join(g.cmd.Args, " "); !strings.Contains(command, "IDECO_LOG_LEVEL=debug") ||
			!strings.Contains(command, " /usr/bin/ideco-portal --data /var/lib/ideco-portal serve --firewall nftables") || !strings.HasSuffix(command, " --wireguard-port 3052") {
			t.Errorf("flags or environment of the former unit are lost: %s", command)
		}
		d.survived(g, a, live)
		g.kill(syscall.SIGTERM)

		d.stopPretending()
		d.run("apt-get", "purge", "--yes", "--autoremove", "ideco-portal", "nftables")
		d.leftNothing(before)
	})
}

// TestPackageRefusesOlderThanManualInstallation: the package does not replace a newer program that was installed by hand.
func TestPackageRefusesOlderThanManualInstallation(t *testing.T) {
	inDebian(t, func(d *debian) {
		current, _ := packages(d.t)
		d.write(byHand, "#!/bin/sh\necho ideco-portal 99.0\n", 0o755)
		out := d.refuses("apt-get", append([]string{"install", "--yes"}, d.takes(current)...)...)
		if !strings.Contains(out, "ideco-portal 99.0 cannot be replaced by the older version "+agent.Version) {
			d.t.Errorf("it is not refused in words:\n%s", out)
		}
		if !d.exists(byHand) || d.exists(dataDir) {
			d.t.Error("the refused installation changed the system")
		}
	})
}

// TestPackageContents checks the packages of all architectures: every file is there, belongs to root and has its rights, and the
// program is built for the architecture.
func TestPackageContents(t *testing.T) {
	needs.Program(t, "dpkg-deb", "dpkg")
	want := map[string][]string{
		"ideco-portal": {"-rwxr-xr-x root/root ./usr/bin/ideco-portal", "-rw-r--r-- root/root ./usr/lib/systemd/system/" + backendUnit,
			"-rw-r--r-- root/root ./usr/lib/systemd/system/ideco-firewall.service", "-rw-r--r-- root/root ./etc/default/ideco-portal",
			"-rw-r--r-- root/root ./usr/share/doc/ideco-portal/copyright", "-rw-r--r-- root/root ./usr/share/doc/ideco-portal/wintun-LICENSE.txt"},
		"ideco-agent": {"-rwxr-xr-x root/root ./usr/bin/ideco-agent", "-rw-r--r-- root/root ./usr/share/doc/ideco-agent/copyright"},
	}
	machines := map[string]byte{"amd64": 62, "arm64": 183} // e_machine of ELF
	for name, files := range want {
		for arch, machine := range machines {
			t.Run(name+"_"+arch, func(t *testing.T) {
				deb := filepath.Join("..", "..", "build", "packages", fmt.Sprintf("%s_%s_%s.deb", name, agent.Version, arch))
				if _, err := os.Stat(deb); err != nil {
					needs.Skip(t, "this test needs the packages (make package): %v", err)
				}
				if got := netlab.Run(t, "dpkg-deb", "-f", deb, "Package", "Version", "Architecture"); got != "Package: "+name+"\nVersion: "+agent.Version+"\nArchitecture: "+arch {
					t.Errorf("the package says: %s", got)
				}
				list := netlab.Run(t, "dpkg-deb", "-c", deb)
				for line := range strings.Lines(list) {
					if f := strings.Fields(line); f[1] != "root/root" || f[0] != "drwxr-xr-x" && !slices.Contains(files, f[0]+" "+f[1]+" "+f[5]) && !strings.HasPrefix(f[5], "./usr/share/") {
						t.Errorf("unexpected: %s", line)
					}
				}
				for _, file := range files {
					f := strings.Fields(file)
					if !regexp.MustCompile(`(?m)^` + f[0] + ` +` + f[1] + ` .* ` + regexp.QuoteMeta(f[2]) + `$`).MatchString(list) {
						t.Errorf("missing: %s", file)
					}
				}
				dir := t.TempDir()
				netlab.Run(t, "dpkg-deb", "-x", deb, dir)
				program, err := os.ReadFile(filepath.Join(dir, "usr", "bin", name))
				if err != nil {
					t.Fatal(err)
				}
				if len(program) < 20 || string(program[:4]) != "\x7fELF" || program[18] != machine {
					t.Errorf("the program is not for %s", arch)
				}
			})
		}
	}
}
