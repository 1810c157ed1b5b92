package client

import (
	"net"
	"reflect"
	"strconv"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// State is what the agent is doing.
type State string

// States of a Run.
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

// Status is all that is known of one person's access. It is reported whole at every change.
type Status struct {
	State   State    `json:"state"`
	Mode    string   `json:"mode"`    // ModeLAN or ModeVPN, while there is access
	Address string   `json:"address"` // that has access now
	Expires string   `json:"expires"` // when the session ends, RFC 3339, while there is access; empty = not known
	Code    string   `json:"code"`    // an agent.Code; for Ended an agent.Reason or a code of package session
	Message string   `json:"message"` // in the person's language
	Server  string   `json:"server"`  // the gateway as a person would write it
	Login   string   `json:"login"`   // of the person who has access or asks for it
	Notices []Notice `json:"notices"` // each code once, the newest last; never changed in place
}

// Notice is something that a person should know beside the state.
type Notice struct {
	Code    string `json:"code"`
	Message string `json:"message"` // in the person's language
}

// Codes of notices: the gateway has a newer agent, the session is about to end.
const (
	CodeUpdate     = "update"
	NoticeExpiring = protocol.NoticeExpiring
)

// HasAccess reports whether the gateway gives access now.
func (s Status) HasAccess() bool { return s.State == Authorized || s.State == TunnelUp }

// Busy reports whether somebody has access, gets it or gets it back.
func (s Status) Busy() bool {
	return s.HasAccess() || s.State == Reconnecting || s.State == Connecting && s.Login != ""
}

// AsksPassword reports whether the session can only be extended with another password.
func (s Status) AsksPassword() bool {
	for _, n := range s.Notices {
		if asksPassword(n.Code) {
			return true
		}
	}
	return false
}

// Notice finds the notice with a code.
func (s Status) Notice(code string) (Notice, bool) {
	for _, n := range s.Notices {
		if n.Code == code {
			return n, true
		}
	}
	return Notice{}, false
}

// without returns the notices that are not unwanted, in a new list.
func (s Status) without(unwanted func(code string) bool) (rest []Notice) {
	for _, n := range s.Notices {
		if !unwanted(n.Code) {
			rest = append(rest, n)
		}
	}
	return rest
}

// Limits of what the gateway may make us show, in characters.
const (
	maxMessage = 1000
	maxCode    = 64
	maxAddress = 64
	maxExpires = 64
)

// show reports a new state. An end takes the notices away.
func (c *client) show(state State, code, message string) {
	s := c.status
	s.State, s.Code, s.Message = state, code, message
	if state == Ended || state == Failed {
		s.Notices = nil
	}
	c.report(s, nil)
}

// notice reports something beside the state, which stays what it is.
func (c *client) notice(code, message string) {
	if message = agent.Clean(message, maxMessage); message == "" {
		return
	}
	n := Notice{agent.Clean(code, maxCode), message}
	s := c.status
	s.Notices = append(s.without(func(code string) bool { return code == n.Code }), n)
	c.report(s, &n)
}

// report reports a status unless it is the last one again. news is the notice in it that is new; nil = the state is. An
// extension makes the warnings before it obsolete; a comeback does not, because it extends nothing.
func (c *client) report(s Status, news *Notice) {
	s.Mode, s.Address, s.Expires = "", "", ""
	if s.HasAccess() {
		s.Mode, s.Address, s.Expires = c.mode, c.address, c.expires
	}
	if news == nil && s.Expires != "" && s.Expires != c.reported {
		c.reported = s.Expires
		s.Notices = s.without(func(code string) bool { return code == NoticeExpiring || asksPassword(code) })
	}
	if reflect.DeepEqual(s, c.status) && reflect.DeepEqual(news, c.news) {
		return
	}
	c.status, c.news = s, news
	c.cfg.Events(s, news)
}

// text returns a text in the person's language. Its {server} is the gateway, its {port} that of the tunnel.
func (c *client) text(key string) string {
	port := agent.DefaultWireGuardPort
	if c.endpoint.IsValid() {
		port = int(c.endpoint.Port())
	}
	return locale.Text(c.cfg.Lang, key, "server", c.status.Server, "port", strconv.Itoa(port))
}

// server returns the gateway as a person would write it.
func (c *client) server() string {
	if c.cfg.Port == agent.DefaultAgentPort {
		return c.cfg.Host
	}
	return c.hostPort()
}

func (c *client) hostPort() string {
	return net.JoinHostPort(c.cfg.Host, strconv.Itoa(int(c.cfg.Port)))
}
