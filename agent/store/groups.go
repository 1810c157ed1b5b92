package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"ideco-agent/agent"
)

// GroupTree returns all groups.
func (s *Store) GroupTree(ctx context.Context) (tree agent.GroupTree, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		tree, err = groupTree(ctx, tx)
		return err
	})
	if err != nil {
		return agent.GroupTree{}, fmt.Errorf("read the groups: %w", err)
	}
	return tree, nil
}

// CreateGroup makes a group at its Position, or after the others if that is zero or too high. It ignores g.ID, and returns the new one and
// the accounts whose RemoteAccess or AdminByGroups changed. Errors: agent.ErrNotFound when there is no such parent or directory, and those
// of GroupTree.CheckPlace.
func (s *Store) CreateGroup(ctx context.Context, g agent.Group) (id agent.GroupID, changed []agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		id, changed, err = createGroup(ctx, tx, g)
		return err
	})
	if err != nil {
		return 0, nil, fmt.Errorf("create group %q: %w", g.Name, err)
	}
	return id, changed, nil
}

// UpdateGroup changes a group in one transaction, and returns it with the accounts whose RemoteAccess or AdminByGroups changed. Its
// directory and Member.ID stay. Position works as in CreateGroup. An error of change leaves the group as it was. Errors:
// agent.ErrNotFound when there is no such group or parent, and those of GroupTree.CheckPlace.
func (s *Store) UpdateGroup(ctx context.Context, id agent.GroupID, change func(*agent.Group) error) (g agent.Group, changed []agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		g, changed, err = updateGroup(ctx, tx, id, change)
		return err
	})
	if err != nil {
		return agent.Group{}, nil, fmt.Errorf("update group %d: %w", id, err)
	}
	return g, changed, nil
}

