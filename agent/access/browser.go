package access

import "ideco-agent/agent"

// BrowserAttempt is the request of a browser in the LAN for access.
type BrowserAttempt struct {
	Login    string
	Password string
	Peer     agent.Peer
	DeviceID string // for the throttle; empty without cookies
	Browser  string // name for the journal, such as "Firefox"; Device.Name of the session
}
