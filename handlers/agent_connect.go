package handlers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/agent/access"
	"ideco-agent/agent/protocol"
	"ideco-agent/templates/locale"
)

// agentConnect upgrades an agent's connection and returns; a goroutine of its own serves it, because the HTTP server's
// buffers are too large for thousands of idle agents. It refuses browsers, which send an Origin.
func (s *Site) agentConnect(c echo.Context) error {
	r := c.Request()
	if r.Header.Get(echo.HeaderOrigin) != "" {
		return refusal{http.StatusForbidden, locale.CrossOrigin}
	}
	if r.Header.Get("Sec-Websocket-Key") == "" {
		c.Response().Header().Set(echo.HeaderUpgrade, "websocket")
		return refusal{http.StatusUpgradeRequired, locale.AgentOnly}
	}
	a := &agentConn{site: s, peer: who(c).Peer, host: hostOf(r), l: who(c).L, loginBy: time.Now().Add(protocol.LoginTimeout)}
	if a.counted, _ = r.Context().Value(countedConnKey{}).(CountedConn); a.counted != nil {
		a.pin = a.counted.Pin()
	}
	if !s.agents.enter(a, s.MaxAgents) {
		c.Response().Header().Set(echo.HeaderRetryAfter, "30")
		return refusal{http.StatusServiceUnavailable, locale.TooManyAgents}
	}
	conn, err := websocket.Accept(smallBuffers{c.Response().Writer}, r,
		&websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		s.agents.leave(a)
		s.Log.Debug("agent upgrade", "peer", a.peer, "error", err)
		return nil // Accept has answered
	}
	conn.SetReadLimit(-1) // readFrame has the limit, and answers before it closes
	s.agents.begin(a, conn)
	go a.serve()
	return nil
}

// agentConn is one connection of an agent. Only its reading goroutine uses session, nets and resumed; any goroutine may send.
type agentConn struct {
	site      *Site
	conn      *websocket.Conn
	peer      agent.Peer // when the connection was accepted
	host      string     // of the request; one of the gateway's names and addresses
	pin       string     // see CountedConn
	loginBy   time.Time  // deadline for getting a session
	l         *locale.Localizer
	session   string         // the live session that this connection carries; empty for none
	nets      []netip.Prefix // through the session's tunnel; empty = everything
	challenge string         // the session_token of the last sso; empty = no ticket is expected
	ssoPlace  bool           // the frame that is being answered has one of Site.ssoPlaces
	resumed   bool           // the next frame confirms that the agent has the new resume token
	counted   CountedConn    // nil in tests without a counting listener

	is       atomic.Pointer[agent.AgentVersion] // nil before the message version
	live     atomic.Bool                        // the connection carries a session
	updated  atomic.Bool                        // update was sent
	trusting sync.Mutex                         // held while trust is made and sent; guards told
	told     protocol.Trust                     // the last one sent, without its signature

	mu      sync.Mutex  // guards the fields below
	ping    *time.Timer // nil without a session
	reading bool        // a read is under way, so a pong is seen
}

// maxAgentOS limits the name of the system in the message version.
const maxAgentOS = 16

// sendTimeout is how long an agent may take to accept a message.
const sendTimeout = 10 * time.Second

// serve reads the agent's messages until the connection ends. A goroutine for each agent waits in it, so its frame is kept small: a
// stack of 8 KB instead of 16 KB is enough for the waiting.
func (a *agentConn) serve() {
	defer a.site.agents.leave(a)
	defer a.stopPing()
	a.end(a.readAll())
}

// end reports the session as lost and closes the connection.
func (a *agentConn) end(err error) {
	if a.session != "" {
		a.site.Sessions.Lost(a.session, a)
	}
	if e := agent.AsError(err); errors.As(err, new(panicked)) {
		a.site.Log.Error("agent connection failed", "peer", a.peer, "session", a.session, "ref", e.Ref, "error", err)
	} else {
		a.site.Log.Debug("agent connection is over", "peer", a.peer, "session", a.session, "error", err)
	}
	_ = a.conn.CloseNow()
}

