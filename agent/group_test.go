package agent

import (
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"
)

const testDirectory = "company.ru"

// office is a tree:
//
//	1 office
//		3 sales
//		4 S-4 of company.ru
//			6 deep
//	2 S-2 of company.ru
//		5 S-5 of company.ru
func office() GroupTree {
	of := func(id, parent GroupID, position int) Group {
		name := string(rune('0' + id))
		return Group{ID: id, Parent: parent, Position: position, Name: name, Directory: testDirectory, Member: DirectoryGroup{ID: "S-" + name}}
	}
	local := func(id, parent GroupID, position int) Group {
		return Group{ID: id, Parent: parent, Position: position, Name: string(rune('a' + id)), Directory: LocalDirectory}
	}
	return NewGroupTree([]Group{of(2, 0, 2), local(3, 1, 1), local(1, 0, 1), of(5, 2, 1), local(6, 4, 1), of(4, 1, 2)})
}

func groupIDs(groups []Group) (ids []GroupID) {
	for _, g := range groups {
		ids = append(ids, g.ID)
	}
	return ids
}

func TestOrderOfGroups(t *testing.T) {
	tree := office()
	local := func(g GroupID) User { return User{Directory: LocalDirectory, Group: g} }
	member := func(g GroupID, ids ...string) User {
		return User{Directory: testDirectory, Group: g, DirectoryGroups: ids}
	}
	for _, test := range []struct {
		user User
		want []GroupID
	}{
		{local(0), nil},
		{local(99), nil}, // deleted meanwhile
		{local(1), []GroupID{1}},
		{local(6), []GroupID{6, 4, 1}},
		{member(0, "S-2", "S-5", "S-none"), []GroupID{5, 2}},
		{member(0, "S-5"), []GroupID{5, 2}},
		{member(3, "S-5", "S-4"), []GroupID{3, 4, 5, 1, 2}}, // those of the first top-level group first
		{member(6, "S-5"), []GroupID{6, 4, 5, 1, 2}},
		{User{Directory: "branch.ru", DirectoryGroups: []string{"S-2"}}, nil},
		{User{Directory: LocalDirectory, DirectoryGroups: []string{""}}, nil},
	} {
		if got := groupIDs(tree.Of(test.user)); !reflect.DeepEqual(got, test.want) {
			t.Errorf("%+v: %v, want %v", test.user, got, test.want)
		}
	}
	if got := groupIDs(tree.Below(1)); !reflect.DeepEqual(got, []GroupID{3, 4}) {
		t.Errorf("below 1: %v", got)
	}
	if got := groupIDs(tree.Path(6)); !reflect.DeepEqual(got, []GroupID{1, 4, 6}) {
		t.Errorf("path: %v", got)
	}
	if got := (GroupTree{}).Of(local(1)); got != nil {
		t.Errorf("the zero tree: %v", got)
	}
}

// TestBrokenTree: only the group whose own parent is wrong moves to the top level. What is below it stays there.
func TestBrokenTree(t *testing.T) {
	group := func(id, parent GroupID) Group { return Group{ID: id, Parent: parent, Directory: LocalDirectory} }
	for what, test := range map[string]struct {
		groups []Group
		paths  map[GroupID][]GroupID
	}{
		"missing parent": {[]Group{group(3, 2), group(2, 1), group(1, 9)}, map[GroupID][]GroupID{3: {1, 2, 3}, 1: {1}}},
		"itself":         {[]Group{group(2, 1), group(1, 1)}, map[GroupID][]GroupID{1: {1}, 2: {1, 2}}},
		"cycle":          {[]Group{group(4, 3), group(1, 3), group(2, 1), group(3, 2)}, map[GroupID][]GroupID{1: {1}, 2: {1, 2}, 3: {1, 2, 3}, 4: {1, 2, 3, 4}}},
	} {
		tree := NewGroupTree(test.groups)
		for id, want := range test.paths {
			if got := groupIDs(tree.Path(id)); !reflect.DeepEqual(got, want) {
				t.Errorf("%s: path of %d is %v, want %v", what, id, got, want)
			}
		}
	}
}

