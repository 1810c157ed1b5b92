package handlers

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the tests need zones, which the machine may lack

	"github.com/google/go-cmp/cmp"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates"
)

// TestOverviewCounts: the page counts sessions, logins and refusals of the last day, whatever the journal has from before.
func TestOverviewCounts(t *testing.T) {
	a := newAdministration(t)
	db, now := a.site.Overview.(*store.Store), time.Now()
	for i, c := range []struct {
		kind           agent.Kind
		started, ended time.Duration // before now
	}{
		{agent.KindLAN, 26 * time.Hour, 25*time.Hour + time.Minute}, // not in the period
		{agent.KindLAN, 26 * time.Hour, 3 * time.Hour},              // no login in the period
		{agent.KindVPN, 4 * time.Hour, 2 * time.Hour},
		{agent.KindStatic, 4 * time.Hour, 2 * time.Hour}, // no login
		{agent.KindWeb, time.Hour, 0},                    // left open by a process that ended
	} {
		session := agent.Session{ID: string(rune('a' + i)), Kind: c.kind, Started: now.Add(-c.started)}
		if c.ended > 0 {
			session.Ended = now.Add(-c.ended)
		}
		if err := db.SaveSession(t.Context(), session); err != nil {
			t.Fatal(err)
		}
	}
	peer := agent.Peer{Addr: inLAN, Inside: true}
	for _, code := range []agent.Code{agent.CodeBadCredentials, agent.CodeBadCredentials, agent.CodeAddressBusy} {
		if err := db.AddRefused(t.Context(), agent.RefusedAttempt{At: now.Add(-time.Hour), Peer: peer, Code: code}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := a.site.readFigures(t.Context(), now)
	if err != nil {
		t.Fatal(err)
	}
	logins, refusals := 0, 0
	for _, hour := range f.Hours {
		logins, refusals = logins+hour.Logins, refusals+hour.Refusals
	}
	if logins != 1 || refusals != 3 || f.Peak.N != 3 || f.Peak.At.Sub(now.Add(-4*time.Hour)).Abs() > time.Millisecond {
		t.Errorf("%d logins, %d refusals, peak %+v", logins, refusals, f.Peak)
	}
	want := []templates.OverviewReason{{Code: agent.CodeBadCredentials, N: 2}, {Code: agent.CodeAddressBusy, N: 1}}
	if diff := cmp.Diff(want, f.Reasons); diff != "" {
		t.Error(diff)
	}
	body := a.get(overviewPath)
	for part, text := range map[string]string{"#overview-refusals ~ a": "3", "section[aria-labelledby=overview-refusals] li": "2", "#overview-logins ~ a": "1"} {
		if !says(t, body, part, text) {
			t.Errorf("%s does not say %s", part, text)
		}
	}
}

// TestOverviewKeepsFigures: the figures are read once in overviewFor, and after a failure again.
func TestOverviewKeepsFigures(t *testing.T) {
	s := newSite(t)
	fake := &countedOverview{fails: agent.ErrNotFound}
	s.Overview = fake
	at := time.Date(2026, 11, 27, 10, 20, 0, 0, time.UTC)
	for _, c := range []struct {
		after time.Duration
		reads int
	}{{0, 1}, {0, 2}, {time.Second, 2}, {overviewFor - time.Second, 2}, {overviewFor, 3}, {-time.Hour, 4}} {
		f, err := s.figures(t.Context(), at.Add(c.after))
		if (err == nil) != (fake.fails == nil) || fake.reads != c.reads {
			t.Errorf("after %v: read %d times, %v", c.after, fake.reads, err)
		}
		if fake.fails == nil && len(f.Hours) != overviewHours+1 {
			t.Errorf("%d hours", len(f.Hours))
		}
		fake.fails = nil
	}
}

type countedOverview struct {
	reads int
	fails error
}

func (o *countedOverview) Activity(context.Context, time.Time, time.Time) (agent.Activity, error) {
	o.reads++
	return agent.Activity{}, o.fails
}

func (o *countedOverview) Sizes(context.Context) (agent.StoreSizes, error) {
	return agent.StoreSizes{}, nil
}

func TestLocalHour(t *testing.T) {
	for _, c := range []struct{ zone, now, want string }{
		{"Europe/Moscow", "2026-11-27T10:20:00Z", "2026-11-27T10:00:00Z"},
		{"Asia/Kolkata", "2026-11-27T10:20:00Z", "2026-11-27T09:30:00Z"},
		{"Asia/Kathmandu", "2026-11-27T10:20:00Z", "2026-11-27T10:15:00Z"},
		{"Europe/Berlin", "2026-10-25T01:00:00Z", "2026-10-25T01:00:00Z"}, // the second 02:00
	} {
		zone, err := time.LoadLocation(c.zone)
		if err != nil {
			t.Fatal(err)
		}
		at, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := localHour(at.In(zone)).UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s: %s, want %s", c.zone, got, c.want)
		}
	}
}

// TestTrafficOf: what nothing counts has no figure, and what is counted has one even when nothing was sent.
func TestTrafficOf(t *testing.T) {
	counted := []agent.TrafficCount{{Kind: agent.KindLAN, Rx: 1, Tx: 2}, {Kind: agent.KindStatic, Rx: 10, Tx: 20}, {Kind: agent.KindVPN, Rx: 5, Tx: 6}}
	n := func(rx, tx uint64) templates.OverviewTraffic { return templates.OverviewTraffic{Rx: &rx, Tx: &tx} }
	for _, c := range []struct {
		enforcement agent.Enforcement
		counted     []agent.TrafficCount
		lan, vpn    templates.OverviewTraffic
	}{
		{agent.EnforcementIdle, nil, templates.OverviewTraffic{}, templates.OverviewTraffic{}},
		{agent.EnforcementOn, nil, n(0, 0), templates.OverviewTraffic{}},
		{agent.EnforcementIdle, counted, n(11, 22), n(5, 6)},
	} {
		s := newSite(t)
		s.Gateway.(*fakeGateway).state.Enforcement = c.enforcement
		lan, vpn := s.trafficOf(agent.Activity{Traffic: c.counted})
		if diff := cmp.Diff([]templates.OverviewTraffic{c.lan, c.vpn}, []templates.OverviewTraffic{lan, vpn}); diff != "" {
			t.Errorf("%s, %d: %s", c.enforcement, len(c.counted), diff)
		}
	}
}

// TestAgentVersions: agents count while they carry a session, by the version and the system that they say.
func TestAgentVersions(t *testing.T) {
	s := newSite(t)
	set := s.Settings.(*fixedSettings)
	set.now.LocalNetworks = append(set.now.LocalNetworks, netip.MustParsePrefix("127.0.0.0/8"))
	conn := dialAgent(t, s)
	counts := func(n int) {
		t.Helper()
		versions, systems := s.agentVersions()
		if n == 0 {
			if len(versions)+len(systems) > 0 {
				t.Errorf("%v %v", versions, systems)
			}
			return
		}
		want := []templates.OverviewVersion{{AgentVersion: agent.AgentVersion{Major: 1, Minor: 4, Build: 2}, N: n}}
		if diff := cmp.Diff(want, versions) + cmp.Diff([]templates.OverviewSystem{{OS: "linux", N: n}}, systems); diff != "" {
			t.Error(diff)
		}
	}
	askAgent(t, conn, []byte(`{"type":"version","major":1,"minor":4,"build":2,"os":"linux"}`))
	counts(0)
	askAgent(t, conn, []byte(`{"type":"authorize","login":"ivanov","password":"`+password+`"}`))
	counts(1)
	askAgent(t, conn, []byte(`{"type":"unauthorize"}`))
	counts(0)
}

// TestAgentVersionsAreLimited: agents can say any version and system, and the page stays short.
func TestAgentVersionsAreLimited(t *testing.T) {
	s := newSite(t)
	add := func(v agent.AgentVersion) {
		a := &agentConn{}
		a.is.Store(&v)
		a.live.Store(true)
		if !s.agents.enter(a, 1000) {
			t.Fatal("no room")
		}
	}
	for i := range 3 * maxVersions {
		add(agent.AgentVersion{Major: i, OS: strings.Repeat("x", i)})
	}
	add(agent.AgentVersion{Major: 5, OS: "windows"})
	add(agent.AgentVersion{Major: 1 << 40, OS: "windows"})
	versions, systems := s.agentVersions()
	if n := len(versions); n != maxVersions+1 || versions[0].Major != 5 || versions[0].N != 2 || !versions[n-1].Others || versions[n-1].N != 2*maxVersions+1 {
		t.Errorf("%+v", versions)
	}
	if diff := cmp.Diff([]templates.OverviewSystem{{OS: "windows", N: 2}, {N: 3 * maxVersions}}, systems); diff != "" {
		t.Error(diff)
	}
}