func (a *agentConn) readAll() (err error) {
	defer recoverTo(&err) // a panic must not stop the whole gateway
	for err == nil {
		err = a.readOne()
	}
	return err
}

func (a *agentConn) readOne() error {
	defer a.freeSSOPlace()
	frame, err := a.readFrame()
	var busy *agent.Error
	switch {
	case errors.As(err, &busy):
		return a.refuse(busy)
	case err != nil:
		return err
	}
	return a.answer(frame)
}

var errFrameTooLarge = errors.New("frame over the limit")

// readFrame waits for the next frame. With a session it waits without limit, because pings detect a lost agent. Without one
// it waits until loginBy; the frame may have MaxGuest bytes and must be complete GuestTimeout after it began. This bounds
// the memory of guests. A frame with a ticket may be larger, see readTicket.
func (a *agentConn) readFrame() ([]byte, error) {
	ctx, most := context.Background(), a.maxFrame()
	if a.session == "" {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, a.loginBy)
		defer cancel()
	}
	a.setReading(true)
	defer a.setReading(false)
	kind, r, err := a.conn.Reader(ctx)
	if err != nil {
		return nil, err
	}
	if a.session == "" {
		late := time.AfterFunc(a.site.guestTimeout(), func() { _ = a.conn.CloseNow() })
		defer late.Stop()
	}
	frame, err := io.ReadAll(io.LimitReader(r, int64(most)+1))
	if err != nil {
		return nil, err
	}
	if len(frame) > most {
		frame, err = a.readTicket(frame, r)
	}
	if errors.Is(err, errFrameTooLarge) {
		_ = a.refuseMessage()
		_ = a.conn.Close(websocket.StatusMessageTooBig, "") // waits up to a few seconds for the agent's close frame
		return nil, err
	}
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, nil // parsed as an invalid message
	}
	return frame, nil
}

// maxFrame limits a frame without a ticket.
func (a *agentConn) maxFrame() int {
	if a.session == "" {
		return protocol.MaxGuest
	}
	return protocol.MaxFrame
}

func (a *agentConn) answer(frame []byte) error {
	if a.resumed {
		a.resumed = false
		a.site.Sessions.ConfirmResume(a.session, a)
	}
	message, err := protocol.Parse(frame, protocol.FromAgent)
	if err != nil {
		return a.refuseMessage()
	}
	if _, ticket := message.(*protocol.SSORequest); !ticket && len(frame) > a.maxFrame() {
		return a.refuseMessage()
	}
	switch m := message.(type) {
	case *protocol.SSORequest:
		return a.sso(m)
	case *protocol.Version:
		return a.version(m)
	case *protocol.Authorize:
		return a.authorize(m)
	case *protocol.Unauthorize:
		return a.unauthorize()
	case *protocol.TunnelRequest:
		return a.tunnel(m)
	case *protocol.AddressTokenRequest:
		return a.anotherAddress()
	case *protocol.ChangePassword:
		return a.changePassword(m)
	}
	return a.refuseMessage()
}

func (a *agentConn) refuseMessage() error {
	e := agent.Refuse(agent.CodeBadMessage)
	return a.send(protocol.Error{Type: protocol.TypeError, Code: string(e.Code), Message: a.l.Refusal(e)})
}

// version answers whether the agent is older than this gateway's installer, and where to download that.
func (a *agentConn) version(m *protocol.Version) error {
	u := protocol.Update{Type: protocol.TypeUpdate, Requires: []string{"password"}}
	if a.peerNow().Inside {
		u.SSO = a.site.Directories.Realms()
	}
	is := agent.AgentVersion{Major: m.Major, Minor: m.Minor, Build: m.Build, OS: agent.Clean(m.OS, maxAgentOS)}
	a.is.Store(&is)
	now := a.site.Settings.Current()
	if is.Older() && m.OS == "windows" && now.Enabled && now.Domain != "" && a.site.Installer.Ready() == nil {
		url := a.site.AgentDownload
		u.NeedUpdate, u.DownloadURL = true, &url
		u.Version = &protocol.Number{Major: agent.VersionMajor, Minor: agent.VersionMinor, Build: agent.VersionBuild}
	}
	if err := a.send(u); err != nil {
		return err
	}
	a.updated.Store(true)
	return a.sendTrust()
}

