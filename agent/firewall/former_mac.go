package firewall

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/bpf"
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
	socket  *os.File
	request []byte
}

// canProbe reports an error if this process may not open raw sockets.
func canProbe() error {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// openFormer opens a socket that receives only frames by which the host shows that it is at the MAC of the place.
func openFormer(at place) (*formerMAC, error) {
	i, err := net.InterfaceByName(at.name)
	if err != nil {
		return nil, err
	}
	if len(i.HardwareAddr) != len(mac{}) {
		return nil, fmt.Errorf("%s has no MAC", i.Name)
	}
	own := mac(i.HardwareAddr)
	if at.addr.Is6() {
		request, answer := ndp(own, at)
		return openFormerOn(i, unix.ETH_P_IPV6, request, answer)
	}
	from, err := addressNear(i, at.addr)
	if err != nil {
		return nil, err
	}
	request, answer := arp(own, from, at)
	return openFormerOn(i, unix.ETH_P_ARP, request, answer)
}

func openFormerOn(i *net.Interface, protocol uint16, request []byte, answer []field) (*formerMAC, error) {
	socket, err := packetSocket(i.Index, protocol, answer)
	if err != nil {
		return nil, fmt.Errorf("opening a raw socket on %s: %w", i.Name, err)
	}
	return &formerMAC{socket, request}, nil
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

// field is a part of a frame and the value that it must have.
type field struct {
	offset uint32
	value  []byte
}

// accept returns a program for the kernel that accepts only frames with these fields.
func accept(fields []field) []bpf.Instruction {
	var equal []bpf.Instruction
	for _, f := range fields {
		for n, b := range f.value {
			equal = append(equal, bpf.LoadAbsolute{Off: f.offset + uint32(n), Size: 1}, bpf.JumpIf{Cond: bpf.JumpEqual, Val: uint32(b), SkipTrue: 1}, bpf.RetConstant{})
		}
	}
	return append(equal, bpf.RetConstant{Val: 1})
}

// packetSocket opens a socket that receives the frames of an interface that have the fields.
func packetSocket(index int, protocol uint16, fields []field) (*os.File, error) {
	program, err := bpf.Assemble(accept(fields))
	if err != nil {
		return nil, err
	}
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	inOrder := binary.BigEndian.AppendUint16(nil, protocol)
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err == nil { // without Bind the socket receives nothing
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: binary.NativeEndian.Uint16(inOrder), Ifindex: index})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packet"), nil
}

func (f *formerMAC) close() { _ = f.socket.Close() }

// answers sends requests, and reports whether the host has answered one since openFormer. Errors: ctx.Err; of the socket.
func (f *formerMAC) answers(ctx context.Context) (bool, error) {
	for range formerProbes {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if _, err := f.socket.Write(f.request); err != nil {
			return false, err
		}
		if err := f.socket.SetReadDeadline(time.Now().Add(formerWait)); err != nil {
			return false, err
		}
		if _, err := f.socket.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			return err == nil, err
		}
	}
	return false, nil
}
