package web

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/handlers"
	"ideco-agent/templates/locale"
)

// Limits of a file in the bundle.
const (
	maxBundlePart  = 1 << 20 // bytes; the end of a longer one is left out
	bundlePartTime = 5 * time.Second
)

// bundlePart is a file in the bundle. What a part has is chosen field by field; nothing is copied and then cleaned of secrets.
type bundlePart struct {
	name string
	read func(context.Context) ([]byte, error)
}

// Bundle runs the checks and writes the file for support. The error of a part is in its place.
func (d *doctor) Bundle(ctx context.Context, w io.Writer, l *locale.Localizer) error {
	report, err := d.Check(ctx)
	if err != nil {
		return err
	}
	names := d.peopleNames(ctx)
	report = names.maskReport(report)
	z := zip.NewWriter(w)
	for _, p := range d.bundleParts(l, report, names) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: report.At})
		if err == nil {
			_, err = f.Write(p.content(ctx))
		}
		if err != nil {
			return fmt.Errorf("file for support: %s: %w", p.name, err)
		}
	}
	return z.Close()
}

func (p bundlePart) content(ctx context.Context) []byte {
	ctx, cancel := context.WithTimeout(ctx, bundlePartTime)
	defer cancel()
	b, err := p.read(ctx)
	b = b[:min(len(b), maxBundlePart)]
	if err != nil {
		b = append(b, "\nnot read: "+agent.Clean(err.Error(), 300)+"\n"...)
	}
	return b
}

func (d *doctor) bundleParts(l *locale.Localizer, report agent.CheckReport, names peopleNames) []bundlePart {
	text := func(name, text string) bundlePart {
		return bundlePart{name, func(context.Context) ([]byte, error) { return []byte(text), nil }}
	}
	var checks bytes.Buffer
	_ = writeChecks(&checks, l, report) // a buffer returns no errors
	return []bundlePart{
		text("README.txt", l.BundleReadme(Version(), report.At)+"\n"),
		text("checks.txt", checks.String()),
		inJSON("checks.json", func(context.Context) (any, error) { return handlers.NewCheckReportJSON(l, report), nil }),
		inJSON("versions.json", func(context.Context) (any, error) { return versions(), nil }),
		inJSON("started.json", func(context.Context) (any, error) { return d.start, nil }),
		inJSON("settings.json", d.bundleSettings),
		inJSON("directories.json", d.bundleDirectories),
		inJSON("counts.json", d.bundleCounts),
		inJSON("process.json", func(context.Context) (any, error) { return d.processFacts(), nil }),
		inJSON("services.json", bundleUnits),
		{"firewall.nft", d.bundleRules},
		{"network.txt", bundleNetwork},
		{"errors.txt", func(context.Context) ([]byte, error) { return d.bundleErrors(names), nil }},
		{"log.txt", func(ctx context.Context) ([]byte, error) { return bundleLog(ctx, names) }},
	}
}

func inJSON(name string, value func(context.Context) (any, error)) bundlePart {
	return bundlePart{name, func(ctx context.Context) ([]byte, error) {
		v, err := value(ctx)
		if err != nil {
			return nil, err
		}
		return json.MarshalIndent(v, "", "  ")
	}}
}

func versions() map[string]string {
	return map[string]string{"program": Version(), "go": runtime.Version(), "architecture": runtime.GOARCH,
		"kernel": kernelVersion(), "system": strings.Trim(procField("/etc/os-release", "PRETTY_NAME="), `"`)}
}

