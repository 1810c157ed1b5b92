package web

import (
	"context"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// groups implements handlers.Groups. After a change it tells the sessions and the directories.
type groups struct {
	*store.Store
	directories *directories
}

// CreateGroup is [store.Store.CreateGroup].
func (g groups) CreateGroup(ctx context.Context, group agent.Group) (id agent.GroupID, changed []agent.User, err error) {
	changed, err = g.change(ctx, func() (changed []agent.User, err error) {
		id, changed, err = g.Store.CreateGroup(ctx, group)
		return changed, err
	})
	return id, changed, err
}

// UpdateGroup is [store.Store.UpdateGroup].
func (g groups) UpdateGroup(ctx context.Context, id agent.GroupID, change func(*agent.Group) error) (group agent.Group, changed []agent.User, err error) {
	changed, err = g.change(ctx, func() (changed []agent.User, err error) {
		group, changed, err = g.Store.UpdateGroup(ctx, id, change)
		return changed, err
	})
	return group, changed, err
}

// DeleteGroup is [store.Store.DeleteGroup].
func (g groups) DeleteGroup(ctx context.Context, id agent.GroupID) ([]agent.User, error) {
	return g.change(ctx, func() ([]agent.User, error) { return g.Store.DeleteGroup(ctx, id) })
}

// change runs do, which changes the stored groups, and lets the change take effect.
func (g groups) change(ctx context.Context, do func() ([]agent.User, error)) ([]agent.User, error) {
	d := g.directories
	d.changes.Lock()
	defer d.changes.Unlock()
	administrators, err := g.administrators(ctx)
	if err != nil {
		return nil, err
	}
	changed, err := do()
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	for _, u := range changed {
		d.noteAdministrator(ctx, administrators[u.ID], u)
	}
	d.sessions.GroupsChanged(ctx, changed)
	return changed, d.reload(ctx)
}

// administrators returns the accounts that may administer.
func (g groups) administrators(ctx context.Context) (map[agent.UserID]agent.User, error) {
	users, _, err := g.Users(ctx, agent.UserFilter{Admin: true}, 0, 0)
	byID := map[agent.UserID]agent.User{}
	for _, u := range users {
		byID[u.ID] = u
	}
	return byID, err
}

// noteAdministrator logs and records that an account became an administrator by a group, or stopped being one.
func (d *directories) noteAdministrator(ctx context.Context, before, now agent.User) {
	if now.AdminByGroups == before.AdminByGroups {
		return
	}
	d.log.Info("security", "event", string(agent.ActAdministratorByGroup), "account", now.Login, "user", now.ID, "directory", now.Directory, "admin", now.AdminByGroups)
	if err := d.store.AddActs(ctx, agent.AdministratorByGroup(before, now, time.Now())); err != nil {
		d.log.Error("the audit log lacks an act", "event", string(agent.ActAdministratorByGroup), "error", err)
	}
}
