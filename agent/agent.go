// Package agent holds the nouns and the rules of the product: who a person is, what a device, a session and
// the settings are, why access is refused and why it ends. It does no I/O and imports nothing of ours, so that
// the business can be read without SQL, HTTP or netlink. Both the gateway and the agent program use it, and the
// latter is also built for Windows 8 with Go 1.20; the package therefore keeps to that language and library.
package agent

// Version is the version of the gateway, of the agent program and of the installer, which are released together.
// Windows Installer compares three numbers of at most 255, 255 and 65535.
const (
	VersionMajor = 1
	VersionMinor = 0
	VersionBuild = 0
	Version      = "1.0.0"
)

// Default ports, known to both ends.
const (
	DefaultAgentPort     = 14765 // TCP, HTTPS and WebSocket
	DefaultWireGuardPort = 3051  // UDP
)