// settingsOfBundle are the settings that the bundle has: no secrets, no e-mail address, no path of a CA's URL, which may have a token.
type settingsOfBundle struct {
	Enabled         bool               `json:"enabled"`
	Domain          string             `json:"auth_domain"`
	FormerDomains   []string           `json:"former_domains"`
	LocalNetworks   []netip.Prefix     `json:"local_networks"`
	NetworksSeen    bool               `json:"networks_seen"`
	BrowserSignIn   []netip.Prefix     `json:"browser_sign_in_networks"`
	LocalTunnel     bool               `json:"local_tunnel"`
	VPNNetwork      netip.Prefix       `json:"vpn_network"`
	ForwardNets     []netip.Prefix     `json:"forward_nets"`
	DNS             []netip.Addr       `json:"dns"`
	DNSSuffixes     []string           `json:"dns_suffix"`
	DevicePolicy    agent.DevicePolicy `json:"device_policy"`
	LAN             []string           `json:"lan_interfaces"`
	WAN             []string           `json:"wan_interfaces"`
	Masquerade      bool               `json:"masquerade"`
	Open            []string           `json:"open_before_login"`
	DNSInLAN        bool               `json:"dns_in_lan"`
	VPNPeersMayTalk bool               `json:"vpn_peers_may_talk"`
	OnTrial         bool               `json:"gateway_on_trial"`
	Numbers         map[string]string  `json:"numbers"`
	CA              string             `json:"acme_host"`
	Terms           bool               `json:"acme_terms_accepted"`
	Binding         bool               `json:"acme_account_binding"`
}

func (d *doctor) bundleSettings(context.Context) (any, error) {
	if d.settings == nil {
		return nil, d.unread
	}
	s := d.settings()
	out := settingsOfBundle{Enabled: s.Enabled, Domain: s.Domain, FormerDomains: s.FormerDomains, LocalNetworks: s.LocalNetworks, NetworksSeen: s.NetworksSeen,
		BrowserSignIn: s.BrowserSignIn, LocalTunnel: s.LocalTunnel, VPNNetwork: s.VPNNetwork, ForwardNets: s.ForwardNets, DNS: s.DNS, DNSSuffixes: s.DNSSuffixes,
		DevicePolicy: s.DevicePolicy, LAN: s.LANInterfaces, WAN: s.WANInterfaces, Masquerade: s.Masquerade, DNSInLAN: s.DNSInLAN, VPNPeersMayTalk: s.VPNPeersMayTalk,
		OnTrial: s.OnTrial(), Numbers: map[string]string{}, Terms: s.ACME.Terms != "", Binding: s.ACME.EABKeyID != ""}
	for _, o := range s.OpenBeforeLogin {
		out.Open = append(out.Open, o.String())
	}
	for _, n := range append(agent.Numbers(), agent.FirewallTimeout) {
		out.Numbers[n.Name] = n.Text(&s)
	}
	if u, err := url.Parse(s.ACME.Directory); err == nil {
		out.CA = u.Hostname()
	}
	return out, nil
}

// directoryOfBundle is what the bundle has of a directory: no account, no password, no names of groups.
type directoryOfBundle struct {
	Name        string              `json:"name"`
	Kind        agent.DirectoryKind `json:"kind"`
	Default     bool                `json:"default"`
	Controllers []string            `json:"controllers"`
	DNS         []netip.Addr        `json:"dns_ips"`
	HasPassword bool                `json:"has_password"`
	HasKeytab   bool                `json:"has_keytab"`
	HasCA       bool                `json:"has_ca"`
	LoginGroups int                 `json:"login_groups"`
	VPNGroups   int                 `json:"remote_groups"`
}

func (d *doctor) bundleDirectories(ctx context.Context) (any, error) {
	if d.directories == nil {
		return nil, d.unread
	}
	all, err := d.directories(ctx)
	list := []directoryOfBundle{}
	for _, s := range all {
		list = append(list, directoryOfBundle{Name: s.Name, Kind: s.Kind, Default: s.Default, Controllers: s.Controllers, DNS: s.DNS,
			HasPassword: s.Password != "", HasKeytab: len(s.Keytab) > 0, HasCA: s.CA != "", LoginGroups: len(s.LoginGroups), VPNGroups: len(s.RemoteGroups)})
	}
	return list, err
}

