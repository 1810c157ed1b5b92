package handlers

import (
	"context"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"ideco-agent/agent"
)

// restoredFor is how long the gateway says that it restored its rules after another program had changed them.
const restoredFor = 24 * time.Hour

// Conditions returns what an administrator should know about the gateway. Those of SeverityBad come first.
func (s *Site) Conditions(ctx context.Context) ([]agent.Condition, error) {
	now, state := s.Settings.Current(), s.Gateway.State()
	interfaces, err := s.Gateway.Interfaces()
	if err != nil {
		s.Log.Error("read the interfaces", "error", err)
	}
	directories, err := s.Directories.List(ctx)
	if err != nil {
		return nil, err
	}
	list := s.accessConditions(now, state)
	list = append(list, s.networkConditions(now, state, interfaces)...)
	for _, d := range directories {
		list = append(list, directoryConditions(d, s.Directories.Status(d.ID))...)
	}
	list = append(list, s.partConditions()...)
	slices.SortStableFunc(list, func(a, b agent.Condition) int { return rank(a) - rank(b) })
	return list, nil
}

func rank(c agent.Condition) int {
	if c.Severity == agent.SeverityBad {
		return 0
	}
	return 1
}

// accessConditions are about whether anybody can log in, and whether people need to log in to get access.
func (s *Site) accessConditions(now agent.Settings, state agent.GatewayState) (list []agent.Condition) {
	add := adder(&list)
	if trouble := s.Storing(); trouble != "" {
		add(agent.ConditionStore, agent.SeverityBad, string(trouble), nil)
	}
	switch {
	case !now.Enabled && state.Enforces():
		add(agent.ConditionAgentOff, agent.SeverityBad, "closed", nil)
	case !now.Enabled:
		add(agent.ConditionAgentOff, agent.SeverityBad, "", nil)
	}
	if now.Domain == "" {
		add(agent.ConditionDomain, agent.SeverityWarn, "", nil)
	}
	switch state.Enforcement {
	case agent.EnforcementOn:
	case agent.EnforcementIdle:
		add(agent.ConditionInterfaces, agent.SeverityBad, "", nil)
	case agent.EnforcementBehind, agent.EnforcementSwitchedOff:
		add(agent.ConditionEnforcement, agent.SeverityWarn, string(state.Enforcement), nil)
	default:
		add(agent.ConditionEnforcement, agent.SeverityBad, string(state.Enforcement), map[string]string{"Flowtable": state.Flowtable})
	}
	return list
}

// networkConditions are about forwarding, DNS, the interfaces, the networks and the rules.
func (s *Site) networkConditions(now agent.Settings, state agent.GatewayState, interfaces []agent.Interface) (list []agent.Condition) {
	add := adder(&list)
	addInterfaces := func(code agent.ConditionCode, severity agent.Severity, names []string) {
		if len(names) > 0 {
			add(code, severity, "", map[string]string{"Interfaces": strings.Join(names, ", ")})
		}
	}
	if now.InterfacesChosen() {
		wants6 := slices.ContainsFunc(interfaces, agent.Interface.RoutesIPv6)
		off6 := wants6 && !state.Forwarding6
		switch {
		case !state.Forwarding4 && (off6 || !wants6):
			add(agent.ConditionForwarding, agent.SeverityBad, "", nil)
		case !state.Forwarding4:
			add(agent.ConditionForwarding, agent.SeverityBad, "4", nil)
		case off6:
			add(agent.ConditionForwarding, agent.SeverityWarn, "6", nil)
		}
	}
	if state.RedirectsBrowsers() && !s.resolvesBeforeLogin(now, interfaces) {
		servers := make([]string, 0, 4)
		for _, o := range s.serversToOpen(now) {
			servers = append(servers, o.String())
		}
		add(agent.ConditionDNS, agent.SeverityBad, "", map[string]string{"Name": unicodeName(now.Domain), "Servers": strings.Join(servers, ", ")})
	}
	addInterfaces(agent.ConditionReplaced, agent.SeverityBad, state.Replaced)
	if interfaces != nil {
		addInterfaces(agent.ConditionGone, agent.SeverityBad, now.Missing(interfaces))
		if down, closed := now.Down(interfaces); closed {
			add(agent.ConditionDown, agent.SeverityBad, "closed", map[string]string{"Interfaces": strings.Join(down, ", ")})
		} else {
			addInterfaces(agent.ConditionDown, agent.SeverityWarn, down)
		}
		addInterfaces(agent.ConditionUplinks, agent.SeverityWarn, now.UnchosenUplinks(interfaces))
		addInterfaces(agent.ConditionVLANs, agent.SeverityWarn, now.UnchosenVLANs(interfaces))
		if nets := now.NotLocal(interfaces); len(nets) > 0 {
			add(agent.ConditionNotLocal, agent.SeverityWarn, "", map[string]string{"Networks": strings.Join(texts(nets), ", ")})
		}
	}
	if !now.NetworksSeen {
		add(agent.ConditionNetworksUnseen, agent.SeverityWarn, "", nil)
	}
	if state.Boot != "" {
		closed := ""
		if state.BootClosed {
			closed = "1"
		}
		add(agent.ConditionBoot, agent.SeverityWarn, string(state.Boot), map[string]string{"Closed": closed})
	}
	if !state.Restored.IsZero() && time.Since(state.Restored) < restoredFor {
		add(agent.ConditionRestored, agent.SeverityWarn, "", map[string]string{"Time": state.Restored.Format(time.RFC3339)})
	}
	return list
}

