package web

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
)

// disk checks the disk of the data directory and the database.
func (d *doctor) disk(ctx context.Context) []agent.Check {
	if d.missing() {
		return nil
	}
	if d.db == nil {
		list := diskOf(d.data, 0)
		if c := d.unreadable(); c.Code != "" {
			list = append(list, c)
		}
		return list
	}
	sizes, err := d.db.Sizes(ctx)
	if err != nil {
		return append(diskOf(d.data, 0), agent.NewCheck(agent.CheckDatabaseUnknown, args("Error", err)))
	}
	list := diskOf(d.data, sizes.JournalGrowth(d.settings().JournalMB))
	fault, err := d.db.QuickCheck(ctx)
	switch {
	case err != nil:
		return append(list, agent.NewCheck(agent.CheckDatabaseUnknown, args("Error", err)))
	case fault != "":
		return append(list, agent.NewCheck(agent.CheckDatabaseDamaged, args("Error", fault)))
	}
	return append(list, agent.NewCheck(agent.CheckDatabase, args("Size", sizes.Database)))
}

// unreadable says why the database cannot be read; the code is empty if there is none yet.
func (d *doctor) unreadable() agent.Check {
	switch {
	case errors.Is(d.unread, fs.ErrNotExist):
		return agent.Check{}
	case errors.Is(d.unread, store.ErrNewer):
		return agent.NewCheck(agent.CheckDatabaseNewer, nil)
	case errors.Is(d.unread, store.ErrOlder):
		return agent.NewCheck(agent.CheckDatabaseOlder, nil)
	case store.IsDamaged(d.unread):
		return agent.NewCheck(agent.CheckDatabaseDamaged, args("Error", d.unread))
	}
	return agent.NewCheck(agent.CheckDatabaseUnknown, args("Error", d.unread))
}

// fewInodes is the number of files that can still be made below which the disk counts as full.
const fewInodes = 1000

// diskOf checks the room on the disk of a directory. The journal may still grow by growth bytes.
func diskOf(dir string, growth uint64) []agent.Check {
	facts := systemFacts(dir, time.Time{})()
	about := args("Path", dir, "Free", facts.DiskFree, "Total", facts.DiskTotal)
	if facts.DiskTotal == 0 {
		return []agent.Check{agent.NewCheck(agent.CheckDiskUnknown, about)}
	}
	code := agent.CheckDisk
	switch facts.DiskSeverity(growth) {
	case agent.SeverityBad:
		code = agent.CheckDiskFull
	case agent.SeverityWarn:
		code = agent.CheckDiskLow
	}
	list := []agent.Check{agent.NewCheck(code, about)}
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err == nil && s.Files > 0 && s.Ffree < fewInodes { // some file systems make them as needed
		list = append(list, agent.NewCheck(agent.CheckInodesLow, args("Path", dir, "Left", s.Ffree)))
	}
	return list
}
