package agent

// Reason is why a session ended. The catalogues have its text under "ended_<reason>".
type Reason string

// Reasons of an end.
const (
	ReasonLost     Reason = "lost"     // the connection was lost and the grace period ran out
	ReasonShutdown Reason = "shutdown" // the gateway is restarting
	ReasonExpired  Reason = "expired"  // the session length ran out
	ReasonLogout   Reason = "logout"   // the person logged out
	ReasonAdmin    Reason = "admin"    // an administrator ended it
	ReasonReplaced Reason = "replaced" // the same person logged in again from the same address or device
	ReasonEvicted  Reason = "evicted"  // the person's newest device pushed out the oldest
	ReasonIdle     Reason = "idle"     // nothing was sent for a while
	ReasonDisabled Reason = "disabled" // the account, its remote access or the agent was switched off
)

// Reasons lists every reason, for tests that look for a missing text.
var Reasons = []Reason{ReasonLost, ReasonShutdown, ReasonExpired, ReasonLogout, ReasonAdmin, ReasonReplaced,
	ReasonEvicted, ReasonIdle, ReasonDisabled}

// Reconnects reports whether an agent reconnects by itself after this reason.
func (r Reason) Reconnects() bool { return r == ReasonLost || r == ReasonShutdown }
