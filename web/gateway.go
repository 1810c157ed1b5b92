package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent"
	"ideco-agent/handlers"
)

// gateway implements handlers.Gateway.
type gateway struct {
	tunnelName string
	firewall   *firewallController
}

var _ handlers.Gateway = gateway{}

// Interfaces returns the interfaces that can be chosen: those with an address first, otherwise in the kernel's order.
func (g gateway) Interfaces() ([]agent.Interface, error) {
	list, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	outward, _ := uplinks() // only a hint on the page
	links, err := netlink.LinkList()
	if err != nil {
		return nil, err
	}
	all := make([]agent.Interface, 0, len(list))
	for _, i := range list {
		if i.Flags&net.FlagLoopback != 0 || i.Name == g.tunnelName || !agent.IsInterface(i.Name) {
			continue
		}
		addrs, err := i.Addrs()
		if err != nil {
			return nil, fmt.Errorf("addresses of %s: %w", i.Name, err)
		}
		all = append(all, agent.Interface{
			Name:     i.Name,
			Up:       i.Flags&net.FlagUp != 0 && i.Flags&net.FlagRunning != 0,
			MAC:      i.HardwareAddr.String(),
			Addrs:    prefixes(addrs),
			Internet: outward[i.Index],
			Carrier:  carrier(links, i.Name),
			VLANOf:   vlanParent(links, i.Name),
			Learns6:  isOn(strings.Replace(acceptRA, "*", i.Name, 1)),
		})
	}
	slices.SortStableFunc(all, func(a, b agent.Interface) int {
		return cmp.Compare(min(len(b.Addrs), 1), min(len(a.Addrs), 1))
	})
	return all, nil
}

func prefixes(addrs []net.Addr) []netip.Prefix {
	list := make([]netip.Prefix, 0, len(addrs))
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && !(p.Addr().Is6() && p.Addr().IsLinkLocalUnicast()) {
			list = append(list, p)
		}
	}
	return list
}

// Preview returns the firewall's rules for the settings as text; empty without chosen interfaces.
func (g gateway) Preview(s agent.Settings) string {
	p, _, err := g.firewall.planFor(s)
	if err != nil {
		g.firewall.log.Error("read the interfaces", "error", err)
		return ""
	}
	return p.Preview()
}

func (g gateway) State() agent.GatewayState {
	s := g.firewall.state()
	s.Forwarding4, s.Forwarding6 = isOn(forwarding4), isOn(forwarding6)
	return s
}

// Files of the kernel's settings.
const (
	forwarding4 = "/proc/sys/net/ipv4/ip_forward"
	forwarding6 = "/proc/sys/net/ipv6/conf/all/forwarding"
	acceptRA    = "/proc/sys/net/ipv6/conf/*/accept_ra"
)

func isOn(path string) bool {
	b, err := os.ReadFile(path)
	return err == nil && strings.TrimSpace(string(b)) != "0"
}

// EnableForwarding enables IP forwarding until the next boot; IPv6 only if the machine has it.
func (g gateway) EnableForwarding(context.Context) error {
	if err := switchOn(forwarding4, "1"); err != nil {
		return err
	}
	if _, err := os.Stat(forwarding6); err != nil || isOn(forwarding6) {
		return nil
	}
	if err := keepAdvertisedRoutes(); err != nil {
		return err
	}
	return switchOn(forwarding6, "1")
}

// keepAdvertisedRoutes sets accept_ra from 1 to 2 on all interfaces: with 1, an interface ignores router advertisements once
// forwarding is enabled, and its default route expires.
func keepAdvertisedRoutes() error {
	paths, err := filepath.Glob(acceptRA)
	if err != nil {
		return err
	}
	for _, path := range paths {
		name := filepath.Base(filepath.Dir(path))
		b, err := os.ReadFile(path)
		if name == "all" || name == "default" || name == "lo" || err != nil || strings.TrimSpace(string(b)) != "1" {
			continue
		}
		if err := switchOn(path, "2"); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func switchOn(path, value string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(value)
	return errors.Join(err, f.Close())
}
