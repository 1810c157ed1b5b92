// Package agent holds the types and the rules of the product: accounts, devices, sessions, settings, why access is
// refused and why it ends. It does no I/O and imports none of our packages. The gateway and the agent program use it.
// The agent program is also built for Windows 8 with Go 1.20, so the package keeps to that language and library.
//
// # Vocabulary
//
// These words mean the same in all packages, in logs and in comments:
//
//   - gateway: the machine between the LAN and the Internet, and the process on it. Portal: its web pages. Agent
//     endpoint: TCP 14765, where agents connect.
//   - agent: the program on a person's computer. Device: one installation of it, identified by its device.id.
//   - person: somebody who logs in. Account: the gateway's record of a person. Unknown login: a login that no account and
//     no person of a directory has. Domain: the gateway's own name; of a directory, the DNS name of its domain. Former
//     domain: an earlier name of the gateway, which agents may still use.
//   - directory: the source of accounts, local or on the network. Controller: one server of a directory on the network.
//     Search account: the account that the gateway searches it with. Base: a DN below which people are searched. Login
//     groups: their members may log in. Remote groups: their members get remote access.
//   - group: accounts with common rights. Groups form a tree. The accounts of a local group are chosen here; the others are
//     the members of a group of a directory.
//   - right: what an account or a group sets about access, such as the length of its sessions. An account inherits what it
//     does not set. Source of a right: the account, a group, the directory or the settings. Administrator by a group: an
//     account that may change settings because a group of it may.
//   - ticket: a Kerberos ticket, with which a person logs in without a password (SSO). Token: the message with the ticket,
//     as SPNEGO or GSS-API. Keytab: the file with the gateway's keys that decrypt tickets. Service: what a ticket is for,
//     such as HTTP/gw.company.ru. Realm: the Kerberos name of a domain.
//   - change of a password: a person sets a new password with the old one. An administrator resets it without.
//   - filter: what selects accounts in the list. Bulk act: one change of all selected accounts.
//   - import: making and changing local accounts by a file (CSV). Preview: what it would change. Mistake: what is wrong in
//     the file.
//   - lockout: that a directory locks an account after wrong passwords. Policy: the directory's entry with its limit, or with
//     its demands on passwords.
//   - reading: the present state of a directory's people. Check of the accounts: the periodic comparison of the accounts
//     with a reading. Withheld: a check that ends no session until an administrator confirms it.
//   - test of a directory: all that a login needs, tried step by step. Finding: what a step found wrong. Probe: a
//     connection that finds out whether a controller answers.
//   - administrator: an account that may change settings. Cabinet: the page of the other accounts.
//   - peer: the other end of a TCP connection. Inside: in the LAN, by its address and the interface it came through.
//     Stranger: a peer outside on a device that the account has not used before. Guest: a connection without a session.
//   - session: one person's access from one device. Kind: lan and vpn with the agent, web by browser sign-in, static by a
//     rule. Way: how the person was proved. Live: it has access now. Waiting: the connection of its agent is lost; access
//     stays until the grace period is over.
//   - browser sign-in: a login in a browser in the LAN that gives the computer's address access. Browser session: a browser
//     that is signed in to the portal; it gives no access. Captive portal probe: the request by which a system finds out
//     whether it has the Internet.
//   - rule, rule of an address: it authorises an address or a MAC in the LAN as an account, without a login. Rule in force: an
//     enabled rule whose account may have access. Silent: a computer that has answered neither ARP nor NDP for a while.
//     In package firewall, a rule is one of nftables.
//   - attempt: one request for access, by password, ticket, resume token or browser sign-in. Admission: the decision about
//     it. Refusal: the answer to an attempt that gives no access; its code says why. Displaced: a session that ends because a
//     new one begins.
//   - journal: the record of all sessions and refused attempts, kept for a number of days.
//   - grant, revoke: to let a session's address through the firewall, and to stop that. Readmit: to keep it let through
//     after a restart.
//   - further address: a second address of a session in the LAN. It is proved with an address token.
//   - throttle: the limits of wrong passwords.
//   - plan: the rules that the firewall enforces. Table, set, element: as in nftables.
//   - tunnel: the VPN, as one network interface. Pool: its addresses. WireGuard peer, peer of the tunnel: a peer that
//     WireGuard knows.
//   - own root: the certificate authority that the gateway makes for itself. Pin: the digest of its key.
//   - installer: IdecoAgent.msi. Preset: the gateway's address and pin inside it.
//   - trial: a change of the interfaces that is reverted unless an administrator confirms it.
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
