package access

import (
	"fmt"
	"testing"
	"time"

	"ideco-agent/agent"
)

// BenchmarkCheckDirectory measures the check of 10,000 accounts without sessions, each in 20 of the most groups.
func BenchmarkCheckDirectory(b *testing.B) {
	groups := make([]agent.Group, agent.MaxGroups)
	for i := range groups {
		groups[i] = agent.Group{ID: agent.GroupID(i + 1), Parent: agent.GroupID((i + 9) / 10), Name: fmt.Sprint(i), Directory: "company.ru",
			Member: agent.DirectoryGroup{ID: fmt.Sprint("S-1-5-21-", i)}, Rights: agent.Rights{SessionLAN: time.Hour}}
	}
	tree := agent.NewGroupTree(groups)
	reading := agent.DirectoryReading{People: map[string]agent.DirectoryPerson{}}
	var users []agent.User
	for i := range 10_000 {
		p := agent.DirectoryPerson{Directory: "company.ru", GUID: fmt.Sprint(i), Login: fmt.Sprint("user", i)}
		for n := range 20 {
			p.Groups = append(p.Groups, groups[(i*7+n*50)%len(groups)].Member.ID)
		}
		reading.People[p.GUID] = p
		users = append(users, tree.Inherit(agent.User{ID: agent.UserID(i + 1), Directory: p.Directory, GUID: p.GUID, RemoteByGroups: true, Enabled: true}.Updated(p)))
	}
	m := NewManager(Config{Settings: agent.DefaultSettings})
	for b.Loop() {
		if changed, withheld := m.CheckDirectory("company.ru", tree, users, reading, false); len(changed) > 0 || withheld != nil {
			b.Fatal(len(changed), withheld)
		}
	}
}
