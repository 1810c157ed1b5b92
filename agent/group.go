package agent

import (
	"net/netip"
	"sort"
	"time"
)

// GroupID identifies a group. Zero means no group.
type GroupID int64

// Group is a group of accounts. Groups form a tree. An administrator makes every group: a local one, whose accounts are chosen here,
// or one that stands for a group of a directory, whose members are the accounts.
type Group struct {
	ID        GroupID
	Parent    GroupID        // 0 = top level
	Name      string         // unique below its parent, without regard to case
	Position  int            // order below its parent; the first one wins, see GroupTree.Of
	Directory string         // LocalDirectory, or the name of the directory
	Member    DirectoryGroup // the directory's group; zero for a local group
	Rights    Rights
	Admin     bool // its accounts, also of groups below it, may administer the gateway
	Comment   string
}

// Local reports whether the accounts of a group are chosen here.
func (g Group) Local() bool { return g.Directory == LocalDirectory }

// Limits of groups.
const (
	MaxGroups     = 1000
	MaxGroupDepth = 8
	MaxGroupName  = 64 // characters
)

// Rights are what an account or a group says about access. A field that says nothing is inherited: from the account's groups, then
// from the settings.
type Rights struct {
	RemoteAccess *bool          `json:"remote_access,omitempty"` // nil = says nothing. Only of groups; accounts have User.RemoteAccess
	Devices      int            `json:"devices,omitempty"`       // 0 = says nothing
	SessionLAN   time.Duration  `json:"session_lan,omitempty"`   // 0 = says nothing
	SessionVPN   time.Duration  `json:"session_vpn,omitempty"`   // 0 = says nothing
	ForwardNets  []netip.Prefix `json:"forward_nets,omitempty"`  // empty = says nothing; 0.0.0.0/0 = everything
}

// Source says where an applied right comes from.
type Source struct {
	Kind  SourceKind
	Group Group // with SourceGroup
}

// SourceKind is the kind of a Source.
type SourceKind string

// Sources of rights. Each wins over the following ones.
const (
	SourceAccount   SourceKind = "account"
	SourceGroup     SourceKind = "group"
	SourceDirectory SourceKind = "directory" // the remote groups in the settings of the directory; only RemoteAccess
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

// Length is how long a session of the kind may live.
func (r AppliedRights) Length(k Kind) time.Duration {
	if k == KindLAN {
		return r.SessionLAN
	}
	return r.SessionVPN // also for KindWeb
}

// GroupTree has all groups.
type GroupTree struct{ byID map[GroupID]Group }

// NewGroupTree makes a tree. A group whose parent is missing, or is below the group itself, stands on the top level.
func NewGroupTree(groups []Group) GroupTree {
	t := GroupTree{map[GroupID]Group{}}
	for _, g := range groups {
		t.byID[g.ID] = g
	}
	for _, g := range groups {
		seen := map[GroupID]bool{}
		for at := g; at.Parent != 0; at = t.byID[at.Parent] {
			if _, ok := t.byID[at.Parent]; !ok || seen[at.ID] {
				g.Parent = 0
				t.byID[g.ID] = g
				break
			}
			seen[at.ID] = true
		}
	}
	return t
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

// Below returns the groups below a parent, in their order.
func (t GroupTree) Below(parent GroupID) (groups []Group) {
	for _, g := range t.byID {
		if g.Parent == parent {
			groups = append(groups, g)
		}
	}
	sort.Slice(groups, func(i, j int) bool { return t.before(groups[i], groups[j]) })
	return groups
}

// Of returns the groups whose rights an account can inherit, in the order in which they win: a group that is deeper in the tree wins
// over one above, and of two on the same level the one that stands first in the tree.
func (t GroupTree) Of(u User) (groups []Group) {
	in := map[GroupID]bool{}
	add := func(id GroupID) {
		for _, g := range t.Path(id) {
			in[g.ID] = true
		}
	}
	add(u.Group)
	for _, id := range u.DirectoryGroups {
		for _, g := range t.byID {
			if g.Directory == u.Directory && !g.Local() && g.Member.ID == id {
				add(g.ID)
			}
		}
	}
	for id := range in {
		groups = append(groups, t.byID[id])
	}
	depth := func(g Group) int { return len(t.Path(g.ID)) }
	sort.Slice(groups, func(i, j int) bool {
		if a, b := depth(groups[i]), depth(groups[j]); a != b {
			return a > b
		}
		return t.before(groups[i], groups[j])
	})
	return groups
}

// before reports whether g stands before h, both of the same depth.
func (t GroupTree) before(g, h Group) bool {
	if g.Parent != h.Parent {
		return t.before(t.byID[g.Parent], t.byID[h.Parent])
	}
	if g.Position != h.Position {
		return g.Position < h.Position
	}
	return g.ID < h.ID
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
	for _, n := range r.ForwardNets {
		if n.Bits() == 0 {
			r.ForwardNets = nil
			break
		}
	}
	return r
}

// override sets the rights about which own says something.
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
	for _, g := range groups {
		if g.Admin {
			return true, Source{Kind: SourceGroup, Group: g}
		}
	}
	return false, Source{Kind: SourceAccount}
}

// Inherit returns the account with the RemoteAccess and AdminByGroups that its groups give it now.
func (t GroupTree) Inherit(u User) User {
	groups := t.Of(u)
	u.RemoteAccess, _ = t.remoteAccess(u, groups)
	u.AdminByGroups = false
	for _, g := range groups {
		u.AdminByGroups = u.AdminByGroups || g.Admin
	}
	return u
}
