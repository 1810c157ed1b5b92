// Package wgbind opens the UDP sockets of wireguard-go. On Linux it changes what wireguard-go's own sockets do in three
// cases:
//
//   - The kernel refuses a batch (UDP_SEGMENT) whose datagrams are longer than the path's MTU. wireguard-go would send
//     every further batch in vain. Here the datagrams are sent one by one, and the kernel fragments them.
//   - Packets of IPv4 may be fragmented on the way, as those of the kernel's WireGuard. wireguard-go's must not be, and
//     they vanish where a router drops what is too long without an ICMP message that arrives.
//   - Routes change. wireguard-go sends to a peer from the address and the interface that the peer's last packet came to,
//     until the route leads elsewhere. Here this also holds when the interface or the address is gone.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package wgbind
