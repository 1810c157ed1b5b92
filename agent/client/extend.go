package client

import (
	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// refusesPassword reports whether code refuses an extension because of the password, so that another one is needed.
func refusesPassword(code string) bool {
	switch agent.Code(code) {
	case agent.CodeBadCredentials, agent.CodePasswordExpired, agent.CodePasswordMustChange:
		return true
	}
	return false
}

// extend asks the gateway for a longer session, with the given password or, when it is empty, that of the login. An
// error of the connection is only logged: reading from it fails too and ends it.
func (c *client) extend(l *link, password string) {
	if c.extending {
		return
	}
	if password != "" {
		c.cfg.Password = password
	}
	if err := l.send(c.addIdentity(protocol.Authorize{Password: c.cfg.Password})); err != nil {
		c.cfg.Log(err.Error())
		return
	}
	c.extending = true
}

// extended handles the answer to extend. A refusal leaves the session unchanged.
func (c *client) extended(m *protocol.AuthState) {
	c.extending = false
	if !m.Authorized {
		f := c.refusal(m.Code, m.Message, 0, nil)
		c.addNotice(f.code, f.message)
		return
	}
	c.updateSession(m)
	c.report(c.status, nil)
}