func TestInherit(t *testing.T) {
	yes, no := true, false
	groups := []Group{
		{ID: 1, Name: "top", Directory: LocalDirectory, Rights: Rights{RemoteAccess: &yes, Devices: 2, SessionLAN: time.Hour}, Admin: true},
		{ID: 2, Parent: 1, Name: "deep", Directory: LocalDirectory, Rights: Rights{RemoteAccess: &no, Devices: 3, ForwardNets: nets("10.0.0.0/8")}},
		{ID: 3, Position: 1, Name: "silent", Directory: LocalDirectory},
	}
	tree := NewGroupTree(groups)
	settings := Settings{DevicesPerUser: 1, SessionLAN: 2 * time.Hour, SessionVPN: 3 * time.Hour, ForwardNets: nets("192.168.0.0/16")}
	byGroup := func(i int) Source { return Source{Kind: SourceGroup, Group: groups[i]} }
	account, bySettings := Source{Kind: SourceAccount}, Source{Kind: SourceSettings}
	follows := User{Directory: LocalDirectory, RemoteByGroups: true, RemoteAccess: true, AdminByGroups: true}
	in := func(u User, g GroupID) User { u.Group = g; return u }
	for what, test := range map[string]struct {
		user          User
		remote, admin bool
		from, devices Source
		n             int
		nets          string
	}{
		"no group":          {follows, false, false, bySettings, bySettings, 1, "192.168.0.0/16"},
		"top":               {in(follows, 1), true, true, byGroup(0), byGroup(0), 2, "192.168.0.0/16"},
		"deeper":            {in(follows, 2), false, true, byGroup(1), byGroup(1), 3, "10.0.0.0/8"},
		"silent":            {in(follows, 3), false, false, bySettings, bySettings, 1, "192.168.0.0/16"},
		"chosen":            {User{Directory: LocalDirectory, RemoteAccess: true, Group: 2}, true, true, account, byGroup(1), 3, "10.0.0.0/8"},
		"own":               {User{Directory: LocalDirectory, Group: 2, Rights: Rights{Devices: 9, ForwardNets: nets("0.0.0.0/0")}}, false, true, account, account, 9, ""},
		"of a directory":    {User{Directory: testDirectory, RemoteByGroups: true, RemoteInDirectory: true}, true, false, Source{Kind: SourceDirectory}, bySettings, 1, "192.168.0.0/16"},
		"against directory": {User{Directory: testDirectory, RemoteByGroups: true, RemoteInDirectory: true, Group: 2}, false, true, byGroup(1), byGroup(1), 3, "10.0.0.0/8"},
	} {
		is, applied := tree.Inherit(test.user), tree.Apply(test.user, settings)
		if is.RemoteAccess != test.remote || is.AdminByGroups != test.admin || is.Administrator() != test.admin {
			t.Errorf("%s: remote access %v, administers %v", what, is.RemoteAccess, is.AdminByGroups)
		}
		if applied.RemoteAccess != test.remote || applied.Admin != test.admin || applied.Devices != test.n ||
			!reflect.DeepEqual(applied.From.RemoteAccess, test.from) || !reflect.DeepEqual(applied.From.Devices, test.devices) {
			t.Errorf("%s: %+v", what, applied)
		}
		if !reflect.DeepEqual(applied.ForwardNets, nets(test.nets)) {
			t.Errorf("%s: networks %v", what, applied.ForwardNets)
		}
		if again := tree.Inherit(is); !reflect.DeepEqual(again, is) {
			t.Errorf("%s: computed twice %+v", what, again)
		}
	}
	if applied := tree.Apply(in(follows, 2), settings); applied.Length(KindLAN) != time.Hour || applied.Length(KindVPN) != 3*time.Hour {
		t.Errorf("lengths %v, %v", applied.Length(KindLAN), applied.Length(KindVPN))
	}
}

func nets(list ...string) (all []netip.Prefix) {
	for _, text := range list {
		if text != "" {
			all = append(all, netip.MustParsePrefix(text))
		}
	}
	return all
}

