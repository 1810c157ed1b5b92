package handlers

import (
	"context"
	"errors"
	"slices"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
	"ideco-agent/templates/locale"
)

// Groups stores the tree of groups. A change takes effect on live sessions at once. It returns the accounts whose RemoteAccess or
// AdminByGroups it has changed. Errors: those of agent.GroupTree.CheckPlace.
type Groups interface {
	GroupTree(context.Context) (agent.GroupTree, error)
	CreateGroup(context.Context, agent.Group) (agent.GroupID, []agent.User, error)
	UpdateGroup(ctx context.Context, id agent.GroupID, change func(*agent.Group) error) (agent.Group, []agent.User, error)
	// DeleteGroup moves the accounts and the groups below to the parent.
	DeleteGroup(context.Context, agent.GroupID) ([]agent.User, error)
	CountByGroup(context.Context) (map[agent.GroupID]int, error)
}

// group loads the group in the path and the tree, and passes them to action.
func (s *Site) group(action func(echo.Context, agent.GroupTree, agent.Group) error) echo.HandlerFunc {
	return func(c echo.Context) error {
		id, err := pathID[agent.GroupID](c)
		if err != nil {
			return err
		}
		tree, err := s.Groups.GroupTree(c.Request().Context())
		if err != nil {
			return err
		}
		g, ok := tree.Group(id)
		if !ok {
			return agent.ErrNotFound
		}
		return action(c, tree, g)
	}
}

// withGroup returns the tree with a changed group.
func withGroup(t agent.GroupTree, g agent.Group) agent.GroupTree {
	list := t.All()
	for i := range list {
		if list[i].ID == g.ID {
			list[i] = g
		}
	}
	return agent.NewGroupTree(list)
}

// impact returns what a change of the tree does to the accounts of a group and of those below it. moved returns an account as the
// change leaves it.
func (s *Site) impact(ctx context.Context, before, after agent.GroupTree, of agent.GroupID, moved func(agent.User) agent.User) (i templates.GroupImpact, err error) {
	settings := s.Settings.Current()
	for offset := 0; ; offset += restUsersPage {
		users, total, err := s.Accounts.Users(ctx, agent.UserFilter{Group: of}, offset, restUsersPage)
		if err != nil {
			return i, err
		}
		i.Accounts = total
		afters := make([]agent.User, len(users))
		for n, u := range users {
			afters[n] = moved(u)
		}
		for _, n := range s.Sessions.EndingUnder(after, afters) {
			i.Sessions += n
		}
		for n, u := range users {
			was, is := before.Apply(u, settings), after.Apply(afters[n], settings)
			if was.RemoteAccess && !is.RemoteAccess {
				i.LoseRemote++
			}
			if was.Admin && !is.Admin {
				i.LoseAdmin++
			}
			if !was.Admin && is.Admin {
				i.GainAdmin++
			}
			if was.Devices != is.Devices || was.SessionLAN != is.SessionLAN || was.SessionVPN != is.SessionVPN || !slices.Equal(was.ForwardNets, is.ForwardNets) {
				i.Other++
			}
		}
		if len(users) < restUsersPage {
			return i, nil
		}
	}
}

// groupProblem turns an error of agent.GroupTree.CheckPlace into a problem with a field.
func groupProblem(err error) error {
	for _, one := range []struct {
		err     error
		problem agent.Problem
	}{
		{agent.ErrGroupNameTaken, agent.Problem{Field: "name", Code: locale.FieldGroupTaken}},
		{agent.ErrTooManyGroups, agent.Problem{Field: "name", Code: locale.FieldGroups}},
		{agent.ErrGroupDepth, agent.Problem{Field: "parent_id", Code: locale.FieldGroupDepth}},
		{agent.ErrNotFound, agent.Problem{Field: "parent_id", Code: locale.FieldGroup}},
		{agent.ErrDirectoryGroupTaken, agent.Problem{Field: "directory_group", Code: locale.FieldGroupMember}},
	} {
		if errors.Is(err, one.err) {
			return agent.Problems{one.problem}
		}
	}
	return err
}

