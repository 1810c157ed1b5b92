package web

import (
	"net"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/web/systemd"
)

// listeners are the open ports, by what they serve.
type listeners struct {
	portal, agent, http []net.Listener
	tunnel              []net.Listener // for plain HTTP too, inside the tunnel
}

// inherited has the listeners that systemd has kept since the process before this one, by flag and address.
type inherited map[[2]string]net.Listener

// inherit takes over the listeners that systemd has kept. Those whose address is no longer in the flags are closed.
func (c Config) inherit() inherited {
	all := inherited{}
	kept, err := c.Systemd.Kept()
	if err != nil {
		c.Log.Warn("some listeners that systemd has kept cannot be used; they are opened again", "error", err)
	}
	for _, part := range c.listening() {
		for _, where := range part.where {
			wanted, err := part.parse(where)
			i := slices.IndexFunc(kept, func(l systemd.Listener) bool {
				return err == nil && l.Serves == part.kept && slices.ContainsFunc(wanted, func(at netip.AddrPort) bool { return listensAt(l, at) })
			})
			if i >= 0 {
				all[[2]string{part.flag, where}] = kept[i]
				kept = slices.Delete(kept, i, i+1)
			}
		}
	}
	for _, l := range kept {
		c.Log.Info("an address is no longer listened at", "addresses", l.Addr().String())
	}
	if err := c.Systemd.Forget(kept); err != nil {
		c.Log.Warn("systemd may still keep listeners whose addresses are not in the flags any more", "error", err)
	}
	return all
}

// listensAt reports whether net.Listen would return a listener with the same address.
func listensAt(l net.Listener, wanted netip.AddrPort) bool {
	tcp, ok := l.Addr().(*net.TCPAddr)
	if !ok {
		return false
	}
	is := netip.AddrPortFrom(agent.Unmap(tcp.AddrPort().Addr()), tcp.AddrPort().Port())
	if wanted.Addr() == netip.IPv6Unspecified() && !hasIPv6() { // then it stands for all IPv4 addresses
		wanted = netip.AddrPortFrom(netip.IPv4Unspecified(), wanted.Port())
	}
	return is == wanted
}

func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		_ = unix.Close(fd)
	}
	return err == nil
}

// listen opens the listeners that are not inherited, and makes systemd keep them.
func listen(c Config, have inherited) (*listeners, error) {
	open := &listeners{}
	to := []*[]net.Listener{&open.portal, &open.agent, &open.http}
	for i, part := range c.listening() {
		for _, where := range part.where {
			l := have[[2]string{part.flag, where}]
			if l == nil {
				var err error
				if l, err = net.Listen("tcp", where); err != nil {
					open.close()
					return nil, part.refused(where, err)
				}
				if err := c.Systemd.Keep(systemd.Listener{Listener: l, Serves: part.kept}); err != nil {
					c.Log.Warn("systemd does not keep a listener, so connections may be refused while the gateway restarts", "error", err)
				}
			}
			*to[i] = append(*to[i], l)
		}
	}
	return open, nil
}

func (l *listeners) close() {
	for _, list := range [][]net.Listener{l.portal, l.agent, l.http, l.tunnel} {
		for _, one := range list {
			_ = one.Close()
		}
	}
}
