package agent

import (
	"fmt"
	"testing"
	"time"
)

// bigTree has MaxGroups groups on four levels, of which every second stands for a group of a directory.
func bigTree() []Group {
	groups := make([]Group, MaxGroups)
	for i := range groups {
		g := Group{ID: GroupID(i + 1), Name: fmt.Sprint("group ", i), Position: i%10 + 1, Directory: LocalDirectory, Rights: Rights{SessionLAN: time.Hour}}
		if i >= 10 {
			g.Parent = GroupID(i / 10)
		}
		if i%2 == 1 {
			g.Directory, g.Member.ID = "company.ru", fmt.Sprint("S-1-5-21-", i)
		}
		groups[i] = g
	}
	return groups
}

// BenchmarkGroupTree measures the tree with the most groups: making it, the groups below one, and the rights of a person in 20 groups.
func BenchmarkGroupTree(b *testing.B) {
	groups, settings := bigTree(), DefaultSettings()
	u := User{Directory: "company.ru", RemoteByGroups: true, Group: 999}
	for i := 1; i < len(groups); i += 50 {
		u.DirectoryGroups = append(u.DirectoryGroups, fmt.Sprint("S-1-5-21-", i))
	}
	tree := NewGroupTree(groups)
	for name, f := range map[string]func(){
		"new":        func() { NewGroupTree(groups) },
		"below":      func() { tree.Below(7) },
		"check":      func() { _ = tree.CheckPlace(Group{ID: 1, Name: "x", Directory: LocalDirectory}) },
		"apply":      func() { tree.Apply(u, settings) },
		"inherit":    func() { tree.Inherit(u) },
		"apply none": func() { tree.Apply(User{Directory: LocalDirectory}, settings) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				f()
			}
		})
	}
}
