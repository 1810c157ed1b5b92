package client

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// Timeouts for the gateway's answers.
const (
	loginTimeout  = time.Minute // the gateway may wait for a directory, and limits concurrent password checks
	logoutTimeout = 3 * time.Second
)

// connect connects and logs in, with the resume token when there is one, otherwise with the password or tickets.
func (c *client) connect(ctx context.Context) (*link, *failure) {
	l, f := c.dial(ctx)
	if f != nil {
		return nil, f
	}
	if f = c.logIn(ctx, l); f != nil {
		l.close()
		return nil, f
	}
	return l, nil
}

// logIn sends version, and authorize or sso.
func (c *client) logIn(ctx context.Context, l *link) *failure {
	if f := c.sendVersion(ctx, l); f != nil {
		return f
	}
	if c.resume != "" {
		f := c.authorize(ctx, l, c.addIdentity(protocol.Authorize{Resume: c.resume}))
		if f == nil || f.outcome != Refused || f.code != string(agent.CodeSessionOver) && f.code != string(agent.CodeBadCredentials) {
			return f
		}
		c.resume = "" // no longer valid; password or tickets may be
	}
	if c.cfg.NewPassword != "" {
		if f := c.changePassword(ctx, l); f != nil {
			return f
		}
	}
	if c.status.State == Connecting {
		c.show(Connecting, "", c.text(locale.LoggingIn))
	}
	if c.uncertain != "" && c.cfg.Tickets == nil {
		if f := c.tryUncertain(ctx, l); f == nil || f.code != string(agent.CodeBadCredentials) {
			return f
		}
	}
	if c.cfg.Tickets != nil {
		return c.logInSSO(ctx, l)
	}
	return c.authorize(ctx, l, c.addIdentity(protocol.Authorize{Password: c.cfg.Password}))
}

// sendVersion sends version and waits for the answer.
func (c *client) sendVersion(ctx context.Context, l *link) *failure {
	version := protocol.Version{Type: protocol.TypeVersion, Major: agent.VersionMajor, Minor: agent.VersionMinor,
		Build: agent.VersionBuild, OS: runtime.GOOS}
	return c.ask(ctx, l, version, c.versionAnswer)
}

// addIdentity fills in the login and the device.
func (c *client) addIdentity(m protocol.Authorize) protocol.Authorize {
	m.Type, m.Login = protocol.TypeAuthorize, c.cfg.Login
	m.Device = c.device()
	return m
}

func (c *client) device() *protocol.Device {
	return &protocol.Device{ID: c.cfg.Device.ID, Name: c.cfg.Device.Name, OS: c.cfg.Device.OS}
}

// authorize sends an authorize or sso message, and brings the tunnel up when the gateway requires one.
func (c *client) authorize(ctx context.Context, l *link, m any) *failure {
	var state *protocol.AuthState
	f := c.ask(ctx, l, m, func(m any) (bool, *failure) {
		var answered bool
		state, answered = m.(*protocol.AuthState)
		if answered && !state.Authorized {
			f := c.refusal(state.Code, state.Message, state.Timeout, nil)
			f.mayChange = state.ChangePassword
			return true, f
		}
		return answered, nil
	})
	if f != nil {
		return f
	}
	c.startSession(state)
	c.authorizedAt = c.clock.Now()
	if state.NeedTunnel {
		return c.bringTunnelUp(ctx, l)
	}
	c.takeTunnelDown()
	c.show(Authorized, "", c.text(locale.Authorized))
	return nil
}

// startSession stores the session that an auth_state describes.
func (c *client) startSession(state *protocol.AuthState) {
	c.mode = ModeLAN
	if state.NeedTunnel {
		c.mode = ModeVPN
	}
	c.address = agent.Clean(state.Address, maxAddress)
	c.resume = ""
	c.updateSession(state)
}

// updateSession stores resume token, end and grace period of the session.
func (c *client) updateSession(state *protocol.AuthState) {
	if state.Resume != "" {
		c.resume = state.Resume
	}
	c.expires = agent.Clean(state.Expires, maxExpires)
	c.grace = seconds(state.Grace)
}

