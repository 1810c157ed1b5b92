package firewall

import "github.com/google/nftables"

// memberSet is a named set. Sets outlive the process that made them, so a set with another key needs another name.
type memberSet struct {
	name         string
	hasInterface bool
	hasMAC       bool
	v6           bool
	anyAddress   bool // the key ends with the MAC
	dynamic      bool // filled by rules, not by this program
}

// The sets of the table.
var (
	lan4    = &memberSet{name: "lan4", hasInterface: true, hasMAC: true}                                     // attached hosts: interface, MAC, address
	lan6    = &memberSet{name: "lan6", hasInterface: true, hasMAC: true, v6: true}                           //
	routed4 = &memberSet{name: "routed4", hasInterface: true}                                                // hosts behind a router: interface, address
	routed6 = &memberSet{name: "routed6", hasInterface: true, v6: true}                                      //
	back4   = &memberSet{name: "back4", hasInterface: true}                                                  // destinations of replies to both: interface, address
	back6   = &memberSet{name: "back6", hasInterface: true, v6: true}                                        //
	vpn4    = &memberSet{name: "vpn4"}                                                                       // addresses in the tunnel
	dnsMAC  = &memberSet{name: "dns_mac", hasInterface: true, hasMAC: true, anyAddress: true, dynamic: true} // hosts that send DNS queries without a session
	dnsMAC4 = &memberSet{name: "dns_mac4", hasInterface: true, hasMAC: true, dynamic: true}                  //
	dnsMAC6 = &memberSet{name: "dns_mac6", hasInterface: true, hasMAC: true, v6: true, dynamic: true}        //
	dns4    = &memberSet{name: "dns4", hasInterface: true, dynamic: true}                                    // the same on interfaces without MACs
	dns6    = &memberSet{name: "dns6", hasInterface: true, v6: true, dynamic: true}                          //
	allSets = []*memberSet{lan4, lan6, routed4, routed6, back4, back6, vpn4, dnsMAC, dnsMAC4, dnsMAC6, dns4, dns6}
)

// sessionSets are the sets of sessions' addresses.
var sessionSets = []*memberSet{lan4, lan6, routed4, routed6, back4, back6, vpn4}

// types returns the types of the key's parts.
func (s *memberSet) types() []nftables.SetDatatype {
	var list []nftables.SetDatatype
	if s.hasInterface {
		list = append(list, nftables.TypeIFName)
	}
	if s.hasMAC {
		list = append(list, nftables.TypeEtherAddr)
	}
	switch {
	case s.anyAddress:
		return list
	case s.v6:
		return append(list, nftables.TypeIP6Addr)
	}
	return append(list, nftables.TypeIPAddr)
}

func (s *memberSet) in(table *nftables.Table) *nftables.Set {
	return &nftables.Set{Table: table, Name: s.name, HasTimeout: true, KeyType: nftables.MustConcatSetType(s.types()...)}
}
