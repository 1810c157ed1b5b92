package handlers

import (
	"fmt"
	"net/url"
	"testing"

	"ideco-agent/agent"
)

// BenchmarkUsersPage measures a page of the list of 10,000 accounts in 200 groups, with the CPU time of the whole process.
func BenchmarkUsersPage(b *testing.B) {
	s := newSite(b)
	db := s.Accounts.(accounts).Store
	h, boss := s.PortalHandler(), signIn(b, s, "boss")
	var groups []agent.GroupID
	for i := range 200 {
		id, _, err := db.CreateGroup(b.Context(), agent.Group{Name: fmt.Sprint("Отдел ", i), Directory: agent.LocalDirectory})
		if err != nil {
			b.Fatal(err)
		}
		groups = append(groups, id)
	}
	list := make([]agent.ImportedUser, 10_000)
	for i := range list {
		list[i].User = agent.User{Login: fmt.Sprintf("user%05d", i), Name: fmt.Sprint("Иванов Иван ", i*7919%10_000), Enabled: i%9 > 0, Group: groups[i%200],
			Directory: agent.LocalDirectory, RemoteAccess: i%3 == 0}
	}
	if _, err := db.SaveUsers(b.Context(), list); err != nil {
		b.Fatal(err)
	}
	for name, query := range map[string]string{"first": "", "by name, page 100": "?sort=-name&page=100", "by state": "?sort=-state",
		"search": "?sort=-last_login&q=" + url.QueryEscape("иван 77"), "group": fmt.Sprint("?group=", groups[7])} {
		b.Run(name, func(b *testing.B) {
			size := 0
			loop(b, func() {
				w := ask(h, "GET", "/admin/users"+query, page, inLAN, boss)
				if size = w.Body.Len(); w.Code != 200 {
					b.Fatal(w.Code)
				}
			})
			b.ReportMetric(float64(size)/1000, "kB")
		})
	}
}
