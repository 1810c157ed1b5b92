package access

import (
	"context"
	"slices"
	"testing"

	"ideco-agent/agent"
)

// TestRename: the live sessions show the new login and name of their person at once, and after a restart too.
func TestRename(t *testing.T) {
	ctx := context.Background()
	shown := func(g *gateway) (names []string) {
		for _, s := range g.Sessions() {
			names = append(names, s.Login+"/"+s.Name)
		}
		slices.Sort(names) // sessions that began together have no order
		return names
	}
	rename := func(g *gateway) int {
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.Login, u.Name = "johann", "Johann" })
		return g.UserChanged(ctx, u)
	}
	subtest(t, "connected and waiting", func(g *gateway) {
		lan := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		vpn := g.begin(passwordAttempt("ivan", outsidePeer, "b"))
		other := g.begin(passwordAttempt("olga", outsidePeer, "c"))
		g.Lost(vpn.Session.ID, vpn.Connection)
		if n := rename(g); n != 0 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(lan, vpn, other)
		want := []string{"johann/Johann", "johann/Johann", "olga/OLGA"}
		g.wantNames(shown(g), want)
		g.restart()
		g.wantNames(shown(g), want)
	})
	subtest(t, "a store that fails", func(g *gateway) {
		lan := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.memoryStore.failOn("SaveSession")
		rename(g)
		g.memoryStore.failOn("")
		g.wantLive(lan)
		g.wantNames(shown(g), []string{"johann/Johann"})
	})
	subtest(t, "renamed and without remote access", func(g *gateway) {
		lan := g.begin(passwordAttempt("ivan", lanPeer, "a"))
		g.begin(passwordAttempt("ivan", outsidePeer, "b"))
		u := g.memoryStore.change(ivan, func(u *agent.User) { u.Login, u.RemoteAccess = "johann", false })
		if n := g.UserChanged(ctx, u); n != 1 {
			g.t.Errorf("%d ended", n)
		}
		g.wantLive(lan)
		g.wantNames(shown(g), []string{"johann/IVAN"})
	})
}

func (g *gateway) wantNames(got, want []string) {
	g.t.Helper()
	if !slices.Equal(got, want) {
		g.t.Errorf("sessions of %q, want %q", got, want)
	}
}