func (d *doctor) bundleCounts(ctx context.Context) (any, error) {
	if d.db == nil {
		return nil, d.unread
	}
	counts, err := d.db.Counts(ctx)
	if err != nil {
		return nil, err
	}
	sizes, err := d.db.Sizes(ctx)
	counts["database_bytes"], counts["journal_bytes"] = int(sizes.Database), int(sizes.Journal)
	return counts, err
}

// processFacts are lines of /proc about the process and the memory of this computer.
func (d *doctor) processFacts() map[string]string {
	facts := map[string]string{"process": strconv.Itoa(d.pid), "open_files": procField(fmt.Sprintf("/proc/%d/limits", d.pid), "Max open files")}
	for _, name := range []string{"State", "VmHWM", "VmRSS", "VmSwap", "Threads", "CapEff", "NoNewPrivs", "Seccomp"} {
		facts[name] = procField(fmt.Sprintf("/proc/%d/status", d.pid), name+":")
	}
	for _, name := range []string{"MemTotal", "MemAvailable", "SwapFree"} {
		facts[name] = procField("/proc/meminfo", name+":")
	}
	return facts
}

func bundleUnits(ctx context.Context) (any, error) {
	units := map[string]map[string]string{}
	for _, unit := range []string{serviceUnit, bootUnit} {
		state, err := unitState(ctx, unit)
		if err != nil {
			return nil, err
		}
		units[unit] = state
	}
	return units, nil
}

// bundleRules has the rules without the addresses of people: those of the plan, and how many addresses the kernel has.
func (d *doctor) bundleRules(context.Context) ([]byte, error) {
	plan, err := savedPlan(d.data)
	if err != nil {
		return nil, err
	}
	elements, loaded, err := firewall.Count()
	head := fmt.Sprintf("# in the kernel: %t, addresses of sessions: %d\n", loaded, elements)
	if err != nil {
		head = "# the kernel was not asked: " + agent.Clean(err.Error(), 300) + "\n"
	}
	if plan.Empty() {
		return []byte(head), nil
	}
	return append([]byte(head), plan.Text()...), nil
}

// bundleNetwork has this computer's addresses, routes and rules of routing. Neighbours, which are people's computers, are left out.
func bundleNetwork(ctx context.Context) ([]byte, error) {
	var b bytes.Buffer
	for _, what := range [][]string{{"address", "show"}, {"route", "show", "table", "all"}, {"-6", "route", "show", "table", "all"}, {"rule", "show"}, {"-6", "rule", "show"}} {
		fmt.Fprintf(&b, "# ip %s\n", strings.Join(what, " "))
		out, err := exec.CommandContext(ctx, "ip", what...).Output()
		b.Write(out)
		if err != nil {
			fmt.Fprintf(&b, "not read: %s\n", agent.Clean(err.Error(), 300))
		}
	}
	return b.Bytes(), nil
}

// bundleErrors has the last warnings and errors of this process.
func (d *doctor) bundleErrors(names peopleNames) []byte {
	var b strings.Builder
	if d.recent != nil {
		for _, r := range d.recent() {
			fmt.Fprintf(&b, "time=%s times=%d %s\n", r.At.UTC().Format(time.RFC3339), r.Count, names.safeLine(parseRecord(r.Text)))
		}
	}
	return []byte(b.String())
}

// bundleLines is how many lines of the log the bundle has.
const bundleLines = 1000

// bundleLog has the last lines of the service's log, as far as this user may read it, with the keys of logKeysOfBundle.
func bundleLog(ctx context.Context, names peopleNames) ([]byte, error) {
	out, err := exec.CommandContext(ctx, "journalctl", "--unit="+serviceUnit, "--lines="+strconv.Itoa(bundleLines), "--output=cat", "--no-pager", "--quiet").Output()
	if err != nil {
		return nil, err
	}
	return safeLog(out, names), nil
}
