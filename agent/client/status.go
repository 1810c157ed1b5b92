package client

import (
	"net"
	"reflect"
	"strconv"

	"ideco-agent/agent"
	"ideco-agent/agent/client/locale"
	"ideco-agent/agent/protocol"
)

// State is the state of a Run, as in the package comment.
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

// Status describes the access of one person. Every change reports a complete one.
type Status struct {
	State   State    `json:"state"`
	Mode    string   `json:"mode"`             // ModeLAN or ModeVPN, while there is access
	Address string   `json:"address"`          // that has access now
	Expires string   `json:"expires"`          // when the session ends, RFC 3339, while there is access; empty = not known
	Code    string   `json:"code"`             // an agent.Code; for Ended an agent.Reason or a code of package session
	Message string   `json:"message"`          // in the person's language
	Server  string   `json:"server"`           // the gateway, with the port unless it is the default
	Login   string   `json:"login"`            // of the access or the attempt
	BySSO   bool     `json:"by_sso,omitempty"` // the access or the attempt uses Tickets, not a password
	SSO     []string `json:"sso,omitempty"`    // the domains with which the gateway offers SSO here; the slice is never modified
	Notices []Notice `json:"notices"`          // one per code, the newest last; the slice is never modified
	// MayChangePassword is set with Failed when the password has to be changed first and the gateway can change it.
	MayChangePassword bool `json:"may_change_password,omitempty"`
	// PasswordChanges is how many requested changes of the password have ended, refused ones too. A notice has the result of the
	// last one: NoticePasswordChanged, NoticePasswordKept or NoticePasswordUncertain. A refusal before a login is Failed instead.
	PasswordChanges int `json:"password_changes,omitempty"`
}

// Notice is a message besides the state.
type Notice struct {
	Code    string `json:"code"`
	Message string `json:"message"` // in the person's language
}

// Codes of notices.
const (
	CodeUpdate     = "update"                // the gateway has a newer agent
	NoticeExpiring = protocol.NoticeExpiring // the session is about to end

	NoticePasswordExpiring  = protocol.NoticePasswordExpiring
	NoticePasswordChanged   = protocol.PasswordChanged
	NoticePasswordKept      = "password_kept"      // the change was refused during a session
	NoticePasswordUncertain = "password_uncertain" // the change may have happened
)

// HasAccess reports whether the gateway gives access now.
func (s Status) HasAccess() bool { return s.State == Authorized || s.State == TunnelUp }

// Busy reports whether there is access, or a login or reconnect is running.
func (s Status) Busy() bool {
	return s.HasAccess() || s.State == Reconnecting || s.State == Connecting && (s.Login != "" || s.BySSO)
}

// ExtensionNeedsPassword reports whether the session can only be extended with another password.
func (s Status) ExtensionNeedsPassword() bool {
	for _, n := range s.Notices {
		if refusesPassword(n.Code) {
			return true
		}
	}
	return false
}

// Notice returns the notice with the code.
func (s Status) Notice(code string) (Notice, bool) {
	for _, n := range s.Notices {
		if n.Code == code {
			return n, true
		}
	}
	return Notice{}, false
}

// without returns the notices except those that unwanted selects.
func (s Status) without(unwanted func(code string) bool) (rest []Notice) {
	for _, n := range s.Notices {
		if !unwanted(n.Code) {
			rest = append(rest, n)
		}
	}
	return rest
}

// Limits of texts from the gateway, in characters.
const (
	maxMessage = 1000
	maxCode    = 64
	maxAddress = 64
	maxExpires = 64
)

// show reports a new state. Ended and Failed remove the notices, except the result of a change of the password.
func (c *client) show(state State, code, message string) {
	s := c.status
	s.State, s.Code, s.Message = state, code, message
	if state == Ended || state == Failed {
		s.Notices = s.without(func(code string) bool { return code != NoticePasswordChanged && code != NoticePasswordUncertain })
	}
	c.report(s, nil)
}

// addNotice adds a notice, in place of one with the same code.
func (c *client) addNotice(code, message string) {
	if message = agent.Clean(message, maxMessage); message == "" {
		return
	}
	n := Notice{agent.Clean(code, maxCode), message}
	s := c.status
	s.Notices = append(s.without(func(code string) bool { return code == n.Code }), n)
	c.report(s, &n)
}

// report passes a status to Events unless it equals the last one. added is the new notice in it, or nil. After an
// extension it removes the warnings that are obsolete; a reconnect extends nothing.
func (c *client) report(s Status, added *Notice) {
	s.Mode, s.Address, s.Expires = "", "", ""
	if s.HasAccess() {
		s.Mode, s.Address, s.Expires = c.mode, c.address, c.expires
	}
	if added == nil && s.Expires != "" && s.Expires != c.lastExpires {
		c.lastExpires = s.Expires
		s.Notices = s.without(func(code string) bool { return code == NoticeExpiring || refusesPassword(code) })
	}
	if reflect.DeepEqual(s, c.status) && reflect.DeepEqual(added, c.notice) {
		return
	}
	c.status, c.notice = s, added
	c.cfg.Events(s, added)
}

// text returns a text in the person's language. {server} in it is the gateway, {port} the UDP port of the tunnel.
func (c *client) text(key string) string {
	port := agent.DefaultWireGuardPort
	if c.endpoint.IsValid() {
		port = int(c.endpoint.Port())
	}
	return locale.Text(c.cfg.Lang, key, "server", c.status.Server, "port", strconv.Itoa(port))
}

// server returns the host, with the port unless it is the default.
func (c *client) server() string {
	if c.cfg.Port == agent.DefaultAgentPort {
		return c.cfg.Host
	}
	return hostPort(c.cfg.Host, c.cfg.Port)
}

func hostPort(host string, port uint16) string {
	return net.JoinHostPort(host, strconv.Itoa(int(port)))
}
