package templates

import (
	"time"

	"ideco-agent/agent"
)

// AdminOverviewData fills [AdminOverview].
type AdminOverviewData struct {
	Sessions map[agent.Kind]int // live now
	Now      time.Time
}

// all returns the number of live sessions.
func (d AdminOverviewData) all() (n int) {
	for _, some := range d.Sessions {
		n += some
	}
	return n
}
