package firewall

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os/exec"
	"testing"
	"time"

	"ideco-agent/agent"
)

// TestRandomWalk makes random calls and foreign changes. Afterwards the recorded state agrees with the kernel: only addresses of
// sessions are let through, and all of them.
func TestRandomWalk(t *testing.T) {
	for seed := range 4 {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			inLab(t, func(t *testing.T, l lab) {
				w := walk{l, open(t, labPlan(), Options{replace: seed%2 == 1}), rand.New(rand.NewPCG(uint64(seed), 0))}
				for _, a := range []netip.Addr{host, second, host6, second6} {
					l.learnMAC(t, inLAN, a)
				}
				l.learnMAC(t, inLAN1, neighbor)
				for range 200 {
					w.step(t)
				}
				if err := w.f.Apply(context.Background(), labPlan()); err != nil {
					t.Error(err)
				}
				inReconciler(t, w.f, func(r *reconciler) {
					r.watch()
					r.grantProbed()
					r.sample() // records what has expired
					r.checkConsistent(t)
				})
			})
		})
	}
}

type walk struct {
	l lab
	f *Firewall
	*rand.Rand
}

func (w walk) plan() Plan {
	p := labPlan()
	switch w.IntN(4) {
	case 0:
		return Plan{}
	case 1:
		p.LAN = p.LAN[1:]
	case 2:
		p.Timeout, p.LAN[0].Networks = 20*time.Second, p.LAN[0].Networks[1:]
	}
	return p
}

func (w walk) step(t *testing.T) {
	ctx := context.Background()
	addrs := []netip.Addr{host, second, routed, neighbor, host6, second6, peer, peer2}
	id, a := 1+w.IntN(5), addrs[w.IntN(len(addrs))]
	s := session(id, a)
	s.UserID = agent.UserID(1 + id%3)
	if a == peer || a == peer2 {
		s.Kind = agent.KindVPN
	}
	switch n := w.IntN(20); {
	case n < 4:
		if err := w.f.Grant(ctx, s); err != nil {
			t.Errorf("%s at %s: %v", s.ID, a, err)
		}
	case n < 8:
		go w.f.Grant(ctx, s) // concurrently with the next step
	case n < 10:
		_ = w.f.Readmit(ctx, s)
	case n < 13:
		w.f.Revoke(ctx, s)
	case n < 15:
		_ = w.f.GrantAddress(ctx, s.ID, a)
	case n < 16:
		w.f.RevokeAddress(ctx, s.ID, a)
	case n < 17:
		if err := w.f.Apply(ctx, w.plan()); err != nil {
			t.Error(err)
		}
	case n < 18:
		changes := []string{"delete table inet ideco_agent", "flush set inet ideco_agent lan4", "flush set inet ideco_agent vpn4",
			"flush chain inet ideco_agent forward", "add table inet others", "add element inet ideco_agent vpn4 { 10.99.0.77 }"}
		_ = exec.Command("nft", changes[w.IntN(len(changes))]).Run() // there may be no table
	case n < 19:
		inReconciler(t, w.f, (*reconciler).sample)
	default:
		inReconciler(t, w.f, (*reconciler).refresh)
	}
}

// checkConsistent compares the parts of the recorded state with each other and with the kernel.
func (r *reconciler) checkConsistent(t *testing.T) {
	sizes := map[*memberSet]int{}
	for a, list := range r.elements {
		for _, e := range list {
			sizes[e.set]++
			if cur := r.addresses[a]; !e.inherited && (cur == nil || cur.of.owner != e.owner || !cur.at.isValid() || !r.wants(e)) {
				t.Errorf("%s of %s is let through, but no session has it", e.entry, e.session)
			}
		}
	}
	for _, s := range sessionSets {
		if got, err := r.kernel.countAll(s); err != nil || got != sizes[s] {
			t.Errorf("%s: the kernel has %d (%v), the reconciler %d", s.name, got, err, sizes[s])
		}
	}
	for a, cur := range r.addresses {
		if r.sessions[cur.of.session] != cur.of {
			t.Errorf("%s belongs to an ended session", a)
		}
		for _, key := range cur.at.keys() {
			if e := r.find(key); e == nil || !r.wants(e) {
				t.Errorf("%s is not let through", key)
			}
		}
	}
	for id, g := range r.sessions {
		if len(g.addrs) == 0 || !g.addrs[0].isOwn() {
			t.Errorf("%s has no address of its own", id)
		}
		for _, cur := range g.addrs {
			if id != g.session || r.addresses[cur.addr] != cur || cur.of != g {
				t.Errorf("%s does not have %s", id, cur.addr)
			}
		}
	}
	for id := range r.f.views {
		if r.sessions[id] == nil {
			t.Errorf("the ended session %s is counted", id)
		}
	}
}
