package web

import (
	"context"
	"net"
	"os/exec"
	"strings"
	"sync"

	"github.com/miekg/dns"
	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
)

// forwarding says whether packets are forwarded. Where they should be and are not there is a condition.
func (d *doctor) forwarding(context.Context) []agent.Check {
	if d.settings == nil || !d.settings().InterfacesChosen() {
		return []agent.Check{agent.NewCheck(agent.CheckForwardingIdle, nil)}
	}
	list := []agent.Check{agent.NewCheck(agent.CheckForwarding4, nil)}
	if isOn(forwarding6) {
		return append(list, agent.NewCheck(agent.CheckForwarding6, nil))
	}
	return append(list, agent.NewCheck(agent.CheckForwarding6Off, nil))
}

// dns checks that the DNS servers of this computer answer. Whether computers in the LAN reach one before login is a condition.
func (d *doctor) dns(ctx context.Context) (list []agent.Check) {
	if d.settings != nil {
		code := agent.CheckDNS
		if !d.settings().InterfacesChosen() {
			code = agent.CheckDNSIdle
		}
		list = append(list, agent.NewCheck(code, nil))
	}
	servers := gateway{}.NameServers()
	if len(servers) == 0 {
		return append(list, agent.NewCheck(agent.CheckDNSNoServers, nil))
	}
	codes := make([]agent.CheckCode, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() {
			if codes[i] = agent.CheckDNSSilent; exchange(ctx, net.JoinHostPort(server.String(), "53"), ".", dns.TypeNS) != nil {
				codes[i] = agent.CheckDNSServer
			}
		})
	}
	all.Wait()
	for i, server := range servers {
		list = append(list, agent.NewCheck(codes[i], args("Server", server)))
	}
	return list
}

// tunnel says how the tunnel runs. What is wrong with it is a condition.
func (d *doctor) tunnel(context.Context) []agent.Check {
	about := args("Interface", d.start.TunnelName, "Port", d.start.TunnelPort, "Mode", tunnelMode(d.start.TunnelName))
	switch {
	case d.start.Tunnel == TunnelOff:
		return []agent.Check{agent.NewCheck(agent.CheckTunnelOff, nil)}
	case d.pid == 0:
		return []agent.Check{agent.NewCheck(agent.CheckTunnelUnknown, nil)}
	}
	return []agent.Check{agent.NewCheck(agent.CheckTunnel, about)}
}

// tunnelMode says how the interface of the tunnel is made; empty if it is not there or is off.
func tunnelMode(name string) string {
	link, err := netlink.LinkByName(name)
	switch {
	case err != nil || link.Attrs().Flags&net.FlagUp == 0:
		return ""
	case link.Type() == "wireguard":
		return "kernel"
	}
	return "tun"
}

// firewall checks that the table in the kernel is the gateway's, and that the next boot loads its rules.
func (d *doctor) firewall(ctx context.Context) (list []agent.Check) {
	if d.start.Firewall == firewall.ModeOff || d.settings == nil {
		return nil // there is a condition
	}
	sessions, loaded, err := firewall.Count()
	chosen := d.settings().InterfacesChosen()
	switch {
	case err != nil:
		list = append(list, agent.NewCheck(agent.CheckTableUnknown, nil))
	case loaded && d.pid == 0 && d.unsure == nil:
		list = append(list, d.orphan())
	case loaded:
		list = append(list, agent.NewCheck(agent.CheckTable, args("Sessions", sessions)))
	case !chosen || d.pid == 0:
		list = append(list, agent.NewCheck(agent.CheckTableIdle, nil))
	}
	if state, err := exec.CommandContext(ctx, "systemctl", "is-enabled", bootUnit).Output(); chosen && (err == nil || len(state) > 0) {
		code := agent.CheckBootUnit
		if strings.TrimSpace(string(state)) != "enabled" {
			code = agent.CheckBootUnitDisabled
		}
		list = append(list, agent.NewCheck(code, args("Unit", bootUnit)))
	}
	return list
}

// orphan is the result for a table while no gateway runs on the data directory.
func (d *doctor) orphan() agent.Check {
	if pid, ok := tableLockHolder(); ok && mayChangeRules(pid) {
		return agent.NewCheck(agent.CheckTableHeld, args("Process", pid))
	}
	return agent.NewCheck(agent.CheckTableOrphan, nil)
}

// directory tests all directories on the network, with their search accounts.
func (d *doctor) directory(ctx context.Context) []agent.Check {
	if d.directories == nil {
		return nil
	}
	all, err := d.directories(ctx)
	if err != nil {
		d.log.Error("read the directories", "error", err)
		return nil
	}
	if len(all) == 0 {
		return []agent.Check{agent.NewCheck(agent.CheckNoDirectories, nil)}
	}
	results := make([]agent.Check, len(all))
	var wait sync.WaitGroup
	for i, s := range all {
		wait.Go(func() { results[i] = judge(s.Name, d.test(ctx, s)) })
	}
	wait.Wait()
	return results
}

// judge returns the first step of a test that failed, or else that warns.
func judge(name string, r agent.DirectoryReport) agent.Check {
	for _, of := range []struct {
		state agent.StepState
		code  agent.CheckCode
	}{{agent.StepFailed, agent.CheckDirectoryFailed}, {agent.StepWarning, agent.CheckDirectoryWarning}} {
		for _, step := range r.Steps {
			if step.State == of.state {
				c := agent.NewCheck(of.code, args("Name", name))
				c.Step = &step
				return c
			}
		}
	}
	return agent.NewCheck(agent.CheckDirectory, args("Name", name))
}
