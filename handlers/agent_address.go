package handlers

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
	"ideco-agent/templates/locale"
)

// maxProofBody limits the body of a request that proves an address, in bytes. The agent sends {}.
const maxProofBody = 256

// agentAddress adds the request's source address to the session of its token. It refuses browsers, which send an Origin.
func (s *Site) agentAddress(c echo.Context) error {
	r := c.Request()
	if r.Header.Get(echo.HeaderOrigin) != "" {
		return refusal{http.StatusForbidden, locale.CrossOrigin}
	}
	if r.ContentLength < 0 || r.ContentLength > maxProofBody {
		return echo.ErrStatusRequestEntityTooLarge
	}
	token, _ := strings.CutPrefix(r.Header.Get(echo.HeaderAuthorization), "Bearer ")
	if err := s.Sessions.ProveAddress(r.Context(), token, who(c).Peer); err != nil {
		return err
	}
	c.Response().Header().Set("Connection", "close") // the agent sends one request from each address
	return c.JSON(http.StatusOK, struct{}{})
}

// firstAddress sends an address token that the agent has not asked for, upon which it proves all its addresses. There is none
// without a firewall, for a tunnel, or behind a router, where all computers have the router's MAC.
func (a *agentConn) firstAddress(session string) error {
	message, err := a.addressToken(session)
	if err != nil {
		a.site.Log.Debug("no address token", "peer", a.peer, "session", session, "error", err)
		return nil
	}
	return a.send(message)
}

// ProveAgain implements [access.Connection].
func (a *agentConn) ProveAgain(session string) {
	a.site.agents.run(func() { _ = a.firstAddress(session) })
}

// anotherAddress answers a request for another address token.
func (a *agentConn) anotherAddress() error {
	message, err := a.addressToken(a.session)
	var refused *agent.Error
	switch {
	case err == nil:
		return a.send(message)
	case errors.As(err, &refused) && refused.Code != agent.CodeBadMessage:
		return a.send(protocol.Error{Type: protocol.TypeError, Code: string(refused.Code), Message: a.l.Refusal(refused)})
	}
	return a.refuseMessage()
}

func (a *agentConn) addressToken(session string) (m protocol.AddressToken, err error) {
	token, ttl, err := a.site.Sessions.AddressToken(session, a)
	if err != nil {
		return m, err
	}
	at := a.site.Addressing.AgentAddrsNear(a.peer.Addr)
	if len(at) == 0 {
		return m, agent.Refuse(agent.CodeBadMessage)
	}
	return protocol.AddressToken{Type: protocol.TypeAddressToken, Token: token, TTL: int(ttl / time.Second), URLs: addressURLs(at)}, nil
}

func addressURLs(at []netip.AddrPort) []string {
	urls := make([]string, len(at))
	for i, a := range at {
		urls[i] = "https://" + a.String() + protocol.AddressPath
	}
	return urls
}
