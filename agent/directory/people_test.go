package directory

import (
	"context"
	"slices"
	"strings"
	"sync"

	"ideco-agent/agent"
)

// memoryPeople is People in memory.
type memoryPeople struct {
	mu    sync.Mutex
	users []agent.User

	admins string // ID of the group whose members are administrators
}

func (m *memoryPeople) find(match func(agent.User) bool) (agent.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, u := range m.users {
		if match(u) {
			return u, nil
		}
	}
	return agent.User{}, agent.ErrNotFound
}

func (m *memoryPeople) DirectoryUser(_ context.Context, directory, guid string) (agent.User, error) {
	return m.find(func(u agent.User) bool { return u.Directory == directory && u.GUID == guid })
}

func (m *memoryPeople) DirectoryUserByLogin(_ context.Context, directory, login string) (agent.User, error) {
	return m.find(func(u agent.User) bool { return u.Directory == directory && strings.EqualFold(u.Login, login) })
}

func (m *memoryPeople) SaveDirectoryUser(_ context.Context, p agent.DirectoryPerson) (agent.User, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	user := agent.User{ID: agent.UserID(1000 + len(m.users)), Directory: p.Directory, GUID: p.GUID, Enabled: true}
	i := len(m.users)
	for j, u := range m.users {
		if u.Directory == p.Directory && u.GUID == p.GUID {
			user, i = u, j
		}
	}
	user.Login, user.Name, user.Phone, user.Refused, user.RemoteAccess = p.Login, p.Name, p.Phone, p.Refused, p.Remote
	user.RemoteInDirectory = p.Remote
	user.DirectoryGroups, user.AdminByGroups = p.Groups, slices.Contains(p.Groups, m.admins)
	user.PasswordExpires = p.PasswordExpires
	m.users = append(m.users[:i:i], append([]agent.User{user}, m.users[min(i+1, len(m.users)):]...)...)
	return user, nil
}
