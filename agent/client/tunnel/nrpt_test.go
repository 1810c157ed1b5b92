package tunnel

import (
	"reflect"
	"testing"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
)

func TestNRPT(t *testing.T) {
	servers := addrs("10.0.0.53", "10.0.0.54")
	for name, c := range map[string]struct {
		setup client.TunnelSetup
		all   bool
		want  *nrptValues
	}{
		"no servers": {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), Suffixes: []string{"company.ru"}}, false, nil},
		"all names":  {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers}, true, nil},
		"everything": {client.TunnelSetup{Nets: prefixes("0.0.0.0/0"), DNS: servers, Suffixes: []string{"company.ru"}}, true, nil},
		"some names": {client.TunnelSetup{Nets: prefixes("10.0.0.0/8"), DNS: servers, Suffixes: []string{"company.ru", "corp.local"}}, false,
			&nrptValues{[]string{".company.ru", ".corp.local"}, "10.0.0.53;10.0.0.54", 8, 1}},
	} {
		if got := nrptFor(c.setup); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %+v", name, got)
		}
		if asksAll(c.setup) != c.all {
			t.Errorf("%s: all names %v", name, !c.all)
		}
	}
	if agent.MaxSuffixes > 50 {
		t.Error("one rule does not take that many names")
	}
	local := `SYSTEM\CurrentControlSet\Services\Dnscache\Parameters\DnsPolicyConfig\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
	policy := `SOFTWARE\Policies\Microsoft\Windows NT\DNSClient\DnsPolicyConfig\{8A3E1F60-5C0B-4B7E-9D52-1F6C3A7B14F1}`
	if got := nrptKeys(false); !reflect.DeepEqual(got, []string{local}) {
		t.Errorf("without policy: %q", got)
	}
	if got := nrptKeys(true); !reflect.DeepEqual(got, []string{local, policy}) {
		t.Errorf("with policy: %q", got)
	}
}
