package access

import (
	"cmp"
	"fmt"
	"time"

	"ideco-agent/agent"
)

// busyWait is when an agent that comes back asks again about an address that somebody else has: after about the time in
// which a connection that died is noticed.
const busyWait = 30 * time.Second

// place is what a login or a resume asks for. Deciding about it changes nothing.
type place struct {
	next    agent.Session
	own     *session // the live session that goes on as next; nil for one that begins or is brought back
	current *session // the session of the connection that asks
	inside  bool
	through int // index of the network interface
	link    Link
	chain   chainName
	losers  []loser
	heir    bool // whether next has the address in the tunnel of one of the losers, still to be reserved
}

// loser is a session that ends for another one.
type loser struct {
	*session
	reason agent.Reason
}

// kind decides between LAN and tunnel, and tells whether the peer is inside. Refusals: CodeAddressBusy for an address of
// the VPN network, which a session has already; CodeVPNNotAllowed, CodeVPNUnavailable.
func (c *change) kind(user agent.User, peer agent.Peer) (kind agent.Kind, inside bool, err error) {
	inside = c.inside(c.settings, peer.Addr, peer.Interface)
	switch {
	case c.settings.InVPN(peer.Addr):
		return "", false, c.busy(agent.Session{Login: user.Login, ExternalIP: peer.Addr}, agent.Session{})
	case inside && !c.settings.LocalTunnel:
		return agent.KindLAN, true, nil
	case !inside && !user.RemoteAccess:
		return "", false, agent.Refuse(agent.CodeVPNNotAllowed)
	case c.tunnel == nil:
		return "", false, agent.Refuse(agent.CodeVPNUnavailable)
	case !c.tunnel.Available():
		return "", false, &agent.Error{Code: agent.CodeVPNUnavailable, Wait: 30 * time.Second}
	}
	return agent.KindVPN, inside, nil
}

// losers are the sessions that end when p begins. Refusals: CodeAddressBusy, CodeDeviceLimit.
func (c *change) losers(p place) ([]loser, error) {
	var list []loser
	if p.current != nil && p.current != p.own {
		list = append(list, loser{p.current, agent.ReasonLogout})
	}
	if p.next.Kind != agent.KindVPN {
		holder := c.byAddress[p.next.Address]
		if holder != nil && holder != p.own && !lost(list, holder) {
			reason, ok := displaces(p.next, holder)
			if !ok {
				return nil, c.busy(p.next, holder.Session)
			}
			list = append(list, loser{holder, reason})
		}
	}
	others := others(c.of(p.next.UserID), p.own, list)
	for _, s := range others {
		if s.Device.ID != "" && s.Device.ID == p.next.Device.ID {
			list = append(list, loser{s, agent.ReasonReplaced})
		}
	}
	return c.limit(p, list)
}

// displaces tells whether a newcomer takes over the address of a session, and why that one ends. A waiting session is
// lost a little earlier than it would have been, and may still come back elsewhere.
func displaces(next agent.Session, holder *session) (agent.Reason, bool) {
	switch {
	case next.UserID == holder.UserID:
		return agent.ReasonReplaced, next.Kind != agent.KindWeb || holder.Kind == agent.KindWeb
	case holder.link == nil && holder.Kind != agent.KindWeb:
		return agent.ReasonLost, true
	}
	return "", false
}

// limit adds the sessions that end because a person may only have so many. Refusals: CodeDeviceLimit.
func (c *change) limit(p place, list []loser) ([]loser, error) {
	rest := others(c.of(p.next.UserID), p.own, list)
	over := len(rest) + 1 - c.settings.DevicesPerUser
	if over <= 0 {
		return list, nil
	}
	if c.settings.DevicePolicy == agent.DeviceRefuse {
		return nil, agent.Refuse(agent.CodeDeviceLimit)
	}
	for _, s := range rest[:min(over, len(rest))] {
		list = append(list, loser{s, agent.ReasonEvicted})
	}
	return list, nil
}

// busy refuses an address that a session has. The log holds who that is, for the person who calls with the number.
func (c *change) busy(next, holder agent.Session) error {
	refusal := &agent.Error{Code: agent.CodeAddressBusy, Address: next.ExternalIP.String(), Ref: agent.NewRef(),
		Wait: busyWait}
	if holder.ID == "" {
		refusal.Err = fmt.Errorf("%s is an address of the VPN network", next.ExternalIP)
	}
	c.log.WarnContext(c.ctx, "address is taken", "event", "address_busy", "ref", refusal.Ref, "address", next.ExternalIP,
		"session", next.ID, "account", next.Login, "holder", holder.ID, "holder_account", holder.Login)
	return refusal
}

// fits tells whether a session could be as it is under the settings.
func (m *Manager) fits(set agent.Settings, p placed) bool {
	s := p.session
	if !set.Enabled || set.InVPN(s.ExternalIP) || m.inside(set, s.ExternalIP, p.through) != p.inside {
		return false
	}
	if s.Kind == agent.KindVPN {
		return set.InVPN(s.Address) && (!p.inside || set.LocalTunnel)
	}
	return p.inside && (s.Kind == agent.KindWeb || !set.LocalTunnel)
}

// others are the sessions of a list that neither go on as the newcomer nor end for it.
func others(list []*session, own *session, losers []loser) []*session {
	var rest []*session
	for _, s := range list {
		if s != own && !lost(losers, s) {
			rest = append(rest, s)
		}
	}
	return rest
}

func lost(losers []loser, s *session) bool {
	for _, l := range losers {
		if l.session == s {
			return true
		}
	}
	return false
}

// order puts sessions in the order of their start.
func order(a, b agent.Session) int {
	if c := a.Started.Compare(b.Started); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}
