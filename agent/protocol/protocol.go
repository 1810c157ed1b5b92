// Package protocol has the messages between agent and gateway over wss://<domain>:14765/connect: text frames, each one JSON object
// with a "type". The format is the one that the vendor publishes for its newer clients; fields marked "ours" are optional for the
// other side.
//
// Unknown fields are ignored. The gateway answers an unknown or malformed message with [Error]. The agent ignores unknown types,
// so that newer gateways can add some.
//
// History:
//
//	2026-11-23  version, update, authorize, auth_state, unauthorize, tunnel_wg, ended, notice, error; resume tokens.
//	2026-11-25  address_token and POST /address (ours): further addresses of a computer in the LAN.
//	2026-11-27  an address_token that was not asked for: all further addresses must be proved again.
//	2026-11-27  before login a message has at most 4 KiB and 10 s.
//	2026-11-27  change_password (ours), auth_state.change_password; sso, update.sso (ours).
//	2026-11-27  ALPNPinned, trust (ours).
package protocol

import (
	"encoding/json"
	"fmt"
	"time"
)

// Limits of both ends.
const (
	MaxFrame     = 64 << 10         // bytes
	MaxGuest     = 4 << 10          // bytes of a message of an agent without a session
	GuestTimeout = 10 * time.Second // from the first byte of such a message to its last
	PingEvery    = 20 * time.Second // the gateway pings, the agent's library answers
	PingTimeout  = 10 * time.Second
	LoginTimeout = 5 * time.Minute // of a connection without a session: a person types meanwhile
)

// Message types.
const (
	TypeVersion     = "version"
	TypeUpdate      = "update"
	TypeAuthorize   = "authorize"
	TypeAuthState   = "auth_state"
	TypeUnauthorize = "unauthorize"
	TypeTunnelWG    = "tunnel_wg"
	TypeEnded       = "ended"
	TypeNotice      = "notice"
	TypeError       = "error"

	TypeAddressToken   = "address_token"
	TypeChangePassword = "change_password"
	TypeSSO            = "sso"
	TypeTrust          = "trust"
)

// ALPNPinned is a second ALPN protocol that an agent with a pin offers beside http/1.1. The gateway then serves the chain of its own
// root, also if it has a certificate of a public CA. It is never the negotiated protocol.
const ALPNPinned = "ideco-pinned"

// Version is the first message of an agent.
type Version struct {
	Type  string `json:"type"`
	Major int    `json:"major"`
	Minor int    `json:"minor"`
	Build int    `json:"build"`
	OS    string `json:"os"` // "windows", "macos", "linux"
}

// Update answers Version.
type Update struct {
	Type        string   `json:"type"`
	NeedUpdate  bool     `json:"need_update"`
	DownloadURL *string  `json:"download_url"` // port and path, such as ":14765/IdecoAgent.msi"
	Version     *Number  `json:"version,omitempty"`
	Requires    []string `json:"requires,omitempty"` // ours: what a login needs: "password"
	SSO         []string `json:"sso,omitempty"`      // ours: SSO is possible here, with these domains (Kerberos realms in lower case)
}

// Number is a version of the agent.
type Number struct {
	Major int `json:"major"`
	Minor int `json:"minor"`
	Build int `json:"build"`
}

// Authorize asks for access with login and password, or with a resume token instead of both. On a live session login and
// password extend it.
type Authorize struct {
	Type     string  `json:"type"`
	Login    string  `json:"login"`
	Password string  `json:"password"`
	Device   *Device `json:"device,omitempty"` // ours
	Resume   string  `json:"resume,omitempty"` // ours: the token of an earlier auth_state
}

// Device describes the agent's computer.
type Device struct {
	ID   string `json:"id"` // random for each installation
	Name string `json:"name"`
	OS   string `json:"os"`
}

