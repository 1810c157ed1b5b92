package store

import (
	"database/sql"
	"fmt"
	"testing"
	"time"

	"ideco-agent/agent"
)

// newBigStore has accounts, three of four of a directory and each of these in three of its groups, and 100 groups.
func newBigStore(b *testing.B, accounts int) (s *Store, groups []agent.GroupID) {
	ctx := b.Context()
	s = newStore(b)
	addDirectory(b, s, company)
	for i := range 100 {
		g := agent.Group{Name: fmt.Sprint("group ", i)}
		if i > 4 {
			g.Parent = groups[i/5-1]
		}
		if i%2 == 1 {
			g.Directory, g.Member.ID = company, fmt.Sprint("S-1-5-21-1004336348-1177238915-682003330-", i)
		}
		groups = append(groups, addGroup(b, s, g))
	}
	tree, err := s.GroupTree(ctx)
	check(b, err)
	check(b, s.write(ctx, func(tx *sql.Tx) error {
		for i := range accounts {
			u := agent.User{Login: fmt.Sprint("user", i), Name: fmt.Sprint("Иванов Иван ", i), Directory: agent.LocalDirectory, Enabled: true,
				RemoteByGroups: true, Group: groups[i/4%50*2], Rights: agent.Rights{Devices: 3}}
			if i%4 > 0 {
				u.Directory, u.GUID, u.Group = company, fmt.Sprint("guid", i), 0
				for n := range 3 {
					g, _ := tree.Group(groups[(i+n*10)%50*2+1])
					u.DirectoryGroups = append(u.DirectoryGroups, g.Member.ID)
				}
			}
			if _, err := createUser(ctx, tx, tree, u, ""); err != nil {
				return err
			}
		}
		return nil
	}))
	return s, groups
}

// BenchmarkGroups measures what an administrator waits for, with 20,000 accounts.
func BenchmarkGroups(b *testing.B) {
	ctx := b.Context()
	s, groups := newBigStore(b, 20_000)
	allowed := false
	update := func(id agent.GroupID) func() error {
		return func() error {
			allowed = !allowed
			_, changed, err := s.UpdateGroup(ctx, id, func(g *agent.Group) error { g.Rights = allow(allowed); return nil })
			if len(changed) == 0 && allowed {
				b.Error("nobody changed")
			}
			return err
		}
	}
	users := func(f agent.UserFilter, offset int) func() error {
		return func() error {
			_, total, err := s.Users(ctx, f, offset, 50)
			if total == 0 && !f.NoGroup {
				b.Error("nobody")
			}
			return err
		}
	}
	yes := false
	for _, bench := range []struct {
		name string
		do   func() error
	}{
		{"change of a group of everybody", update(groups[0])},
		{"change of a group of few", update(groups[98])},
		{"count by group", func() error { _, err := s.CountByGroup(ctx); return err }},
		{"tree", func() error { _, err := s.GroupTree(ctx); return err }},
		{"first page", users(agent.UserFilter{}, 0)},
		{"last page", users(agent.UserFilter{}, 19_950)},
		{"search", users(agent.UserFilter{Search: "иван 199"}, 0)},
		{"by group of many", users(agent.UserFilter{Group: groups[0]}, 0)},
		{"by group of few", users(agent.UserFilter{Group: groups[98]}, 0)},
		{"without group", users(agent.UserFilter{NoGroup: true, State: agent.UserEnabled}, 0)},
		{"by right and login", users(agent.UserFilter{Remote: &yes, Before: time.Now(), Directory: company}, 0)},
	} {
		b.Run(bench.name, func(b *testing.B) {
			for b.Loop() {
				check(b, bench.do())
			}
		})
	}
}
