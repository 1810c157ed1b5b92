package web

import (
	"os"
	"runtime/debug"

	"ideco-agent/agent/memory"
)

// gcPercent is half of Go's default. The heap is small and most of its garbage comes from hashing passwords, 19 MiB each time,
// so collecting more often costs little.
const gcPercent = 50

// keepMemorySmall sets the garbage collector, unless the variable GOGC does, and returns to the system what only the start has needed.
func keepMemorySmall() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	memory.Free()
}
