package firewall

import (
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/needs"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestCheck(t *testing.T) {
	lan, wan := []Interface{{Name: "lan0"}}, []Interface{{Name: "wan0"}}
	for name, c := range map[string]struct {
		plan  Plan
		words string // of the error; empty = none
	}{
		"nothing":           {Plan{Tunnel: "ideco0"}, ""},
		"both":              {Plan{LAN: lan, WAN: wan, Tunnel: "ideco0"}, ""},
		"VLAN":              {Plan{LAN: []Interface{{Name: "eth0.10"}, {Name: "br-a_b"}}, WAN: wan}, ""},
		"LAN alone":         {Plan{LAN: lan}, "at least one LAN and one WAN"},
		"WAN alone":         {Plan{WAN: wan}, "at least one LAN and one WAN"},
		"LAN and WAN":       {Plan{LAN: lan, WAN: lan}, "used twice"},
		"tunnel and LAN":    {Plan{LAN: lan, WAN: wan, Tunnel: "lan0"}, "used twice"},
		"quotes":            {Plan{LAN: []Interface{{Name: `a" accept`}}, WAN: wan}, "not a valid interface name"},
		"wildcard":          {Plan{LAN: []Interface{{Name: "eth*"}}, WAN: wan}, "not a valid interface name"},
		"too long":          {Plan{LAN: []Interface{{Name: "abcdefghijklmnop"}}, WAN: wan}, "not a valid interface name"},
		"empty name":        {Plan{LAN: []Interface{{}}, WAN: wan}, "not a valid interface name"},
		"timeout too short": {Plan{LAN: lan, WAN: wan, Timeout: time.Second}, "too short"},
		"too many networks": {Plan{LAN: lan, WAN: wan, LocalNetworks: make([]netip.Prefix, maxNetworks+1)}, "networks"},
		"too many open":     {Plan{LAN: lan, WAN: wan, OpenBeforeLogin: make([]agent.OpenServer, maxNetworks+1)}, "open before login"},
	} {
		err := c.plan.Check()
		if c.words == "" && err != nil || c.words != "" && (!errors.Is(err, ErrPlan) || !strings.Contains(err.Error(), c.words)) {
			t.Errorf("%s: %v, want an error with %q", name, err, c.words)
		}
	}
	if err := everything.Check(); err != nil {
		t.Error(err)
	}
}

func TestOfFamily(t *testing.T) {
	nets := prefixes("192.168.1.0/24", "10.0.0.0/8", "10.1.0.0/16", "192.168.0.77/24", "fd00::/8", "2001:db8::1/128", "10.0.0.0/8", "11.0.0.0/8")
	if got, want := ofFamily(nets, false), prefixes("10.0.0.0/7", "192.168.0.0/23"); !slices.Equal(got, want) {
		t.Errorf("IPv4: %v, want %v", got, want)
	}
	if got, want := ofFamily(nets, true), prefixes("2001:db8::1/128", "fd00::/8"); !slices.Equal(got, want) {
		t.Errorf("IPv6: %v, want %v", got, want)
	}
	if got, want := ofFamily(prefixes("0.0.0.0/1", "128.0.0.0/1"), false), prefixes("0.0.0.0/0"); !slices.Equal(got, want) {
		t.Errorf("everything: %v, want %v", got, want)
	}
}

// TestPlanOptions: a plan without an option has no rules for it.
func TestPlanOptions(t *testing.T) {
	p := Plan{LAN: []Interface{{Name: "lan0"}}, WAN: []Interface{{Name: "wan0"}}}
	for _, word := range []string{"masquerade", "redirect", "sign_in accept", "@vpn4 accept", "jump open"} {
		if strings.Contains(p.Preview(), word) {
			t.Errorf("the plain plan has %q:\n%s", word, p.Preview())
		}
		if word != "sign_in accept" && !strings.Contains(everything.Preview(), strings.Fields(word)[0]) {
			t.Errorf("the full plan has no %q", word)
		}
	}
	if (Plan{}).Text() != "" || (Plan{}).Preview() != "" {
		t.Error("an empty plan has a table")
	}
	opensAll := func() bool { return strings.Contains(p.Preview(), "\t\tip saddr @vpn4 accept\n") } // a rule of its own
	p.Tunnel, p.ForwardNets = "ideco0", prefixes("fd00::/8")                                        // the tunnel has no IPv6
	if opensAll() {
		t.Error("a list of only IPv6 networks forwards everything")
	}
	p.ForwardNets = prefixes("10.0.0.0/8", "0.0.0.0/0")
	if !opensAll() {
		t.Error("0.0.0.0/0 does not forward everything")
	}
}

