package templates

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// NewGatewayForm fills the form with saved settings and this machine's interfaces.
func NewGatewayForm(g agent.GatewaySettings, interfaces []agent.Interface) GatewayForm {
	f := GatewayForm{Masquerade: g.Masquerade, DNSInLAN: g.DNSInLAN, VPNPeersMayTalk: g.VPNPeersMayTalk, FirewallTimeout: agent.FirewallTimeout.Text(&agent.Settings{GatewaySettings: g})}
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
				f.Interfaces = append(f.Interfaces, InterfaceChoice{Interface: agent.Interface{Name: name}, Role: role, Gone: true})
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

// Propose chooses roles for a gateway on which none was ever chosen: WAN for the interfaces that lead to the Internet, LAN for the
// others that work and have a private address. Nothing is proposed without a way to the Internet.
func (f *GatewayForm) Propose() {
	if !slices.ContainsFunc(f.Interfaces, func(i InterfaceChoice) bool { return i.Internet && i.Carrier == "" }) {
		return
	}
	for n := range f.Interfaces {
		switch i := &f.Interfaces[n]; {
		case i.Carrier != "": // its packets carry another name
		case i.Internet:
			i.Role, i.Proposed = RoleWAN, true
		case i.Up && slices.ContainsFunc(i.Addrs, func(p netip.Prefix) bool { return p.Addr().IsPrivate() }):
			i.Role, i.Proposed = RoleLAN, true
		}
	}
}

// proposed reports whether a role was chosen by Propose.
func (f GatewayForm) proposed() bool {
	return slices.ContainsFunc(f.Interfaces, func(i InterfaceChoice) bool { return i.Proposed })
}

// roleName returns the field with the role of an interface.
func roleName(i int) string { return "role_" + strconv.Itoa(i) }

// roles are the choices for an interface.
func roles(l *locale.Localizer) []option {
	return []option{{RoleLAN, l.T("role_lan")}, {RoleWAN, l.T("role_wan")}, {RoleNone, l.T("role_none")}}
}

// Proposing returns the form of a gateway where nothing is saved yet, with DNS servers to open before login.
func (f GatewayForm) Proposing(servers []agent.OpenServer) GatewayForm {
	f.OpenBeforeLogin, f.OpenProposed = joined(servers, " "), len(servers) > 0
	return f
}

// joined joins the list's texts.
func joined[T fmt.Stringer](list []T, separator string) string {
	texts := make([]string, len(list))
	for i, one := range list {
		texts[i] = one.String()
	}
	return strings.Join(texts, separator)
}

// atDNS restricts entries to port 53.
func atDNS(list []agent.OpenServer) []agent.OpenServer {
	narrow := make([]agent.OpenServer, len(list))
	for i, o := range list {
		narrow[i] = agent.OpenServer{Addr: o.Addr, Port: 53}
	}
	return narrow
}

// secondsLeft rounds up.
func secondsLeft(d time.Duration) int { return int(math.Ceil(d.Seconds())) }

// wantsForwarding6 reports whether an interface has a routable IPv6 address.
func wantsForwarding6(d AdminGatewayData) bool {
	for _, i := range d.Form.Interfaces {
		if i.RoutesIPv6() {
			return true
		}
	}
	return false
}

// forwardingOff returns the id of the text about missing forwarding; empty if nothing is missing.
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

// forwardingLines returns the sysctl lines that enable forwarding permanently. Without accept_ra = 2 a machine that forwards
// IPv6 ignores the provider's router advertisements.
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
