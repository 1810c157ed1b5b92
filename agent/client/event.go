package client

import (
	"net"
	"strconv"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// State is what the agent is doing.
type State string

// States, as --json prints them.
const (
	Connecting   State = "connecting"
	Authorized   State = "authorized"
	TunnelUp     State = "tunnel"
	Reconnecting State = "reconnecting"
	Ended        State = "ended"
	Failed       State = "error"
)

// Modes of access.
const (
	ModeLAN = "lan"
	ModeVPN = "vpn"
)

// Event is one thing that a person or a script should know. All fields are always there in JSON, empty when there is
// nothing to say.
type Event struct {
	State   State  `json:"state"`
	Mode    string `json:"mode"`    // ModeLAN or ModeVPN, while there is access
	Address string `json:"address"` // that has access now
	Expires string `json:"expires"` // when the session ends, RFC 3339, while there is access; empty = not known
	Code    string `json:"code"`    // an agent.Code, an agent.Reason for Ended, or the code of a notice
	Message string `json:"message"` // in the person's language
	Notice  bool   `json:"notice"`  // said beside the state, which stays what it is
}

// Codes of notices: the gateway has a newer agent, the session is about to end.
const (
	CodeUpdate     = "update"
	NoticeExpiring = protocol.NoticeExpiring
)

// Limits of what the gateway may make us show, in characters.
const (
	maxMessage = 1000
	maxCode    = 64
	maxAddress = 64
	maxExpires = 64
)

// emit shows an event unless it is the one that is on show already.
func (c *client) emit(e Event) {
	if e.State == Authorized || e.State == TunnelUp {
		e.Mode, e.Address, e.Expires = c.mode, c.address, c.expires
	}
	if e == c.shown {
		return
	}
	c.shown = e
	if !e.Notice {
		c.status = e
	}
	c.cfg.Events(e)
}

// notice shows something beside the state, which stays what it is.
func (c *client) notice(code, message string) {
	if message = agent.Clean(message, maxMessage); message != "" {
		c.emit(Event{State: c.shown.State, Code: agent.Clean(code, maxCode), Message: message, Notice: true})
	}
}

// text is a text in the person's language. Its {server} is the gateway, its {port} that of the tunnel.
func (c *client) text(key string) string {
	port := agent.DefaultWireGuardPort
	if c.endpoint.IsValid() {
		port = int(c.endpoint.Port())
	}
	return locale.Text(c.cfg.Lang, key, "server", c.server(), "port", strconv.Itoa(port))
}

// server is the gateway as a person would write it.
func (c *client) server() string {
	if c.cfg.Port == agent.DefaultAgentPort {
		return c.cfg.Host
	}
	return c.hostPort()
}

func (c *client) hostPort() string {
	return net.JoinHostPort(c.cfg.Host, strconv.Itoa(int(c.cfg.Port)))
}
