package handlers

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"ideco-agent/agent"
	"ideco-agent/templates"
)

// Overview knows what the store has for the page «Обзор» (Overview).
type Overview interface {
	Activity(ctx context.Context, from, until time.Time) (agent.Activity, error)
	Sizes(context.Context) (agent.StoreSizes, error)
}

const (
	overviewPath  = "/admin/overview" // the first page of an administrator
	overviewHours = 24                // whole hours before the current one
	overviewFor   = time.Minute       // how long the figures are shown before they are read again
	maxVersions   = 8                 // rows of the table of versions
	maxReasons    = 5                 // rows of the table of refusals
)

func (s *Site) adminOverviewRedirect(c echo.Context) error {
	return c.Redirect(http.StatusSeeOther, overviewPath)
}

func (s *Site) adminOverview(c echo.Context) error {
	figures, err := s.figures(c.Request().Context(), time.Now())
	if err != nil {
		return err
	}
	state, err := s.state(c)
	if err != nil {
		return err
	}
	d := templates.AdminOverviewData{
		OverviewFigures: figures,
		State:           state,
		Sessions:        s.Sessions.Counts(),
		System:          s.System(),
		JournalMB:       s.Settings.Current().JournalMB,
		Now:             time.Now(),
	}
	return s.render(c, http.StatusOK, templates.AdminOverview(s.page(c), d))
}

// overviewFigures keeps the figures of the page for overviewFor, because they are read from the whole day. The zero value is ready.
type overviewFigures struct {
	mu   sync.Mutex // guards last, and is held while it is read anew
	last templates.OverviewFigures
}

// figures returns the figures of the last day. They are at most overviewFor old.
func (s *Site) figures(ctx context.Context, now time.Time) (templates.OverviewFigures, error) {
	s.overview.mu.Lock()
	defer s.overview.mu.Unlock()
	if age := now.Sub(s.overview.last.At); age >= 0 && age < overviewFor {
		return s.overview.last, nil
	}
	figures, err := s.readFigures(ctx, now)
	if err == nil {
		s.overview.last = figures
	}
	return figures, err
}

func (s *Site) readFigures(ctx context.Context, now time.Time) (f templates.OverviewFigures, err error) {
	f = templates.OverviewFigures{At: now, From: localHour(now.Local()).Add(-overviewHours * time.Hour)}
	activity, err := s.Overview.Activity(ctx, f.From, now)
	if err != nil {
		return f, err
	}
	if f.Sizes, err = s.Overview.Sizes(ctx); err != nil {
		return f, err
	}
	spans := activity.Ended
	for _, live := range s.Sessions.Sessions() {
		spans = append(spans, agent.Span{Kind: live.Kind, Started: live.Started})
	}
	f.Loads, f.Peak = agent.Loads(spans, f.From, now, agent.TrafficSlot)
	f.Hours = hoursOf(f, spans, activity.Refusals)
	f.Reasons = reasonsOf(activity.Refusals)
	f.LAN, f.VPN = s.trafficOf(activity)
	if activity.TrafficSince.After(f.From) {
		f.TrafficSince = activity.TrafficSince
	}
	f.Versions, f.Systems = s.agentVersions()
	return f, nil
}

// localHour returns when the current hour of the time zone of now began.
func localHour(now time.Time) time.Time {
	_, offset := now.Zone()
	east := time.Duration(offset) * time.Second
	return now.Add(east).Truncate(time.Hour).Add(-east)
}

// hoursOf counts by hour. The last hour is not over. A session by a rule is no login.
func hoursOf(f templates.OverviewFigures, spans []agent.Span, refusals []agent.RefusalCount) []templates.OverviewHour {
	hours := make([]templates.OverviewHour, overviewHours+1)
	for i := range hours {
		hours[i].At = f.From.Add(time.Duration(i) * time.Hour)
	}
	at := func(t time.Time) *templates.OverviewHour {
		i := int(t.Sub(f.From) / time.Hour)
		if t.Before(f.From) || i >= len(hours) {
			return &templates.OverviewHour{}
		}
		return &hours[i]
	}
	for _, span := range spans {
		if span.Kind != agent.KindStatic {
			at(span.Started).Logins++
		}
	}
	for _, r := range refusals {
		at(f.From.Add(time.Duration(r.Hour) * time.Hour)).Refusals += r.N
	}
	for _, load := range f.Loads {
		h := at(load.At)
		h.Most, h.VPN = max(h.Most, load.All), max(h.VPN, load.VPN)
	}
	return hours
}

// reasonsOf returns the most frequent refusals.
func reasonsOf(refusals []agent.RefusalCount) []templates.OverviewReason {
	sums := map[agent.Code]int{}
	for _, r := range refusals {
		sums[r.Code] += r.N
	}
	list := make([]templates.OverviewReason, 0, len(sums))
	for code, n := range sums {
		list = append(list, templates.OverviewReason{Code: code, N: n})
	}
	slices.SortFunc(list, func(a, b templates.OverviewReason) int {
		return cmp.Or(b.N-a.N, cmp.Compare(a.Code, b.Code))
	})
	return list[:min(len(list), maxReasons)]
}

// trafficOf returns the traffic inside and through the tunnel. A part that nothing counts has no figures.
func (s *Site) trafficOf(activity agent.Activity) (lan, vpn templates.OverviewTraffic) {
	sums := map[bool]*templates.OverviewTraffic{false: &lan, true: &vpn}
	if s.Gateway.State().Enforces() {
		lan.Rx, lan.Tx = new(uint64), new(uint64)
	}
	if s.Tunnel.Available() {
		vpn.Rx, vpn.Tx = new(uint64), new(uint64)
	}
	for _, t := range activity.Traffic {
		sum := sums[t.Kind == agent.KindVPN]
		if sum.Rx == nil {
			sum.Rx, sum.Tx = new(uint64), new(uint64)
		}
		*sum.Rx += t.Rx
		*sum.Tx += t.Tx
	}
	return lan, vpn
}

// agentVersions counts the agents that carry a session by version and by system, the most frequent version first. The agents choose
// both, so the rows are limited; the last one counts the others.
func (s *Site) agentVersions() (versions []templates.OverviewVersion, systems []templates.OverviewSystem) {
	byVersion, bySystem := map[agent.AgentVersion]int{}, map[string]int{}
	var others int
	for _, a := range s.agents.all() {
		is := a.is.Load()
		if is == nil || !a.live.Load() {
			continue
		}
		os := is.OS
		if !slices.Contains(templates.AgentSystems, os) {
			os = ""
		}
		bySystem[os]++
		if is.Valid() {
			byVersion[agent.AgentVersion{Major: is.Major, Minor: is.Minor, Build: is.Build}]++
		} else {
			others++
		}
	}
	for v, n := range byVersion {
		versions = append(versions, templates.OverviewVersion{AgentVersion: v, N: n})
	}
	slices.SortFunc(versions, func(a, b templates.OverviewVersion) int {
		return cmp.Or(b.N-a.N, b.Major-a.Major, b.Minor-a.Minor, b.Build-a.Build)
	})
	for len(versions) > maxVersions {
		others += versions[len(versions)-1].N
		versions = versions[:len(versions)-1]
	}
	if others > 0 {
		versions = append(versions, templates.OverviewVersion{Others: true, N: others})
	}
	for _, os := range append(slices.Clone(templates.AgentSystems), "") {
		if bySystem[os] > 0 {
			systems = append(systems, templates.OverviewSystem{OS: os, N: bySystem[os]})
		}
	}
	return versions, systems
}
