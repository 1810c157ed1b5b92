// Package memory returns memory to the system.
package memory

import (
	"runtime"
	"runtime/debug"
)

// Free collects garbage and returns what is free to the system. It takes some tens of milliseconds of processor time.
func Free() {
	for range 2 { // each collection halves stacks that were larger before, and the second one empties every sync.Pool
		runtime.GC()
	}
	debug.FreeOSMemory()
}