// DeleteGroup deletes a group. Its accounts and the groups below it move to its parent; a group whose name is taken there gets a number.
// It returns the accounts whose RemoteAccess or AdminByGroups changed. Errors: agent.ErrNotFound.
func (s *Store) DeleteGroup(ctx context.Context, id agent.GroupID) (changed []agent.User, err error) {
	err = s.write(ctx, func(tx *sql.Tx) (err error) {
		if err := deleteGroup(ctx, tx, id); err != nil {
			return err
		}
		changed, err = inherit(ctx, tx, `in_groups LIKE $1`, inGroup(id))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("delete group %d: %w", id, err)
	}
	return changed, nil
}

// CountByGroup returns how many accounts each group applies to, also by groups below it, as UserFilter.Group selects them. Groups
// without accounts are left out.
func (s *Store) CountByGroup(ctx context.Context) (counts map[agent.GroupID]int, err error) {
	err = s.read(ctx, func(tx *sql.Tx) (err error) {
		counts, err = countByGroup(ctx, tx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count the accounts of groups: %w", err)
	}
	return counts, nil
}

func groupTree(ctx context.Context, tx *sql.Tx) (agent.GroupTree, error) {
	groups, err := all(ctx, tx, scanGroup, `SELECT `+groupColumns+` FROM groups`)
	return agent.NewGroupTree(groups), err
}

const groupColumns = `id, parent, name, position, directory, member_id, member_name, member_dn, rights, admin, comment`

func scanGroup(row scanner) (g agent.Group, err error) {
	err = row.Scan(&g.ID, &g.Parent, &g.Name, &g.Position, &g.Directory, &g.Member.ID, &g.Member.Name, &g.Member.DN,
		rightsColumn{&g.Rights}, &g.Admin, &g.Comment)
	return g, err
}

func createGroup(ctx context.Context, tx *sql.Tx, g agent.Group) (agent.GroupID, []agent.User, error) {
	g.ID = 0
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return 0, nil, err
	}
	if err := tree.CheckPlace(g); err != nil {
		return 0, nil, err
	}
	if !g.Local() {
		if err := checkDirectoryExists(ctx, tx, g.Directory); err != nil {
			return 0, nil, err
		}
	}
	rights, err := rightsText(g.Rights)
	if err != nil {
		return 0, nil, err
	}
	err = tx.QueryRowContext(ctx, `INSERT INTO groups (parent, name, name_norm, position, directory, member_id, member_name, member_dn, rights, admin, comment)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id`, int64(g.Parent), g.Name, agent.GroupNameKey(g.Name), g.Position,
		g.Directory, g.Member.ID, g.Member.Name, g.Member.DN, rights, g.Admin, g.Comment).Scan(&g.ID)
	if err != nil {
		return 0, nil, err
	}
	if err := numberGroups(ctx, tx, insertAt(tree.Below(g.Parent), g)); err != nil {
		return 0, nil, err
	}
	if g.Local() { // nobody is in it yet
		return g.ID, nil, nil
	}
	changed, err := inherit(ctx, tx, `directory = $1 AND ' ' || directory_groups || ' ' LIKE '% ' || $2 || ' %'`, g.Directory, g.Member.ID)
	return g.ID, changed, err
}

func updateGroup(ctx context.Context, tx *sql.Tx, id agent.GroupID, change func(*agent.Group) error) (g agent.Group, changed []agent.User, err error) {
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return g, nil, err
	}
	before, ok := tree.Group(id)
	if !ok {
		return g, nil, agent.ErrNotFound
	}
	g = before
	if err := change(&g); err != nil {
		return g, nil, err
	}
	g.ID, g.Directory, g.Member.ID = id, before.Directory, before.Member.ID
	if err := tree.CheckPlace(g); err != nil {
		return g, nil, err
	}
	rights, err := rightsText(g.Rights)
	if err != nil {
		return g, nil, err
	}
	_, err = tx.ExecContext(ctx, `UPDATE groups SET parent = $1, name = $2, name_norm = $3, position = $4, member_name = $5, member_dn = $6,
			rights = $7, admin = $8, comment = $9 WHERE id = $10`,
		int64(g.Parent), g.Name, agent.GroupNameKey(g.Name), g.Position, g.Member.Name, g.Member.DN, rights, g.Admin, g.Comment, int64(id))
	if err != nil {
		return g, nil, err
	}
	if g.Parent != before.Parent {
		if err := numberGroups(ctx, tx, without(tree.Below(before.Parent), id)); err != nil {
			return g, nil, err
		}
	}
	if err := numberGroups(ctx, tx, insertAt(without(tree.Below(g.Parent), id), g)); err != nil {
		return g, nil, err
	}
	if changed, err = inherit(ctx, tx, `in_groups LIKE $1`, inGroup(id)); err != nil {
		return g, nil, err
	}
	tree, err = groupTree(ctx, tx)
	g, _ = tree.Group(id)
	return g, changed, err
}

func deleteGroup(ctx context.Context, tx *sql.Tx, id agent.GroupID) error {
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return err
	}
	g, ok := tree.Group(id)
	if !ok {
		return agent.ErrNotFound
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM groups WHERE id = $1`, int64(id)); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE users SET group_id = $1 WHERE group_id = $2`, int64(g.Parent), int64(id)); err != nil {
		return err
	}
	beside := tree.Below(g.Parent)
	place := slices.IndexFunc(beside, func(one agent.Group) bool { return one.ID == id })
	beside = without(beside, id)
	for _, child := range tree.Below(id) {
		child.Name = freeName(child.Name, beside)
		_, err := tx.ExecContext(ctx, `UPDATE groups SET parent = $1, name = $2, name_norm = $3 WHERE id = $4`,
			int64(g.Parent), child.Name, agent.GroupNameKey(child.Name), int64(child.ID))
		if err != nil {
			return err
		}
		beside = slices.Insert(beside, place, child)
		place++
	}
	return numberGroups(ctx, tx, beside)
}

func without(groups []agent.Group, id agent.GroupID) []agent.Group {
	return slices.DeleteFunc(groups, func(g agent.Group) bool { return g.ID == id })
}

// insertAt puts a group at its Position among the others, or last.
func insertAt(others []agent.Group, g agent.Group) []agent.Group {
	at := g.Position - 1
	if at < 0 || at > len(others) {
		at = len(others)
	}
	return slices.Insert(others, at, g)
}

// numberGroups stores the order of the groups below one parent.
func numberGroups(ctx context.Context, tx *sql.Tx, groups []agent.Group) error {
	for i, g := range groups {
		if _, err := tx.ExecContext(ctx, `UPDATE groups SET position = $1 WHERE id = $2 AND position <> $1`, i+1, int64(g.ID)); err != nil {
			return err
		}
	}
	return nil
}

