package wireguard

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"ideco-agent/agent"
)

func TestLongestFreeFirst(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPool(netip.MustParsePrefix("10.0.0.0/29")) // .2 to .6
	give := func(session, wanted, want string) {
		t.Helper()
		var w netip.Addr
		if wanted != "" {
			w = netip.MustParseAddr(wanted)
		}
		if got, err := p.reserve(holder{session: session}, w, now); err != nil || got.String() != want {
			t.Errorf("%s is given %s (%v), want %s", session, got, err, want)
		}
	}
	give("a", "", "10.0.0.2")
	give("restored", "10.0.0.4", "10.0.0.4")
	give("b", "10.0.0.4", "10.0.0.3") // taken
	give("c", "", "10.0.0.5")         // .4 is taken
	p.release("b", now)
	p.release("a", now)
	give("d", "10.0.0.3", "10.0.0.6") // .3 rests
	give("b", "10.0.0.3", "10.0.0.3") // it was b's
	now = now.Add(rest)
	give("e", "", "10.0.0.2")
	p.release("c", now)
	p.release("d", now.Add(time.Second))
	now = now.Add(rest + time.Second)
	give("f", "", "10.0.0.5")
	give("g", "10.0.0.1", "10.0.0.6") // the gateway's
	for _, strange := range []string{"10.0.0.0", "10.0.0.1", "10.0.0.7", "10.0.0.8", "fd00::1"} {
		_, err := p.reserve(holder{session: "late"}, netip.MustParseAddr(strange), now)
		wantCode(t, err, agent.CodePoolExhausted)
	}
}

// TestPool compares random operations with a slow model: which session holds an address, and when the others were returned.
func TestPool(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/28"), netip.MustParsePrefix("10.0.0.0/29"),
			netip.MustParsePrefix("10.0.0.8/29"), netip.MustParsePrefix("10.1.0.0/30")}
		now := time.Unix(0, 0)
		n := rapid.SampledFrom(networks).Draw(t, "network")
		p := newPool(n)
		held := map[string]netip.Addr{}
		freed := map[netip.Addr]time.Time{}
		last := map[netip.Addr]string{}
		// sessions 0 to 2 have no person, the others to six people
		userOf := func(id string) agent.UserID {
			n, _ := strconv.Atoi(id)
			return agent.UserID(min(n/3, 6))
		}
		session := rapid.Custom(func(t *rapid.T) string { return fmt.Sprint(rapid.IntRange(0, 20).Draw(t, "session")) })
		t.Repeat(map[string]func(*rapid.T){
			"reserve": func(t *rapid.T) {
				id := session.Draw(t, "id")
				var wanted netip.Addr
				if rapid.Bool().Draw(t, "restored") {
					wanted = netip.AddrFrom4([4]byte{10, 0, 0, byte(rapid.IntRange(0, 16).Draw(t, "wanted"))})
				}
				user := userOf(id)
				got, err := p.reserve(holder{id, user}, wanted, now)
				own := func(a netip.Addr) bool { return last[a] != "" && userOf(last[a]) == user && user != 0 }
				free, resting := map[netip.Addr]bool{}, map[netip.Addr]bool{}
				for a := n.Addr().Next().Next(); n.Contains(a.Next()); a = a.Next() {
					free[a] = true
				}
				for _, a := range held {
					delete(free, a)
				}
				mine := netip.Addr{} // the person's former address that was returned last
				for a, at := range freed {
					if own(a) && !freed[mine].After(at) {
						mine = a
					}
					if now.Sub(at) < rest && !own(a) && !(a == wanted && last[a] == id) {
						delete(free, a)
						resting[a] = true
					}
				}
				if len(free) == 0 {
					free = resting
				}
				before, had := held[id]
				var refusal *agent.Error
				switch {
				case had:
					if got != before || err != nil {
						t.Fatalf("%s holds %s and is given %s (%v)", id, before, got, err)
					}
				case len(free) == 0:
					if !errors.As(err, &refusal) || refusal.Code != agent.CodePoolExhausted || refusal.Wait <= 0 {
						t.Fatalf("an exhausted pool: %s (%v)", got, err)
					}
				case err != nil || !free[got]:
					t.Fatalf("%s is given %s (%v), free are %v", id, got, err, free)
				case free[wanted] && got != wanted:
					t.Fatalf("%s asks for %s, which is free, and is given %s", id, wanted, got)
				case got != wanted && mine.IsValid():
					if !own(got) || freed[got].Before(freed[mine]) {
						t.Fatalf("%s is given %s, and its person had %s", id, got, mine)
					}
				case got != wanted:
					for a := range free {
						if freed[a].Before(freed[got]) {
							t.Fatalf("%s was free for longer than %s", a, got)
						}
					}
				}
				if err == nil {
					held[id] = got
					delete(freed, got)
				}
			},
			"release": func(t *rapid.T) {
				id := session.Draw(t, "id")
				p.release(id, now)
				if a, ok := held[id]; ok {
					delete(held, id)
					freed[a], last[a] = now, id
				}
			},
			"wait": func(t *rapid.T) { now = now.Add(time.Duration(rapid.IntRange(1, 400).Draw(t, "s")) * time.Second) },
			"renumber": func(t *rapid.T) {
				n = rapid.SampledFrom(networks).Draw(t, "network")
				p.renumber(n)
				for id, a := range held {
					if !n.Contains(a) || !n.Contains(a.Next()) || a == n.Addr() || a == n.Addr().Next() {
						delete(held, id)
					}
				}
				for a := range freed {
					if !n.Contains(a) || !n.Contains(a.Next()) || a == n.Addr() || a == n.Addr().Next() {
						delete(freed, a)
					}
				}
			},
			"": func(t *rapid.T) {
				byUser := 0
				for _, list := range p.byUser {
					byUser += len(list)
				}
				known := 0
				for a := range freed {
					if userOf(last[a]) != 0 {
						known++
					}
				}
				if byUser != known {
					t.Fatalf("%d returned addresses have a person, want %d", byUser, known)
				}
				if len(p.held) != len(held) || len(p.holders) != len(held) || p.returned.Len() != len(p.elements) {
					t.Fatalf("the pool holds %v, want %v", p.holders, held)
				}
			},
		})
	})
}