// ask sends a message and passes each reply to answered, until that returns true or a failure.
func (c *client) ask(ctx context.Context, l *link, m any, answered func(any) (bool, *failure)) *failure {
	if err := l.send(m); err != nil {
		return c.failed(Unreachable, agent.CodeUnreachable, err)
	}
	late, stop := c.clock.Timer(loginTimeout)
	defer stop()
	for {
		reply, f := c.receive(ctx, l, late)
		if f != nil {
			return f
		}
		if done, f := answered(reply); done || f != nil {
			return f
		}
	}
}

// receive waits for the next message of a connection without a session.
func (c *client) receive(ctx context.Context, l *link, late <-chan time.Time) (any, *failure) {
	select {
	case <-ctx.Done():
		c.logOut(l) // the gateway may be granting access now
		return nil, c.stoppedByUser()
	case <-late:
		return nil, c.failed(Unreachable, agent.CodeUnreachable, errors.New("the gateway does not answer"))
	case m, ok := <-l.incoming:
		if !ok {
			return nil, c.failed(Unreachable, agent.CodeUnreachable, l.closeErr)
		}
		if trust, ok := m.(*protocol.Trust); ok {
			c.learn(l, trust)
		}
		return m, c.failureOf(m)
	}
}

// failureOf returns the failure that a message means, or nil.
func (c *client) failureOf(m any) *failure {
	switch m := m.(type) {
	case *malformed:
		return c.failed(Refused, agent.CodeBadMessage, m.err)
	case *protocol.Error:
		return c.refusal(m.Code, m.Message, 0, nil)
	case *protocol.Ended:
		f := c.sessionEnd(agent.Reason(m.Reason), m.Message, nil)
		if f.reconnects {
			f.outcome = Unreachable // the gateway is shutting down
		}
		return f
	}
	return nil
}

// refusal returns a refusal with the gateway's message; timeout is in seconds.
func (c *client) refusal(code, message string, timeout int, err error) *failure {
	f := &failure{outcome: Refused, code: agent.Clean(code, maxCode), message: agent.Clean(message, maxMessage),
		retryAfter: seconds(timeout), err: err}
	if f.message == "" {
		f.message = c.text(locale.Code(agent.Code(f.code)))
	}
	return f
}

// versionAnswer handles the answer to version: update, or auth_state when the gateway refuses the agent.
func (c *client) versionAnswer(m any) (bool, *failure) {
	switch m := m.(type) {
	case *protocol.Update:
		c.status.SSO = domainsOf(m)
		if m.NeedUpdate && m.Version != nil {
			number := fmt.Sprintf("%d.%d.%d", m.Version.Major, m.Version.Minor, m.Version.Build)
			c.addNotice(CodeUpdate, locale.Text(c.cfg.Lang, locale.Update, "version", number))
		}
		return true, nil
	case *protocol.AuthState:
		if !m.Authorized {
			return true, c.refusal(m.Code, m.Message, m.Timeout, nil)
		}
	}
	return false, nil
}

// logOut sends unauthorize and waits for the confirmation, at most logoutTimeout.
func (c *client) logOut(l *link) {
	if err := l.send(protocol.Unauthorize{Type: protocol.TypeUnauthorize}); err != nil {
		c.cfg.Log(err.Error())
		return
	}
	late, stop := c.clock.Timer(logoutTimeout)
	defer stop()
	for {
		select {
		case <-late:
			c.cfg.Log("the gateway did not confirm the end of the session")
			return
		case m, ok := <-l.incoming:
			if !ok {
				return
			}
			if state, ok := m.(*protocol.AuthState); ok && !state.Authorized {
				return
			}
		}
	}
}

// seconds converts a number of seconds from the gateway, limited to 0 … maxGatewayTime.
func seconds(n int) time.Duration {
	switch {
	case n <= 0:
		return 0
	case n > int(maxGatewayTime/time.Second):
		return maxGatewayTime
	}
	return time.Duration(n) * time.Second
}
