package client

import (
	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// refusesPassword reports whether code refuses an extension because of the password or the tickets, so that another password is
// needed.
func refusesPassword(code string) bool {
	switch agent.Code(code) {
	case agent.CodeBadCredentials, agent.CodePasswordExpired, agent.CodePasswordMustChange,
		agent.CodeSSOUnavailable, agent.CodeSSONTLM, agent.CodeSSOClock, agent.CodeSSOStale, agent.CodeSSORefused:
		return true
	}
	return false
}

// extend asks the gateway for a longer session, with the given password or, when it is empty, as at the login. An error of
// the connection is only logged: reading from it fails too and ends it.
func (c *client) extend(l *link, password string) {
	if c.extending {
		return
	}
	if password == "" && c.cfg.Tickets != nil {
		c.sso.stale = 0
		c.sso.begin()
		return
	}
	if password != "" {
		c.cfg.Password = password
	}
	c.sso.challenge = nil
	if err := l.send(c.addIdentity(protocol.Authorize{Password: c.cfg.Password})); err != nil {
		c.cfg.Log(err.Error())
		return
	}
	c.extending = true
}

// extended handles the answer to extend. A refusal leaves the session unchanged.
func (c *client) extended(m *protocol.AuthState) {
	if !m.Authorized {
		if !c.sso.retries(m.Code) {
			c.extensionFailed(c.refusal(m.Code, m.Message, 0, nil))
		}
		return
	}
	c.extending = false
	c.updateSession(m)
	c.report(c.status, nil)
}

func (c *client) extensionFailed(f *failure) {
	c.extending = false
	if f.err != nil {
		c.cfg.Log(f.err.Error())
	}
	c.addNotice(f.code, f.message)
}
