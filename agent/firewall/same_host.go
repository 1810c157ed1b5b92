package firewall

import (
	"context"
	"fmt"
	"net/netip"

	"ideco-agent/agent"
)

// maxAsked is how many IPv4 addresses with one MAC the kernel asks for at once.
const maxAsked = 4

// BrowserSessionOf returns the session of KindWeb whose host also has the address a: the session's own address is let through with the
// MAC and on the interface that the neighbour table has for a. It returns "" if there is none, and if several hosts may share the MAC,
// as behind a Wi-Fi repeater: two sessions have it, or two IPv4 addresses. The whole neighbour table is read only if a session has
// the MAC. Several IPv4 addresses are asked for, so that the kernel forgets those that the host no longer has. Errors: of reading the
// kernel's tables; ErrClosed; ctx.Err.
func (f *Firewall) BrowserSessionOf(ctx context.Context, a netip.Addr) (sessionID string, err error) {
	if f.mode == ModeOff {
		return "", nil
	}
	err = f.call(ctx, func(r *reconciler) (err error) {
		sessionID, err = r.browserSessionOf(agent.Unmap(a))
		return err
	})
	return sessionID, err
}

func (r *reconciler) browserSessionOf(a netip.Addr) (sessionID string, err error) {
	now, err := r.kernel.snapshot(0)
	if err != nil {
		return "", fmt.Errorf("reading the interfaces: %w", err)
	}
	at := r.plan.locateHost(now, false, a)
	if !at.matchesMAC() || at.lacksMAC() {
		return "", nil
	}
	var found *grantedSession
	for _, s := range r.sessions {
		own := s.addrs[0].at
		if !own.matchesMAC() || own.name != at.name || own.mac != at.mac {
			continue
		}
		if found != nil {
			return "", nil
		}
		found = s
	}
	if found == nil || found.kind != agent.KindWeb {
		return "", nil
	}
	if err := now.listNeighbours(0); err != nil {
		return "", fmt.Errorf("reading the neighbour table: %w", err)
	}
	ipv4 := map[netip.Addr]bool{} // addresses of the MAC
	if own := found.addrs[0].addr; own.Is4() {
		ipv4[own] = true
	}
	for n, m := range now.neighbours {
		if n.index == now.index[at.name] && m == at.mac && n.addr.Is4() {
			ipv4[n.addr] = true
		}
	}
	if len(ipv4) <= 1 {
		return found.session, nil
	}
	asked := 0
	for other := range ipv4 {
		if asked < maxAsked {
			Resolve(other)
			asked++
		}
	}
	return "", nil
}
