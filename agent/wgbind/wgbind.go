// Package wgbind opens the UDP sockets of wireguard-go. On Linux it changes what wireguard-go's own sockets do in four
// cases:
//
//   - The kernel refuses a batch (UDP_SEGMENT) whose datagrams are longer than the MTU: for IPv4 the interface's, for
//     IPv6 the path's. wireguard-go loses every such batch. This package sends the datagrams one by one, and the
//     kernel fragments them.
//   - A router on the path has a smaller MTU. wireguard-go forbids fragments of IPv4, so its packets are lost if the router's
//     ICMP message does not arrive. This package lets routers fragment, as the kernel's WireGuard does, and ignores these
//     messages, because they can be forged.
//   - Routes change. wireguard-go sends to a peer from the address and the interface that the peer's last packet came to.
//     With another conn.Bind than its own it does so even after the route has changed. This package watches the routes, and
//     notices a source that is gone. From Linux 5.12 on the kernel chooses the source of each packet: wireguard-go receives
//     batches (UDP_GRO) and does not know where a packet came to.
//   - Some peers have IPv4 addresses and others IPv6. wireguard-go sends some packets for the latter to wrong addresses.
//
// The package is also built for Windows 8 with Go 1.20 and keeps to that language and library.
package wgbind
