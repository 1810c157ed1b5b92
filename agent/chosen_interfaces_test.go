package agent

import (
	"net/netip"
	"reflect"
	"testing"
)

// TestChosenInterfaces compares the choice of lan0 and wan0 with what a machine has.
func TestChosenInterfaces(t *testing.T) {
	at := func(name string, addrs ...string) Interface {
		i := Interface{Name: name}
		for _, a := range addrs {
			i.Addrs = append(i.Addrs, netip.MustParsePrefix(a))
		}
		return i
	}
	uplink := func(i Interface) Interface { i.Internet = true; return i }
	vlan := func(of string, i Interface) Interface { i.VLANOf = of; return i }
	lan, wan := at("lan0", "192.168.7.1/24"), uplink(at("wan0", "192.0.2.1/24"))
	found := func(s Settings, interfaces []Interface) (all []string) {
		for what, names := range map[string][]string{"missing": s.Missing(interfaces), "VLAN": s.UnchosenVLANs(interfaces), "uplink": s.UnchosenUplinks(interfaces)} {
			for _, name := range names {
				all = append(all, what+" "+name)
			}
		}
		for _, n := range s.NotLocal(interfaces) {
			all = append(all, "not local "+n.String())
		}
		return all
	}
	for what, c := range map[string]struct {
		has  []Interface
		want []string
	}{
		"as chosen":               {[]Interface{lan, wan, at("dmz0", "172.20.0.1/16")}, nil},
		"no interfaces":           {nil, []string{"missing lan0", "missing wan0"}},
		"a WAN interface is gone": {[]Interface{lan}, []string{"missing wan0"}},
		"another interface leads to the Internet":   {[]Interface{lan, wan, uplink(at("ppp0"))}, []string{"uplink ppp0"}},
		"a chosen LAN interface leads there":        {[]Interface{uplink(lan), wan}, nil},
		"a VLAN of the empty LAN interface":         {[]Interface{at("lan0"), wan, vlan("lan0", at("lan0.5", "192.168.7.1/24"))}, []string{"VLAN lan0.5"}},
		"a VLAN of an interface with an address":    {[]Interface{lan, wan, vlan("lan0", at("lan0.5", "192.168.8.1/24"))}, nil},
		"a VLAN without an address":                 {[]Interface{at("lan0"), wan, vlan("lan0", at("lan0.5"))}, nil},
		"a VLAN of an interface that is not chosen": {[]Interface{lan, wan, at("dmz0"), vlan("dmz0", at("dmz0.5", "172.20.0.1/16"))}, nil},
		"a chosen VLAN":                             {[]Interface{lan, at("wan0"), vlan("wan0", at("lan0", "192.168.7.1/24"))}, nil},
		"a LAN network is not listed":               {[]Interface{at("lan0", "192.168.7.1/24", "172.20.3.1/16"), wan}, []string{"not local 172.20.0.0/16"}},
	} {
		s := Settings{LocalNetworks: []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}}
		s.LANInterfaces, s.WANInterfaces = []string{"lan0"}, []string{"wan0"}
		if got := found(s, c.has); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %q, want %q", what, got, c.want)
		}
		if got := found(Settings{}, c.has); got != nil {
			t.Errorf("%s, nothing chosen: %q", what, got)
		}
	}
}