// freeName returns the name, with a number if one of the others has it.
func freeName(name string, others []agent.Group) string {
	free := name
	for n := 2; slices.ContainsFunc(others, func(g agent.Group) bool { return agent.GroupNameKey(g.Name) == agent.GroupNameKey(free) }); n++ {
		number := " (" + strconv.Itoa(n) + ")"
		runes := []rune(name)
		free = strings.TrimSpace(string(runes[:min(len(runes), agent.MaxGroupName-utf8.RuneCountInString(number))])) + number
	}
	return free
}

// inherit computes what follows from the groups of the selected accounts and stores it. It returns the accounts whose RemoteAccess or
// AdminByGroups changed.
func inherit(ctx context.Context, tx *sql.Tx, where string, args ...any) (changed []agent.User, err error) {
	tree, err := groupTree(ctx, tx)
	if err != nil {
		return nil, err
	}
	type inherited struct {
		remote, admin bool
		groups        string
	}
	ids := map[inherited][]agent.UserID{}
	_, err = all(ctx, tx, func(row scanner) (is agent.User, err error) {
		var groups string
		was, err := scanUser(row, &groups)
		is = tree.Inherit(was)
		if is.RemoteAccess != was.RemoteAccess || is.AdminByGroups != was.AdminByGroups {
			changed = append(changed, is)
		} else if groups == inGroups(tree, is) {
			return is, err
		}
		now := inherited{is.RemoteAccess, is.AdminByGroups, inGroups(tree, is)}
		ids[now] = append(ids[now], is.ID)
		return is, err
	}, `SELECT `+userColumns+`, in_groups FROM users WHERE `+where+` ORDER BY id`, args...)
	if err != nil {
		return nil, err
	}
	for now, list := range ids {
		for part := range slices.Chunk(list, 500) {
			_, err := tx.ExecContext(ctx, `UPDATE users SET remote_access = $1, admin_by_groups = $2, in_groups = $3 WHERE id IN (`+strings.Join(numbers(part), ",")+`)`,
				now.remote, now.admin, now.groups)
			if err != nil {
				return nil, err
			}
		}
	}
	return changed, nil
}

// inGroups is the column in_groups of an account.
func inGroups(tree agent.GroupTree, u agent.User) string {
	var ids []agent.GroupID
	for _, g := range tree.Of(u) {
		ids = append(ids, g.ID)
	}
	if ids == nil {
		return ""
	}
	slices.Sort(ids)
	return " " + strings.Join(numbers(ids), " ") + " "
}

// inGroup is the LIKE pattern for in_groups.
func inGroup(id agent.GroupID) string { return "% " + strconv.FormatInt(int64(id), 10) + " %" }

func numbers[ID ~int64](ids []ID) []string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(int64(id), 10)
	}
	return texts
}

func countByGroup(ctx context.Context, tx *sql.Tx) (map[agent.GroupID]int, error) {
	counts := map[agent.GroupID]int{}
	_, err := all(ctx, tx, func(row scanner) (none struct{}, err error) {
		var groups []string
		var n int
		if err := row.Scan(wordsColumn{&groups}, &n); err != nil {
			return none, err
		}
		for _, text := range groups {
			id, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return none, err
			}
			counts[agent.GroupID(id)] += n
		}
		return none, nil
	}, `SELECT in_groups, count(*) FROM users WHERE in_groups <> '' GROUP BY in_groups`)
	return counts, err
}

func scanGroupID(row scanner) (id agent.GroupID, err error) {
	err = row.Scan(&id)
	return id, err
}

// checkGroupExists reports agent.ErrNotFound for an account in an unknown group.
func checkGroupExists(tree agent.GroupTree, id agent.GroupID) error {
	if _, ok := tree.Group(id); !ok && id != 0 {
		return fmt.Errorf("group %d: %w", id, agent.ErrNotFound)
	}
	return nil
}

// deleteGroupsOf deletes the groups of a directory.
func deleteGroupsOf(ctx context.Context, tx *sql.Tx, directory string) error {
	ids, err := all(ctx, tx, scanGroupID, `SELECT id FROM groups WHERE directory = $1 ORDER BY id`, directory)
	for _, id := range ids {
		if err := deleteGroup(ctx, tx, id); err != nil {
			return err
		}
	}
	return err
}