// authorizeTimeout limits a login, with the wait for its turn and for a directory.
const authorizeTimeout = 45 * time.Second

func (a *agentConn) authorize(m *protocol.Authorize) error {
	return a.authorizeAs(access.Attempt{Login: m.Login, Password: m.Password, Resume: m.Resume, Peer: a.peerNow()}, m.Device)
}

// authorizeAs authorizes and answers. device may be nil.
func (a *agentConn) authorizeAs(attempt access.Attempt, device *protocol.Device) error {
	ctx, cancel := context.WithTimeout(context.Background(), authorizeTimeout)
	defer cancel()
	attempt.Connection, attempt.Current = a, a.session
	if device != nil {
		attempt.Device = agent.Device{ID: device.ID, Name: device.Name, OS: device.OS}
	}
	grant, err := a.site.Sessions.Authorize(ctx, attempt)
	if err != nil {
		return a.refuse(err)
	}
	a.session, a.nets, a.resumed = grant.Session.ID, grant.ForwardNets, grant.ResumeToken != ""
	a.carriesSession(true)
	a.startPing()
	state := protocol.AuthState{
		Type:       protocol.TypeAuthState,
		Authorized: true,
		NeedTunnel: grant.NeedTunnel && !grant.Extended,
		Message:    a.l.T(locale.Authorized),
		Session:    grant.Session.ID,
		Resume:     grant.ResumeToken,
		Expires:    rfc3339(grant.Session.Expires),
		Grace:      int(grant.Grace / time.Second),
	}
	if grant.Session.Address.IsValid() {
		state.Address = grant.Session.Address.String()
	}
	if err := a.send(state); err != nil || grant.Extended {
		return err
	}
	a.noteHost(ctx, grant.Session)
	if err := a.firstAddress(a.session); err != nil {
		return err
	}
	return a.warnPassword(ctx, grant)
}

func (a *agentConn) carriesSession(yes bool) {
	a.live.Store(yes)
	if a.counted != nil {
		a.counted.CarriesSession(yes)
	}
}

// refuse answers a failed authorize.
func (a *agentConn) refuse(err error) error { return a.send(a.refusal(err)) }

// refusal makes the answer to a failed authorize or change_password.
func (a *agentConn) refusal(err error) protocol.AuthState {
	e := agent.AsError(err)
	if e.Code == agent.CodeInternal {
		a.site.Log.Error("a login or a change of a password failed", "peer", a.peer, "ref", e.Ref, "error", err)
	}
	return protocol.AuthState{
		Type:           protocol.TypeAuthState,
		Timeout:        seconds(e),
		Message:        a.l.Refusal(e),
		Code:           string(e.Code),
		ChangePassword: e.MayChange,
	}
}

func (a *agentConn) unauthorize() error {
	if a.session != "" {
		a.site.Sessions.Logout(a.session, a)
		a.session, a.loginBy = "", time.Now().Add(protocol.LoginTimeout)
		a.carriesSession(false)
		a.stopPing()
	}
	return a.send(protocol.AuthState{Type: protocol.TypeAuthState, Message: a.l.Reason(agent.ReasonLogout)})
}

