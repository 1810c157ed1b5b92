package web

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strconv"
	"syscall"
	"time"

	"ideco-agent/agent/wireguard"
)

// listening is a part of the gateway that listens on TCP, with the flag and the variable for its addresses.
type listening struct {
	flag, variable, example string
	where                   []string
	kept                    string // what it is called in systemd.Listener.Serves
}

// listening returns the parts in the order of the fields of listeners.
func (c Config) listening() []listening {
	return []listening{
		{"--portal-listen", "IDECO_PORTAL_LISTEN", ":8443", c.PortalListen, "portal"},
		{"--agent-listen", "IDECO_AGENT_LISTEN", ":14765", c.AgentListen, "agent"},
		{"--http-listen", "IDECO_HTTP_LISTEN", ":8080", c.HTTPListen, "http"},
	}
}

// Check finds a tunnel name and listen addresses that cannot work on any computer, or addresses that cannot work together. It opens
// no port and writes nothing.
func (c Config) Check() error {
	if c.Tunnel != TunnelOff && !wireguard.IsName(c.TunnelName) {
		return message("%q cannot name the tunnel: use 1 to 15 letters, digits, \"_\", \".\" and \"-\" (--tunnel-name or IDECO_TUNNEL_NAME)", c.TunnelName)
	}
	type taken struct {
		where string
		flag  string
		at    netip.AddrPort
	}
	var all []taken
	for _, part := range c.listening() {
		if len(part.where) == 0 {
			return message("%s needs an address, for instance %s", part.flag, part.example)
		}
		for _, where := range part.where {
			addresses, err := part.parse(where)
			if err != nil {
				return err
			}
			for _, at := range addresses {
				for _, other := range all {
					if overlap(at, other.at) {
						return message("%s %s and %s %s are the same port; give each its own", other.flag, other.where, part.flag, where)
					}
				}
			}
			for _, at := range addresses {
				all = append(all, taken{where, part.flag, at})
			}
		}
	}
	return nil
}

// lookupTimeout is the limit for the host name of a listen address.
const lookupTimeout = 10 * time.Second

// parse returns the addresses that a listen address means. An empty host is the unspecified IPv6 address, which includes IPv4.
func (l listening) parse(where string) ([]netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(where)
	if err != nil {
		return nil, message("%q is not an address to listen on: give host and port, for instance %s (%s or %s)", where, l.example, l.flag, l.variable)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, message("%q is not an address to listen on: a port is a number from 0 to 65535 (%s or %s)", where, l.flag, l.variable)
	}
	if host == "" {
		host = "::"
	}
	if at, err := netip.ParseAddr(host); err == nil {
		return []netip.AddrPort{netip.AddrPortFrom(at, uint16(number))}, nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookupTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, message("%q is not an address to listen on: the name %s is not known here; give an IP address of this computer (%s or %s)", where, host, l.flag, l.variable)
	}
	var all []netip.AddrPort
	for _, at := range found {
		all = append(all, netip.AddrPortFrom(at.Unmap(), uint16(number)))
	}
	return all, nil
}

// overlap reports whether two listeners cannot be open together. Port 0 takes a free port.
func overlap(a, b netip.AddrPort) bool {
	if a.Port() != b.Port() || a.Port() == 0 {
		return false
	}
	covers := func(all, one netip.Addr) bool {
		return all.IsUnspecified() && (all.Is6() || one.Is4())
	}
	return a.Addr() == b.Addr() || covers(a.Addr(), b.Addr()) || covers(b.Addr(), a.Addr())
}

// refused explains an error of net.Listen.
func (l listening) refused(where string, err error) error {
	if errors.Is(err, syscall.EACCES) {
		return message("cannot listen on %s: %w; ports below 1024 take root or CAP_NET_BIND_SERVICE. Choose another address, for instance %s (%s or %s)", where, err, l.example, l.flag, l.variable)
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return message("cannot listen on %s: %w; end it or choose another port (%s or %s)", where, err, l.flag, l.variable)
	}
	return message("cannot listen on %s: %w; choose another address, for instance %s (%s or %s)", where, err, l.example, l.flag, l.variable)
}

// tryListening opens all ports for a moment, so that an address that is not this computer's, or a port that takes more rights, is
// found before anything is written. A port in use counts only while there is no data directory: its lock tells more when the same
// gateway is running. Inherited listeners are open already.
func (c Config) tryListening(have inherited) error {
	err := c.tryPorts(have)
	if _, missing := os.Stat(c.Data); !errors.Is(missing, fs.ErrNotExist) {
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil
		}
		return err
	}
	if err == nil && c.Tunnel != TunnelOff {
		return c.tryTunnelPort()
	}
	return err
}

// tryPorts opens the ports that are not inherited, all at once.
func (c Config) tryPorts(have inherited) error {
	for _, part := range c.listening() {
		for _, where := range part.where {
			if have[[2]string{part.flag, where}] != nil {
				continue
			}
			l, err := net.Listen("tcp", where)
			if err != nil {
				return part.refused(where, err)
			}
			defer l.Close()
		}
	}
	return nil
}

func (c Config) tryTunnelPort() error {
	l, err := net.ListenUDP("udp", &net.UDPAddr{Port: int(c.TunnelPort)})
	if err != nil {
		return message("the tunnel cannot use the UDP port %d: %w; choose another one (--wireguard-port or IDECO_WIREGUARD_PORT)", c.TunnelPort, err)
	}
	return l.Close()
}
