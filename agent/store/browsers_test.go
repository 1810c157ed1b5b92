package store

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
)

func TestBrowserSessionComesBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	want := agent.BrowserSession{ID: "b1", UserID: addUser(t, s, agent.User{Login: "a"}, ""), Created: start, LastSeen: start,
		Expires: start.Add(time.Hour), Address: netip.MustParseAddr("192.0.2.7"), UserAgent: "Firefox"}
	check(t, s.SaveBrowserSession(ctx, want))
	got, err := s.BrowserSession(ctx, "b1")
	if diff := cmp.Diff(want, got, compareAddresses); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	want.LastSeen, want.Expires = start.Add(time.Minute), start.Add(2*time.Hour)
	check(t, s.TouchBrowserSession(ctx, "b1", want.LastSeen, want.Expires))
	if got, err = s.BrowserSession(ctx, "b1"); err != nil || got != want {
		t.Errorf("touched: %+v, %v", got, err)
	}
	want.UserAgent, want.Address = "Chromium", netip.Addr{}
	check(t, s.SaveBrowserSession(ctx, want))
	if got, err = s.BrowserSession(ctx, "b1"); err != nil || got != want {
		t.Errorf("saved again: %+v, %v", got, err)
	}
}

// A request that was under way while the password was changed must not sign the browser in again.
func TestTouchBringsNothingBack(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "a"}, "")
	check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "b1", UserID: id}))
	check(t, s.EndBrowserSession(ctx, "b1"))
	check(t, s.EndBrowserSession(ctx, "b1")) // no error
	if err := s.TouchBrowserSession(ctx, "b1", start, start); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("touch: %v", err)
	}
	if _, err := s.BrowserSession(ctx, "b1"); !errors.Is(err, agent.ErrNotFound) {
		t.Errorf("read: %v", err)
	}
}

func TestEndBrowserSessions(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	mine, other := addUser(t, s, agent.User{Login: "a"}, ""), addUser(t, s, agent.User{Login: "b"}, "")
	for i, id := range []string{"m1", "m2", "m3"} {
		check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: id, UserID: mine, LastSeen: start.Add(time.Duration(i))}))
	}
	check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "o1", UserID: other}))
	check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: "m2", UserID: mine, LastSeen: start.Add(time.Hour)}))
	expectBrowsers(t, s, mine, "m2", "m1", "m3") // the one seen last first

	check(t, s.EndBrowserSessions(ctx, mine, "m2"))
	expectBrowsers(t, s, mine, "m2")
	check(t, s.EndBrowserSessions(ctx, mine, ""))
	expectBrowsers(t, s, mine)
	expectBrowsers(t, s, other, "o1")
}

func TestPurgeBrowserSessions(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	id := addUser(t, s, agent.User{Login: "a"}, "")
	for name, left := range map[string]time.Duration{"over": 0, "on": time.Second} {
		check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: name, UserID: id, Expires: start.Add(left)}))
	}
	check(t, s.PurgeBrowserSessions(ctx, start))
	expectBrowsers(t, s, id, "on")
}

func expectBrowsers(t *testing.T, s *Store, id agent.UserID, want ...string) {
	t.Helper()
	sessions, err := s.BrowserSessions(t.Context(), id)
	check(t, err)
	var got []string
	for _, session := range sessions {
		got = append(got, session.ID)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestBrowsersAreBounded: a script that signs in and never out ends its own oldest sessions, and nobody else's.
func TestBrowsersAreBounded(t *testing.T) {
	ctx := t.Context()
	s := newStore(t)
	script, other := addUser(t, s, agent.User{Login: "script"}, ""), addUser(t, s, agent.User{Login: "other"}, "")
	save := func(id string, user agent.UserID, seen time.Time) {
		t.Helper()
		check(t, s.SaveBrowserSession(ctx, agent.BrowserSession{ID: id, UserID: user, LastSeen: seen}))
	}
	save("other", other, start.AddDate(-1, 0, 0))
	for i := range 3 * browsersPerUser {
		save(fmt.Sprint("b", i), script, start.Add(time.Duration(i)*time.Second))
	}
	save("late", script, start.AddDate(-1, 0, 0)) // the one that was just saved stays, whatever its clock says
	list, err := s.BrowserSessions(ctx, script)
	if err != nil || len(list) != browsersPerUser || list[0].ID != fmt.Sprint("b", 3*browsersPerUser-1) || list[len(list)-1].ID != "late" {
		t.Errorf("%d browsers, %v", len(list), err)
	}
	if _, err := s.BrowserSession(ctx, "other"); err != nil {
		t.Errorf("somebody else's: %v", err)
	}
}
