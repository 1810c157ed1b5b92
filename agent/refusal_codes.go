package agent

import (
	"errors"
	"time"
)

// Code is the stable name of a refusal. The catalogues have its text.
type Code string

// Codes of refusals by the gateway.
const (
	CodeBadCredentials       Code = "bad_credentials"
	CodeAccountDisabled      Code = "account_disabled"
	CodeVPNNotAllowed        Code = "vpn_not_allowed"
	CodeDeviceLimit          Code = "device_limit"
	CodeAddressBusy          Code = "address_busy"
	CodeAgentDisabled        Code = "agent_disabled"
	CodeVPNUnavailable       Code = "vpn_unavailable"
	CodeDirectoryUnreachable Code = "directory_unreachable"
	CodeTooManyAttempts      Code = "too_many_attempts"
	CodePoolExhausted        Code = "pool_exhausted"
	CodeBadMessage           Code = "bad_message"
	CodeInternal             Code = "internal"
	CodeSessionOver          Code = "session_over"    // the session of a resume token cannot be resumed; the person must log in
	CodeAddressRefused       Code = "address_refused" // a further address is refused; no person sees it
	CodeStoreUnavailable     Code = "store_unavailable"
)

// Codes of refusals by a directory on the network, besides CodeDirectoryUnreachable.
const (
	CodeAccountLocked      Code = "account_locked"
	CodeAccountExpired     Code = "account_expired"
	CodePasswordExpired    Code = "password_expired"
	CodePasswordMustChange Code = "password_must_change"
	CodeNotPermitted       Code = "not_permitted"      // in none of the login groups
	CodeLogonRestricted    Code = "logon_restricted"   // logon hours, logon workstations or another restriction of the account
	CodeSmartcardRequired  Code = "smartcard_required" // the account has no usable password
	CodePasswordRejected   Code = "password_rejected"  // the new password is refused; see Error.Policy
	CodePasswordElsewhere  Code = "password_elsewhere" // passwords of this directory are not changed through the gateway
)

// Codes of refusals of a sign-in by Kerberos.
const (
	CodeSSOUnavailable Code = "sso_unavailable" // not set up, or the peer is not in the LAN
	CodeSSONTLM        Code = "sso_ntlm"        // the token is NTLM: no such SPN, not in the intranet zone, or an address in place of a name
	CodeSSOClock       Code = "sso_clock"       // the clocks differ by more than 5 minutes
	CodeSSOStale       Code = "sso_stale"       // made before this process started; a fresh token with the same ticket is accepted
	CodeSSORefused     Code = "sso_refused"     // the keytab cannot decrypt the ticket, the token was used before, or the directory has no such person
)

// Codes that this gateway does not send yet; the catalogues have their texts. They are for the second factor and for several
// people behind one address.
const (
	CodeTOTPRequired  Code = "totp_required"
	CodeTOTPWrong     Code = "totp_wrong"
	CodeSharedAddress Code = "shared_address"
)

// Codes of refusals by the agent program itself.
const (
	CodeUnreachable   Code = "unreachable"
	CodeNotTrusted    Code = "not_trusted"
	CodeTunnelBlocked Code = "tunnel_blocked"
)

// Codes lists every refusal of the gateway, for tests that look for a missing text.
var Codes = []Code{CodeBadCredentials, CodeAccountDisabled, CodeAccountLocked, CodeAccountExpired, CodePasswordExpired,
	CodePasswordMustChange, CodeNotPermitted, CodeLogonRestricted, CodeSmartcardRequired, CodePasswordRejected, CodePasswordElsewhere,
	CodeSSOUnavailable, CodeSSONTLM, CodeSSOClock, CodeSSOStale, CodeSSORefused, CodeVPNNotAllowed, CodeDeviceLimit, CodeAddressBusy, CodeAgentDisabled,
	CodeVPNUnavailable, CodeDirectoryUnreachable, CodeTooManyAttempts, CodePoolExhausted, CodeBadMessage, CodeInternal,
	CodeSessionOver, CodeAddressRefused, CodeStoreUnavailable, CodeTOTPRequired, CodeTOTPWrong, CodeSharedAddress}

// AgentCodes lists the refusals by the agent program itself.
var AgentCodes = []Code{CodeUnreachable, CodeNotTrusted, CodeTunnelBlocked}

// StoreTrouble is why the gateway cannot store anything. Its text for administrators stands in the catalogues under
// "store_<trouble>".
type StoreTrouble string

// Why nothing can be stored.
const (
	StoreNoSpace  StoreTrouble = "no_space"
	StoreReadOnly StoreTrouble = "read_only"
	StoreLocked   StoreTrouble = "locked"  // another process has locked the database
	StoreMoved    StoreTrouble = "moved"   // the database file was removed, moved or replaced
	StoreDamaged  StoreTrouble = "damaged" // the database file is no database, or not a whole one
	StoreFailed   StoreTrouble = "failed"  // another reason; the log says which
)

// StoreTroubles lists every StoreTrouble, for tests that look for a missing text.
var StoreTroubles = []StoreTrouble{StoreNoSpace, StoreReadOnly, StoreLocked, StoreMoved, StoreDamaged, StoreFailed}

// Error is a refusal. The person's message is made from Code and the fields. Err is for the log only and never reaches a
// page or an agent.
type Error struct {
	Code    Code
	Address string          // {address} of the text
	Domain  string          // {domain} of the text
	Ref     string          // {ref}: a reference for support, also in the log
	Wait    time.Duration   // until a retry makes sense; 0 = a retry alone does not help
	Trouble StoreTrouble    // with CodeStoreUnavailable; only administrators are told
	Policy  *PasswordPolicy // with CodePasswordRejected; nil = the directory gave no reason
	// MayChange is set with CodePasswordExpired and CodePasswordMustChange if the password can be changed through the gateway.
	MayChange bool
	Err       error
}

// PasswordPolicy is what a directory demands of a new password. Zero fields are not demanded or not known.
type PasswordPolicy struct {
	MinLength int           // characters
	History   int           // number of former passwords that may not be used again
	MinAge    time.Duration // of a password before it may be changed again
	Complex   bool          // three of: capital letters, small letters, digits, other characters; no part of the person's name
	TooYoung  bool          // MinAge alone is the reason
}

func (e *Error) Error() string {
	s := string(e.Code)
	if e.Ref != "" {
		s += " (ref " + e.Ref + ")"
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Refuse makes a refusal without further details.
func Refuse(code Code) *Error { return &Error{Code: code} }

// AsError finds the refusal in err. Any other error becomes CodeInternal with a new reference; the caller logs both.
func AsError(err error) *Error {
	var refusal *Error
	if errors.As(err, &refusal) {
		return refusal
	}
	return &Error{Code: CodeInternal, Ref: NewSupportRef(), Wait: 10 * time.Second, Err: err}
}
