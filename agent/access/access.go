// Package access keeps the live sessions. No other package begins or ends access.
//
// [Gate] checks logins and passwords for the agent endpoint, the portal and REST, and slows down guessing. [Manager]
// begins and ends sessions: it decides between LAN and tunnel, grants and revokes addresses in the firewall, reserves
// addresses in the tunnel, and reports the end of a session to its agent's [Connection].
//
// # The states of an agent's session
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
// A session has access in both live states, connected and waiting. Shutdown leaves every session open in the store;
// Restore makes them waiting sessions of the next process.
//
// # Sessions without an agent
//
//	    AuthorizeBrowser: password                          SetStatic: a rule whose address is free
//	               │                                                   │             ▲
//	               ▼                                                   ▼             │ the other session ends,
//	┌───────► connected (web) ◄────── Restore ──────► connected (static)             │ the account is enabled
//	│          │   │                                       │                         │
//	└──────────┘   │ LogoutAddress, expiry,                │ the person's agent, the account is disabled
//	the person     │ 15 minutes without a byte,            ├─────────────────────────┘
//	extends        │ the person's agent, another device,   │ SetStatic without the rule or with a silent computer,
//	               │ no browser sign-in there any more     │ the address is not in the LAN any more
//	               ▼                                       ▼
//	          ended: logout, expired, idle, replaced,     ended: replaced, disabled, admin, idle
//	          evicted, admin, disabled, lost
//
// They have no connection, are always connected and never follow a changed MAC. After a restart a browser's computer is let through
// with the stored MAC. Without a stored MAC, the session ends with lost if the firewall has closed the address meanwhile. A static
// session has no length, is not limited by DevicesPerUser, and stays when the agent is switched off.
//
// # Addresses, devices and connections
//
//   - An address in the LAN belongs to one session. A newer login of the same person takes it over, but a browser never takes it
//     from a connected session of an agent or a rule: the browser gets that session. A login of another person takes the address
//     from a waiting session, which may still be resumed from elsewhere. If the session is connected, the login is refused with
//     address_busy.
//   - With local_tunnel, a session of an agent has no address in the LAN. Once its tunnel works, the same person's browser session at
//     the address that the tunnel comes from ends.
//   - A session of an agent or a browser in the LAN has one IPv4 address and the IPv6 addresses of the same computer, at most MaxIPv6.
//     An agent proves each further address with an address token in a request from that address. After a resume it must
//     prove it again within a minute. A change of place and a restart drop further addresses.
//   - A browser cannot choose the address that it sends from, so it sends no address tokens. An address becomes a further address of
//     its session when a request comes from it and the neighbour table has the MAC and the interface of the session's own address
//     for it (see JoinSession). This is enough: the firewall lets the further address through for that MAC only, and a computer that
//     forges the MAC could forge the session's own address as well. Behind a router, and where two sessions or two IPv4 addresses
//     have the MAC, there are no further addresses.
//   - A session in the LAN follows its computer to another MAC, if that is proved (see FollowMACs).
//   - A device of a person has one session. A login or a resume with the same device.id replaces it.
//   - A person has at most DevicesPerUser sessions, the waiting ones included and the static ones left out.
//   - On a connection that has a session, a login of the same person extends the session. A login of another person
//     logs it out after the password is checked.
//
// # Changed settings
//
// Switching the agent off ends every session but the static ones with disabled. Sessions that no longer fit the local networks, the
// VPN network or local_tunnel end with shutdown: their agents reconnect under the new settings. Those without an agent end with admin.
// Lengths, device limit and grace period apply from the next login or lost connection.
//
// # Traffic
//
// Firewall and tunnel count the bytes of sessions. Manager adds up their counts across restarts, resumes and changes of the address,
// stores the sums every two minutes, and reads the counts once more before it ends a session.
package access
