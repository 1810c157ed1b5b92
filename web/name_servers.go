package web

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strings"

	"ideco-agent/agent"
)

// Files with the DNS servers of this machine. Where systemd-resolved runs, the first one has only its own loopback address, and the second
// one the servers that it asks.
const (
	resolvConf   = "/etc/resolv.conf"
	resolvedConf = "/run/systemd/resolve/resolv.conf"
)

// NameServers implements handlers.Gateway.
func (g gateway) NameServers() []netip.Addr { return nameServers(resolvConf, resolvedConf) }

// nameServers reads the DNS servers from the first file or, if a program on this machine answers there, from the second.
func nameServers(conf, behindStub string) []netip.Addr {
	listed := readNameServers(conf)
	remote := withoutLoopback(listed)
	if len(remote) == 0 && len(listed) > 0 {
		remote = withoutLoopback(readNameServers(behindStub))
	}
	return remote
}

// maxNameServers limits what a file may list; resolv.conf(5) uses three.
const maxNameServers = 8

// readNameServers returns the addresses of the nameserver lines in a file of the form of resolv.conf(5).
func readNameServers(path string) (servers []netip.Addr) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() && len(servers) < maxNameServers {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || words[0] != "nameserver" {
			continue
		}
		if a, err := netip.ParseAddr(words[1]); err == nil && !agent.Contains(servers, agent.Unmap(a)) {
			servers = append(servers, agent.Unmap(a))
		}
	}
	return servers
}

func withoutLoopback(list []netip.Addr) (rest []netip.Addr) {
	for _, a := range list {
		if !a.IsLoopback() && !a.IsUnspecified() {
			rest = append(rest, a)
		}
	}
	return rest
}

// DNSListeners implements handlers.Gateway.
func (g gateway) DNSListeners() []netip.Addr {
	return append(udpListeners("/proc/net/udp", 53), udpListeners("/proc/net/udp6", 53)...)
}

// udpListeners returns the addresses at which this machine receives UDP on a port, from a file of the form of /proc/net/udp. Loopback and
// connected sockets are left out.
func udpListeners(path string, port uint16) (addrs []netip.Addr) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		words := strings.Fields(lines.Text()) // sl, local_address, rem_address, …
		if len(words) < 3 {
			continue
		}
		at, ok := kernelAddrPort(words[1])
		peer, known := kernelAddrPort(words[2])
		if ok && known && at.Port() == port && peer.Port() == 0 && !at.Addr().IsLoopback() {
			addrs = append(addrs, at.Addr())
		}
	}
	return addrs
}

// kernelAddrPort reads an address as in /proc/net/udp: hexadecimal 32-bit words in the byte order of the machine, and the port.
func kernelAddrPort(text string) (netip.AddrPort, bool) {
	address, portText, _ := strings.Cut(text, ":")
	b, err := hex.DecodeString(address)
	port, portErr := hex.DecodeString(portText)
	if err != nil || portErr != nil || len(port) != 2 || len(b)%4 != 0 {
		return netip.AddrPort{}, false
	}
	for i := 0; i < len(b); i += 4 {
		binary.NativeEndian.PutUint32(b[i:], binary.BigEndian.Uint32(b[i:]))
	}
	a, ok := netip.AddrFromSlice(b)
	return netip.AddrPortFrom(agent.Unmap(a), binary.BigEndian.Uint16(port)), ok
}
