//go:build !windows

package diagnose

import (
	"os"
	"os/exec"
	"runtime"
)

// System returns the name of the system.
func System() string { return runtime.GOOS }

// Network returns parts about the network.
func Network() []Part {
	return []Part{
		command("addresses.txt", "ip", "address"),
		command("routes.txt", "ip", "route", "show", "table", "all"),
		File("dns.txt", "/etc/resolv.conf"),
	}
}

// Service returns nothing: there is no service on this system.
func Service() []Part { return nil }

// Directories returns the directories for the file, the best first.
func Directories() []string {
	dir, _ := os.Getwd() // empty on an error
	return []string{dir, os.TempDir()}
}

func hide(*exec.Cmd) {}

func decode(b []byte) []byte { return b }
