package accountcsv

import (
	"cmp"
	"slices"
	"strings"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

// Known is what the gateway has now, for the comparison with a file.
type Known struct {
	Users []agent.User // all local accounts
	Tree  agent.GroupTree
	Own   agent.UserID // the account of the administrator who imports; the file must not switch it off; 0 = none
}

// Plan is what the import of a file would change.
type Plan struct {
	New       []Change
	Changed   []Change
	Unchanged int
	Mistakes  Mistakes // in the file and in the comparison, sorted by line. With any mistake, nothing may be stored
}

// Change is a new or changed account.
type Change struct {
	Line     int
	Before   agent.User // zero for a new account
	After    agent.User // ID 0 for a new account
	Password string     // empty = no change
	Columns  []Column   // see changedColumns
}

// NewPlan compares a file with the existing accounts. It finds the account of a row by the login, in any spelling (see spelling.Login). An
// import never changes a login.
func NewPlan(f File, known Known) Plan {
	p := planner{known: known, groups: groupsByPath(known.Tree), users: map[string][]agent.User{}}
	for _, u := range known.Users {
		key := spelling.Login(u.Login)
		p.users[key] = append(p.users[key], u)
	}
	p.plan.Mistakes = Mistakes{slices.Clone(f.Mistakes.Listed), f.Mistakes.Total}
	for _, row := range f.Rows {
		p.add(row)
	}
	slices.SortStableFunc(p.plan.Mistakes.Listed, func(a, b Mistake) int { return cmp.Compare(a.Line, b.Line) })
	return p.plan
}

type planner struct {
	known  Known
	groups map[string]agent.Group  // see groupsByPath
	users  map[string][]agent.User // by spelling.Login
	plan   Plan
}

func (p *planner) add(row Row) {
	before, ok := p.find(row)
	if !ok {
		p.plan.Mistakes.add(Mistake{Line: row.Line, Column: Login, Code: MistakeAlike, Value: row.Login})
		return
	}
	after := before
	if before.ID == 0 {
		after = agent.User{Login: row.Login, Directory: agent.LocalDirectory, Enabled: true, RemoteByGroups: true, MustChange: true}
	}
	p.apply(row, &after)
	if after.ID != 0 && after.ID == p.known.Own && !after.Enabled {
		p.plan.Mistakes.add(Mistake{Line: row.Line, Column: Enabled, Code: MistakeOwnAccount})
	}
	change := Change{Line: row.Line, Before: before, After: p.known.Tree.Inherit(after), Password: row.Password}
	change.Columns = changedColumns(change)
	switch {
	case before.ID == 0:
		p.plan.New = append(p.plan.New, change)
	case len(change.Columns) > 0:
		p.plan.Changed = append(p.plan.Changed, change)
	default:
		p.plan.Unchanged++
	}
}

// find returns the existing account of a row, or a zero one if there is none. An account with exactly the same login comes first. find
// reports false if the login only resembles those of several accounts.
func (p *planner) find(row Row) (agent.User, bool) {
	all := p.users[spelling.Login(row.Login)]
	for _, u := range all {
		if u.Login == row.Login {
			return u, true
		}
	}
	switch len(all) {
	case 0:
		return agent.User{}, true
	case 1:
		return all[0], true
	}
	return agent.User{}, false
}

// apply sets the fields of u for which the row has a value.
func (p *planner) apply(row Row, u *agent.User) {
	set(&u.Name, row.Name)
	set(&u.Phone, row.Phone)
	set(&u.Comment, row.Comment)
	set(&u.Enabled, row.Enabled)
	set(&u.MustChange, row.MustChange)
	if row.RemoteAccess != nil {
		u.RemoteAccess, u.RemoteByGroups = *row.RemoteAccess, false
	}
	if row.ByGroups {
		u.RemoteByGroups = true
	}
	if row.Group != nil {
		u.Group = p.group(row)
	}
}

// group returns the group of a row. It adds a mistake if no local group has this path.
func (p *planner) group(row Row) agent.GroupID {
	if *row.Group == "" {
		return 0
	}
	g, ok := p.groups[pathKey(*row.Group)]
	switch {
	case !ok:
		p.plan.Mistakes.add(Mistake{Line: row.Line, Column: Group, Code: MistakeGroup, Value: *row.Group})
	case !g.Local():
		p.plan.Mistakes.add(Mistake{Line: row.Line, Column: Group, Code: MistakeDirectoryGroup, Value: *row.Group})
	}
	return g.ID
}

// changedColumns lists the columns in which an account changes. A new account is compared with the zero User.
func changedColumns(c Change) (columns []Column) {
	b, a := c.Before, c.After
	for _, one := range []struct {
		column  Column
		changed bool
	}{
		{Name, a.Name != b.Name}, {Password, c.Password != ""}, {Group, a.Group != b.Group}, {Enabled, a.Enabled != b.Enabled},
		{RemoteAccess, a.RemoteByGroups != b.RemoteByGroups || !a.RemoteByGroups && a.RemoteAccess != b.RemoteAccess},
		{Phone, a.Phone != b.Phone}, {Comment, a.Comment != b.Comment}, {MustChange, a.MustChange != b.MustChange},
	} {
		if one.changed {
			columns = append(columns, one.column)
		}
	}
	return columns
}

func set[T any](into *T, value *T) {
	if value != nil {
		*into = *value
	}
}

// groupsByPath returns all groups, also those of directories, by the pathKey of their path.
func groupsByPath(tree agent.GroupTree) map[string]agent.Group {
	byPath := map[string]agent.Group{}
	for _, g := range tree.All() {
		byPath[pathKey(tree.FullName(g.ID))] = g
	}
	return byPath
}

// pathKey is the same for all spellings of a path: without regard to case, Unicode composition and space around names.
func pathKey(path string) string {
	names := strings.Split(strings.Trim(path, "/ "), "/")
	for i, name := range names {
		names[i] = agent.GroupNameKey(name)
	}
	return strings.Join(names, "/")
}
