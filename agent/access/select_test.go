package access

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"ideco-agent/agent"
)

// TestSortRange: the range is that of the sorted list, also with equal elements.
func TestSortRange(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	compare := func(a, b *int) int { return cmp.Compare(*a, *b) }
	for n := range 60 {
		list := make([]int, n)
		for i := range list {
			list[i] = r.IntN(max(1, n/(1+n%3)))
		}
		want := slices.Sorted(slices.Values(list))
		from := r.IntN(n + 1)
		to := from + r.IntN(n-from+1)
		sortRange(list, from, to, compare)
		if !slices.Equal(list[from:to], want[from:to]) {
			t.Errorf("%d elements, from %d to %d: %v, want %v", n, from, to, list[from:to], want[from:to])
		}
		if slices.Sort(list); !slices.Equal(list, want) {
			t.Errorf("%d elements became %v", n, list)
		}
	}
}

// TestSelect: every order in both directions, page by page, has each session once.
func TestSelect(t *testing.T) {
	subtest(t, "orders and pages", func(g *gateway) {
		for i, login := range []string{"ivan", "olga", "petr"} {
			g.begin(passwordAttempt(login, fmt.Sprintf("192.168.1.%d", 30-i), "a"))
		}
		g.begin(passwordAttempt("olga", outsidePeer, "b"))
		for _, by := range agent.SessionOrders {
			key := func(one agent.LiveSession) agent.SessionKey { return by.Key(g.sessions[one.ID]) }
			for _, down := range []bool{false, true} {
				all := g.Select(agent.SessionFilter{}, by, down, 0, 10)
				if all.Total != 4 || all.All != 4 || len(all.Sessions) != 4 {
					g.t.Fatalf("%s: %+v", by, all)
				}
				for i, one := range all.Sessions {
					page := g.Select(agent.SessionFilter{}, by, down, i, 1)
					if len(page.Sessions) != 1 || page.Sessions[0].ID != one.ID {
						g.t.Errorf("%s, %v: session %d of the list is not on page %d", by, down, i, i)
					}
					if c := key(all.Sessions[max(0, i-1)]).Compare(key(one)); down && c < 0 || !down && c > 0 {
						g.t.Errorf("%s, %v: session %d stands before one with a lesser value", by, down, i-1)
					}
				}
			}
		}
		vpn := g.Select(agent.SessionFilter{Kind: agent.KindVPN}, agent.SessionsByPerson, false, 0, 10)
		if vpn.Total != 1 || vpn.All != 4 || len(vpn.Sessions) != 1 || vpn.Sessions[0].Login != "olga" {
			g.t.Errorf("VPN: %+v", vpn)
		}
		if beyond := g.Select(agent.SessionFilter{}, agent.SessionsByPerson, false, 50, 10); beyond.Total != 4 || len(beyond.Sessions) != 0 {
			g.t.Errorf("beyond the end: %+v", beyond)
		}
	})
}