// TestSpoofedSources: packets from a WAN interface with sources in networks of LAN interfaces or of the tunnel are dropped.
func TestSpoofedSources(t *testing.T) {
	plan := Plan{
		LAN:           []Interface{{Name: "lan0", Networks: prefixes("10.9.0.0/24", "fd00:9::/64")}, {Name: "lan1", Networks: prefixes("10.8.0.0/24")}},
		WAN:           []Interface{{Name: "wan0", Networks: prefixes("203.0.113.0/30")}, {Name: "wan1"}},
		Tunnel:        "ideco0",
		VPNNetwork:    netip.MustParsePrefix("10.128.0.0/16"),
		LocalNetworks: prefixes("10.0.0.0/8", "127.0.0.0/8", "203.0.113.0/24"),
	}
	for name, c := range map[string]struct {
		change func(*Plan)
		v4, v6 string // the sources that are dropped
	}{
		"all":               {func(*Plan) {}, "{ 10.8.0.0/24, 10.9.0.0/24, 10.128.0.0/16 }", "fd00:9::/64"},
		"without VPN":       {func(p *Plan) { p.Tunnel = "" }, "{ 10.8.0.0/24, 10.9.0.0/24 }", "fd00:9::/64"},
		"WAN inside a LAN":  {func(p *Plan) { p.WAN[1].Networks = prefixes("10.9.0.4/30", "fd00::/16") }, "{ 10.8.0.0/24, 10.128.0.0/16 }", ""},
		"LANs inside a WAN": {func(p *Plan) { p.WAN[1].Networks = prefixes("10.0.0.0/8") }, "", "fd00:9::/64"},
		"no networks":       {func(p *Plan) { p.LAN, p.Tunnel = []Interface{{Name: "lan0"}}, "" }, "", ""},
	} {
		p := plan
		p.LAN, p.WAN = slices.Clone(plan.LAN), slices.Clone(plan.WAN)
		c.change(&p)
		var want []string
		for _, wan := range []string{"wan0", "wan1"} {
			for _, source := range []string{"ip saddr " + c.v4, "ip6 saddr " + c.v6} {
				if !strings.HasSuffix(source, " ") {
					want = append(want, fmt.Sprintf("iifname %q ct direction original %s drop", wan, source))
				}
			}
		}
		var got []string
		for _, r := range rulesOf(p, "input") {
			if !strings.HasPrefix(r, `iifname "ideco0"`) {
				got = append(got, strings.TrimSuffix(r, ` comment "spoofed addresses"`))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s:\n%s\nwant\n%s", name, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

// rulesOf returns the rules of a base chain.
func rulesOf(p Plan, chain string) []string {
	_, text, _ := strings.Cut(p.Preview(), "\tchain "+chain+" {\n")
	text, _, _ = strings.Cut(text, "\n\t}\n")
	lines := strings.Split(text, "\n\t\t")
	return lines[1:]
}

func TestKeyFormat(t *testing.T) {
	for _, e := range []entry{
		{set: lan4, name: "eth0.100", mac: mac{2, 0, 0, 0, 0, 7}, addr: netip.MustParseAddr("10.0.0.1")},
		{set: lan6, name: "abcdefghijklmno", mac: mac{2, 0, 0, 0, 0, 7}, addr: netip.MustParseAddr("fd00::1")},
		{set: routed4, name: "l", addr: netip.MustParseAddr("10.0.0.1")},
		{set: back6, name: "l", addr: netip.MustParseAddr("fd00::1")},
		{set: vpn4, addr: netip.MustParseAddr("10.0.0.1")},
	} {
		if got, ok := keyOf(e.set, e.bytes()); !ok || got != e {
			t.Errorf("%v became %v", e, got)
		}
		if size := int(e.set.in(tableNamed(Table)).KeyType.Bytes); size != len(e.bytes()) {
			t.Errorf("%s: %d bytes, want %d", e.set.name, len(e.bytes()), size)
		}
		if _, ok := keyOf(e.set, e.bytes()[1:]); ok {
			t.Errorf("%s: a key that is too short", e.set.name)
		}
	}
	for _, o := range []owner{{"k3jabc", 7}, {"", 0}} {
		if got := parseOwner(o.String()); got != o {
			t.Errorf("%v became %v", o, got)
		}
	}
	for _, foreign := range []string{"", "printer", "a/b", "/"} {
		if got := parseOwner(foreign); got != (owner{}) {
			t.Errorf("%q became %v", foreign, got)
		}
	}
}

func TestConflict(t *testing.T) {
	list := []*nftables.Flowtable{{Name: "theirs", Devices: []string{"dmz0"}}, {Name: "fast", Devices: []string{"wan0", "dmz0", "lan1"}}}
	var got *FlowtableError
	if err := everything.conflict("inet filter", list, nil); !errors.As(err, &got) || got.Table != "inet filter" || got.Name != "fast" ||
		!slices.Equal(got.Devices, []string{"lan1", "wan0"}) {
		t.Errorf("%v", err)
	}
	if err := everything.conflict("inet filter", list[:1], nil); err != nil {
		t.Errorf("a flowtable on other interfaces: %v", err)
	}
}

// TestConflictLowerDevices: a flowtable may be on the ports of a bridge or the parent of a VLAN.
func TestConflictLowerDevices(t *testing.T) {
	at := func(name string, index, parent, master int) netlink.LinkAttrs {
		return netlink.LinkAttrs{Name: name, Index: index, ParentIndex: parent, MasterIndex: master}
	}
	links := []netlink.Link{
		&netlink.Bridge{LinkAttrs: at("lan0", 1, 0, 0)}, &netlink.Device{LinkAttrs: at("port1", 2, 0, 1)},
		&netlink.Vlan{LinkAttrs: at("port2.7", 3, 4, 1)}, &netlink.Device{LinkAttrs: at("port2", 4, 0, 0)},
		&netlink.Veth{LinkAttrs: at("lan1", 5, 6, 0)}, &netlink.Device{LinkAttrs: at("elsewhere", 6, 0, 0)}, // an index in another namespace
		&netlink.Device{LinkAttrs: at("wan0", 7, 0, 0)}, &netlink.Vlan{LinkAttrs: at("wan0.9", 8, 7, 0)},
	}
	for device, want := range map[string]bool{"port1": true, "port2": true, "port2.7": true, "elsewhere": false, "wan0.9": false, "wan0": true} {
		var got *FlowtableError
		err := everything.conflict("inet filter", []*nftables.Flowtable{{Name: "fast", Devices: []string{device, "dmz0"}}}, links)
		if errors.As(err, &got) != want || want && !slices.Equal(got.Devices, []string{device}) {
			t.Errorf("a flowtable over %s: %v", device, err)
		}
	}
}

// TestFlowtable: with a foreign flowtable Apply returns an error, but loads the rules.
func TestFlowtable(t *testing.T) {
	inLab(t, func(t *testing.T, l lab) {
		nft(t, "add table inet theirs")
		if out, err := exec.Command("nft", "add flowtable inet theirs fast { hook ingress priority 0; devices = { lan0, wan0 }; }").CombinedOutput(); err != nil {
			needs.Lacking(t, needs.Kernel, "flowtables: "+string(out))
		}
		f, err := Open(Options{Mode: ModeNFTables, Log: logOf(t)})
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		var found *FlowtableError
		if err := f.Apply(t.Context(), labPlan()); !errors.As(err, &found) || fmt.Sprint(found.Devices) != "[lan0 wan0]" {
			t.Errorf("applied over a flowtable: %v", err)
		}
		if out, err := exec.Command("nft", "list", "table", "inet", Table).CombinedOutput(); err != nil {
			t.Errorf("no rules with a flowtable: %v\n%s", err, out)
		}
	})
}

func TestReleaseAtLeast(t *testing.T) {
	for release, want := range map[string]bool{"6.12": true, "6.18.44-fc": true, "7.0.1": true, "6.12-rc1": true, "6.1.0-40-amd64": false, "5.15": false, "": false, "next": false} {
		if got := releaseAtLeast(release, 6, 12); got != want {
			t.Errorf("%q: %t", release, got)
		}
	}
}

func TestModes(t *testing.T) {
	if _, err := Open(Options{Mode: "iptables"}); err == nil {
		t.Error("an unknown mode was accepted")
	}
	f, err := Open(Options{Mode: ModeOff})
	if err != nil {
		t.Fatal(err)
	}
	if f.Mode() != ModeOff || f.Problem() != nil || len(f.Traffic()) != 0 || len(f.MACs()) != 0 {
		t.Error("ModeOff has a problem or sessions")
	}
	if err := errors.Join(f.Close(), f.Close()); err != nil {
		t.Error(err)
	}
}