func TestCheckPlace(t *testing.T) {
	var chain []Group // 1 to MaxGroupDepth, one below the other; 100 with 101 below it
	for i := GroupID(1); i <= MaxGroupDepth; i++ {
		chain = append(chain, Group{ID: i, Parent: i - 1, Name: "Й", Directory: LocalDirectory})
	}
	chain = append(chain, Group{ID: 100, Name: "x", Directory: LocalDirectory},
		Group{ID: 101, Parent: 100, Name: "y", Directory: testDirectory, Member: DirectoryGroup{ID: "S-1"}})
	tree := NewGroupTree(chain)
	changed := func(id, parent GroupID) Group { g, _ := tree.Group(id); g.Parent = parent; return g }
	added := func(parent GroupID, name string) Group {
		return Group{Parent: parent, Name: name, Directory: LocalDirectory}
	}
	for what, test := range map[string]struct {
		group Group
		want  error
	}{
		"new":                {added(0, "new"), nil},
		"deepest":            {added(MaxGroupDepth-1, "new"), nil},
		"too deep":           {added(MaxGroupDepth, "new"), ErrGroupDepth},
		"unknown parent":     {added(99, "new"), ErrNotFound},
		"taken":              {added(0, " й"), ErrGroupNameTaken},
		"in two code points": {added(0, "и\u0306"), ErrGroupNameTaken},
		"taken elsewhere":    {added(100, "Й"), nil},
		"unchanged":          {changed(1, 0), nil},
		"below itself":       {changed(1, 1), ErrGroupDepth},
		"below a subgroup":   {changed(1, 5), ErrGroupDepth},
		"two more levels":    {changed(100, MaxGroupDepth-2), nil},
		"one too many":       {changed(100, MaxGroupDepth-1), ErrGroupDepth},
		"of a directory":     {changed(101, 0), nil},
		"twice in the tree":  {Group{Name: "new", Directory: testDirectory, Member: DirectoryGroup{ID: "S-1"}}, ErrDirectoryGroupTaken},
		"another directory":  {Group{Name: "new", Directory: "branch.ru", Member: DirectoryGroup{ID: "S-1"}}, nil},
	} {
		if err := tree.CheckPlace(test.group); !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", what, err, test.want)
		}
	}
	var many []Group
	for i := GroupID(1); i <= MaxGroups; i++ {
		many = append(many, Group{ID: i, Directory: LocalDirectory})
	}
	tree = NewGroupTree(many)
	if err := tree.CheckPlace(added(0, "new")); !errors.Is(err, ErrTooManyGroups) {
		t.Errorf("group %d: %v", MaxGroups+1, err)
	}
	if err := tree.CheckPlace(Group{ID: 1, Name: "renamed", Directory: LocalDirectory}); err != nil {
		t.Errorf("a full tree cannot change: %v", err)
	}
}

func TestCheckGroup(t *testing.T) {
	local := Group{Name: "Отдел", Directory: LocalDirectory}
	remote := Group{Name: "VPN", Directory: testDirectory, Member: DirectoryGroup{ID: "S-1-5-21", Name: "VPN users", DN: "cn=vpn"}}
	with := func(g Group, change func(*Group)) Group { change(&g); return g }
	for what, test := range map[string]struct {
		group Group
		want  string
	}{
		"local":       {local, ""},
		"directory's": {remote, ""},
		"longest":     {with(local, func(g *Group) { g.Name = strings.Repeat("Ж", MaxGroupName) }), ""},
		"too long":    {with(local, func(g *Group) { g.Name = strings.Repeat("Ж", MaxGroupName+1) }), "name: field_too_long"},
		"no name":     {with(local, func(g *Group) { g.Name = " " }), "name: field_required"},
		"comment":     {with(local, func(g *Group) { g.Comment = strings.Repeat("x", MaxComment+1) }), "comment: field_too_long"},
		"position":    {with(local, func(g *Group) { g.Position = -1 }), "position: field_number"},
		"nowhere":     {Group{Name: "x", Member: remote.Member}, "directory: field_required"},
		"both":        {with(local, func(g *Group) { g.Member = remote.Member }), "directory_group: field_choice: VPN users"},
		"no member":   {with(remote, func(g *Group) { g.Member = DirectoryGroup{} }), "directory_group: field_required"},
		"no ID":       {with(remote, func(g *Group) { g.Member.ID = "" }), "directory_group: field_choice: VPN users"},
		"two words":   {with(remote, func(g *Group) { g.Member.ID = "S 1" }), "directory_group: field_choice: VPN users"},
		"rights":      {with(local, func(g *Group) { g.Rights.Devices = MaxDevices + 1 }), "devices_per_user: field_devices"},
	} {
		if got := test.group.Check().Error(); got != test.want {
			t.Errorf("%s: %q, want %q", what, got, test.want)
		}
	}
}

func TestCheckRights(t *testing.T) {
	for want, rights := range map[string][]Rights{
		"":                                       {{}, {Devices: 1, SessionLAN: 3600 * time.Millisecond, SessionVPN: 365 * 24 * time.Hour, ForwardNets: nets("0.0.0.0/0")}, {Devices: MaxDevices}},
		"devices_per_user: field_devices":        {{Devices: -1}, {Devices: MaxDevices + 1}},
		"session_hours_lan: field_session_hours": {{SessionLAN: time.Second}, {SessionLAN: -1}, {SessionLAN: 365*24*time.Hour + 1}},
		"session_hours_vpn: field_session_hours": {{SessionVPN: time.Second}},
		"forward_nets: field_tunnel_address: 2001:db8::/32": {{ForwardNets: nets("2001:db8::/32")}},
		"forward_nets: field_own_place: 127.0.0.0/8":        {{ForwardNets: nets("127.0.0.0/8")}},
		"forward_nets: field_too_many":                      {{ForwardNets: nets(strings.Fields(strings.Repeat("10.0.0.0/8 ", MaxNets+1))...)}},
	} {
		for _, r := range rights {
			if got := r.Check().Error(); got != want {
				t.Errorf("%+v: %q, want %q", r, got, want)
			}
		}
	}
}
