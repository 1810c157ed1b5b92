package agent

import (
	"testing"
	"time"
)

// TestLoads: a session counts from its start until just before its end.
func TestLoads(t *testing.T) {
	from := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	at := func(minutes float64) time.Time { return from.Add(time.Duration(minutes * float64(time.Minute))) }
	span := func(kind Kind, started, ended float64) Span { return Span{kind, at(started), at(ended)} }
	live := func(kind Kind, started float64) Span { return Span{Kind: kind, Started: at(started)} }
	type want struct {
		all, vpn [4]int // of slots of 15 minutes
		peak     int
		peakAt   float64
	}
	for _, c := range []struct {
		name  string
		spans []Span
		want  want
	}{
		{"nothing", nil, want{}},
		{"began before, ended within", []Span{span(KindLAN, -600, 20)}, want{all: [4]int{1, 1, 0, 0}, peak: 1}},
		{"began before, is live", []Span{live(KindVPN, -600)}, want{all: [4]int{1, 1, 1, 1}, vpn: [4]int{1, 1, 1, 1}, peak: 1}},
		{"ended when the period began", []Span{span(KindLAN, -600, 0)}, want{}},
		{"began when the period began", []Span{span(KindLAN, 0, 5)}, want{all: [4]int{1, 0, 0, 0}, peak: 1}},
		{"ended between two slots", []Span{span(KindLAN, 5, 15)}, want{all: [4]int{1, 0, 0, 0}, peak: 1, peakAt: 5}},
		{"began between two slots", []Span{span(KindLAN, 15, 16)}, want{all: [4]int{0, 1, 0, 0}, peak: 1, peakAt: 15}},
		{"within a slot", []Span{span(KindLAN, 31, 32), span(KindVPN, 33, 34)}, want{all: [4]int{0, 0, 1, 0}, vpn: [4]int{0, 0, 1, 0}, peak: 1, peakAt: 31}},
		{"one ends when the next begins", []Span{span(KindLAN, 1, 20), span(KindLAN, 20, 50)}, want{all: [4]int{1, 1, 1, 1}, peak: 1, peakAt: 1}},
		{"two at once", []Span{span(KindLAN, 1, 40), span(KindVPN, 20, 25)}, want{all: [4]int{1, 2, 1, 0}, vpn: [4]int{0, 1, 0, 0}, peak: 2, peakAt: 20}},
		{"two begin at once", []Span{span(KindLAN, 20, 25), span(KindLAN, 20, 26)}, want{all: [4]int{0, 2, 0, 0}, peak: 2, peakAt: 20}},
		{"the first of two peaks", []Span{span(KindLAN, 1, 2), span(KindLAN, 40, 41)}, want{all: [4]int{1, 0, 1, 0}, peak: 1, peakAt: 1}},
		{"began at the end of the period", []Span{live(KindLAN, 60), span(KindLAN, 61, 70)}, want{}},
		{"ended at its start", []Span{span(KindLAN, 7, 7)}, want{}},
		{"ends after the period", []Span{span(KindLAN, 50, 90)}, want{all: [4]int{0, 0, 0, 1}, peak: 1, peakAt: 50}},
	} {
		loads, peak := Loads(c.spans, from, at(60), TrafficSlot)
		if len(loads) != 4 {
			t.Fatalf("%s: %d slots", c.name, len(loads))
		}
		got := want{peak: peak.N, peakAt: peak.At.Sub(from).Minutes()}
		for i, load := range loads {
			if got.all[i], got.vpn[i] = load.All, load.VPN; !load.At.Equal(at(float64(15 * i))) {
				t.Errorf("%s: slot %d begins at %v", c.name, i, load.At)
			}
		}
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// TestLoadsOfPartOfASlot: the last slot may not be over.
func TestLoadsOfPartOfASlot(t *testing.T) {
	from := time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC)
	loads, _ := Loads([]Span{{Kind: KindLAN, Started: from.Add(16 * time.Minute)}}, from, from.Add(17*time.Minute), TrafficSlot)
	if len(loads) != 2 || loads[0].All != 0 || loads[1].All != 1 {
		t.Errorf("%+v", loads)
	}
}

func TestDiskSeverity(t *testing.T) {
	for _, c := range []struct {
		free, growth uint64
		want         Severity
	}{
		{DiskLow, 0, SeverityOK},
		{DiskLow - 1, 0, SeverityWarn},
		{DiskFull, 0, SeverityWarn},
		{DiskFull - 1, 0, SeverityBad},
		{10 * DiskLow, 10*DiskLow - DiskFull, SeverityOK},
		{10 * DiskLow, 10*DiskLow - DiskFull + 1, SeverityWarn},
	} {
		if got := (SystemFacts{DiskFree: c.free, DiskTotal: 100 * DiskLow}).DiskSeverity(c.growth); got != c.want {
			t.Errorf("%+v: %s", c, got)
		}
	}
	if got := (SystemFacts{}).DiskSeverity(0); got != SeverityOK {
		t.Errorf("unknown: %s", got)
	}
}

func TestAgentVersion(t *testing.T) {
	for _, c := range []struct {
		v            AgentVersion
		valid, older bool
	}{
		{AgentVersion{Major: VersionMajor, Minor: VersionMinor, Build: VersionBuild}, true, false},
		{AgentVersion{Major: VersionMajor, Minor: VersionMinor, Build: VersionBuild + 1}, true, false},
		{AgentVersion{Major: VersionMajor - 1, Minor: 65535, Build: 65535}, true, true},
		{AgentVersion{Major: VersionMajor + 1}, true, false},
		{AgentVersion{Major: VersionMajor, Minor: VersionMinor - 1}, VersionMinor > 0, true},
		{AgentVersion{Major: 65536}, false, false},
		{AgentVersion{Minor: -1}, false, true},
	} {
		if c.v.Valid() != c.valid || c.v.Older() != c.older {
			t.Errorf("%+v: %v, %v", c.v, c.v.Valid(), c.v.Older())
		}
	}
}
