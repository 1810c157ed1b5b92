package firewall

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// A host has left a MAC if it does not answer formerProbes requests within formerWait each. A Wi-Fi station that saves power may
// take 300 ms to answer.
const (
	formerProbes = 5
	formerWait   = 200 * time.Millisecond
)

// formerMAC asks a host whether it still has its address at its former MAC. The requests are ARP (IPv4) or NDP (IPv6) and go
// straight to that MAC; the neighbour table is not used. The host answers to the gateway's MAC in the request, so another computer on
// the network does not see the answer and cannot hold it back.
type formerMAC struct {
	*frameLink
	request []byte
}

// openFormer opens a link that receives only frames by which the host shows that it is at the MAC of the place.
func openFormer(nft program, at place) (*formerMAC, error) {
	i, err := net.InterfaceByName(at.name)
	if err != nil {
		return nil, err
	}
	if len(i.HardwareAddr) != len(mac{}) {
		return nil, fmt.Errorf("%s has no MAC", i.Name)
	}
	own := mac(i.HardwareAddr)
	var request []byte
	var answer []field
	match := fmt.Sprintf("ether saddr %s icmpv6 type nd-neighbor-advert", at.mac)
	if at.addr.Is6() {
		request, answer = ndp(own, at)
	} else {
		from, err := addressNear(i, at.addr)
		if err != nil {
			return nil, err
		}
		request, answer = arp(own, from, at)
		match = fmt.Sprintf("arp saddr ether %s arp saddr ip %s", at.mac, at.addr)
	}
	link, err := openFrameLink(nft, i.Name, match, answer)
	return &formerMAC{link, request}, err
}

// addressNear returns an IPv4 address of an interface: one in the neighbour's network, otherwise any.
func addressNear(i *net.Interface, neighbour netip.Addr) (near netip.Addr, err error) {
	addrs, err := i.Addrs()
	if err != nil {
		return near, err
	}
	for _, a := range addrs {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().Is4() && (p.Contains(neighbour) || !near.IsValid()) {
			near = p.Addr()
		}
	}
	if !near.IsValid() {
		return near, fmt.Errorf("%s has no IPv4 address", i.Name)
	}
	return near, nil
}

const ethernetHeader = 14 // bytes: destination, source, protocol

// arp returns a request, and the fields that its answer must have. Any ARP packet counts in which the host says that it
// has the address at the MAC.
func arp(own mac, from netip.Addr, at place) (request []byte, answer []field) {
	b := frame(own, at.mac, unix.ETH_P_ARP)
	b = append(b, 0, 1, 8, 0, 6, 4, 0, 1) // Ethernet, IPv4, the lengths of their addresses, request
	b = append(append(b, own[:]...), from.AsSlice()...)
	b = append(append(b, make([]byte, 6)...), at.addr.AsSlice()...)
	return b, []field{{ethernetHeader + 8, at.mac[:]}, {ethernetHeader + 14, at.addr.AsSlice()}}
}

// ndp returns a neighbour solicitation, and the fields that its answer must have. A host sends the answer to the MAC that its
// neighbour table has for the sender. The sender is a random link-local address, for which nobody can have spoofed another MAC.
func ndp(own mac, at place) (request []byte, answer []field) {
	random := [16]byte{0: 0xfe, 1: 0x80}
	rand.Read(random[8:]) // never fails
	from := netip.AddrFrom16(random)
	body := append(append(make([]byte, 4), at.addr.AsSlice()...), 1, 1) // reserved, target, source link-layer address
	message := icmp.Message{Type: ipv6.ICMPTypeNeighborSolicitation, Body: &icmp.RawBody{Data: append(body, own[:]...)}}
	payload, err := message.Marshal(icmp.IPv6PseudoHeader(from.AsSlice(), at.addr.AsSlice()))
	if err != nil {
		panic(err) // the message is wrong
	}
	b := frame(own, at.mac, unix.ETH_P_IPV6)
	b = append(b, 0x60, 0, 0, 0, 0, byte(len(payload)), unix.IPPROTO_ICMPV6, 255)
	b = append(append(b, from.AsSlice()...), at.addr.AsSlice()...)
	const header = ethernetHeader + ipv6.HeaderLen
	return append(b, payload...), []field{
		{6, at.mac[:]}, {ethernetHeader + 6, []byte{unix.IPPROTO_ICMPV6}},
		{header, []byte{byte(ipv6.ICMPTypeNeighborAdvertisement)}}, {header + 8, at.addr.AsSlice()},
	}
}

func frame(from, to mac, protocol uint16) []byte {
	return binary.BigEndian.AppendUint16(append(append([]byte{}, to[:]...), from[:]...), protocol)
}

// answers sends requests, and reports whether the host has answered one since openFormer. Errors: ctx.Err; of the link.
func (f *formerMAC) answers(ctx context.Context) (bool, error) {
	for range formerProbes {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := f.send(f.request); err != nil {
			return false, err
		}
		if answered, err := f.receives(formerWait); answered || err != nil {
			return answered, err
		}
	}
	return false, f.check()
}
