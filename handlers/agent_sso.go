package handlers

import (
	"crypto/subtle"
	"io"
	"net/netip"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/protocol"
)

// Limits of the large frames with a ticket that are in memory at once: of all hosts and of one. A frame is large if it is over maxFrame.
const (
	maxSSOFrames       = 16
	maxSSOFramesOfHost = 4
)

// ssoWait is how long a frame waits for its place.
const ssoWait = 5 * time.Second

// ssoPlaces are the places for large frames with a ticket. The zero value is ready.
type ssoPlaces struct {
	mu    sync.Mutex // guards the fields, not the channels in them
	taken chan struct{}
	hosts map[netip.Prefix]*hostPlaces
}

// hostPlaces are the places of one host.
type hostPlaces struct {
	taken chan struct{}
	users int // frames that have a place or wait for one
}

// take waits for a place for a frame of a host. It reports false if there was none in time.
func (p *ssoPlaces) take(host netip.Prefix) bool {
	late := time.NewTimer(ssoWait)
	defer late.Stop()
	h := p.enter(host)
	for _, taken := range []chan struct{}{h.taken, p.taken} {
		select {
		case taken <- struct{}{}:
		case <-late.C:
			if taken == p.taken {
				<-h.taken
			}
			p.exit(host)
			return false
		}
	}
	return true
}

// free frees a place of a host.
func (p *ssoPlaces) free(host netip.Prefix) {
	<-p.taken
	<-p.exit(host).taken
}

func (p *ssoPlaces) enter(host netip.Prefix) *hostPlaces {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.hosts == nil {
		p.taken, p.hosts = make(chan struct{}, maxSSOFrames), map[netip.Prefix]*hostPlaces{}
	}
	h := p.hosts[host]
	if h == nil {
		h = &hostPlaces{taken: make(chan struct{}, maxSSOFramesOfHost)}
		p.hosts[host] = h
	}
	h.users++
	return h
}

func (p *ssoPlaces) exit(host netip.Prefix) *hostPlaces {
	p.mu.Lock()
	defer p.mu.Unlock()
	h := p.hosts[host]
	if h.users--; h.users == 0 {
		delete(p.hosts, host)
	}
	return h
}

// sso answers the agent's sso: the first one with a challenge, the second one, with the ticket, like authorize.
func (a *agentConn) sso(m *protocol.SSORequest) error {
	challenge := a.challenge
	a.challenge = ""
	peer := a.peerNow()
	if !a.site.offersSSO(peer) {
		return a.refuse(agent.Refuse(agent.CodeSSOUnavailable))
	}
	if m.Token == nil {
		a.challenge = randomToken()
		return a.send(protocol.SSOReply{Type: protocol.TypeSSO, Status: protocol.SSOChallenge, SessionToken: a.challenge,
			ComputerName: a.site.Settings.Current().Domain})
	}
	if challenge == "" || m.SessionToken == nil || subtle.ConstantTimeCompare([]byte(*m.SessionToken), []byte(challenge)) != 1 {
		return a.refuseMessage()
	}
	token, err := decodeTicket(*m.Token)
	if err != nil {
		return a.refuse(&agent.Error{Code: agent.CodeSSORefused, Err: err})
	}
	return a.authorizeAs(access.Attempt{Ticket: token, Peer: peer}, m.Device)
}

// readTicket reads the rest of a frame over maxFrame and returns the whole frame. It takes one of Site.ssoPlaces. Errors:
// errFrameTooLarge if no ticket is expected or the frame is over protocol.MaxSSOFrame; a refusal if all places stay taken, with the frame
// read to its end.
func (a *agentConn) readTicket(begun []byte, rest io.Reader) ([]byte, error) {
	if a.challenge == "" || !a.site.offersSSO(a.peerNow()) {
		return nil, errFrameTooLarge
	}
	late := time.AfterFunc(a.site.guestTimeout(), func() { _ = a.conn.CloseNow() })
	defer late.Stop()
	left := int64(protocol.MaxSSOFrame - len(begun))
	if a.ssoPlace = a.site.ssoPlaces.take(a.peer.Host()); !a.ssoPlace {
		a.challenge = ""
		n, err := io.Copy(io.Discard, io.LimitReader(rest, left+1))
		switch {
		case err != nil:
			return nil, err
		case n > left:
			return nil, errFrameTooLarge
		}
		return nil, &agent.Error{Code: agent.CodeTooManyAttempts, Wait: ssoWait}
	}
	more, err := io.ReadAll(io.LimitReader(rest, left+1))
	if err == nil && int64(len(more)) > left {
		err = errFrameTooLarge
	}
	return append(begun, more...), err
}

// freeSSOPlace frees the place of the frame that was answered.
func (a *agentConn) freeSSOPlace() {
	if a.ssoPlace {
		a.ssoPlace = false
		a.site.ssoPlaces.free(a.peer.Host())
	}
}

// peerNow is the peer under the present settings.
func (a *agentConn) peerNow() agent.Peer {
	return a.site.Addressing.Peer(a.peer.Addr, a.peer.Interface)
}
