package agent

import (
	"sort"
	"time"
)

// Activity is what the store knows about a period for the page «Обзор» (Overview).
type Activity struct {
	Ended        []Span // sessions that ended in the period
	Refusals     []RefusalCount
	Traffic      []TrafficCount
	TrafficSince time.Time // since when traffic is stored by time, perhaps before the period; zero if there was none
}

// Span is the time of a session.
type Span struct {
	Kind    Kind
	Started time.Time
	Ended   time.Time // zero while it is live
}

// RefusalCount counts the refused attempts of one hour and code in the journal.
type RefusalCount struct {
	Hour int // since the period began
	Code Code
	N    int
}

// TrafficCount is what the sessions of one kind received and sent in the period.
type TrafficCount struct {
	Kind   Kind
	Rx, Tx uint64 // bytes from and to people
}

// TrafficSlot is the length of the slots for which traffic is stored. The offsets of all time zones are multiples of it.
const TrafficSlot = 15 * time.Minute

// Load is the largest number of sessions at once in a slot of time.
type Load struct {
	At  time.Time // when the slot began
	All int
	VPN int // the largest number of sessions of KindVPN, perhaps at another moment
}

// Peak is the largest number of sessions at once, and when it was first reached.
type Peak struct {
	N  int
	At time.Time
}

// Loads returns the load of each slot that begins at from or later and before until, and the peak. A session counts from its start until just
// before its end.
func Loads(spans []Span, from, until time.Time, slot time.Duration) ([]Load, Peak) {
	var all, vpn int // at the moment up to which changes were applied
	var changes []change
	for _, s := range spans {
		ends := !s.Ended.IsZero()
		if !s.Started.Before(until) || ends && (!s.Ended.After(from) || !s.Ended.After(s.Started)) {
			continue
		}
		if s.Started.After(from) {
			changes = append(changes, change{s.Started.UnixNano(), 1, s.Kind == KindVPN})
		} else if all++; s.Kind == KindVPN {
			vpn++
		}
		if ends && s.Ended.Before(until) {
			changes = append(changes, change{s.Ended.UnixNano(), -1, s.Kind == KindVPN})
		}
	}
	sort.Slice(changes, func(i, j int) bool {
		a, b := changes[i], changes[j]
		return a.at < b.at || a.at == b.at && a.by < b.by // ends come first
	})
	loads, peak := []Load{}, Peak{all, from}
	for at := from; at.Before(until); at = at.Add(slot) {
		begins, ends := at.UnixNano(), at.Add(slot).UnixNano()
		load := Load{At: at}
		for {
			if len(changes) == 0 || changes[0].at > begins {
				load.All, load.VPN = larger(load.All, all), larger(load.VPN, vpn)
			}
			if len(changes) == 0 || changes[0].at >= ends {
				break
			}
			c := changes[0]
			changes = changes[1:]
			if all += c.by; c.vpn {
				vpn += c.by
			}
			if last := len(changes) == 0 || changes[0].at > c.at; last && all > peak.N {
				peak = Peak{all, time.Unix(0, c.at)}
			}
		}
		loads = append(loads, load)
	}
	return loads, peak
}

// change is the start or the end of a session.
type change struct {
	at  int64 // in nanoseconds since 1970
	by  int   // 1 or -1
	vpn bool
}

func larger(a, b int) int {
	if a > b {
		return a
	}
	return b
}

// SystemFacts are facts about the gateway's process and the disk of its data directory.
type SystemFacts struct {
	Started   time.Time // of the process
	DataDir   string
	DiskFree  uint64 // bytes that the process may still write
	DiskTotal uint64 // 0 = unknown, as is DiskFree
}

// StoreSizes are sizes in bytes.
type StoreSizes struct {
	Database uint64 // its file with the write-ahead log
	Journal  uint64 // the part of the file that the journal of authorisations takes
}

// JournalGrowth is how many bytes the journal may still grow until its limit in 10^6 bytes.
func (s StoreSizes) JournalGrowth(limitMB int) uint64 {
	limit := uint64(limitMB) * 1e6
	if s.Journal > limit {
		return 0
	}
	return limit - s.Journal
}

// Free space of the data directory in bytes below which the page warns.
const (
	DiskLow  = 1 << 30
	DiskFull = 200 << 20
)

// DiskSeverity judges the free space of the data directory. The journal may still grow by growth bytes.
func (f SystemFacts) DiskSeverity(growth uint64) Severity {
	switch {
	case f.DiskTotal == 0:
		return SeverityOK
	case f.DiskFree < DiskFull:
		return SeverityBad
	case f.DiskFree < DiskLow || f.DiskFree < DiskFull+growth:
		return SeverityWarn
	}
	return SeverityOK
}

// AgentVersion is the version of an agent and its system, as the agent says.
type AgentVersion struct {
	Major, Minor, Build int
	OS                  string // "windows", "linux"; cleaned
}

// Valid reports whether the numbers fit into the version of a Windows program.
func (v AgentVersion) Valid() bool {
	const most = 65535
	return v.Major >= 0 && v.Major <= most && v.Minor >= 0 && v.Minor <= most && v.Build >= 0 && v.Build <= most
}

// Older reports whether the version is older than that of this gateway's installer.
func (v AgentVersion) Older() bool {
	return v.Major < VersionMajor || v.Major == VersionMajor &&
		(v.Minor < VersionMinor || v.Minor == VersionMinor && v.Build < VersionBuild)
}
