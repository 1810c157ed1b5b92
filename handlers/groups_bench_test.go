package handlers

import (
	"fmt"
	"testing"

	"ideco-agent/agent"
)

// BenchmarkGroupPages measures what an administrator waits for with the most groups, all in one, and 1,000 accounts in 20 of them each.
func BenchmarkGroupPages(b *testing.B) {
	s := newSite(b)
	db := s.Accounts.(accounts).Store
	h, boss := s.PortalHandler(), signIn(b, s, "boss")
	add := func(g agent.Group) agent.GroupID {
		id, _, err := db.CreateGroup(b.Context(), g)
		if err != nil {
			b.Fatal(err)
		}
		return id
	}
	if _, err := db.SaveDirectory(b.Context(), agent.DirectorySettings{Name: "company.ru"}, func(agent.DirectoryID) (string, error) { return "sealed", nil }); err != nil {
		b.Fatal(err)
	}
	top := add(agent.Group{Name: "top", Directory: agent.LocalDirectory})
	for i := range agent.MaxGroups - 1 {
		g := agent.Group{Parent: top, Name: fmt.Sprint("group ", i), Directory: agent.LocalDirectory, Rights: agent.Rights{Devices: 3}}
		if i%2 == 1 {
			g.Directory, g.Member.ID = "company.ru", fmt.Sprint("S-1-5-21-", i)
		}
		add(g)
	}
	for i := range 1000 {
		p := agent.DirectoryPerson{Directory: "company.ru", GUID: fmt.Sprint("guid", i), Login: fmt.Sprint("user", i)}
		for n := range 20 {
			p.Groups = append(p.Groups, fmt.Sprint("S-1-5-21-", (i*7+n*50)%1000|1))
		}
		if _, err := db.SaveDirectoryUser(b.Context(), p); err != nil {
			b.Fatal(err)
		}
	}
	for name, path := range map[string]string{"list": "/admin/groups", "group": "/admin/groups/1", "account": "/admin/users/4", "accounts": "/admin/users", "REST": "/user_backend/groups"} {
		b.Run(name, func(b *testing.B) {
			size := 0
			for b.Loop() {
				w := ask(h, "GET", path, page, inLAN, boss)
				if size = w.Body.Len(); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
			b.ReportMetric(float64(size)/1000, "kB")
		})
	}
	tree, err := db.GroupTree(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("impact", func(b *testing.B) {
		for b.Loop() {
			if i, err := s.impact(b.Context(), tree, tree, top, unmoved); err != nil || i.Accounts < 1000 {
				b.Fatal(i, err)
			}
		}
	})
}
