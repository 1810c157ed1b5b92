package firewall

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Forwarding tells whether this machine passes packets on.
type Forwarding struct{ IPv4, IPv6 bool }

// Where the kernel has its switches.
const (
	switches = "/proc/sys/net"
	forward4 = "ipv4/ip_forward"
	forward6 = "ipv6/conf/all/forwarding"
)

// ReadForwarding reads both switches. A kernel without IPv6 does not pass it on.
func ReadForwarding() (Forwarding, error) {
	four, err := readSwitch(forward4)
	if err != nil {
		return Forwarding{}, err
	}
	six, err := readSwitch(forward6)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return Forwarding{}, err
	}
	return Forwarding{IPv4: four == "1", IPv6: six == "1"}, nil
}

// EnableForwarding has this machine pass packets on until it is restarted; a file in /etc/sysctl.d makes it last. A WAN
// interface that gets its IPv6 route from router advertisements goes on to listen to them, which a forwarding machine does
// not do by itself.
func EnableForwarding(want Forwarding, p Plan) error {
	if want.IPv6 {
		for _, name := range namesOf(p.WAN) {
			if err := keepAdvertisements(name); err != nil {
				return err
			}
		}
		if err := writeSwitch(forward6, "1"); err != nil {
			return err
		}
	}
	if want.IPv4 {
		return writeSwitch(forward4, "1")
	}
	return nil
}

func keepAdvertisements(name string) error {
	path := filepath.Join("ipv6/conf", name, "accept_ra")
	if now, err := readSwitch(path); err != nil || now != "1" {
		return nil // there is no such interface now, or it does not listen
	}
	return writeSwitch(path, "2")
}

func readSwitch(path string) (string, error) {
	b, err := os.ReadFile(filepath.Join(switches, path))
	return strings.TrimSpace(string(b)), err
}

func writeSwitch(path, value string) error {
	if err := os.WriteFile(filepath.Join(switches, path), []byte(value), 0o644); err != nil {
		return fmt.Errorf("switching forwarding on: %w; it takes root: sysctl -w net/%s=%s", err, path, value)
	}
	return nil
}
