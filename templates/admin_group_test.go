package templates

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// someGroups returns a tree of three levels. The deepest group is that of a directory.
func someGroups() agent.GroupTree {
	yes, no := true, false
	return agent.NewGroupTree([]agent.Group{
		{ID: 1, Name: hostile, Directory: agent.LocalDirectory, Comment: hostile, Rights: agent.Rights{RemoteAccess: &yes, Devices: 3,
			SessionLAN: 8 * time.Hour, SessionVPN: 90 * time.Minute, ForwardNets: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}},
		{ID: 2, Parent: 1, Name: "Офис", Position: 1, Directory: agent.LocalDirectory, Rights: agent.Rights{RemoteAccess: &no, ForwardNets: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}}},
		{ID: 3, Parent: 2, Name: "Бухгалтерия", Directory: hostile, Member: agent.DirectoryGroup{ID: hostile, Name: hostile, DN: hostile}, Admin: true},
		{ID: 4, Parent: 1, Name: "Склад", Position: 2, Directory: agent.LocalDirectory},
	})
}

func fullRights() RightsForm {
	f := RightsForm{Numbers: map[string]string{}, Forward: ForwardChosen, ForwardNets: hostile}
	for _, n := range agent.RightsNumbers() {
		f.Numbers[n.Name] = hostile
	}
	return f
}

func fullGroup(errors map[string]string) AdminGroupData {
	tree := someGroups()
	g, _ := tree.Group(3)
	form := NewGroupForm(g)
	form.Name, form.Comment, form.RightsForm = hostile, hostile, fullRights()
	u := agent.User{Directory: agent.LocalDirectory, Group: 3, RemoteByGroups: true, Login: hostile, Name: hostile, ID: 7}
	return AdminGroupData{ID: 3, Name: hostile, Form: form, Errors: errors, Tree: tree, Check: 5 * time.Minute, Total: 12,
		Inherited: Inherited{tree, tree.Apply(u, agent.DefaultSettings())}, Users: []agent.User{u, {ID: 8, Login: "b", Directory: hostile, AdminByGroups: true}}}
}

func foundInDirectory() AdminGroupDirectoryData {
	return AdminGroupDirectoryData{Directories: []string{hostile, "b.local"}, Directory: "b.local", Text: hostile, Searched: true,
		Groups: []agent.DirectoryGroup{{ID: hostile, Name: hostile, DN: hostile}, {ID: "2", Name: "VPN"}}, Taken: map[string]agent.GroupID{"2": 3}}
}

// TestGroupsTree: the levels of the tree are nested lists, and the first and the last group of a level cannot be moved further.
func TestGroupsTree(t *testing.T) {
	doc := render(t, AdminGroups(Page{L: locale.For("ru")}, AdminGroupsData{Tree: someGroups(), Accounts: map[agent.GroupID]int{2: 5}}))
	if n := doc.Find(".groups > ul > li > ul > li").Length(); n != 2 {
		t.Errorf("%d groups on the second level", n)
	}
	office := doc.Find(".groups > ul > li > ul > li").First()
	if text := office.Find(".group").First().Text(); !strings.Contains(text, "5 учётных записей") || !strings.Contains(text, "VPN запрещён · в туннель весь трафик") {
		t.Errorf("the row says %q", text)
	}
	if deepest := office.Find("ul .group"); !strings.Contains(deepest.Text(), "из каталога") || deepest.Find(".state.warn").Length() != 1 {
		t.Errorf("the deepest row: %s", html(deepest))
	}
	off := doc.Find("button[disabled]").Map(func(_ int, b *goquery.Selection) string { return b.AttrOr("value", "") })
	if want := "up down up up down down"; strings.Join(off, " ") != want {
		t.Errorf("disabled: %q, want %q", off, want)
	}
}

// TestParents: a group can be put into every group but itself, those below it, and those on the deepest level.
func TestParents(t *testing.T) {
	deep := []agent.Group{}
	for i := range agent.MaxGroupDepth {
		deep = append(deep, agent.Group{ID: agent.GroupID(i + 1), Parent: agent.GroupID(i), Name: string(rune('a' + i)), Directory: agent.LocalDirectory})
	}
	values := func(d AdminGroupData) (list []string) {
		for _, o := range d.parents(locale.For("ru")) {
			list = append(list, o.Label)
		}
		return list[1:]
	}
	if got := values(AdminGroupData{Tree: agent.NewGroupTree(deep)}); len(got) != agent.MaxGroupDepth-1 || got[2] != "a/b/c" {
		t.Errorf("new: %q", got)
	}
	if got := values(AdminGroupData{ID: 3, Tree: agent.NewGroupTree(deep)}); len(got) != 2 {
		t.Errorf("the third: %q", got)
	}
	if got := localGroups(locale.For("ru"), someGroups(), 0); len(got) != 4 {
		t.Errorf("of accounts: %q", got)
	}
	if got := localGroups(locale.For("ru"), someGroups(), 3); len(got) != 5 {
		t.Errorf("of an account that is in the group of a directory: %q", got)
	}
}

// TestRightsForm: what is stated is in the form, and the rest is empty.
func TestRightsForm(t *testing.T) {
	top, _ := someGroups().Group(1)
	f := NewGroupForm(top)
	if f.Remote != "1" || f.Numbers["devices_per_user"] != "3" || f.Numbers["session_hours_vpn"] != "1.5" || f.Forward != ForwardChosen || f.ForwardNets != "10.0.0.0/8" {
		t.Errorf("%+v", f)
	}
	office, _ := someGroups().Group(2)
	f = NewGroupForm(office)
	if f.Remote != "0" || f.Numbers["devices_per_user"] != "" || f.Numbers["session_hours_vpn"] != "" || f.Forward != ForwardAll || f.ForwardNets != "" {
		t.Errorf("%+v", f)
	}
}
