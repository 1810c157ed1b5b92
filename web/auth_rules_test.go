package web

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/store"
)

// ruleLab has rules in a real store, and stands in for the kernel and the sessions.
type ruleLab struct {
	*authRules
	t     testing.TB
	now   time.Time
	table map[netip.Addr]neighbour
	asked []string
	set   []string // of the last SetStatic, without the silent ones
	idle  []string // the silent ones of it
	live  []agent.LiveSession
	sets  int // calls of SetStatic
	boss  agent.UserID
}

var ruleNetworks = []netip.Prefix{netip.MustParsePrefix("192.168.7.0/24"), netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/16")}

func newRuleLab(t testing.TB) *ruleLab {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "ideco.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	l := &ruleLab{t: t, now: time.Now(), table: map[netip.Addr]neighbour{}}
	l.boss, err = db.CreateUser(t.Context(), agent.User{Login: "boss", Directory: agent.LocalDirectory, Enabled: true}, "")
	if err != nil {
		t.Fatal(err)
	}
	set := agent.DefaultSettings()
	set.LocalNetworks = ruleNetworks
	l.authRules = newAuthRules(db, func() agent.Settings { return set }, nil, slog.New(slog.NewTextHandler(t.Output(), nil)))
	l.authRules.sessions, l.authRules.network = l, l
	return l
}

func (l *ruleLab) SetStatic(_ context.Context, set []access.StaticSession) {
	l.sets++
	l.set, l.idle, l.live = nil, nil, nil
	for _, s := range set {
		if s.Silent {
			l.idle = append(l.idle, s.Address.String())
			continue
		}
		text := fmt.Sprintf("%s=%d", s.Address, s.Rule)
		if s.MAC != "" {
			text += "@" + s.MAC[15:]
		}
		l.set = append(l.set, text)
		l.live = append(l.live, agent.LiveSession{Session: agent.Session{Kind: agent.KindStatic, UserID: s.User, Address: s.Address, MACStored: s.MAC}})
	}
}

func (l *ruleLab) Sessions() []agent.LiveSession { return l.live }

func (l *ruleLab) neighbours() (table []neighbour, err error) {
	for _, n := range l.table {
		table = append(table, n)
	}
	return table, nil
}

// attached leaves out 10.0.0.0/8, which is behind a router.
func (l *ruleLab) attached() ([]netip.Prefix, error) {
	return []netip.Prefix{ruleNetworks[0], ruleNetworks[2]}, nil
}

func (l *ruleLab) ask(a netip.Addr) { l.asked = append(l.asked, a.String()) }

// mac returns the MAC of a computer by its last byte; empty for empty.
func mac(last string) string {
	if last == "" {
		return ""
	}
	return "02:00:00:00:00:" + last
}

// add adds a rule: an address, the last byte of a MAC, or both.
func (l *ruleLab) add(address, last string, always bool) agent.RuleID {
	l.t.Helper()
	r := agent.AuthRule{Enabled: true, UserID: l.boss, MAC: mac(last), Always: always}
	if address != "" {
		r.Address = netip.MustParseAddr(address)
	}
	id, err := l.Store.AddAuthRule(l.t.Context(), r)
	if err != nil {
		l.t.Fatal(err)
	}
	return id
}

// sees sets the entry of an address in the neighbour table: the last byte of a MAC (empty = it does not answer), and how long ago the host
// answered.
func (l *ruleLab) sees(address, last string, ago time.Duration) {
	a := netip.MustParseAddr(address)
	l.table[a] = neighbour{addr: a, mac: mac(last), name: "lan0", answered: ago}
}

// after applies the rules some time later, and wants these addresses: "192.168.7.5=1@05" for rule 1 with a MAC.
func (l *ruleLab) after(later time.Duration, what string, want ...string) {
	l.t.Helper()
	l.now = l.now.Add(later)
	for a, n := range l.table {
		n.answered += later
		l.table[a] = n
	}
	l.asked = nil
	l.apply(l.t.Context(), l.now)
	if !slices.Equal(l.set, want) {
		l.t.Errorf("%s: %q, want %q", what, l.set, want)
	}
}

// TestRulesOfAddresses: when the rule of an address authorises it.
func TestRulesOfAddresses(t *testing.T) {
	for _, test := range []struct {
		name, address, mac string
		always             bool
		host               string // the last byte of the MAC in the neighbour table; "-" = it does not answer; empty = no entry
		ago                time.Duration
		want               string
	}{
		{"seen", "192.168.7.5", "", false, "05", time.Second, "192.168.7.5=1"},
		{"IPv6", "fd00::5", "", false, "05", time.Second, "fd00::5=1"},
		{"seen 14 minutes ago", "192.168.7.5", "", false, "05", 14 * time.Minute, "192.168.7.5=1"},
		{"seen 16 minutes ago", "192.168.7.5", "", false, "05", 16 * time.Minute, ""},
		{"not seen", "192.168.7.5", "", false, "", 0, ""},
		{"no answer", "192.168.7.5", "", false, "-", 0, ""},
		{"not seen, always", "192.168.7.5", "", true, "", 0, "192.168.7.5=1"},
		{"its MAC", "192.168.7.5", "05", false, "05", 0, "192.168.7.5=1@05"},
		{"another MAC", "192.168.7.5", "05", false, "06", 0, ""},
		{"another MAC, always", "192.168.7.5", "05", true, "06", 0, "192.168.7.5=1@05"},
		{"behind a router", "10.0.0.5", "", false, "", 0, "10.0.0.5=1"},
		{"behind a router with a MAC", "10.0.0.5", "05", true, "", 0, ""},
		{"not local any more", "172.16.0.5", "", true, "05", 0, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newRuleLab(t)
			l.add(test.address, test.mac, test.always)
			if test.host != "" {
				l.sees(test.address, strings.Trim(test.host, "-"), test.ago)
			}
			if test.want == "" {
				l.after(time.Second, "")
			} else {
				l.after(time.Second, "", test.want)
			}
		})
	}
}

