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
	VLANOf   string         // the parent interface of a VLAN; empty for others
	Learns6  bool           // its IPv6 addresses come from router advertisements
}

// RoutesIPv6 reports whether the interface has an IPv6 address that other networks can reach.
func (i Interface) RoutesIPv6() bool {
	for _, a := range i.Addrs {
		if a.Addr().Is6() && !a.Addr().IsLinkLocalUnicast() {
			return true
		}
	}
	return false
}

// Enforcement is the state of the gateway's firewall.
type Enforcement string

// States of the firewall.
const (
	EnforcementIdle        Enforcement = "idle"        // no interfaces are chosen, so there are no rules
	EnforcementOn          Enforcement = "on"          // LAN hosts need a session
	EnforcementSwitchedOff Enforcement = "off"         // the program was started without a firewall
	EnforcementNoRights    Enforcement = "no_rights"   // the process may not change rules
	EnforcementNoKernel    Enforcement = "no_kernel"   // the kernel has no nftables
	EnforcementNoProgram   Enforcement = "no_program"  // the program nft is not installed
	EnforcementFlowtable   Enforcement = "flowtable"   // a flowtable takes packets of a chosen interface past the rules
	EnforcementUnavailable Enforcement = "unavailable" // there is no firewall for another reason, which is in the log
	EnforcementBehind      Enforcement = "behind"      // the new rules could not be loaded, and the former ones are in force; the reason is in the log
)

// Enforcements lists every Enforcement, for tests that look for a missing text.
var Enforcements = []Enforcement{EnforcementIdle, EnforcementOn, EnforcementSwitchedOff, EnforcementNoRights,
	EnforcementNoKernel, EnforcementNoProgram, EnforcementFlowtable, EnforcementUnavailable, EnforcementBehind}

// BootTrouble is why the rules for the next boot are not the rules in force. They hold from the boot until this program runs.
type BootTrouble string

// Why the data directory cannot store the rules.
const (
	BootNoSpace  BootTrouble = "no_space"
	BootReadOnly BootTrouble = "read_only"
	BootNoRights BootTrouble = "no_rights"
	BootFailed   BootTrouble = "failed" // another reason, which is in the log
)

// BootTroubles lists every BootTrouble, for tests that look for a missing text.
var BootTroubles = []BootTrouble{BootNoSpace, BootReadOnly, BootNoRights, BootFailed}

// GatewayState is the state of the firewall and of forwarding.
type GatewayState struct {
	Enforcement Enforcement
	Flowtable   string      // with EnforcementFlowtable: family, table and name, as nft prints them
	Restored    time.Time   // when the table was last restored after another program had changed it; zero = never
	Forwarding4 bool        // the kernel forwards IPv4
	Forwarding6 bool        // the kernel forwards IPv6
	Boot        BootTrouble // empty when the rules for the next boot are stored
	Replaced    []string    // chosen interfaces whose packets carry another name and are not filtered: "lan0 (br0)"
	BootClosed  bool        // with Boot: no rules are in force, but the next boot still has some
}

// RedirectsBrowsers reports whether rules redirect browsers without a session to the gateway.
func (g GatewayState) RedirectsBrowsers() bool {
	return g.Enforces() || g.Enforcement == EnforcementFlowtable || g.Enforcement == EnforcementBehind
}

// Enforces reports whether LAN hosts need a session.
func (g GatewayState) Enforces() bool { return g.Enforcement == EnforcementOn }
