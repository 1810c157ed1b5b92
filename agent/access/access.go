// Package access knows who has access now, and is the only one that begins or ends it.
//
// [Gate] answers whether a login and a password are right, for the agent endpoint, the portal and REST alike, and
// slows down those who guess. [Manager] keeps the live sessions: it decides between LAN and tunnel, hands out and takes
// back what the firewall and the tunnel give, and tells the agent behind a session, its [Connection], how it ended.
//
// # A session's states
//
//	   Authorize: password                               Restore: open in the store
//	              │                                                  │
//	              ▼               Lost                               ▼
//	┌──────► connected ──────────────────────────────────────► waiting
//	│         │ │  ▲ ▲            Authorize: token              │ │ │
//	└─────────┘ │  │ └──────────────────────────────────────────┘ │ │
//	Authorize:  │  │                                              │ │ grace
//	password of │  │              Authorize: token                │ ▼ runs out
//	the same    │  └────────────────────────────────── ended: lost, shutdown
//	person      │                 until Expires                 │
//	extends     │ Logout, End, expiry, no tunnel_wg in 15 s,    │ the same, but
//	            │ another login, a used token                   │ not Logout
//	            ▼                                               ▼
//	       ended: logout, admin, replaced, evicted, expired, idle, disabled
//
// Access is there in both live states, connected and waiting, and only in them. Shutdown leaves every session open in the
// store; Restore makes them waiting sessions of the next process.
//
// # The rules of one place
//
//   - An address in the LAN belongs to one session. The same person's newer login takes it over whatever its kind, but
//     a browser never takes it from an agent. A waiting session gives way to another person, and may still be resumed
//     elsewhere; a connected one makes the newcomer address_busy.
//   - A session in the LAN has one IPv4 address and the IPv6 addresses of the same computer, MaxIPv6 at most. Those beside
//     its own are proved with address tokens, each by a request that comes from it, and belong to the session as its own
//     does. A resume leaves them for a minute to be proved anew; a change of place and a restart leave none.
//   - A person's device has one session; a login or a resume on the same device.id replaces the other one.
//   - A person has at most DevicesPerUser sessions, the waiting ones included.
//   - On a connection that already carries a session, a login of the same person extends it. A login of another person
//     is a newcomer's: its password is checked first, and then the session of this connection is logged out.
//
// # Changed settings
//
// Switching the agent off ends every session with disabled. Sessions that no longer fit the local networks, the VPN
// network or local_tunnel end with shutdown: their agents come back by themselves, and every rule is applied anew to
// them. Lengths, device limit and grace apply to what begins after the change.
package access