// TestRuleOfMAC: a MAC has access at one IPv4 address and at 8 IPv6 addresses. Addresses that answer stay. The rule of an address goes
// before that of its MAC.
func TestRuleOfMAC(t *testing.T) {
	l := newRuleLab(t)
	l.add("", "05", false)
	l.after(time.Second, "not seen")
	l.sees("192.168.7.9", "09", 0)
	l.sees("192.168.7.5", "05", time.Minute)
	l.sees("169.254.1.1", "05", 0)
	l.sees("fe80::5", "05", 0)
	l.sees("172.16.0.5", "05", 0)
	l.after(time.Second, "seen", "192.168.7.5=1@05")

	l.sees("192.168.7.6", "05", 0)
	l.after(time.Second, "a second address", "192.168.7.5=1@05")
	if !slices.Equal(l.asked, []string{"192.168.7.5"}) {
		t.Errorf("asked: %q", l.asked)
	}
	l.sees("192.168.7.5", "05", 0)
	l.after(8*time.Second, "the first one answers", "192.168.7.5=1@05")
	l.sees("192.168.7.5", "", 0)
	l.after(time.Second, "the first one does not answer", "192.168.7.6=1@05")
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Second, "it is back", "192.168.7.6=1@05")
	delete(l.table, netip.MustParseAddr("192.168.7.6"))
	l.after(16*time.Minute, "both are silent")
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Second, "it has woken up", "192.168.7.5=1@05")

	var six []string
	for i := range 10 {
		a := fmt.Sprintf("fd00::%x", i+1)
		l.sees(a, "05", time.Duration(10-i)*time.Second)
		six = append(six, a+"=1@05")
	}
	l.after(time.Second, "IPv6", append([]string{"192.168.7.5=1@05"}, six[2:]...)...)
	l.sees("fd00::1", "05", 0)
	l.after(time.Second, "they stay", append([]string{"192.168.7.5=1@05"}, six[2:]...)...)
	l.sees("fd00::9", "", 0)
	l.after(time.Second, "one does not answer", append([]string{"192.168.7.5=1@05", six[0]}, append(slices.Clone(six[2:8]), six[9])...)...)

	l.add("192.168.7.5", "", true)
	l.add("fd00::3", "06", true)
	l.after(time.Second, "rules of two of the addresses", append([]string{"192.168.7.5=2", six[0], "fd00::2=1@05", "fd00::3=3@06"}, append(slices.Clone(six[3:8]), six[9])...)...)
}

