package agent

import (
	"errors"
	"net/netip"
	"sort"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// ErrGroupNameTaken says that another group below the same parent has the name.
var ErrGroupNameTaken = errors.New("the name of the group is taken")

// ErrGroupDepth says that a group would be below itself, or that the tree would have more than MaxGroupDepth levels.
var ErrGroupDepth = errors.New("the group would be below itself or too deep in the tree")

// ErrDirectoryGroupTaken says that another group of the tree already stands for this group of the directory.
var ErrDirectoryGroupTaken = errors.New("the group of the directory is in the tree already")

// ErrTooManyGroups says that there are MaxGroups groups already.
var ErrTooManyGroups = errors.New("too many groups")

// GroupID identifies a group. Zero means no group.
type GroupID int64

// Group is a group of accounts. Administrators arrange the groups in a tree.
type Group struct {
	ID        GroupID
	Parent    GroupID        // 0 = top level
	Name      string         // unique below its parent, without regard to case
	Position  int            // among the groups of its parent, from 1; see GroupTree.Of
	Directory string         // LocalDirectory, or the name of the directory
	Member    DirectoryGroup // the group of the directory, whose members get the rights; zero for a local group
	Rights    Rights
	Admin     bool // its accounts and those of groups below it may administer the gateway
	Comment   string
}

// Local reports whether administrators of the gateway choose the accounts of the group. Otherwise the directory does.
func (g Group) Local() bool { return g.Directory == LocalDirectory }

// Limits of groups.
const (
	MaxGroups     = 1000
	MaxGroupDepth = 8
	MaxGroupName  = 64 // characters
)

// Rights are the rights that an account or a group sets itself. A zero field is inherited: from the account's groups, then from the
// settings.
type Rights struct {
	RemoteAccess *bool          `json:"remote_access,omitempty"` // only of groups; accounts have User.RemoteAccess
	Devices      int            `json:"devices,omitempty"`
	SessionLAN   time.Duration  `json:"session_lan,omitempty"`
	SessionVPN   time.Duration  `json:"session_vpn,omitempty"`
	ForwardNets  []netip.Prefix `json:"forward_nets,omitempty"` // 0.0.0.0/0 = everything
}

// Source says where the value of a right comes from.
type Source struct {
	Kind  SourceKind
	Group Group // with SourceGroup
}

// SourceKind is the kind of a Source.
type SourceKind string

// Sources of rights. Each overrides the ones after it.
const (
	SourceAccount   SourceKind = "account"
	SourceGroup     SourceKind = "group"
	SourceDirectory SourceKind = "directory" // the directory's list of groups with remote access; only for RemoteAccess
	SourceSettings  SourceKind = "settings"
)

// AppliedRights are the rights that apply to an account, each with its source.
type AppliedRights struct {
	RemoteAccess bool
	Devices      int
	SessionLAN   time.Duration
	SessionVPN   time.Duration
	ForwardNets  []netip.Prefix // empty = everything
	Admin        bool

	From struct{ RemoteAccess, Devices, SessionLAN, SessionVPN, ForwardNets, Admin Source }
}

// Length returns how long a session of the kind may last.
func (r AppliedRights) Length(k Kind) time.Duration {
	if k == KindLAN {
		return r.SessionLAN
	}
	return r.SessionVPN // also for KindWeb
}

// GroupTree has all groups. The zero tree has none.
type GroupTree struct {
	byID     map[GroupID]Group
	below    map[GroupID][]GroupID // by parent; sorted by Position
	order    map[GroupID]int       // the group with the lowest number wins, see Of
	byMember map[memberOf]GroupID
}

// memberOf identifies a group of a directory.
type memberOf struct{ directory, id string }

// NewGroupTree makes a tree. A group whose parent is missing, or is below the group itself, moves to the top level.
func NewGroupTree(groups []Group) GroupTree {
	t := GroupTree{map[GroupID]Group{}, map[GroupID][]GroupID{}, map[GroupID]int{}, map[memberOf]GroupID{}}
	for _, g := range groups {
		t.byID[g.ID] = g
	}
	for _, g := range groups {
		if _, ok := t.byID[g.Parent]; !ok || t.isBelow(g.Parent, g.ID) {
			g.Parent = 0
			t.byID[g.ID] = g
		}
	}
	for _, g := range t.byID {
		t.below[g.Parent] = append(t.below[g.Parent], g.ID)
		if !g.Local() {
			t.byMember[memberOf{g.Directory, g.Member.ID}] = g.ID
		}
	}
	for _, siblings := range t.below {
		sort.Slice(siblings, func(i, j int) bool {
			a, b := t.byID[siblings[i]], t.byID[siblings[j]]
			if a.Position != b.Position {
				return a.Position < b.Position
			}
			return a.ID < b.ID
		})
	}
	rank := 0
	for level := t.below[0]; len(level) > 0; {
		rank -= len(level) // groups of a deeper level get lower numbers
		var deeper []GroupID
		for i, id := range level {
			t.order[id] = rank + i
			deeper = append(deeper, t.below[id]...)
		}
		level = deeper
	}
	return t
}

// isBelow reports whether the group id is top or a group below top. The parents may form a cycle.
func (t GroupTree) isBelow(id, top GroupID) bool {
	for range t.byID { // after more steps than there are groups, it is a cycle
		if id == top || id == 0 {
			return id == top
		}
		id = t.byID[id].Parent
	}
	return false
}

// Group returns a group. It reports false for an unknown ID.
func (t GroupTree) Group(id GroupID) (Group, bool) {
	g, ok := t.byID[id]
	return g, ok
}

// Path returns the groups from the top level down to a group.
func (t GroupTree) Path(id GroupID) []Group {
	g, ok := t.byID[id]
	if !ok {
		return nil
	}
	return append(t.Path(g.Parent), g)
}

// All returns all groups, each before those below it.
func (t GroupTree) All() []Group { return t.allBelow(0) }

func (t GroupTree) allBelow(parent GroupID) (groups []Group) {
	for _, g := range t.Below(parent) {
		groups = append(append(groups, g), t.allBelow(g.ID)...)
	}
	return groups
}

// FullName returns the names from the top level down to a group: «Офис/Продажи». It is empty for no group.
func (t GroupTree) FullName(id GroupID) string {
	var names []string
	for _, g := range t.Path(id) {
		names = append(names, g.Name)
	}
	return strings.Join(names, "/")
}

// Below returns the groups directly below a parent, sorted by Position.
func (t GroupTree) Below(parent GroupID) (groups []Group) {
	for _, id := range t.below[parent] {
		groups = append(groups, t.byID[id])
	}
	return groups
}

// Of returns the groups of an account and the groups above them. The account inherits each right from the first of them that sets it.
// Deeper groups come first; groups on the same level are in the order of the tree.
func (t GroupTree) Of(u User) []Group {
	var ids []GroupID
	in := map[GroupID]bool{}
	add := func(id GroupID) {
		for g, ok := t.byID[id]; ok && !in[g.ID]; g, ok = t.byID[g.Parent] {
			in[g.ID] = true
			ids = append(ids, g.ID)
		}
	}
	add(u.Group)
	for _, id := range u.DirectoryGroups {
		add(t.byMember[memberOf{u.Directory, id}])
	}
	sort.Slice(ids, func(i, j int) bool { return t.order[ids[i]] < t.order[ids[j]] })
	if len(ids) == 0 {
		return nil
	}
	groups := make([]Group, len(ids))
	for i, id := range ids {
		groups[i] = t.byID[id]
	}
	return groups
}

// Names returns the names of an account's groups, without the groups above them, joined by ", ".
func (t GroupTree) Names(u User) string {
	ids := []GroupID{u.Group}
	for _, id := range u.DirectoryGroups {
		ids = append(ids, t.byMember[memberOf{u.Directory, id}])
	}
	sort.Slice(ids, func(i, j int) bool { return t.order[ids[i]] < t.order[ids[j]] })
	var names []string
	for i, id := range ids {
		if g, ok := t.byID[id]; ok && (i == 0 || id != ids[i-1]) {
			names = append(names, g.Name)
		}
	}
	return Clean(strings.Join(names, ", "), MaxGroupNames)
}

// CheckPlace checks whether the tree can take a new group (ID zero) or a changed one. Errors: ErrNotFound for a missing parent,
// ErrGroupDepth, ErrGroupNameTaken, ErrDirectoryGroupTaken, ErrTooManyGroups.
func (t GroupTree) CheckPlace(g Group) error {
	if g.ID == 0 && len(t.byID) >= MaxGroups {
		return ErrTooManyGroups
	}
	if _, ok := t.byID[g.Parent]; !ok && g.Parent != 0 {
		return ErrNotFound
	}
	if g.ID != 0 && t.isBelow(g.Parent, g.ID) || len(t.Path(g.Parent))+t.height(g.ID) > MaxGroupDepth {
		return ErrGroupDepth
	}
	for _, other := range t.Below(g.Parent) {
		if other.ID != g.ID && GroupNameKey(other.Name) == GroupNameKey(g.Name) {
			return ErrGroupNameTaken
		}
	}
	if other, ok := t.byMember[memberOf{g.Directory, g.Member.ID}]; ok && !g.Local() && other != g.ID {
		return ErrDirectoryGroupTaken
	}
	return nil
}

// height returns how many levels a group and the groups below it take; 1 for a new group.
func (t GroupTree) height(id GroupID) int {
	height := 1
	if id == 0 {
		return height
	}
	for _, child := range t.below[id] {
		if h := t.height(child) + 1; h > height {
			height = h
		}
	}
	return height
}

// GroupNameKey returns the form in which names are compared: without regard to case, surrounding space and Unicode composition.
func GroupNameKey(name string) string {
	return strings.ToLower(norm.NFC.String(strings.TrimSpace(name)))
}

// Check returns the mistakes in the fields of a group, under their REST names. GroupTree.CheckPlace checks its place in the tree.
func (g Group) Check() Problems {
	var c settingsCheck
	c.refuse(strings.TrimSpace(g.Name) == "", "name", "field_required", "")
	c.refuse(utf8.RuneCountInString(g.Name) > MaxGroupName, "name", "field_too_long", "")
	c.refuse(utf8.RuneCountInString(g.Comment) > MaxComment, "comment", "field_too_long", "")
	c.refuse(g.Position < 0, "position", "field_number", "")
	c.refuse(g.Directory == "", "directory", "field_required", "")
	if g.Local() {
		c.refuse(g.Member != DirectoryGroup{}, "directory_group", "field_choice", Clean(g.Member.Name, 80))
	} else {
		c.directoryGroups("directory_group", []DirectoryGroup{g.Member})
		c.refuse(g.Member.ID == "" && g.Member != DirectoryGroup{} || strings.IndexFunc(g.Member.ID, unicode.IsSpace) >= 0,
			"directory_group", "field_choice", Clean(g.Member.Name, 80))
	}
	return append(Problems(c.problems), g.Rights.Check()...)
}

// Check returns the mistakes in the rights, under their REST names. The limits are those of the settings.
func (r Rights) Check() Problems {
	var c settingsCheck
	s := r.settings()
	for _, n := range RightsNumbers() {
		if n.raw(&s) != 0 {
			c.number(&s, n)
		}
	}
	c.forwardNets(r.ForwardNets)
	return Problems(c.problems)
}

// Apply returns the rights that apply to an account.
func (t GroupTree) Apply(u User, s Settings) AppliedRights {
	groups := t.Of(u)
	var r AppliedRights
	r.RemoteAccess, r.From.RemoteAccess = t.remoteAccess(u, groups)
	r.Admin, r.From.Admin = t.admin(u, groups)
	r.Devices, r.From.Devices = s.DevicesPerUser, Source{Kind: SourceSettings}
	r.SessionLAN, r.From.SessionLAN = s.SessionLAN, Source{Kind: SourceSettings}
	r.SessionVPN, r.From.SessionVPN = s.SessionVPN, Source{Kind: SourceSettings}
	r.ForwardNets, r.From.ForwardNets = s.ForwardNets, Source{Kind: SourceSettings}
	for i := len(groups) - 1; i >= 0; i-- {
		r.override(groups[i].Rights, Source{Kind: SourceGroup, Group: groups[i]})
	}
	r.override(u.Rights, Source{Kind: SourceAccount})
	if hasEverything(r.ForwardNets) {
		r.ForwardNets = nil
	}
	return r
}

// override replaces r's values by those that own sets.
func (r *AppliedRights) override(own Rights, from Source) {
	if own.Devices > 0 {
		r.Devices, r.From.Devices = own.Devices, from
	}
	if own.SessionLAN > 0 {
		r.SessionLAN, r.From.SessionLAN = own.SessionLAN, from
	}
	if own.SessionVPN > 0 {
		r.SessionVPN, r.From.SessionVPN = own.SessionVPN, from
	}
	if len(own.ForwardNets) > 0 {
		r.ForwardNets, r.From.ForwardNets = own.ForwardNets, from
	}
}

func (t GroupTree) remoteAccess(u User, groups []Group) (bool, Source) {
	if !u.RemoteByGroups {
		return u.RemoteAccess, Source{Kind: SourceAccount}
	}
	for _, g := range groups {
		if g.Rights.RemoteAccess != nil {
			return *g.Rights.RemoteAccess, Source{Kind: SourceGroup, Group: g}
		}
	}
	if !u.Local() {
		return u.RemoteInDirectory, Source{Kind: SourceDirectory}
	}
	return false, Source{Kind: SourceSettings}
}

func (t GroupTree) admin(u User, groups []Group) (bool, Source) {
	if u.Admin {
		return true, Source{Kind: SourceAccount}
	}
	if g, ok := adminGroup(groups); ok {
		return true, Source{Kind: SourceGroup, Group: g}
	}
	return false, Source{Kind: SourceAccount}
}

func adminGroup(groups []Group) (Group, bool) {
	for _, g := range groups {
		if g.Admin {
			return g, true
		}
	}
	return Group{}, false
}

// Inherit returns the account with RemoteAccess and AdminByGroups set as its groups require now.
func (t GroupTree) Inherit(u User) User {
	groups := t.Of(u)
	u.RemoteAccess, _ = t.remoteAccess(u, groups)
	_, u.AdminByGroups = adminGroup(groups)
	return u
}
