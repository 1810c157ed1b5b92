package firewall

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"

	"ideco-agent/agent"
)

// ErrMACChangeOutdated says that the session or the neighbour table has changed since ChangedMACs returned the change.
var ErrMACChangeOutdated = errors.New("the session or the neighbour table has changed since the MAC was read")

// ChangedMACs returns the sessions whose own address has another MAC in the neighbour table, on the same interface. The list
// is empty if this process cannot send frames, because ProveMAC does. A failure is logged.
func (f *Firewall) ChangedMACs(ctx context.Context) (list []agent.MACChange) {
	if f.mode == ModeOff {
		return nil
	}
	_ = f.call(ctx, func(r *reconciler) error {
		var err error
		list, err = r.changedMACs()
		r.logResult("comparing MACs", err)
		return err
	})
	return list
}

// ProveMAC reports whether a session's host has left its former MAC. It sends ARP or NDP requests to that MAC, calls ping,
// which must ping the session's agent on its TLS connection, and sends the requests again. The host has left if ping
// succeeds and the former MAC never answers. Errors: ErrMACChangeOutdated; ErrClosed; of ping, of reading the kernel's tables
// and of the link.
//
// A computer that spoofs ARP and relays packets passes the ping, because it relays the ping to the agent. The requests expose
// it: the agent's computer still has the former MAC and answers the gateway directly, so the spoofer cannot block the answer.
// Limits:
//
//   - A computer that also takes over the former MAC can block the answers. It gains nothing: its packets with that MAC and
//     address pass the firewall anyway.
//   - A device between the agent's computer and the network passes both tests. It may be a Wi-Fi repeater that translates MACs,
//     or an attacker; the gateway cannot tell them apart.
//   - Spoofing that began before the first login is not noticed, because no former MAC is known.
//   - A host that answers at two MACs, such as Linux with two cards in one network, does not pass.
func (f *Firewall) ProveMAC(ctx context.Context, c agent.MACChange, ping func(context.Context) error) (left bool, err error) {
	var at place
	var nft program
	if err := f.call(ctx, func(r *reconciler) error {
		_, own, err := r.findChange(c)
		if err == nil {
			at, nft = own.at, r.nft
		}
		return err
	}); err != nil {
		return false, err
	}
	former, err := openFormer(nft, at)
	if err != nil {
		return false, err
	}
	defer former.close()
	if answers, err := former.answers(ctx); answers || err != nil {
		return false, err
	}
	if err := ping(ctx); err != nil {
		return false, err
	}
	answers, err := former.answers(ctx)
	return !answers && err == nil, err
}

// ChangeMAC replaces the MAC of a session's own address, in one transaction, and then revokes the further addresses, which
// were proved for the former MAC. Connections of the own address continue. The caller must have called ProveMAC. After an
// error the session keeps its former MAC, and retry restores its elements in the kernel.
// Errors: ErrMACChangeOutdated; ErrClosed; of the kernel.
func (f *Firewall) ChangeMAC(ctx context.Context, c agent.MACChange) error {
	return f.call(ctx, func(r *reconciler) error { return r.changeMAC(c) })
}

func (r *reconciler) changedMACs() (list []agent.MACChange, err error) {
	if !r.canProveMAC {
		return nil, nil
	}
	var own []*address
	for _, s := range r.sessions {
		if a := s.addrs[0]; a.at.matchesMAC() && !a.at.lacksMAC() {
			own = append(own, a)
		}
	}
	if len(own) == 0 {
		return nil, nil
	}
	now, err := r.kernel.snapshot(manyNeighbours) // dumps the neighbour table
	if err != nil {
		return nil, fmt.Errorf("reading the interfaces and the neighbour table: %w", err)
	}
	for _, a := range own {
		if to := r.otherMAC(a, now); to != (mac{}) {
			from := a.at.mac
			list = append(list, agent.MACChange{Session: a.of.session, From: net.HardwareAddr(from[:]), To: net.HardwareAddr(to[:])})
		}
	}
	return list, nil
}

// otherMAC returns the MAC that the neighbour table has for an address, if it differs from the granted one and the interface
// is the same; otherwise zero.
func (r *reconciler) otherMAC(a *address, now *snapshot) mac {
	if m, ok := now.mac(a.at.name, a.addr); !ok || m == a.at.mac {
		return mac{}
	}
	of := a.of.sessionInfo
	if of.kind == agent.KindWeb {
		of.onlyMAC = mac{} // stored before a restart; wanted is that of the neighbour table
	}
	if at := r.plan.locate(now, of, a.addr); at.matchesMAC() && at.name == a.at.name && at.mac != a.at.mac {
		return at.mac
	}
	return mac{}
}

// findChange returns the session and the own address of a change that ChangedMACs returned. Errors:
// ErrMACChangeOutdated; of reading the kernel's tables.
func (r *reconciler) findChange(c agent.MACChange) (*grantedSession, *address, error) {
	s := r.sessions[c.Session]
	if s == nil || len(c.From) != len(mac{}) || len(c.To) != len(mac{}) {
		return nil, nil, ErrMACChangeOutdated
	}
	own := s.addrs[0]
	if !own.at.matchesMAC() || own.at.mac != mac(c.From) {
		return nil, nil, ErrMACChangeOutdated
	}
	now, err := r.kernel.snapshot(0) // requests single neighbours
	if err != nil {
		return nil, nil, fmt.Errorf("reading the interfaces: %w", err)
	}
	if r.otherMAC(own, now) != mac(c.To) {
		return nil, nil, ErrMACChangeOutdated
	}
	return s, own, nil
}

func (r *reconciler) changeMAC(c agent.MACChange) error {
	s, own, err := r.findChange(c)
	if err != nil {
		return err
	}
	former := own.at
	own.at.mac, own.mac = mac(c.To), mac(c.To)
	if _, err = r.reconcile([]netip.Addr{own.addr}); err == nil {
		err = r.checkPresent(own)
	}
	if err != nil {
		own.at, own.mac = former, former.mac // retry restores the elements
		return err
	}
	var closed []netip.Addr
	for _, further := range slices.Clone(s.addrs[1:]) {
		closed = append(closed, r.removeAddress(further)...)
	}
	r.closeAddresses(closed)
	r.publish(s)
	return nil
}
