// Package agent holds the nouns and the rules of the product: who a person is, what a device, a session and
// the settings are, why access is refused and why it ends. It does no I/O and imports nothing of ours, so that
// the business can be read without SQL, HTTP or netlink. Both the gateway and the agent program use it, and the
// latter is also built for Windows 8 with Go 1.20; the package therefore keeps to that language and library.
//
// # Vocabulary
//
// These words mean the same in all packages, in logs and in comments:
//
//   - gateway: the machine between the LAN and the Internet, and the process on it. Portal: its web pages. Agent
//     endpoint: TCP 14765, where agents connect.
//   - agent: the program on a person's computer. Device: one installation of it, told by its device.id.
//   - person, account: somebody who logs in, and what the gateway knows of them. Directory: where accounts come from.
//     Domain: the gateway's own name.
//   - administrator: an account that may change settings. Cabinet: the page of everybody else.
//   - peer: the other end of a TCP connection. Inside: in the LAN, by its address and the interface through which it came.
//     Stranger: a peer outside on a device that the account has not used before. Guest: a connection without a session.
//   - session: one person's access from one device, of kind lan, vpn or web. Live: it has access now. Waiting: its
//     connection is lost and the grace runs. Link: the connection behind a live session.
//   - attempt: one try to get access, by password or by resume token. Admission: the decision about it. Displaced: a
//     session that ends for another one.
//   - grant, revoke: to let a session's address through the firewall, and to stop that. Readmit: to keep it let through
//     after a restart.
//   - further address: one of a LAN session beside its own. It is proved with an address token.
//   - throttle: the limits of wrong passwords.
//   - plan: what the firewall has to enforce. Table, set, element: what nftables calls so.
//   - tunnel: the VPN, as one network interface. Pool: its addresses. A peer that WireGuard knows is a WireGuard peer, or a
//     peer of the tunnel.
//   - own root: the certificate authority that the gateway makes for itself. Pin: the digest of its key.
//   - installer: IdecoAgent.msi. Preset: the gateway's address and pin inside it.
//   - trial: a change of the interfaces that returns unless somebody confirms it.
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
