package directory

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
	"golang.org/x/sync/errgroup"

	"ideco-agent/agent"
)

// memberships reads the groups of people. An answer that cannot be true, such as no group at all in Active Directory, is an
// error, because it would end sessions.
type memberships interface {
	// of returns the IDs of the groups of people, by GUID. Groups that are not wanted may be left out.
	of(c *ldap.Conn, k *kind, f facts, people []person, wanted []agent.DirectoryGroup) (map[string]idSet, error)
	// all returns all groups of a person. A group whose name is not readable has its ID as the name.
	all(c *ldap.Conn, k *kind, f facts, p person) ([]agent.DirectoryGroup, error)
}

// idSet is a set of DirectoryGroup.ID.
type idSet map[string]bool

// hasAny reports whether one of the groups is in the set.
func (s idSet) hasAny(groups []agent.DirectoryGroup) bool {
	return slices.ContainsFunc(groups, func(g agent.DirectoryGroup) bool { return s[g.ID] })
}

// of returns the IDs of those of the groups that are in the set, sorted and each once. It returns nil for none.
func (s idSet) of(groups []agent.DirectoryGroup) (ids []string) {
	for _, g := range groups {
		if s[g.ID] {
			ids = append(ids, g.ID)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// tokenGroups reads the attribute of that name: the SIDs of all groups that Windows puts into a person's token. The primary group and
// groups in groups count. The attribute exists in a search with the scope of one entry only.
type tokenGroups struct{}

// atOnce is how many searches for tokenGroups run at once on a connection.
const atOnce = 16

var errNoTokenGroups = errors.New("the search account cannot read the attribute tokenGroups; the group " +
	"\"Windows Authorization Access Group\" gives the right")

func (t tokenGroups) of(c *ldap.Conn, _ *kind, _ facts, people []person, _ []agent.DirectoryGroup) (map[string]idSet, error) {
	sets := make([]idSet, len(people))
	var group errgroup.Group
	group.SetLimit(atOnce)
	for i, p := range people {
		group.Go(func() (err error) {
			sets[i], err = t.read(c, p)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	all := make(map[string]idSet, len(people))
	for i, p := range people {
		if sets[i] != nil {
			all[p.GUID] = sets[i]
		}
	}
	return all, nil
}

// read returns nil for a person who was deleted meanwhile.
func (tokenGroups) read(c *ldap.Conn, p person) (idSet, error) {
	e, err := readEntry(c, p.entry.DN, "tokenGroups")
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	set := idSet{}
	for _, value := range e.GetEqualFoldRawAttributeValues("tokenGroups") {
		sid, err := sidText(value)
		if err != nil {
			return nil, fmt.Errorf("tokenGroups of %s: %w", p.entry.DN, err)
		}
		set[sid] = true
	}
	if len(set) == 0 { // everybody has a primary group
		return nil, fmt.Errorf("tokenGroups of %s: %w", p.entry.DN, errNoTokenGroups)
	}
	return set, nil
}

func (t tokenGroups) all(c *ldap.Conn, k *kind, f facts, p person) ([]agent.DirectoryGroup, error) {
	set, err := t.read(c, p)
	if err != nil {
		return nil, err
	}
	var groups []agent.DirectoryGroup
	for sid := range set {
		groups = append(groups, agent.DirectoryGroup{ID: sid, Name: sid})
	}
	found, err := k.groupsByID(c, f, groups)
	if err != nil {
		return nil, err
	}
	for i, g := range groups {
		if named, ok := found[g.ID]; ok {
			groups[i] = named
		}
	}
	sortGroups(groups)
	return groups, nil
}

// memberOf reads the attribute of that name, which FreeIPA fills with nested groups, too.
type memberOf struct{}

func (memberOf) of(c *ldap.Conn, k *kind, f facts, people []person, wanted []agent.DirectoryGroup) (map[string]idSet, error) {
	current, err := k.groupsByID(c, f, wanted)
	if err != nil {
		return nil, err
	}
	ids := map[string]string{} // by DN
	for id, g := range current {
		ids[dnKey(g.DN)] = id
	}
	all := make(map[string]idSet, len(people))
	for _, p := range people {
		set := idSet{}
		for _, dn := range p.entry.GetEqualFoldAttributeValues("memberOf") {
			if id, ok := ids[dnKey(dn)]; ok {
				set[id] = true
			}
		}
		all[p.GUID] = set
	}
	return all, nil
}

func (memberOf) all(c *ldap.Conn, k *kind, f facts, p person) ([]agent.DirectoryGroup, error) {
	return k.groupsByDN(c, p.entry.GetEqualFoldAttributeValues("memberOf"))
}

// memberLists reads the members of groups, with the primary groups of POSIX accounts, and memberOf where the server has it.
type memberLists struct{}

func (l memberLists) of(c *ldap.Conn, k *kind, f facts, people []person, wanted []agent.DirectoryGroup) (map[string]idSet, error) {
	all, err := memberOf{}.of(c, k, f, people, wanted)
	if err != nil {
		return nil, err
	}
	if len(people) == 1 {
		entries, err := l.groupsOf(c, k, f, people[0])
		for _, e := range entries {
			if id := k.groupID.of(e); id != "" {
				all[people[0].GUID][id] = true
			}
		}
		return all, err
	}
	byDN, byLogin, byPrimary := map[string]string{}, map[string]string{}, map[string][]string{} // GUIDs
	for _, p := range people {
		byDN[dnKey(p.entry.DN)], byLogin[p.Login] = p.GUID, p.GUID
		if primary := first(p.entry, "gidNumber"); primary != "" {
			byPrimary[primary] = append(byPrimary[primary], p.GUID)
		}
	}
	for ids := range slices.Chunk(wanted, batch) {
		entries, err := searchAll(c, f.root, "(&"+k.groups+k.groupID.filter(groupIDs(ids)...)+")",
			append([]string{"member", "uniqueMember", "memberUid", "gidNumber"}, k.groupID.attributes...)...)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			id := k.groupID.of(e)
			add := func(guid string, ok bool) {
				if ok {
					all[guid][id] = true
				}
			}
			for _, dn := range slices.Concat(e.GetEqualFoldAttributeValues("member"), e.GetEqualFoldAttributeValues("uniqueMember")) {
				guid, ok := byDN[dnKey(dn)]
				add(guid, ok)
			}
			for _, login := range e.GetEqualFoldAttributeValues("memberUid") {
				guid, ok := byLogin[login]
				add(guid, ok)
			}
			for _, guid := range byPrimary[first(e, "gidNumber")] {
				add(guid, true)
			}
		}
	}
	return all, nil
}

// groupsOf searches the groups that name a person as a member, and the primary group.
func (memberLists) groupsOf(c *ldap.Conn, k *kind, f facts, p person) ([]*ldap.Entry, error) {
	filter := equals("member", p.entry.DN) + equals("uniqueMember", p.entry.DN) + equals("memberUid", p.Login)
	if primary := first(p.entry, "gidNumber"); primary != "" {
		filter += equals("gidNumber", primary)
	}
	return searchAll(c, f.root, "(&"+k.groups+"(|"+filter+"))", append([]string{"cn"}, k.groupID.attributes...)...)
}

func (l memberLists) all(c *ldap.Conn, k *kind, f facts, p person) ([]agent.DirectoryGroup, error) {
	groups, err := memberOf{}.all(c, k, f, p)
	if err != nil {
		return nil, err
	}
	entries, err := l.groupsOf(c, k, f, p)
	for _, e := range entries {
		groups = append(groups, k.group(e))
	}
	sortGroups(groups)
	return slices.CompactFunc(groups, func(a, b agent.DirectoryGroup) bool { return a.ID == b.ID }), err
}

// batch is how many entries one filter names.
const batch = 100

// group reads an entry.
func (k *kind) group(e *ldap.Entry) agent.DirectoryGroup {
	return agent.DirectoryGroup{ID: k.groupID.of(e), Name: agent.Clean(first(e, "sAMAccountName", "cn"), agent.MaxName), DN: e.DN}
}

// groupAttributes are what group reads.
func (k *kind) groupAttributes() []string {
	return append([]string{"sAMAccountName", "cn"}, k.groupID.attributes...)
}

// groupsByID reads groups by their IDs as they are now. Those that do not exist are left out.
func (k *kind) groupsByID(c *ldap.Conn, f facts, groups []agent.DirectoryGroup) (map[string]agent.DirectoryGroup, error) {
	found := map[string]agent.DirectoryGroup{}
	for some := range slices.Chunk(groups, batch) {
		entries, err := searchAll(c, f.root, k.groupID.filter(groupIDs(some)...), k.groupAttributes()...)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			g := k.group(e)
			found[g.ID] = g
		}
	}
	return found, nil
}

// groupsByDN reads groups by their DNs. A group that is not readable has its DN as the name.
func (k *kind) groupsByDN(c *ldap.Conn, dns []string) ([]agent.DirectoryGroup, error) {
	groups := make([]agent.DirectoryGroup, len(dns))
	var all errgroup.Group
	all.SetLimit(atOnce)
	for i, dn := range dns {
		all.Go(func() error {
			groups[i] = agent.DirectoryGroup{Name: dn, DN: dn}
			e, err := readEntry(c, dn, k.groupAttributes()...)
			if err == nil {
				groups[i] = k.group(e)
			} else if !answered(err) {
				return err
			}
			return nil
		})
	}
	err := all.Wait()
	sortGroups(groups)
	return groups, err
}

func groupIDs(groups []agent.DirectoryGroup) []string {
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	return ids
}

func sortGroups(groups []agent.DirectoryGroup) {
	slices.SortFunc(groups, func(a, b agent.DirectoryGroup) int {
		return strings.Compare(strings.ToLower(a.Name)+"\x00"+a.ID, strings.ToLower(b.Name)+"\x00"+b.ID)
	})
}

// resolveGroup returns the group with an ID, a DN or a name, which may have a NetBIOS name before it. Errors: agent.Problem.
func (k *kind) resolveGroup(c *ldap.Conn, f facts, text string) (agent.DirectoryGroup, error) {
	problem := agent.Problem{Field: "login_groups", Code: "field_directory_group", Value: agent.Clean(text, 80)}
	text = strings.TrimSpace(text)
	if text == "" || len(text) > agent.MaxDN {
		return agent.DirectoryGroup{}, problem
	}
	if _, ok := parseDN(text); ok {
		entries, err := searchFew(c, 1, text, ldap.ScopeBaseObject, k.groups, k.groupAttributes()...)
		switch {
		case err != nil && !isMissing(err):
			return agent.DirectoryGroup{}, err
		case len(entries) == 0 || k.groupID.of(entries[0]) == "":
			return agent.DirectoryGroup{}, problem
		}
		return k.group(entries[0]), nil
	}
	name := text
	if netbios, rest, ok := strings.Cut(text, `\`); ok && strings.EqualFold(netbios, f.netbios) {
		name = rest
	}
	filter := "(&" + k.groups + "(|" + equals("sAMAccountName", name) + equals("cn", name) + k.groupID.filter(strings.ToLower(text)) + "))"
	entries, err := searchAll(c, f.root, filter, k.groupAttributes()...)
	if err != nil {
		return agent.DirectoryGroup{}, err
	}
	if len(entries) > 1 {
		problem.Code = "field_group_ambiguous"
	}
	if len(entries) != 1 || k.groupID.of(entries[0]) == "" {
		return agent.DirectoryGroup{}, problem
	}
	return k.group(entries[0]), nil
}

// searchGroups returns at most so many groups whose name contains a text.
func (k *kind) searchGroups(c *ldap.Conn, f facts, text string, most int) ([]agent.DirectoryGroup, error) {
	filter := k.groups
	if text != "" {
		part := "*" + ldap.EscapeFilter(text) + "*"
		filter = "(&" + k.groups + "(|(sAMAccountName=" + part + ")(cn=" + part + ")))"
	}
	entries, err := searchFew(c, most, f.root, ldap.ScopeWholeSubtree, filter, k.groupAttributes()...)
	if err != nil {
		return nil, err
	}
	var groups []agent.DirectoryGroup
	for _, e := range entries {
		if g := k.group(e); g.ID != "" && len(groups) < most {
			groups = append(groups, g)
		}
	}
	sortGroups(groups)
	return groups, nil
}
