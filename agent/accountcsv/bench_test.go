package accountcsv

import (
	"fmt"
	"strings"
	"testing"

	"ideco-agent/agent"
)

// BenchmarkPlan measures the preview of 10,000 rows: reading the file and comparing it with no accounts, and with 10,000 that all change,
// at the most groups.
func BenchmarkPlan(b *testing.B) {
	content := large(10_000, nil)
	groups := []agent.Group{{ID: 1, Name: "Офис", Directory: agent.LocalDirectory}}
	for i := 2; i <= agent.MaxGroups; i++ {
		groups = append(groups, agent.Group{ID: agent.GroupID(i), Parent: agent.GroupID(i / 10), Name: fmt.Sprint("group ", i), Directory: agent.LocalDirectory})
	}
	file, tree := parse(b, content), agent.NewGroupTree(groups)
	var users []agent.User
	for i, row := range file.Rows {
		users = append(users, agent.User{ID: agent.UserID(i + 1), Login: strings.ToUpper(row.Login), Directory: agent.LocalDirectory, RemoteByGroups: true})
	}
	b.Run("parse", func(b *testing.B) {
		for b.Loop() {
			parse(b, content)
		}
	})
	b.Run("new", func(b *testing.B) {
		for b.Loop() {
			if p := NewPlan(file, Known{Tree: tree}); len(p.New) != 10_000 || p.Mistakes.Total > 0 {
				b.Fatal(len(p.New), p.Mistakes)
			}
		}
	})
	b.Run("changed", func(b *testing.B) {
		for b.Loop() {
			if p := NewPlan(file, Known{Users: users, Tree: tree}); len(p.Changed) != 10_000 || p.Mistakes.Total > 0 {
				b.Fatal(len(p.Changed), p.Mistakes)
			}
		}
	})
}
