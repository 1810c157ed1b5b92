package tunnel

import (
	"errors"
	"io/fs"
	"reflect"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
)

const (
	localRule  = `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
	policyRule = `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
)

func TestNRPT(t *testing.T) {
	servers := addrs("10.0.0.53", "10.0.0.54")
	for name, c := range map[string]struct {
		setup client.TunnelSetup
		all   bool
		want  []string
	}{
		"no servers":             {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), Suffixes: []string{"company.ru"}}, false, nil},
		"all names":              {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers}, true, []string{"."}},
		"everything":             {client.TunnelSetup{Nets: prefixes("0.0.0.0/0"), DNS: servers, Suffixes: []string{"company.ru"}}, true, []string{"."}},
		"everything, no servers": {client.TunnelSetup{Nets: prefixes("0.0.0.0/0")}, false, nil},
		"some names": {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers, Suffixes: []string{"company.ru", "corp.local"}}, false,
			[]string{".company.ru", ".corp.local"}},
	} {
		for policy, paths := range map[bool][]string{false: {localRule}, true: {localRule, policyRule}} {
			var want []value
			for _, path := range paths {
				if c.want != nil {
					want = append(want, value{path, "Name", c.want}, value{path, "GenericDNSServers", "10.0.0.53;10.0.0.54"},
						value{path, "ConfigOptions", uint32(8)}, value{path, "Version", uint32(1)})
				}
			}
			if got := nrptValues(c.setup, policy); !reflect.DeepEqual(got, want) {
				t.Errorf("%s, policy %v: %q", name, policy, got)
			}
		}
		if resolvesAll(c.setup) != c.all {
			t.Errorf("%s: all names %v", name, !c.all)
		}
	}
	if agent.MaxSuffixes > 50 {
		t.Error("one rule does not take that many names")
	}
}

func TestNeedsRewrite(t *testing.T) {
	for _, c := range []struct {
		name                 string
		table, local, policy bool
		want                 bool
	}{
		{"as written, without policy", false, true, false, false},
		{"as written, with policy", true, true, true, false},
		{"policy has created its key", true, true, false, true},
		{"policy has removed its key", false, true, false, false},
		{"the local rule was removed", false, false, false, true},
		{"the local rule was removed, with policy", true, false, true, true},
	} {
		if got := needsRewrite(c.table, map[string]bool{nrptLocal: c.local, nrptPolicy: c.policy}); got != c.want {
			t.Errorf("%s: %v", c.name, got)
		}
	}
}

func TestRewriteDelay(t *testing.T) {
	now := time.Date(2026, 11, 23, 14, 5, 0, 0, time.UTC)
	for ago, want := range map[time.Duration]time.Duration{0: time.Minute, 20 * time.Second: 40 * time.Second, time.Minute: 0, time.Hour: 0} {
		if got := rewriteDelay(now.Add(-ago), now); got != want {
			t.Errorf("written %v ago: wait %v, want %v", ago, got, want)
		}
	}
	if got := rewriteDelay(time.Time{}, now); got != 0 {
		t.Errorf("never written: wait %v", got)
	}
}

// After a failure remove still does the other steps and reports all errors.
func TestRemoveNRPT(t *testing.T) {
	denied := errors.New("denied")
	const deleteLocal, deletePolicy, deleteTable = "delete " + localRule, "delete " + policyRule, "delete " + nrptPolicy
	for _, c := range []struct {
		name   string
		failed map[string]error // by step
		steps  []string
		errors int
	}{
		{"both", nil, []string{deleteLocal, deletePolicy, deleteTable, "refresh", "flush"}, 0},
		{"none", map[string]error{deleteLocal: fs.ErrNotExist, deletePolicy: fs.ErrNotExist}, []string{deleteLocal, deletePolicy, "flush"}, 0},
		{"without policy", map[string]error{deletePolicy: fs.ErrNotExist}, []string{deleteLocal, deletePolicy, "flush"}, 0},
		{"policy only", map[string]error{deleteLocal: fs.ErrNotExist}, []string{deleteLocal, deletePolicy, deleteTable, "refresh", "flush"}, 0},
		{"the local rule stays", map[string]error{deleteLocal: denied}, []string{deleteLocal, deletePolicy, deleteTable, "refresh", "flush"}, 1},
		{"both stay", map[string]error{deleteLocal: denied, deletePolicy: denied}, []string{deleteLocal, deletePolicy, "flush"}, 2},
		{"everything fails", map[string]error{deleteLocal: denied, deleteTable: denied, "refresh": denied, "flush": denied},
			[]string{deleteLocal, deletePolicy, deleteTable, "refresh", "flush"}, 4},
	} {
		var steps []string
		step := func(name string) error {
			steps = append(steps, name)
			return c.failed[name]
		}
		err := nrptSystem{
			deleteKey:     func(path string) error { return step("delete " + path) },
			isEmptyKey:    func(path string) bool { return path == nrptPolicy },
			refreshPolicy: func() error { return step("refresh") },
			flushCache:    func() error { return step("flush") },
		}.remove()
		if !reflect.DeepEqual(steps, c.steps) {
			t.Errorf("%s: %q", c.name, steps)
		}
		text := ""
		if err != nil {
			text = err.Error()
		}
		if strings.Count(text, denied.Error()) != c.errors {
			t.Errorf("%s: %q", c.name, text)
		}
	}
}
