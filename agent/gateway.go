package agent

import (
	"net/netip"
	"time"
)

// Interface is a network interface of the gateway.
type Interface struct {
	Name     string
	Up       bool
	MAC      string         // empty where there is none
	Addrs    []netip.Prefix // with host bits; link-local ones of IPv6 left out
	Internet bool           // it leads to the Internet
	Carrier  string         // the interface whose name its packets carry in the firewall, such as its bridge; empty = its own
	VLANOf   string         // the interface under a VLAN; empty for others
	Learns6  bool           // its IPv6 comes from a router's advertisements
}

// Enforcement is what the gateway's firewall does now.
type Enforcement string

// What a firewall does.
const (
	EnforcementIdle        Enforcement = "idle"        // no interface is chosen: no rules
	EnforcementOn          Enforcement = "on"          // nobody passes without a session
	EnforcementSwitchedOff Enforcement = "off"         // started without a firewall on purpose
	EnforcementNoRights    Enforcement = "no_rights"   // the process may not change rules
	EnforcementNoKernel    Enforcement = "no_kernel"   // the kernel has no nftables
	EnforcementNoProgram   Enforcement = "no_program"  // the program nft is not installed
	EnforcementFlowtable   Enforcement = "flowtable"   // packets of a chosen interface would go past the rules
	EnforcementUnavailable Enforcement = "unavailable" // there is no firewall for another reason; the log says why
	EnforcementBehind      Enforcement = "behind"      // the rules could not be changed: the former ones hold; the log says why
)

// Enforcements lists every Enforcement, for tests that look for a missing text.
var Enforcements = []Enforcement{EnforcementIdle, EnforcementOn, EnforcementSwitchedOff, EnforcementNoRights,
	EnforcementNoKernel, EnforcementNoProgram, EnforcementFlowtable, EnforcementUnavailable, EnforcementBehind}

// BootTrouble is why the rules for the next boot, which hold until this program runs, are not those in force.
type BootTrouble string

// Why the data directory does not take them.
const (
	BootNoSpace  BootTrouble = "no_space"
	BootReadOnly BootTrouble = "read_only"
	BootNoRights BootTrouble = "no_rights"
	BootFailed   BootTrouble = "failed" // another reason; the log says which
)

// BootTroubles lists every BootTrouble, for tests that look for a missing text.
var BootTroubles = []BootTrouble{BootNoSpace, BootReadOnly, BootNoRights, BootFailed}

// GatewayState is what the gateway does between the networks now.
type GatewayState struct {
	Enforcement Enforcement
	Flowtable   string    // with EnforcementFlowtable: family, table and name, as nft prints them
	Restored    time.Time // when the table was last put back after somebody had removed or changed it; zero: never
	Forwarding4 bool      // packets of IPv4 pass from one interface to another at all
	Forwarding6 bool
	Boot        BootTrouble // empty when the next boot is closed as it should be
	Replaced    []string    // chosen interfaces whose packets carry another name and are not filtered: "lan0 (br0)"
	BootClosed  bool        // with Boot: there are no rules any more, but the next boot has them
}

// RedirectsBrowsers tells whether there are rules that lead browsers without a session to the gateway, whatever else is amiss.
func (g GatewayState) RedirectsBrowsers() bool {
	return g.Enforces() || g.Enforcement == EnforcementFlowtable || g.Enforcement == EnforcementBehind
}

// Enforces tells whether nobody in the LAN passes without a session.
func (g GatewayState) Enforces() bool { return g.Enforcement == EnforcementOn }
