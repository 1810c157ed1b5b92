package firewall

import (
	"context"
	"fmt"
	"net/netip"

	"ideco-agent/agent"
)

// maxAsked is how many IPv4 addresses with one MAC the kernel asks for at once.
const maxAsked = 4

// BrowserSessionOf returns the session of KindWeb whose own address is let through with the MAC of another address's host, on the same
// interface. Only the neighbour table decides. It is "" if there is none, and if the MAC may be that of several hosts, as
// behind a Wi-Fi repeater: two sessions have it, or two IPv4 addresses. Those are
// asked for, so that the kernel forgets an address that its host no longer has. The neighbour table is dumped only for the MAC of a session.
// Errors: of reading the kernel's tables; ErrClosed; ctx.Err.
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
	var of *grantedSession
	for _, s := range r.sessions {
		own := s.addrs[0].at
		if !own.matchesMAC() || own.name != at.name || own.mac != at.mac {
			continue
		}
		if of != nil {
			return "", nil
		}
		of = s
	}
	if of == nil || of.kind != agent.KindWeb {
		return "", nil
	}
	if err := now.listNeighbours(0); err != nil {
		return "", fmt.Errorf("reading the neighbour table: %w", err)
	}
	four := map[netip.Addr]bool{}
	if own := of.addrs[0].addr; own.Is4() {
		four[own] = true
	}
	for n, m := range now.neighbours {
		if n.index == now.index[at.name] && m == at.mac && n.addr.Is4() {
			four[n.addr] = true
		}
	}
	if len(four) <= 1 {
		return of.session, nil
	}
	asked := 0
	for other := range four {
		if asked < maxAsked {
			Resolve(other)
			asked++
		}
	}
	return "", nil
}
