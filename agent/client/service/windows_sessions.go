package service

import (
	"fmt"
	"strings"
	"time"
)

// What happens to a Windows session, WTS_… in the Windows headers.
const (
	consoleDisconnect = 0x2 // somebody else was switched to
	remoteDisconnect  = 0x4
	sessionLogoff     = 0x6
	sessionTerminate  = 0xb
)

// States of a Windows session, WTSDisconnected and so on.
const sessionDisconnected = 4

// sessions is what Windows knows about its sessions. The event of a session says only that something has happened: which
// session it is about lies in memory that Windows lends for a call that is over when the service hears of the event.
type sessions struct {
	states  map[uint32]uint32         // of all sessions; empty where Windows does not tell
	hasUser func(session uint32) bool // whether somebody is logged on to the session, as far as Windows tells
}

// deserted tells whether nobody works in a session. A locked one is not deserted.
func (s sessions) deserted(session uint32) bool {
	if len(s.states) == 0 {
		return false
	}
	state, exists := s.states[session]
	return !exists || state == sessionDisconnected || !s.hasUser(session)
}

// lookAtSessions ends the access when nobody works in its owner's Windows session.
func (r *running) lookAtSessions(now sessions) {
	owner, has := r.server.Owner()
	if has && now.deserted(owner.Session) {
		r.log(fmt.Sprintf("nobody works in Windows session %d", owner.Session))
		r.server.Left(owner.Session)
	}
}

const (
	lookPause = time.Second // between two looks at the sessions after somebody may have left one
	moreLooks = 10          // after the first one
)

// looks says when to look at the sessions. Windows may tell that somebody has left a session before its list does: then
// the list is looked at several times more.
type looks struct {
	left int
	next <-chan time.Time // nil = no look is due
}

// happened is called at an event of any session, which is a reason to look at once.
func (l *looks) happened(event uint32) {
	switch event {
	case consoleDisconnect, remoteDisconnect, sessionLogoff, sessionTerminate:
		l.left = moreLooks
		l.next = time.After(lookPause)
	}
}

// looked is called when next was due.
func (l *looks) looked() {
	l.left--
	l.next = nil
	if l.left > 0 {
		l.next = time.After(lookPause)
	}
}

// How long the end may take: the gateway is told, and the tunnel taken away.
const (
	stopPatience = 20 * time.Second
	// shutdownPatience is less than the 5 s that Windows leaves its services when the computer shuts down
	// (WaitToKillServiceTimeout). SERVICE_CONTROL_PRESHUTDOWN would give more, but keeps everybody waiting, and nothing of
	// the tunnel outlives the computer's restart anyway.
	shutdownPatience = 4 * time.Second
)

func patienceFor(shutdown bool) time.Duration {
	if shutdown {
		return shutdownPatience
	}
	return stopPatience
}

// What happens to the power, PBT_… in the Windows headers.
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
		r.manager.Nudge()
	}
}

// isBelow tells whether a directory is inside another one. Both are whole paths, without links, as Windows writes them.
func isBelow(dir, above string) bool {
	above = strings.TrimRight(above, `\`)
	return above != "" && len(dir) > len(above) && strings.EqualFold(dir[:len(above)], above) && dir[len(above)] == '\\'
}
