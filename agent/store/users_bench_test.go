package store

import (
	"testing"

	"ideco-agent/agent"
)

// BenchmarkUsers measures a page of the list with 10,000 accounts.
func BenchmarkUsers(b *testing.B) {
	s, groups := newBigStore(b, 10_000)
	yes := true
	for _, bench := range []struct {
		name   string
		filter agent.UserFilter
		offset int
	}{
		{"first page", agent.UserFilter{}, 0},
		{"last page", agent.UserFilter{}, 9_950},
		{"by name", agent.UserFilter{Sort: agent.UserByName}, 0},
		{"by name, page at 5,000", agent.UserFilter{Sort: agent.UserByName, Desc: true}, 5_000},
		{"by state", agent.UserFilter{Sort: agent.UserByState}, 0},
		{"by VPN", agent.UserFilter{Sort: agent.UserByRemote, Desc: true}, 0},
		{"by last login", agent.UserFilter{Sort: agent.UserByLastLogin, Desc: true}, 0},
		{"by creation", agent.UserFilter{Sort: agent.UserByCreated, Desc: true}, 0},
		{"search, few", agent.UserFilter{Search: "user123"}, 0},
		{"search, all", agent.UserFilter{Search: "иванов", Sort: agent.UserByName}, 0},
		{"search, nobody, by name", agent.UserFilter{Search: "петров", Sort: agent.UserByName}, 0},
		{"search, nobody", agent.UserFilter{Search: "петров"}, 0},
		{"group", agent.UserFilter{Group: groups[7], Sort: agent.UserByName}, 0},
		{"VPN in directory", agent.UserFilter{Remote: &yes, Directory: company}, 0},
	} {
		b.Run(bench.name, func(b *testing.B) {
			cpu := processorTime(b)
			for b.Loop() {
				_, _, err := s.Users(b.Context(), bench.filter, bench.offset, 50)
				check(b, err)
			}
			b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
		})
	}
	b.Run("look-alikes", func(b *testing.B) {
		cpu := processorTime(b)
		for b.Loop() {
			_, err := s.LookAlikes(b.Context())
			check(b, err)
		}
		b.ReportMetric(float64((processorTime(b)-cpu).Microseconds())/1000/float64(b.N), "cpu-ms/op")
	})
}
