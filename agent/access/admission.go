package access

import (
	"fmt"
	"slices"
	"time"

	"ideco-agent/agent"
)

// busyWait is how long a returning agent waits before it asks again for an address that is taken: about as long as it takes to
// detect a dead connection.
const busyWait = 30 * time.Second

// admission is the decision about a person who asks: the session that begins or goes on, and what ends for it. Deciding
// changes nothing.
type admission struct {
	next       agent.Session
	live       *session // the live session that goes on as next; nil for one that begins or is brought back
	current    *session // the session of the connection that asks
	extends    bool     // live gets a new length and nothing else changes
	resumes    bool     // next is brought back by a token
	inside     bool
	iface      string // see agent.Peer.Interface
	connection Connection
	chain      chainName // zero for a new one
	previous   [32]byte  // digest of the token that stays good until the agent has the next one
	displaced  []displaced
	inherits   bool // next has the tunnel address of one of the displaced, still to be reserved
}

// displaced is a session that ends for another one.
type displaced struct {
	*session
	reason agent.Reason
}

// admit decides whether and how a person gets access. Refusals: those of kind and displacedBy, CodeSessionOver.
func (c *change) admit(p person, a Attempt) (admission, error) {
	current := c.currentSession(a)
	if p.resumed == nil && current != nil && current.UserID == p.ID && c.fits(c.settings, current.located()) {
		return c.admitLonger(p.User, current)
	}
	kind, inside, err := c.kind(p.User, a.Peer)
	if err != nil {
		return admission{}, err
	}
	adm := admission{current: current, inside: inside, iface: a.Peer.Interface, connection: a.Connection}
	if r := p.resumed; r != nil {
		adm.resumes, adm.live, adm.chain, adm.previous = true, r.live, r.token.name, r.token.digest
		adm.next = c.resumedSession(r.session, kind, a.Device)
		if !c.now.Before(adm.next.Expires) {
			c.refusedToken(c.ctx, a, r.session, "over")
			return admission{}, agent.Refuse(agent.CodeSessionOver)
		}
	} else {
		adm.next = agent.Session{ID: agent.NewSessionID(), UserID: p.ID, Directory: p.Directory, Kind: kind, Device: a.Device,
			Started: c.now, LoggedIn: c.now, Expires: c.now.Add(c.settings.Length(kind))}
	}
	adm.next.Login, adm.next.Name, adm.next.ExternalIP = p.Login, p.Name, a.Peer.Addr
	if kind != agent.KindVPN {
		adm.next.Address = a.Peer.Addr
	}
	adm.displaced, err = c.displacedBy(adm)
	return adm, err
}

// admitLonger gives the session of a connection a new length, counted from now. Refusals: CodeVPNNotAllowed.
func (c *change) admitLonger(user agent.User, s *session) (admission, error) {
	if s.Kind == agent.KindVPN && !s.inside && !user.RemoteAccess {
		return admission{}, agent.Refuse(agent.CodeVPNNotAllowed)
	}
	if err := c.reloadTokens(s); err != nil {
		return admission{}, err
	}
	next := s.Session
	next.Login, next.Name = user.Login, user.Name
	next.LoggedIn, next.Expires = c.now, c.now.Add(c.settings.Length(s.Kind))
	return admission{next: next, live: s, extends: true, chain: s.chain, previous: s.Resume.Current}, nil
}

// broughtBack is a session that was resumed. It keeps its ID and, where the kind of access stays the same, its end; resuming
// never moves the end later.
func (c *change) resumedSession(s agent.Session, kind agent.Kind, device agent.Device) agent.Session {
	if end := s.LoggedIn.Add(c.settings.Length(kind)); kind != s.Kind && end.Before(s.Expires) {
		s.Expires = end
	}
	s.Kind, s.Ended, s.Reason = kind, time.Time{}, ""
	s.Device.Name, s.Device.OS = device.Name, device.OS
	return s
}

// carriedBy is the live session of the connection that asks.
func (c *change) currentSession(a Attempt) *session {
	if s := c.sessions[a.Current]; s != nil && s.connection == a.Connection {
		return s
	}
	return nil
}

// displacedBy are the sessions that end when a is committed. Refusals: CodeAddressBusy, CodeDeviceLimit.
func (c *change) displacedBy(a admission) ([]displaced, error) {
	var list []displaced
	if a.current != nil && a.current != a.live {
		list = append(list, displaced{a.current, agent.ReasonLogout})
	}
	if a.next.Kind != agent.KindVPN {
		holder := c.byAddress[a.next.Address]
		if holder != nil && holder != a.live && !isDisplaced(list, holder) {
			reason, ok := takesOver(a.next, holder)
			if !ok {
				return nil, c.refuseBusy(a.next, holder.Session)
			}
			list = append(list, displaced{holder, reason})
		}
	}
	for _, s := range c.otherSessions(a, list) {
		if s.Device.ID != "" && s.Device.ID == a.next.Device.ID {
			list = append(list, displaced{s, agent.ReasonReplaced})
		}
	}
	return c.limitDevices(a, list)
}

// displaces tells whether a newcomer takes over the address of a session, and why that one ends. A waiting session is
// lost a little earlier than it would have been, and may still come back elsewhere.
func takesOver(next agent.Session, holder *session) (agent.Reason, bool) {
	switch {
	case next.UserID == holder.UserID:
		return agent.ReasonReplaced, next.Kind != agent.KindWeb || holder.Kind == agent.KindWeb
	case holder.connection == nil && holder.Kind != agent.KindWeb:
		return agent.ReasonLost, true
	}
	return "", false
}

// limit adds the sessions that end because a person may only have so many. Refusals: CodeDeviceLimit.
func (c *change) limitDevices(a admission, list []displaced) ([]displaced, error) {
	rest := c.otherSessions(a, list)
	over := len(rest) + 1 - c.settings.DevicesPerUser
	if over <= 0 {
		return list, nil
	}
	if c.settings.DevicePolicy == agent.DeviceRefuse {
		return nil, agent.Refuse(agent.CodeDeviceLimit)
	}
	for _, s := range rest[:min(over, len(rest))] {
		list = append(list, displaced{s, agent.ReasonEvicted})
	}
	return list, nil
}

// othersOf are the person's other sessions, the oldest first: without a.live and without those in list.
func (c *change) otherSessions(a admission, list []displaced) []*session {
	return slices.DeleteFunc(c.sessionsOf(a.next.UserID), func(s *session) bool { return s == a.live || isDisplaced(list, s) })
}

func isDisplaced(list []displaced, s *session) bool {
	return slices.ContainsFunc(list, func(d displaced) bool { return d.session == s })
}

// busy refuses an address that a session has. The log holds who that is, for the person who calls with the number.
func (c *change) refuseBusy(next, holder agent.Session) error {
	refusal := &agent.Error{Code: agent.CodeAddressBusy, Address: next.ExternalIP.String(), Ref: agent.NewSupportRef(),
		Wait: busyWait}
	if holder.ID == "" {
		refusal.Err = fmt.Errorf("%s is an address of the VPN network", next.ExternalIP)
	}
	c.log.WarnContext(c.ctx, "address is taken", "event", "address_busy", "ref", refusal.Ref, "address", next.ExternalIP,
		"session", next.ID, "account", next.Login, "holder", holder.ID, "holder_account", holder.Login)
	return refusal
}
