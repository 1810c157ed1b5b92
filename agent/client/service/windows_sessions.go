package service

import (
	"fmt"
	"strings"
	"time"
)

// Events of a Windows session, WTS_… in the Windows headers.
const (
	consoleDisconnect = 0x2 // switched to another user
	remoteDisconnect  = 0x4
	sessionLogoff     = 0x6
	sessionTerminate  = 0xb
)

// State of a Windows session, WTSDisconnected in the Windows headers.
const sessionDisconnected = 4

// sessions is the list of Windows sessions. It is read at every event, because the session that an event is about is
// not known: Windows passes it in memory that is no longer valid when the service handles the event.
type sessions struct {
	states  map[uint32]uint32         // of all sessions; empty = not known
	hasUser func(session uint32) bool // a user is logged on, or that is not known
}

// userGone reports whether the user has left a session: it has ended, is disconnected or has no user. A locked session
// still has its user.
func (s sessions) userGone(session uint32) bool {
	if len(s.states) == 0 {
		return false
	}
	state, exists := s.states[session]
	return !exists || state == sessionDisconnected || !s.hasUser(session)
}

// checkSessions ends the access when its owner has left the Windows session.
func (r *running) checkSessions(now sessions) {
	owner, has := r.server.Owner()
	if has && now.userGone(owner.Session) {
		r.log(fmt.Sprintf("the user has left Windows session %d", owner.Session))
		r.server.SessionLeft(owner.Session)
	}
}

const (
	checkPause       = time.Second // between two checks
	checksAfterEvent = 10          // after an event that may mean that a user has left
)

// sessionChecks schedules checks of the list of sessions. Windows may report an event before it updates the list, so the
// list is read several times.
type sessionChecks struct {
	left int
	next <-chan time.Time // nil = no check is due
}

// sessionChanged handles an event of a session.
func (c *sessionChecks) sessionChanged(event uint32) {
	switch event {
	case consoleDisconnect, remoteDisconnect, sessionLogoff, sessionTerminate:
		c.left = checksAfterEvent
		c.next = time.After(checkPause)
	}
}

// checked is called after each check that next has triggered.
func (c *sessionChecks) checked() {
	c.left--
	c.next = nil
	if c.left > 0 {
		c.next = time.After(checkPause)
	}
}

// Limits for logging out at the gateway and taking down the tunnel.
const (
	stopTimeout = 20 * time.Second
	// shutdownTimeout is less than the 5 s that Windows gives services when the computer shuts down
	// (WaitToKillServiceTimeout). SERVICE_CONTROL_PRESHUTDOWN would give more but delay the shutdown, and no part of
	// the tunnel survives a restart anyway.
	shutdownTimeout = 4 * time.Second
)

func timeoutFor(shutdown bool) time.Duration {
	if shutdown {
		return shutdownTimeout
	}
	return stopTimeout
}

// Power events, PBT_… in the Windows headers.
const (
	powerSuspend         = 0x4
	powerResumeSuspend   = 0x7
	powerResumeAutomatic = 0x12
)

func (r *running) powerChanged(event uint32) {
	switch event {
	case powerSuspend:
		r.log("the computer goes to sleep")
	case powerResumeSuspend, powerResumeAutomatic:
		r.log("the computer wakes")
		r.manager.NetworkChanged()
	}
}

// isBelow reports whether a path is inside a directory. Both are absolute Windows paths without links.
func isBelow(dir, above string) bool {
	above = strings.TrimRight(above, `\`)
	return above != "" && len(dir) > len(above) && strings.EqualFold(dir[:len(above)], above) && dir[len(above)] == '\\'
}
