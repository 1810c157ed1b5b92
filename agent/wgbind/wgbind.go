// Package wgbind opens the UDP sockets of wireguard-go. On Linux it changes what wireguard-go's own sockets do in four
// cases:
//
//   - The kernel refuses a batch (UDP_SEGMENT) whose datagrams are longer than the MTU: for IPv4 the interface's,
//     for IPv6 the path's. wireguard-go would send
//     every further batch in vain. Here the datagrams are sent one by one, and the kernel fragments them.
//   - Packets of IPv4 may be fragmented on the way, as those of the kernel's WireGuard. wireguard-go's must not be, and
//     they vanish where a router drops what is too long without an ICMP message that arrives. Such messages are ignored here,
//     because they can be forged.
//   - Routes change. wireguard-go sends to a peer from the address and the interface that the peer's last packet came to,
//     until the route leads elsewhere, but it watches routes only for its own type of sockets. Here they are watched,
//     and a source that is gone counts too. From Linux 5.12 on wireguard-go does not know where a packet came to,
//     because it receives batches (UDP_GRO), and the kernel chooses the source of each packet.
//   - Peers have addresses of IPv4 and of IPv6. wireguard-go sends some packets for the latter to wrong addresses.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package wgbind