// TestQuietHosts: a quiet host is asked. After 15 minutes without an answer it is silent. It is asked until the kernel reports that it does
// not answer.
func TestQuietHosts(t *testing.T) {
	l := newRuleLab(t)
	l.add("192.168.7.5", "", false)
	const on = "192.168.7.5=1"
	asks := func(want int) {
		t.Helper()
		if len(l.asked) != want {
			t.Errorf("asked %q, want %d", l.asked, want)
		}
	}
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Second, "there", on)
	l.after(4*time.Minute, "quiet for 4 minutes", on)
	asks(0)
	l.after(2*time.Minute, "quiet for 6 minutes", on)
	asks(1)
	l.after(10*time.Second, "asked 10 seconds ago", on)
	asks(0)
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Minute, "it has answered", on)
	asks(0)
	delete(l.table, netip.MustParseAddr("192.168.7.5")) // the kernel needed the space
	l.after(6*time.Minute, "not in the table", on)
	asks(1)
	l.sees("192.168.7.5", "", 0)
	l.after(2*time.Minute, "no answer", on)
	asks(0)
	l.after(8*time.Minute, "silent")
	if !slices.Equal(l.idle, []string{"192.168.7.5"}) {
		t.Errorf("ended as idle: %q", l.idle)
	}
	l.sees("192.168.7.5", "05", 20*time.Minute)
	l.after(time.Second, "an entry that is 20 minutes old")
	asks(1)
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Second, "there again", on)
}

// TestClaimedAddress: while two MACs claim an address all the time, it changes its MAC every 30 seconds at most.
func TestClaimedAddress(t *testing.T) {
	l := newRuleLab(t)
	l.add("", "05", false)
	l.sees("192.168.7.5", "05", 0)
	l.after(time.Second, "there", "192.168.7.5=1@05")
	sets := l.sets
	for i := range 40 { // a claim a second
		l.sees("192.168.7.5", []string{"06", "05"}[i%2], 0)
		l.now = l.now.Add(time.Second)
		l.apply(t.Context(), l.now)
	}
	if changes := l.sets - sets; changes > 2 {
		t.Errorf("%d changes in 40 seconds", changes)
	}
	for i := range 200 {
		l.sees(fmt.Sprintf("fd00::1:%x", i), "05", 0)
	}
	l.apply(t.Context(), l.now.Add(time.Second))
	if len(l.hosts) > hostsPerMAC+1 {
		t.Errorf("%d hosts", len(l.hosts))
	}
}

