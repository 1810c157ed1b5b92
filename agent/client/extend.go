package client

import (
	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// asksPassword reports whether a refused extension needs another password than that of the login. The codes are those of the
// refusal's notice.
func asksPassword(code string) bool {
	switch agent.Code(code) {
	case agent.CodeBadCredentials, agent.CodePasswordExpired, agent.CodePasswordMustChange:
		return true
	}
	return false
}

// extend asks the gateway for a longer session, with the password of the login unless the person gave another. Where the
// connection fails, its loss is found where it is read.
func (c *client) extend(l *link, password string) {
	if c.extending {
		return
	}
	if password != "" {
		c.cfg.Password = password
	}
	if err := l.send(c.whoAmI(protocol.Authorize{Password: c.cfg.Password})); err != nil {
		c.cfg.Log(err.Error())
		return
	}
	c.extending = true
}

// extended reads the answer. A refusal leaves the session as it is.
func (c *client) extended(m *protocol.AuthState) {
	c.extending = false
	if !m.Authorized {
		f := c.refused(m.Code, m.Message, 0, nil)
		c.notice(f.code, f.message)
		return
	}
	c.keep(m)
	c.report(c.status, nil)
}
