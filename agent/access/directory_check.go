package access

import (
	"reflect"
	"time"

	"ideco-agent/agent"
)

// A check of the accounts is withheld if it would end at least checkSessions sessions and more than checkPercent of the
// directory's live sessions.
const (
	checkSessions = 5
	checkPercent  = 10
)

// CheckDirectory compares stored accounts of a directory with a reading of it. It returns the accounts whose Login, Name, Phone,
// Refused or RemoteAccess must be stored; for each of them the caller calls UserChanged afterwards. An account that is missing in
// the reading counts as disabled. A reading without people changes nothing.
//
// The check is withheld, unless it is confirmed, if too many sessions would end or if configured bases or groups are missing. Then
// changed has only the accounts that lose no access.
func (m *Manager) CheckDirectory(directory string, before []agent.User, reading agent.DirectoryReading, confirmed bool) (changed []agent.User, withheld *agent.WithheldCheck) {
	if len(reading.People) == 0 {
		return nil, nil
	}
	sessions, of := m.sessionsOfDirectory(directory, before)
	var losing []agent.User
	ending := 0
	for _, was := range before {
		is := asRead(was, reading.People)
		n := endedBy(is, sessions[is.ID])
		switch {
		case n > 0, losesAccess(was, is):
			losing = append(losing, is)
			ending += n
		case !reflect.DeepEqual(is, was):
			changed = append(changed, is)
		}
	}
	if len(losing) > 0 && !confirmed && (len(reading.Missing) > 0 || tooMany(ending, of)) {
		return changed, &agent.WithheldCheck{At: time.Now(), Sessions: ending, Of: of, Missing: reading.Missing}
	}
	return append(changed, losing...), nil
}

// asRead returns an account as the reading shows it.
func asRead(u agent.User, people map[string]agent.DirectoryPerson) agent.User {
	p, ok := people[u.GUID]
	if !ok {
		u.Refused = agent.CodeAccountDisabled
		return u
	}
	return u.Updated(p)
}

// losesAccess reports whether a change takes access away, from a live session or at the next resume.
func losesAccess(was, is agent.User) bool {
	return was.Refusal() == "" && is.Refusal() != "" || was.RemoteAccess && !is.RemoteAccess
}

// endedBy returns how many of the sessions the account does not permit.
func endedBy(u agent.User, sessions []located) (n int) {
	for _, s := range sessions {
		if !permits(u, s) {
			n++
		}
	}
	return n
}

// permits reports whether an account may have the session.
func permits(u agent.User, s located) bool {
	return u.Refusal() == "" && (u.RemoteAccess || s.session.Kind != agent.KindVPN || s.inside)
}

// tooMany reports whether a check that ends so many of the live sessions needs confirmation.
func tooMany(ending, of int) bool { return ending >= checkSessions && ending*100 > of*checkPercent }

// sessionsOfDirectory returns the live sessions of the accounts, and the number of live sessions of the directory. A session
// that began before its account was converted still has the former directory.
func (m *Manager) sessionsOfDirectory(directory string, users []agent.User) (byUser map[agent.UserID][]located, of int) {
	byUser = make(map[agent.UserID][]located, len(users))
	for _, u := range users {
		byUser[u.ID] = nil
	}
	for _, s := range m.located() {
		_, known := byUser[s.session.UserID]
		if known {
			byUser[s.session.UserID] = append(byUser[s.session.UserID], s)
		}
		if known || s.session.Directory == directory {
			of++
		}
	}
	return byUser, of
}