// TestRulesFollow: changes of rules act at once, those of accounts and settings in the next pass, and an ended session comes back.
func TestRulesFollow(t *testing.T) {
	l := newRuleLab(t)
	ctx := t.Context()
	has := func(what string, want ...string) {
		t.Helper()
		if !slices.Equal(l.set, want) {
			t.Errorf("%s: %q, want %q", what, l.set, want)
		}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	const on = "192.168.7.5=1"
	r := agent.AuthRule{Enabled: true, UserID: l.boss, Address: netip.MustParseAddr("192.168.7.5"), Always: true}
	id, err := l.AddAuthRule(ctx, r)
	must(err)
	has("added", on)
	must(l.ChangeAuthRule(ctx, id, func(r *agent.AuthRule) error { r.Enabled = false; return nil }))
	has("switched off")
	if l.idle != nil {
		t.Errorf("ended as idle: %q", l.idle)
	}
	must(l.ChangeAuthRule(ctx, id, func(r *agent.AuthRule) error { r.Enabled = true; return nil }))
	has("switched on", on)

	for _, enabled := range []bool{false, true} {
		_, err = l.UpdateUser(ctx, l.boss, func(u *agent.User) error { u.Enabled = enabled; return nil })
		must(err)
		if enabled {
			l.after(time.Second, "enabled account", on)
		} else {
			l.after(time.Second, "disabled account")
		}
	}
	sets := l.sets
	l.after(time.Second, "nothing", on)
	if l.sets != sets {
		t.Error("the same set again")
	}
	l.live = nil
	l.after(rulesRecheck, "its session was ended", on)
	if l.sets != sets+1 {
		t.Error("the session does not come back")
	}
	set := l.settings()
	set.LocalNetworks = ruleNetworks[1:]
	l.settings = func() agent.Settings { return set }
	l.after(time.Second, "the network is not local any more")
	set.LocalNetworks = ruleNetworks
	l.after(time.Second, "the network is local again", on)
	must(l.DeleteAuthRule(ctx, id))
	has("deleted")

	id = l.add("192.168.7.6", "06", false)
	l.sees("192.168.7.6", "06", 0)
	l.after(time.Second, "the computer of the rule", fmt.Sprintf("192.168.7.6=%d@06", id))
	must(l.ChangeAuthRule(ctx, id, func(r *agent.AuthRule) error { r.MAC = r.MAC[:15] + "07"; return nil }))
	has("a rule of another computer")
	if l.idle != nil {
		t.Errorf("ended as idle after the MAC of the rule was changed: %q", l.idle)
	}
}

// TestRulesAfterRestart: the hosts of restored sessions keep their access until they are silent, also if the neighbour table lacks them.
func TestRulesAfterRestart(t *testing.T) {
	l := newRuleLab(t)
	l.add("192.168.7.5", "", false)
	l.add("", "06", false)
	l.live = []agent.LiveSession{
		{Session: agent.Session{Kind: agent.KindStatic, Address: netip.MustParseAddr("192.168.7.5")}},
		{Session: agent.Session{Kind: agent.KindStatic, Address: netip.MustParseAddr("192.168.7.6"), MACStored: mac("06")}},
		{Session: agent.Session{Kind: agent.KindStatic, Address: netip.MustParseAddr("192.168.7.7"), MACStored: mac("07")}}, // its rule is gone
	}
	l.begin(t.Context())
	l.now = time.Now()
	l.after(time.Second, "after the restart", "192.168.7.5=1", "192.168.7.6=2@06")
	l.after(6*time.Minute, "quiet", "192.168.7.5=1", "192.168.7.6=2@06")
	if len(l.asked) != 2 {
		t.Errorf("asked: %q", l.asked)
	}
	l.after(10*time.Minute, "silent")
}

// BenchmarkRulesPass is a pass with 10,000 rules and 1,000 hosts. There is one every rulesEvery.
func BenchmarkRulesPass(b *testing.B) {
	l := newRuleLab(b)
	var rules []agent.AuthRule
	for i := range agent.MaxAuthRules {
		m := fmt.Sprintf("02:00:00:00:%02x:%02x", i>>8, i&255)
		rules = append(rules, agent.AuthRule{ID: agent.RuleID(i), UserID: l.boss, MAC: m})
		if i < 1000 {
			a := netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})
			l.table[a] = neighbour{addr: a, mac: m, name: "lan0"}
		}
	}
	l.index(rules)
	now := time.Now()
	l.checked, l.writes = now, l.Writes()
	for b.Loop() {
		l.apply(b.Context(), now)
	}
	if len(l.authRules.set) != 1000 {
		b.Fatal(len(l.authRules.set))
	}
}