// partConditions are about the tunnel, the installer, the backups and the certificates.
func (s *Site) partConditions() (list []agent.Condition) {
	add := adder(&list)
	if !s.Tunnel.Available() {
		add(agent.ConditionVPN, agent.SeverityWarn, "", nil)
	} else if lack := s.Tunnel.Lacks(); lack != agent.TunnelLacksNothing {
		add(agent.ConditionVPNLacks, agent.SeverityWarn, string(lack), nil)
	}
	if s.Installer.Ready() != nil {
		add(agent.ConditionInstaller, agent.SeverityWarn, "", nil)
	}
	if state := s.Backups.State(); state.Trouble != "" && s.Settings.Current().Backup.Daily {
		add(agent.ConditionBackup, agent.SeverityWarn, string(state.Trouble), map[string]string{"Time": state.Failed.Format(time.RFC3339)})
	}
	for _, end := range s.Certificates.Ending() {
		add(agent.ConditionCertificate, agent.SeverityWarn, "", map[string]string{"Name": unicodeName(end.Name), "Until": end.NotAfter.Format(time.RFC3339),
			"Source": string(end.Source), "Order": string(end.Order)})
	}
	return list
}

// directoryConditions are about one directory. Only a silent default directory is bad, because most people are in it; people of other
// directories and local accounts still log in.
func directoryConditions(d agent.DirectorySettings, status agent.DirectoryStatus) (list []agent.Condition) {
	add, args := adder(&list), map[string]string{"Name": d.Name, "ID": strconv.FormatInt(int64(d.ID), 10)}
	if status.Tried && !status.Reachable {
		severity := agent.SeverityWarn
		if d.Default {
			severity = agent.SeverityBad
		}
		add(agent.ConditionDirectory, severity, "", args)
	}
	if d.PasswordLost {
		add(agent.ConditionPasswordLost, agent.SeverityWarn, "", args)
	}
	if status.Withheld != nil {
		add(agent.ConditionWithheld, agent.SeverityWarn, "", args)
	}
	return list
}

func adder(list *[]agent.Condition) func(agent.ConditionCode, agent.Severity, string, map[string]string) {
	return func(code agent.ConditionCode, severity agent.Severity, detail string, args map[string]string) {
		*list = append(*list, agent.Condition{Code: code, Severity: severity, Detail: detail, Args: args})
	}
}

// resolvesBeforeLogin reports whether agents in the LAN can look the domain up before anybody has logged in. It takes the word of the
// administrator that the LAN has its own DNS server (Settings.DNSInLAN), and that a server open on port 53 answers.
func (s *Site) resolvesBeforeLogin(now agent.Settings, interfaces []agent.Interface) bool {
	if _, err := netip.ParseAddr(now.Domain); err == nil || now.Domain == "" || now.DNSInLAN {
		return true
	}
	for _, o := range now.OpenBeforeLogin {
		if o.Port == 53 || o.Port == 0 {
			return true
		}
	}
	return slices.ContainsFunc(s.Gateway.NameServers(), s.inLAN) || s.answersDNS(now, interfaces)
}

// inLAN reports whether a host is in the local network, so that computers there reach it without passing the firewall.
func (s *Site) inLAN(a netip.Addr) bool { return s.Addressing.Peer(a, "").Inside }

// answersDNS reports whether this machine answers DNS queries at an address of a LAN interface.
func (s *Site) answersDNS(now agent.Settings, interfaces []agent.Interface) bool {
	for _, at := range s.Gateway.DNSListeners() {
		if at.IsUnspecified() {
			return true
		}
		for _, i := range interfaces {
			isAt := func(p netip.Prefix) bool { return p.Addr() == at }
			if slices.Contains(now.LANInterfaces, i.Name) && slices.ContainsFunc(i.Addrs, isAt) {
				return true
			}
		}
	}
	return false
}

// serversToOpen returns entries of OpenBeforeLogin for those DNS servers the gateway uses that computers in the LAN reach only through the
// firewall.
func (s *Site) serversToOpen(now agent.Settings) (servers []agent.OpenServer) {
	for _, a := range s.Gateway.NameServers() {
		if o := (agent.OpenServer{Addr: a, Port: 53}); agent.IsServer(a) && !s.Addressing.Own(a) && !s.inLAN(a) && len(servers) < agent.MaxOpen {
			servers = append(servers, o)
		}
	}
	return servers
}
