package directory

import (
	"testing"
)

func TestSearchAndBind(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := n.servers(t, two)
		for range 3 {
			address, err := who(t.Context(), s)
			if err != nil {
				t.Fatal(err)
			}
			equal(t, "address", address, dc1)
			if _, err := s.bind(t.Context(), "alice", "alice's"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.bind(t.Context(), "alice", "wrong"); !answered(err) {
				t.Fatal(err)
			}
		}
		f := n.at[dc1]
		equal(t, "binds of the search account", f.bindsOf("search"), 1)
		equal(t, "binds of alice", f.bindsOf("alice"), 6)
		equal(t, "connections", f.accepted, 3) // measured, search, bind
	})
}
