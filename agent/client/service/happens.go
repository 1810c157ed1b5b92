package service

import (
	"fmt"
	"strings"
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

// leaves tells whether nobody works in a Windows session after an event. Locking and unlocking are none of these.
func leaves(event uint32) bool {
	switch event {
	case consoleDisconnect, remoteDisconnect, sessionLogoff, sessionTerminate:
		return true
	}
	return false
}

// deserted tells whether nobody works in a session, going by the states of all of them. An empty list says nothing.
func deserted(session uint32, states map[uint32]uint32) bool {
	state, exists := states[session]
	return len(states) > 0 && (!exists || state == sessionDisconnected)
}

// sessionChanged is called at every event of a Windows session. The event says which one; that no longer counts when the
// states, which are asked for besides, say that the owner's session is deserted.
func (r *running) sessionChanged(event, session uint32, states map[uint32]uint32) {
	if leaves(event) {
		r.log(fmt.Sprintf("nobody works in Windows session %d (event %d)", session, event))
		r.server.Left(session)
	}
	if owner, has := r.server.Owner(); has && deserted(owner.Session, states) {
		r.server.Left(owner.Session)
	}
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
		r.keeper.Nudge()
	}
}

// isBelow tells whether a directory is inside another one. Both are whole paths, without links, as Windows writes them.
func isBelow(dir, above string) bool {
	above = strings.TrimRight(above, `\`)
	return above != "" && len(dir) > len(above) && strings.EqualFold(dir[:len(above)], above) && dir[len(above)] == '\\'
}
