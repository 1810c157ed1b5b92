package access

import (
	"reflect"
	"slices"
	"time"

	"ideco-agent/agent"
)

// A check of the accounts is withheld if it would end at least checkSessions sessions and more than checkPercent of the
// directory's live sessions.
const (
	checkSessions = 5
	checkPercent  = 10
)

// CheckDirectory compares stored accounts of a directory with a reading of it. It returns the accounts that differ, with what must be
// stored, and those with a session that must end earlier. The caller stores them and then calls UserChanged for each. An account that
// is missing in the reading counts as disabled. A reading without people changes nothing.
//
// The check is withheld, unless it is confirmed, if too many sessions would end or if configured bases or groups are missing. Then
// changed leaves out the accounts that lose access and, if something is missing, those that lose a group.
func (m *Manager) CheckDirectory(directory string, tree agent.GroupTree, before []agent.User, reading agent.DirectoryReading, confirmed bool) (changed []agent.User, withheld *agent.WithheldCheck) {
	if len(reading.People) == 0 {
		return nil, nil
	}
	sessions, of := m.sessionsOfDirectory(directory, before)
	settings, now := m.settings(), now()
	var losing []agent.User
	ending := 0
	for _, was := range before {
		is := asRead(was, tree, reading.People)
		var n int
		var shorter bool
		if live := sessions[is.ID]; len(live) > 0 {
			n, shorter = endedBy(is, tree.Apply(is, settings), live, now)
		}
		switch {
		case n > 0, losesAccess(was, is), len(reading.Missing) > 0 && losesGroup(tree, was, is):
			losing = append(losing, is)
			ending += n
		case shorter, !reflect.DeepEqual(is, was):
			changed = append(changed, is)
		}
	}
	if len(losing) > 0 && !confirmed && (len(reading.Missing) > 0 || tooMany(ending, of)) {
		return changed, &agent.WithheldCheck{At: time.Now(), Sessions: ending, Of: of, Missing: reading.Missing}
	}
	return append(changed, losing...), nil
}

// asRead returns an account as the reading shows it.
func asRead(u agent.User, tree agent.GroupTree, people map[string]agent.DirectoryPerson) agent.User {
	p, ok := people[u.GUID]
	if !ok {
		u.Refused = agent.CodeAccountDisabled
		return u
	}
	return tree.Inherit(u.Updated(p))
}

// losesAccess reports whether a change takes access away, from a live session or at the next resume.
func losesAccess(was, is agent.User) bool {
	return was.Refusal() == "" && is.Refusal() != "" || was.RemoteAccess && !is.RemoteAccess
}

// losesGroup reports whether a group of the tree no longer applies to the account.
func losesGroup(tree agent.GroupTree, was, is agent.User) bool {
	now := map[agent.GroupID]bool{}
	for _, g := range tree.Of(is) {
		now[g.ID] = true
	}
	return slices.ContainsFunc(tree.Of(was), func(g agent.Group) bool { return !now[g.ID] })
}

// endedBy returns how many of the sessions end now with an account and its rights, and whether others end earlier than before.
func endedBy(u agent.User, r agent.AppliedRights, sessions []located, now time.Time) (n int, shorter bool) {
	for _, s := range sessions {
		end := shortenedEnd(s.session, r, s.session.Kind, s.ownLength)
		if !permits(u, s) || !end.IsZero() && !now.Before(end) {
			n++
		} else if end.Before(s.session.Expires) {
			shorter = true
		}
	}
	return n, shorter
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
