package web

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// systemFacts returns a function with facts about a process that started at a time, and about the disk of its data directory.
func systemFacts(dir string, started time.Time) func() agent.SystemFacts {
	if full, err := filepath.Abs(dir); err == nil {
		dir = full
	}
	return func() agent.SystemFacts {
		f := agent.SystemFacts{Started: started, DataDir: dir}
		var s unix.Statfs_t
		if err := unix.Statfs(dir, &s); err != nil || s.Blocks == 0 {
			return f
		}
		blocks := s.Bavail
		if os.Geteuid() == 0 {
			blocks = s.Bfree
		}
		f.DiskFree, f.DiskTotal = blocks*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
		return f
	}
}