// tunnel adds the session's WireGuard peer and sends the agent its configuration.
func (a *agentConn) tunnel(m *protocol.TunnelRequest) error {
	key, err := agent.ParseKey(m.PublicKey)
	if err != nil || a.session == "" {
		return a.refuseMessage()
	}
	ctx, cancel := context.WithTimeout(context.Background(), authorizeTimeout)
	defer cancel()
	config, err := a.site.Sessions.TunnelUp(ctx, a.session, a, key)
	if errors.Is(err, agent.ErrNotFound) {
		return a.refuseMessage()
	}
	if err != nil {
		e := agent.AsError(err)
		if e.Code == agent.CodeInternal {
			a.site.Log.Error("tunnel failed", "peer", a.peer, "session", a.session, "ref", e.Ref, "error", err)
		}
		return a.send(protocol.Error{Type: protocol.TypeError, Code: string(e.Code), Message: a.l.Refusal(e)})
	}
	now := a.site.Settings.Current()
	reply := protocol.TunnelReply{
		Type:             protocol.TypeTunnelWG,
		ServerPort:       config.ServerPort,
		PublicKey:        config.PublicKey.String(),
		ClientTunnelIPv4: netip.PrefixFrom(config.Address.Addr(), now.VPNNetwork.Bits()).String(), // the prefix includes the gateway
		DNSIPv4:          strings.Join(texts(now.DNS), ","),
		ForwardNets:      texts(a.nets),
		DNSSuffix:        strings.Join(now.DNSSuffixes, ","),
		PresharedKey:     config.PresharedKey.String(),
		MTU:              config.MTU,
		Keepalive:        int(config.Keepalive / time.Second),
	}
	if len(reply.ForwardNets) == 0 {
		reply.ForwardNets = []string{"0.0.0.0/0"}
	}
	return a.send(reply)
}

func (a *agentConn) send(message any) error {
	frame, err := json.Marshal(message)
	if err != nil {
		return fmt.Errorf("message %T: %w", message, err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), sendTimeout)
	defer cancel()
	return a.conn.Write(ctx, websocket.MessageText, frame)
}

// Ended tells the agent that its session is over and closes the connection. It implements [access.Connection], so it must
// not block on the agent.
func (a *agentConn) Ended(reason agent.Reason) {
	a.carriesSession(false) // now, because a silent agent delays the close
	a.site.agents.run(func() {
		_ = a.send(protocol.Ended{Type: protocol.TypeEnded, Reason: string(reason), Message: a.l.Reason(reason)})
		_ = a.conn.Close(websocket.StatusNormalClosure, string(reason))
	})
}

// Expiring tells the agent when its session will end. It implements [access.Connection].
func (a *agentConn) Expiring(left time.Duration, expires time.Time) {
	a.site.agents.run(func() {
		_ = a.send(protocol.Notice{
			Type:    protocol.TypeNotice,
			Code:    protocol.NoticeExpiring,
			Message: a.l.Expiring(left),
			Expires: rfc3339(expires),
		})
	})
}

// Ping implements [access.Connection].
func (a *agentConn) Ping(ctx context.Context) error { return a.conn.Ping(ctx) }

// startPing pings the connection every PingEvery while it carries a session. It uses a timer, which costs an idle agent no
// goroutine.
func (a *agentConn) startPing() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ping != nil {
		a.ping.Stop() // of the previous session
	}
	session := a.session
	a.ping = time.AfterFunc(protocol.PingEvery, func() { a.pingOnce(session) })
}

func (a *agentConn) stopPing() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.ping != nil {
		a.ping.Stop()
		a.ping = nil
	}
}

func (a *agentConn) setReading(reading bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.reading = reading
}

// pingOnce closes the connection if the agent does not answer. A missing pong means nothing while no read is under way.
func (a *agentConn) pingOnce(session string) {
	ctx, cancel := context.WithTimeout(context.Background(), protocol.PingTimeout)
	defer cancel()
	err := a.conn.Ping(ctx)
	if err == nil {
		a.site.Sessions.ConfirmResume(session, a) // the pong is the agent's first frame after auth_state
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil && a.reading {
		_ = a.conn.CloseNow() // the reading goroutine reports the loss
		return
	}
	if a.ping != nil {
		a.ping.Reset(protocol.PingEvery)
	}
}

// smallBuffers replaces the server's 4 KiB buffers of a hijacked connection by buffers for an agent's short messages.
type smallBuffers struct{ http.ResponseWriter }

const agentBuffer = 256 // bytes

func (w smallBuffers) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	// The agent's first frame may already be in the server's buffer.
	early, _ := rw.Reader.Peek(rw.Reader.Buffered())
	r := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(early), conn), max(agentBuffer, len(early)))
	if _, err := r.Peek(len(early)); err != nil {
		_ = conn.Close()
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, agentBuffer)), nil
}