// checkGroup returns what is wrong with a group, by itself and in the tree.
func checkGroup(tree agent.GroupTree, g agent.Group) agent.Problems {
	was, _ := tree.Group(g.ID)
	problems := checkGroupFields(g, was)
	var place agent.Problems
	if errors.As(groupProblem(tree.CheckPlace(g)), &place) {
		problems = append(problems, withoutNoted(problems, place)...)
	}
	return problems
}

// checkGroupFields returns what is wrong with a group by itself. A comment that does not change may be longer, because an earlier version
// allowed it.
func checkGroupFields(g, was agent.Group) agent.Problems {
	if g.Comment == was.Comment {
		g.Comment = ""
	}
	return g.Check()
}

// createGroup stores a new group. Errors: agent.Problems if a field is invalid.
func (s *Site) createGroup(c echo.Context, g agent.Group) (agent.GroupID, error) {
	if problems := g.Check(); len(problems) > 0 {
		return 0, problems
	}
	id, _, err := s.Groups.CreateGroup(c.Request().Context(), g)
	if err != nil {
		return 0, groupProblem(err)
	}
	g.ID = id
	s.act(c, actOn(agent.ActGroupCreated, id, g.Name, s.groupChanges(c, agent.Group{}, g)...), "group", g.Name, "admin", g.Admin)
	return id, nil
}

// changeGroup changes a group and ends the sessions that it no longer permits. With another parent and the same position the group
// becomes the last one there. Errors: agent.Problems if a field is invalid.
func (s *Site) changeGroup(c echo.Context, id agent.GroupID, change func(*agent.Group) error) (agent.Group, error) {
	var before agent.Group
	g, _, err := s.Groups.UpdateGroup(c.Request().Context(), id, func(g *agent.Group) error {
		was := *g
		before = was
		if err := change(g); err != nil {
			return err
		}
		if g.Parent != was.Parent && g.Position == was.Position {
			g.Position = 0
		}
		return asProblems(checkGroupFields(*g, was))
	})
	if err != nil {
		return agent.Group{}, groupProblem(err)
	}
	s.act(c, actOn(agent.ActGroupChanged, id, g.Name, s.groupChanges(c, before, g)...), "group", g.Name, "admin", g.Admin)
	return g, nil
}

func (s *Site) deleteGroup(c echo.Context, g agent.Group) error {
	changes := s.groupChanges(c, g, agent.Group{})
	if _, err := s.Groups.DeleteGroup(c.Request().Context(), g.ID); err != nil {
		return err
	}
	s.act(c, actOn(agent.ActGroupDeleted, g.ID, g.Name, changes...), "group", g.Name)
	return nil
}

// directoryGroup returns the group of a directory with an ID, a DN or a name. Errors: agent.Problems if the directory or the group does
// not exist, or several groups have the name; a refusal with CodeDirectoryUnreachable.
func (s *Site) directoryGroup(ctx context.Context, directory, text string) (agent.DirectoryGroup, error) {
	d, err := s.directoryByName(ctx, directory)
	if err != nil {
		return agent.DirectoryGroup{}, err
	}
	g, err := s.Directories.FindGroup(ctx, d, text)
	var problem agent.Problem
	if errors.As(err, &problem) {
		problem.Field = "directory_group"
		return g, agent.Problems{problem}
	}
	return g, err
}

// directoryByName returns a directory on the network. Errors: agent.Problems if there is none.
func (s *Site) directoryByName(ctx context.Context, name string) (agent.DirectorySettings, error) {
	all, err := s.Directories.List(ctx)
	if err != nil {
		return agent.DirectorySettings{}, err
	}
	i := slices.IndexFunc(all, func(d agent.DirectorySettings) bool { return d.Name == name })
	if i < 0 {
		return agent.DirectorySettings{}, agent.Problems{{Field: "directory", Code: locale.FieldNoDirectory, Value: agent.Clean(name, 80)}}
	}
	return all[i], nil
}