// AuthState answers Authorize and Unauthorize.
type AuthState struct {
	Type       string `json:"type"`
	Authorized bool   `json:"authorized"`
	NeedTunnel bool   `json:"need_tunnel"`
	Timeout    int    `json:"timeout"` // seconds until the agent may retry without a person; 0 = never
	Message    string `json:"message"` // for the person, in the person's language
	Code       string `json:"code,omitempty"`
	Session    string `json:"session,omitempty"` // ours: the session's ID, for support
	Address    string `json:"address,omitempty"` // ours: the address that has access now
	Resume     string `json:"resume,omitempty"`  // ours: token that resumes this session without a password
	Expires    string `json:"expires,omitempty"` // ours: RFC 3339
	Grace      int    `json:"grace,omitempty"`   // ours: seconds that the session outlives a lost connection
	// ChangePassword is set with the codes password_expired and password_must_change if change_password is possible (ours).
	ChangePassword bool `json:"change_password,omitempty"`
}

// ChangePassword changes the person's password with the old one (ours). It needs no session, and a live one goes on. AuthState
// answers: Code is PasswordChanged or that of a refusal, and Authorized reports whether the connection has a session.
type ChangePassword struct {
	Type        string  `json:"type"`
	Login       string  `json:"login"`
	Password    string  `json:"password"`
	NewPassword string  `json:"new_password"`
	Device      *Device `json:"device,omitempty"`
}

// PasswordChanged is the Code of the auth_state after a successful change_password. Its Message is for the person.
const PasswordChanged = "password_changed"

// SSORequest is the agent's sso, only in the LAN. The first one has neither Token nor SessionToken; SSOReply answers it. The second
// one has both, and AuthState answers it. It extends a live session.
type SSORequest struct {
	Type         string  `json:"type"`
	Token        *string `json:"token"`            // base64 of a SPNEGO or Kerberos token for the service HTTP/<name of the gateway>
	SessionToken *string `json:"session_token"`    // of the SSOReply
	Domain       string  `json:"domain"`           // of the person, for instance the Kerberos realm; may be empty. This gateway ignores it
	Device       *Device `json:"device,omitempty"` // ours
}

// SSOReply is the gateway's sso. Of the vendor's statuses this gateway uses SSOChallenge only.
type SSOReply struct {
	Type         string `json:"type"`
	Status       string `json:"status"`
	SessionToken string `json:"session_token"` // random, good for one token on this connection
	ComputerName string `json:"computer_name"` // the gateway's domain
}

// SSOChallenge asks for a token.
const SSOChallenge = "challenge"

// MaxSSOFrame limits the one frame with a token, in bytes. Tickets of people in many groups are large.
const MaxSSOFrame = 96 << 10

// Unauthorize ends the session.
type Unauthorize struct {
	Type string `json:"type"`
}

// TunnelRequest is the agent's tunnel_wg.
type TunnelRequest struct {
	Type      string `json:"type"`
	PublicKey string `json:"public_key"` // base64 as wg prints it; new for every session
}

// TunnelReply is the gateway's tunnel_wg.
type TunnelReply struct {
	Type             string   `json:"type"`
	ServerPort       int      `json:"server_port"`
	PublicKey        string   `json:"public_key"`
	ClientTunnelIPv4 string   `json:"client_tunnel_ipv4"`      // "10.128.0.7/16"
	DNSIPv4          string   `json:"dns_ipv4"`                // separated by commas; empty = do not change DNS
	ForwardNets      []string `json:"forward_nets"`            // CIDR; "0.0.0.0/0" = everything
	DNSSuffix        string   `json:"dns_suffix"`              // separated by commas
	PresharedKey     string   `json:"preshared_key,omitempty"` // ours: random for each session, never stored
	MTU              int      `json:"mtu,omitempty"`           // ours: bytes
	Keepalive        int      `json:"keepalive,omitempty"`     // ours: seconds
}

