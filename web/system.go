package web

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
)

// systemFacts returns a function that returns when the process started, its data directory, and how much room is on that disk.
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
		if os.Geteuid() == 0 { // root may also use the reserved blocks
			blocks = s.Bfree
		}
		f.DiskFree, f.DiskTotal = blocks*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
		return f
	}
}
