package access

import (
	"fmt"
	"slices"
	"time"

	"ideco-agent/agent"
)

// busyWait is how long an agent waits before it asks again for a taken address: about the time to detect a dead connection.
const busyWait = 30 * time.Second

// admission is the decision about an attempt. Deciding changes nothing; commit carries it out.
type admission struct {
	next       agent.Session
	rights     agent.AppliedRights
	live       *session // the live session that becomes next; nil for a new one and for one that had ended
	current    *session // the session that the connection has now; may be nil
	extends    bool     // only the length of live changes
	resumes    bool     // next is resumed by a token
	inside     bool
	iface      string // agent.Peer.Interface
	connection Connection
	chain      chainName // zero for new tokens
	previous   [32]byte  // digest of the token that stays valid until the agent has the next one
	displaced  []displaced
	moved      map[string]bool // see movedSessions
	inherits   bool            // next gets the tunnel address of a displaced session; not reserved yet
}

// displaced is a session that ends because next begins.
type displaced struct {
	*session
	reason agent.Reason
}

// admit decides about an attempt of an identified person. Refusals: those of kind and displacedBy, CodeSessionOver.
func (c *change) admit(p person, a Attempt) (admission, error) {
	rights, err := c.rights(p.User)
	if err != nil {
		return admission{}, err
	}
	current := c.currentSession(a)
	if p.resumed == nil && current != nil && current.UserID == p.ID && c.fits(c.settings, current.located()) {
		return c.admitLonger(p, rights, current)
	}
	kind, inside, err := c.kind(p.User, a.Peer)
	if err != nil {
		return admission{}, err
	}
	adm := admission{rights: rights, current: current, inside: inside, iface: a.Peer.Interface, connection: a.Connection}
	if r := p.resumed; r != nil {
		adm.resumes, adm.live, adm.chain, adm.previous = true, r.live, r.token.name, r.token.digest
		adm.next = c.resumedSession(r, rights, kind, a.Device)
		if adm.next.Expired(c.now) {
			c.refusedToken(c.ctx, a, r.session, "over")
			return admission{}, agent.Refuse(agent.CodeSessionOver)
		}
	} else {
		adm.next = agent.Session{ID: agent.NewSessionID(), UserID: p.ID, Directory: p.Directory, Kind: kind, Device: a.Device,
			Started: c.now, LoggedIn: c.now, Expires: c.now.Add(rights.Length(kind)), Way: p.way, Group: c.tree.Names(p.User)}
	}
	adm.next.Login, adm.next.Name, adm.next.ExternalIP, adm.next.Inside = p.Login, p.Name, a.Peer.Addr, inside
	if kind != agent.KindVPN {
		adm.next.Address = a.Peer.Addr
	}
	adm.displaced, err = c.displacedBy(adm)
	return adm, err
}

// admitLonger extends the session of a connection. Its length counts from now. Refusals: CodeVPNNotAllowed.
func (c *change) admitLonger(p person, rights agent.AppliedRights, s *session) (admission, error) {
	if !permits(p.User, s.located()) {
		return admission{}, agent.Refuse(agent.CodeVPNNotAllowed)
	}
	if err := c.reloadTokens(s); err != nil {
		return admission{}, err
	}
	next := s.Session
	next.Login, next.Name, next.Way, next.Group = p.Login, p.Name, p.way, c.tree.Names(p.User)
	next.LoggedIn, next.Expires = c.now, c.now.Add(rights.Length(s.Kind))
	return admission{rights: rights, next: next, live: s, extends: true, chain: s.chain, previous: s.Resume.Current}, nil
}

// resumedSession returns a session as it is after a resume. A resume never moves its end later.
func (c *change) resumedSession(r *resumed, rights agent.AppliedRights, kind agent.Kind, device agent.Device) agent.Session {
	s := r.session
	// Whether an ended session had its own length is not stored, so the present length counts.
	s.Expires = shortenedEnd(s, rights, kind, kind != s.Kind || r.live == nil || r.live.ownLength)
	s.Kind, s.Ended, s.Reason = kind, time.Time{}, ""
	s.Device.Name, s.Device.OS = device.Name, device.OS
	return s
}

// currentSession returns the live session of the connection; nil for none.
func (c *change) currentSession(a Attempt) *session {
	if s := c.sessions[a.Current]; s != nil && s.connection == a.Connection {
		return s
	}
	return nil
}

// displacedBy returns the sessions that end when a is committed. Refusals: CodeAddressBusy, CodeDeviceLimit.
func (c *change) displacedBy(a admission) ([]displaced, error) {
	var list []displaced
	if a.current != nil && a.current != a.live {
		list = append(list, displaced{a.current, agent.ReasonLogout})
	}
	if a.next.Kind != agent.KindVPN {
		holder := c.byAddress[a.next.Address]
		if holder != nil && holder != a.live && !isDisplaced(list, holder) {
			reason, ok := takesOver(a.next, holder)
			if !ok && holder.Kind == agent.KindWeb && c.left(holder) {
				reason, ok = agent.ReasonLost, true // its computer is not there any more
			}
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

// takesOver reports whether a new session takes over the address of holder, and why holder ends then. A browser takes over only
// from a browser. A waiting holder ends before its grace period is over, but may be resumed elsewhere.
func takesOver(next agent.Session, holder *session) (agent.Reason, bool) {
	switch {
	case next.UserID == holder.UserID:
		return agent.ReasonReplaced, next.Kind != agent.KindWeb || holder.Kind == agent.KindWeb
	case holder.State() == agent.StateWaiting:
		return agent.ReasonLost, true
	}
	return "", false
}

// limitDevices adds the sessions that end because the person has too many devices. Sessions of KindStatic do not count. Refusals:
// CodeDeviceLimit.
func (c *change) limitDevices(a admission, list []displaced) ([]displaced, error) {
	rest := slices.DeleteFunc(c.otherSessions(a, list), func(s *session) bool { return s.Kind == agent.KindStatic })
	over := len(rest) + 1 - a.rights.Devices
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

// otherSessions returns the person's sessions without a.live and those in list, the oldest first.
func (c *change) otherSessions(a admission, list []displaced) []*session {
	return slices.DeleteFunc(c.sessionsOf(a.next.UserID), func(s *session) bool { return s == a.live || isDisplaced(list, s) })
}

func isDisplaced(list []displaced, s *session) bool {
	return slices.ContainsFunc(list, func(d displaced) bool { return d.session == s })
}

// refuseBusy refuses an address that holder has. The log names holder under the refusal's reference.
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