// Ended tells the agent that its session is over (ours). Reason is an agent.Reason.
type Ended struct {
	Type    string `json:"type"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
}

// Notice is a message for the person about a live session (ours). Code NoticeExpiring comes 30 and 5 minutes before its end,
// NoticePasswordExpiring after a login when the password expires within 14 days.
type Notice struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Expires string `json:"expires,omitempty"` // RFC 3339
}

// Codes of notices.
const (
	NoticeExpiring         = "expiring"
	NoticePasswordExpiring = "password_expiring"
)

// AddressTokenRequest is the agent's address_token (ours): it asks for another token. The agent sends it only after it got one.
type AddressTokenRequest struct {
	Type string `json:"type"`
}

// AddressToken lets the agent prove one further address of its computer (ours): it posts to one of the URLs from that address;
// see AddressPath. The gateway sends one, unasked, when a session in the LAN begins or resumes, if its firewall is in force. It sends
// another one unasked when all addresses must be proved again.
type AddressToken struct {
	Type  string   `json:"type"`
	Token string   `json:"token"` // valid once, until the next one
	TTL   int      `json:"ttl"`   // seconds
	URLs  []string `json:"urls"`  // "https://192.168.1.1:14765/address", one for each address of the gateway in that LAN
}

// AddressPath is where an address is proved: POST on the agent endpoint, with "Authorization: Bearer <token>" and the JSON
// object {}. The answer is 200, or 403 or 429 with the code and the message of an [Error]. The proved address is the source of
// the connection; nothing in the request changes it.
const AddressPath = "/address"

// Trust tells an agent the gateway's new domain, or the pin of the gateway's next root (ours). The gateway sends it only to agents that
// offered ALPNPinned: after update, and again when something in it changes. The agent believes it only if its chain matched a pin and
// Signature is right, and stores it.
type Trust struct {
	Type      string `json:"type"`
	Domain    string `json:"domain"`               // the saved domain; without one, the name or address to which the agent connected
	PinNext   string `json:"pin_next,omitempty"`   // base64, as Pin of the gateway; empty = no change is announced
	NotBefore string `json:"not_before,omitempty"` // RFC 3339: when the next root is served
	// Signature is base64 of an ECDSA signature (ASN.1) by the root's key over the SHA-256 of TrustText.
	Signature string `json:"signature"`
}

// TrustText returns the text that the root signs. No field contains a line end.
func (t Trust) TrustText() []byte {
	return []byte("ideco-agent trust 1\n" + t.Domain + "\n" + t.PinNext + "\n" + t.NotBefore + "\n")
}

// MaxPins is how many pins an agent keeps of a gateway, the oldest dropped first.
const MaxPins = 3

// Error answers an unknown or malformed message. Code is an agent.Code.
type Error struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Parse decodes a frame and returns a pointer to the message. messages maps each type that the other side may send to a
// function that returns an empty message. Errors: *UnknownTypeError for other types.
func Parse(frame []byte, messages map[string]func() any) (any, error) {
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(frame, &head); err != nil {
		return nil, fmt.Errorf("message: %w", err)
	}
	make, ok := messages[head.Type]
	if !ok {
		return nil, &UnknownTypeError{head.Type}
	}
	m := make()
	if err := json.Unmarshal(frame, m); err != nil {
		return nil, fmt.Errorf("message %s: %w", head.Type, err)
	}
	return m, nil
}

// UnknownTypeError is the error of a well-formed message of an unknown type.
type UnknownTypeError struct{ Type string }

func (e *UnknownTypeError) Error() string { return fmt.Sprintf("unknown message type %.40q", e.Type) }

// FromAgent are the messages that an agent may send.
var FromAgent = map[string]func() any{
	TypeVersion:     func() any { return new(Version) },
	TypeAuthorize:   func() any { return new(Authorize) },
	TypeUnauthorize: func() any { return new(Unauthorize) },
	TypeTunnelWG:    func() any { return new(TunnelRequest) },

	TypeAddressToken:   func() any { return new(AddressTokenRequest) },
	TypeChangePassword: func() any { return new(ChangePassword) },
	TypeSSO:            func() any { return new(SSORequest) },
}

// FromGateway are the messages that a gateway may send.
var FromGateway = map[string]func() any{
	TypeUpdate:    func() any { return new(Update) },
	TypeAuthState: func() any { return new(AuthState) },
	TypeTunnelWG:  func() any { return new(TunnelReply) },
	TypeEnded:     func() any { return new(Ended) },
	TypeNotice:    func() any { return new(Notice) },
	TypeError:     func() any { return new(Error) },

	TypeAddressToken: func() any { return new(AddressToken) },
	TypeSSO:          func() any { return new(SSOReply) },
	TypeTrust:        func() any { return new(Trust) },
}
