package templates

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

	"ideco-agent/agent"
)

// AdminGatewayData fills [AdminGateway]. Errors are by field: lan_interfaces, wan_interfaces, open_before_login,
// firewall_timeout_seconds.
type AdminGatewayData struct {
	State             agent.GatewayState
	AgentEnabled      bool
	InterfacesUnknown bool // they could not be read
	Form              GatewayForm
	Errors            map[string]string
	Gone              []string       // chosen interfaces that are not there now
	NotLocal          []netip.Prefix // networks of the saved LAN interfaces that are no local networks

	Chosen       bool   // LAN and WAN are, in what Preview is for
	Preview      string // of the rules; empty: there are none
	PreviewTyped bool   // for what stands in the form, not for what is saved

	Trial     string        // name of the trial that runs; empty without one
	TrialLeft time.Duration // of it
	Returned  time.Time     // when the former settings last came back by themselves; zero: not told any more
}

// GatewayForm are the settings of the page «Шлюз» as they stand in their fields.
type GatewayForm struct {
	Interfaces      []InterfaceChoice
	Masquerade      bool
	OpenBeforeLogin string             // separated by spaces
	Wide            []agent.OpenServer // entries of it that open a whole host
	VPNPeersMayTalk bool
	FirewallTimeout string // in seconds
}

// InterfaceChoice is an interface with what it was chosen for.
type InterfaceChoice struct {
	agent.Interface
	Role string
	Gone bool // chosen, but not there now
}

// What an interface is chosen for.
const (
	RoleLAN  = "lan"
	RoleWAN  = "wan"
	RoleNone = "none"
)

// NewGatewayForm is how saved settings stand in their fields, over the interfaces that are there.
func NewGatewayForm(g agent.GatewaySettings, interfaces []agent.Interface) GatewayForm {
	f := GatewayForm{Masquerade: g.Masquerade, VPNPeersMayTalk: g.VPNPeersMayTalk, FirewallTimeout: agent.FirewallTimeout.Text(&agent.Settings{GatewaySettings: g})}
	f.OpenBeforeLogin = joined(g.OpenBeforeLogin, " ")
	for _, o := range g.OpenBeforeLogin {
		if o.Port == 0 {
			f.Wide = append(f.Wide, o)
		}
	}

	there, roles := map[string]bool{}, map[string]string{}
	for _, one := range interfaces {
		there[one.Name] = true
	}
	add := func(names []string, role string) {
		for _, name := range names {
			if roles[name] = role; !there[name] {
				f.Interfaces = append(f.Interfaces, InterfaceChoice{agent.Interface{Name: name}, role, true})
			}
		}
	}
	add(g.LANInterfaces, RoleLAN)
	add(g.WANInterfaces, RoleWAN)
	gone := f.Interfaces
	f.Interfaces = make([]InterfaceChoice, 0, len(interfaces)+len(gone))
	for _, one := range interfaces {
		f.Interfaces = append(f.Interfaces, InterfaceChoice{Interface: one, Role: or(roles[one.Name], RoleNone)})
	}
	f.Interfaces = append(f.Interfaces, gone...)
	return f
}

// joined is a list in one text.
func joined[T fmt.Stringer](list []T, separator string) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = one.String()
	}
	return strings.Join(texts, separator)
}

// atDNS narrows entries to the port of DNS.
func atDNS(list []agent.OpenServer) []agent.OpenServer {
	narrow := make([]agent.OpenServer, len(list))
	for i, o := range list {
		narrow[i] = agent.OpenServer{Addr: o.Addr, Port: 53}
	}
	return narrow
}

// secondsLeft counts the last second as one.
func secondsLeft(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// addresses are those of an interface.
func addresses(i agent.Interface) string {
	return prefixes(i.Addrs)
}

func prefixes(nets []netip.Prefix) string {
	list := make([]string, len(nets))
	for n, a := range nets {
		list[n] = a.String()
	}
	return strings.Join(list, ", ")
}

// enforcementClass is the class of the state's banner, which names its icon too.
func enforcementClass(g agent.GatewayState) string {
	switch {
	case g.Enforces():
		return "ok"
	case g.Enforcement == agent.EnforcementIdle:
		return "info"
	}
	return "warn"
}

// wantsForwarding6 tells whether there is anything in IPv6 to pass on.
func wantsForwarding6(d AdminGatewayData) bool {
	for _, i := range d.Form.Interfaces {
		for _, a := range i.Addrs {
			if a.Addr().Is6() && !a.Addr().IsLinkLocalUnicast() {
				return true
			}
		}
	}
	return false
}

// forwardingOff is the text of what the kernel does not pass on; empty when it passes all that there is.
func forwardingOff(d AdminGatewayData) string {
	off6 := wantsForwarding6(d) && !d.State.Forwarding6
	switch {
	case d.State.Forwarding4 && !off6:
		return ""
	case d.State.Forwarding4:
		return "forwarding_off_6"
	case d.State.Forwarding6 && wantsForwarding6(d):
		return "forwarding_off_4"
	}
	return "forwarding_off"
}

// forwardingLines make forwarding last. A machine that forwards IPv6 learns its own default route from the provider's
// router only where it is told to.
func forwardingLines(d AdminGatewayData) string {
	lines := []string{"net.ipv4.ip_forward = 1"}
	if wantsForwarding6(d) {
		lines = append(lines, "net.ipv6.conf.all.forwarding = 1")
		for _, i := range d.Form.Interfaces {
			if i.Internet && i.Learns6 {
				lines = append(lines, "net.ipv6.conf."+strings.ReplaceAll(i.Name, ".", "/")+".accept_ra = 2")
			}
		}
	}
	return strings.Join(lines, "\n")
}