// TestRestIsForOthers: an address that a person gave back is free at once for this person, and rests for others.
func TestRestIsForOthers(t *testing.T) {
	const ivan, olga = agent.UserID(1), agent.UserID(2)
	now := time.Unix(0, 0)
	p := newPool(netip.MustParsePrefix("10.0.0.0/29")) // .2 to .6
	for i := range 100 {                               // in and out, on two devices
		var got [2]netip.Addr
		for device := range got {
			var err error
			if got[device], err = p.reserve(holder{fmt.Sprint(i, device), ivan}, netip.Addr{}, now); err != nil {
				t.Fatalf("login %d: %v", i, err)
			}
		}
		for device := range got {
			p.release(fmt.Sprint(i, device), now)
		}
	}
	for _, want := range []string{"10.0.0.4", "10.0.0.5", "10.0.0.6"} {
		if got, err := p.reserve(holder{want, olga}, netip.MustParseAddr("10.0.0.2"), now); err != nil || got.String() != want {
			t.Errorf("another person is given %s (%v), want %s", got, err, want)
		}
	}
	own := netip.MustParseAddr("10.0.0.3")
	if got, err := p.reserve(holder{"next", ivan}, own, now); err != nil || got != own {
		t.Errorf("the same person is given %s (%v), want %s", got, err, own)
	}
}

// TestRestEndsWhenNothingIsFree: when no other address is free, another person gets a resting one, the one that was
// returned first.
func TestRestEndsWhenNothingIsFree(t *testing.T) {
	now := time.Unix(0, 0)
	p := newPool(netip.MustParsePrefix("10.0.0.0/29")) // .2 to .6
	for i := range 5 {
		if _, err := p.reserve(holder{fmt.Sprint(i), agent.UserID(1 + i)}, netip.Addr{}, now); err != nil {
			t.Fatal(err)
		}
	}
	_, err := p.reserve(holder{"one too many", 9}, netip.Addr{}, now)
	wantCode(t, err, agent.CodePoolExhausted)
	for _, session := range []string{"3", "1"} {
		p.release(session, now)
		now = now.Add(time.Second)
	}
	for _, want := range []string{"10.0.0.5", "10.0.0.3"} {
		if got, err := p.reserve(holder{want, 9}, netip.Addr{}, now); err != nil || got.String() != want {
			t.Errorf("given %s (%v), want %s", got, err, want)
		}
	}
	_, err = p.reserve(holder{"again too many", 9}, netip.Addr{}, now)
	wantCode(t, err, agent.CodePoolExhausted)
}

func TestWholePool(t *testing.T) {
	p := newPool(netip.MustParsePrefix("10.128.0.0/16"))
	now := time.Unix(0, 0)
	seen := map[netip.Addr]bool{}
	for i := range 65533 {
		a, err := p.reserve(holder{fmt.Sprint(i), agent.UserID(1 + i)}, netip.Addr{}, now)
		if err != nil || seen[a] {
			t.Fatalf("session %d is given %s (%v)", i, a, err)
		}
		seen[a] = true
	}
	_, err := p.reserve(holder{session: "one too many"}, netip.Addr{}, now)
	wantCode(t, err, agent.CodePoolExhausted)
	for _, never := range []string{"10.128.0.0", "10.128.0.1", "10.128.255.255"} {
		if seen[netip.MustParseAddr(never)] {
			t.Errorf("%s was given to a session", never)
		}
	}
}
