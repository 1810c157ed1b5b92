package templates

import (
	"fmt"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

// AdminOverviewData fills [AdminOverview].
type AdminOverviewData struct {
	OverviewFigures
	State     State
	Sessions  map[agent.Kind]int // live now
	System    agent.SystemFacts
	JournalMB int // limit of Sizes.Journal in 10^6 bytes, as in the settings
	Now       time.Time
}

// OverviewFigures are the figures of the last day.
type OverviewFigures struct {
	At   time.Time // when they were read
	From time.Time // the first whole hour

	Loads        []agent.Load
	Peak         agent.Peak
	Hours        []OverviewHour
	Reasons      []OverviewReason // the most frequent refusals
	LAN, VPN     OverviewTraffic
	TrafficSince time.Time // since when traffic is stored, if that is after From

	Versions []OverviewVersion // of agents that carry a session
	Systems  []OverviewSystem  // of the same agents
	Sizes    agent.StoreSizes
}

// OverviewHour has the figures of an hour.
type OverviewHour struct {
	At               time.Time // when it began
	Most, VPN        int       // the largest numbers of sessions at once
	Logins, Refusals int
}

// OverviewReason counts the refusals with a code.
type OverviewReason struct {
	Code agent.Code
	N    int
}

// OverviewTraffic is traffic in bytes from and to people; nil = not counted.
type OverviewTraffic struct{ Rx, Tx *uint64 }

// OverviewVersion counts the agents of a version.
type OverviewVersion struct {
	agent.AgentVersion
	Others bool // all versions that have no row of their own
	N      int
}

// OverviewSystem counts the agents on a system; empty = none of AgentSystems.
type OverviewSystem struct {
	OS string
	N  int
}

// AgentSystems are the systems that the page names, as agents write them.
var AgentSystems = []string{"windows", "linux", "macos"}

// overviewKinds are the kinds of sessions in the order of the page, with the ids of their names.
var overviewKinds = []struct {
	kind agent.Kind
	name string
}{{agent.KindLAN, "overview_kind_lan"}, {agent.KindVPN, "overview_kind_vpn"}, {agent.KindWeb, "overview_kind_web"}, {agent.KindStatic, "overview_kind_static"}}

// all returns the number of live sessions.
func (d AdminOverviewData) all() (n int) {
	for _, some := range d.Sessions {
		n += some
	}
	return n
}

// peak returns the peak. The number of sessions may have grown since the figures were read.
func (d AdminOverviewData) peak() agent.Peak {
	if n := d.all(); n > d.Peak.N {
		return agent.Peak{N: n, At: d.Now}
	}
	return d.Peak
}

// sum adds a figure of all hours.
func (d AdminOverviewData) sum(of func(OverviewHour) int) (n int) {
	for _, hour := range d.Hours {
		n += of(hour)
	}
	return n
}

func loginsOf(h OverviewHour) int   { return h.Logins }
func refusalsOf(h OverviewHour) int { return h.Refusals }

// journal returns the URL of the journal with the entries since the first hour's day.
func (d AdminOverviewData) journal(what string, code agent.Code) string {
	return tableURL(JournalPath, JournalFilterForm{What: what, Reason: string(code), From: d.From.Local().Format(time.DateOnly)}.Pairs())
}

// sessionsURL returns the URL of the monitor with the sessions of a kind; empty = all.
func sessionsURL(k agent.Kind) string {
	if k == "" {
		return SessionsTable.Path
	}
	return SessionsTable.Path + "?kind=" + string(k)
}

// sessionsChart draws the sessions at once.
func (d AdminOverviewData) sessionsChart(l *locale.Localizer) chart {
	most := d.peak().N
	c := newChart(d.axis(l), most, l)
	c.Label = l.T("overview_sessions_chart", locale.Args{"N": l.Whole(d.all()), "Peak": l.Whole(most), "Time": l.Time(d.peak().At)})
	all, vpn := make([]int, len(d.Loads)), make([]int, len(d.Loads))
	for i, load := range d.Loads {
		all[i], vpn[i] = load.All, load.VPN
	}
	slots := len(d.Hours) * int(time.Hour/agent.TrafficSlot)
	c.Lines = []chartLine{c.line("chart-all", all, slots), c.line("chart-vpn", vpn, slots)}
	return c
}

// barsChart draws a figure by hour. title is the id of the text for an hour.
func (d AdminOverviewData) barsChart(l *locale.Localizer, class, label, title string, of func(OverviewHour) int) chart {
	most := 0
	for _, hour := range d.Hours {
		most = max(most, of(hour))
	}
	c := newChart(d.axis(l), most, l)
	c.Label = l.T(label, locale.Args{"N": l.Whole(d.sum(of))})
	for i, hour := range d.Hours {
		if n := of(hour); n > 0 {
			text := hourText(hour.At) + ": " + l.N(title, n, locale.Args{"Count": l.Whole(n)})
			c.Bars = append(c.Bars, c.bar(class, i, len(d.Hours), n, text))
		}
	}
	return c
}

// axis returns the marks of the hours at 0, 6, 12 and 18 o'clock, and of those between them.
func (d AdminOverviewData) axis(l *locale.Localizer) (marks []chartMark) {
	for i, hour := range d.Hours {
		at := hour.At.Local()
		if at.Hour()%3 == 0 && i > 0 && i < len(d.Hours)-1 {
			marks = append(marks, chartMark{X: percent(i, len(d.Hours)), Text: at.Format("15:04"), Minor: at.Hour()%6 != 0})
		}
	}
	return marks
}

// hourText formats an hour: «14:00–15:00».
func hourText(at time.Time) string {
	return at.Local().Format("15:04") + "–" + at.Add(time.Hour).Local().Format("15:04")
}

// day formats the day of an hour, for the hours at which it begins and for the first one.
func (d AdminOverviewData) day(l *locale.Localizer, i int) string {
	if i == 0 || d.Hours[i].At.Local().Day() != d.Hours[i-1].At.Local().Day() {
		return l.Date(d.Hours[i].At)
	}
	return ""
}

func (v OverviewVersion) text(l *locale.Localizer) string {
	if v.Others {
		return l.T("overview_versions_others")
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Build)
}

// outdated reports whether some agents are older than the gateway.
func (d AdminOverviewData) outdated() bool {
	for _, v := range d.Versions {
		if !v.Others && v.Older() {
			return true
		}
	}
	return false
}

func systemText(l *locale.Localizer, os string) string {
	name, ok := map[string]string{"windows": "Windows", "linux": "Linux", "macos": "macOS"}[os]
	if !ok {
		return l.T("overview_system_other")
	}
	return name
}

func (d AdminOverviewData) disk() agent.Severity {
	return d.System.DiskSeverity(d.Sizes.JournalGrowth(d.JournalMB))
}

// diskCure says what to do when the disk has little space; empty if it has enough.
func (d AdminOverviewData) diskCure(l *locale.Localizer) string {
	growth := d.Sizes.JournalGrowth(d.JournalMB)
	switch {
	case d.disk() == agent.SeverityOK:
		return ""
	case d.disk() == agent.SeverityBad:
		return l.T("overview_disk_full")
	case d.System.DiskFree < agent.DiskLow:
		return l.T("overview_disk_low")
	}
	return l.T("overview_disk_journal", locale.Args{"Size": l.Bytes(&growth)})
}

// silent reports whether nothing has happened in the period.
func (d AdminOverviewData) silent() bool {
	return d.peak().N == 0 && d.sum(loginsOf) == 0
}
