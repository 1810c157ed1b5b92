package agent

// Reason is why a session ended. Its text in the user's language stands in the catalogues under "ended_<reason>".
type Reason string

// Reasons of an end. The agent comes back by itself after ReasonLost and ReasonShutdown only.
const (
	ReasonLost     Reason = "lost"     // the connection was lost and the grace period ran out
	ReasonShutdown Reason = "shutdown" // the gateway is restarting
	ReasonExpired  Reason = "expired"  // the session length ran out
	ReasonLogout   Reason = "logout"   // the person logged out
	ReasonAdmin    Reason = "admin"    // an administrator ended it
	ReasonReplaced Reason = "replaced" // the same person logged in anew from the same address or device
	ReasonEvicted  Reason = "evicted"  // the person's newest device pushed out the oldest
	ReasonIdle     Reason = "idle"     // nothing was sent for a while
	ReasonDisabled Reason = "disabled" // the account, the right or the agent itself was switched off
)

// Reasons lists every reason, for tests that look for a missing text.
var Reasons = []Reason{ReasonLost, ReasonShutdown, ReasonExpired, ReasonLogout, ReasonAdmin, ReasonReplaced,
	ReasonEvicted, ReasonIdle, ReasonDisabled}

// Reconnects tells whether an agent comes back by itself after an end for this reason.
func (r Reason) Reconnects() bool { return r == ReasonLost || r == ReasonShutdown }
