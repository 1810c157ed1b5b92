package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// term is a piece of a rule: what nft would print for it, and what the kernel gets.
type term struct {
	text  string
	exprs []expr.Any
	set   *anonymous // that the last of exprs looks up
}

// anonymous is a set that lives and dies with its rule.
type anonymous struct {
	key      nftables.SetDatatype
	interval bool
	elements []nftables.SetElement
}

// The registers of the kernel: the first one of 16 bytes, and the small ones of 4 bytes that lie over it and go on.
const (
	reg    = unix.NFT_REG_1
	reg32  = unix.NFT_REG32_00 // the same place as reg
	ifSize = unix.IFNAMSIZ
)

func cmpEq(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpEq, Register: reg, Data: data} }

func cmpNeq(data []byte) expr.Any { return &expr.Cmp{Op: expr.CmpOpNeq, Register: reg, Data: data} }

func load(key expr.MetaKey) expr.Any { return &expr.Meta{Key: key, Register: reg} }

func native32(v uint32) []byte { return binaryutil.NativeEndian.PutUint32(v) }

func big16(v uint16) []byte { return binaryutil.BigEndian.PutUint16(v) }

// name16 is an interface name as the kernel keeps it.
func name16(name string) []byte {
	b := make([]byte, ifSize)
	copy(b, name)
	return b
}

// onInterface matches the interface that a packet comes in or leaves through.
func onInterface(word string, key expr.MetaKey, name string) term {
	return term{text: fmt.Sprintf("%s %q", word, name), exprs: []expr.Any{load(key), cmpEq(name16(name))}}
}

func in(name string) term  { return onInterface("iifname", expr.MetaKeyIIFNAME, name) }
func out(name string) term { return onInterface("oifname", expr.MetaKeyOIFNAME, name) }

// side is the source or the destination address of a packet.
type side struct {
	word   string
	v6     bool
	offset uint32
}

var (
	saddr4 = side{"ip saddr", false, 12}
	daddr4 = side{"ip daddr", false, 16}
	saddr6 = side{"ip6 saddr", true, 8}
	daddr6 = side{"ip6 daddr", true, 24}
)

func (s side) size() uint32 {
	if s.v6 {
		return 16
	}
	return 4
}

func (s side) datatype() nftables.SetDatatype {
	if s.v6 {
		return nftables.TypeIP6Addr
	}
	return nftables.TypeIPAddr
}

// family matches packets of the side's family.
func (s side) family() []expr.Any {
	family := byte(unix.NFPROTO_IPV4)
	if s.v6 {
		family = unix.NFPROTO_IPV6
	}
	return []expr.Any{load(expr.MetaKeyNFPROTO), cmpEq([]byte{family})}
}

func (s side) load(register uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: s.offset, Len: s.size()}
}

// among matches an address in one of some networks of its family. Without networks it matches nothing, and there is no
// such rule.
func (s side) among(nets []netip.Prefix) term {
	list := ofFamily(nets, s.v6)
	if len(list) == 1 {
		return s.within(list[0])
	}
	set := &anonymous{key: s.datatype(), interval: true}
	var words []string
	for _, n := range list {
		words = append(words, networkWord(n))
		set.elements = append(set.elements, interval(n)...)
	}
	return term{text: s.word + " { " + strings.Join(words, ", ") + " }",
		exprs: append(s.family(), s.load(reg), &expr.Lookup{SourceRegister: reg}), set: set}
}

// within matches an address in one network.
func (s side) within(n netip.Prefix) term {
	exprs := append(s.family(), s.load(reg))
	if !n.IsSingleIP() {
		exprs = append(exprs, &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: s.size(),
			Mask: net.CIDRMask(n.Bits(), n.Addr().BitLen()), Xor: make([]byte, s.size())})
	}
	return term{text: s.word + " " + networkWord(n), exprs: append(exprs, cmpEq(n.Masked().Addr().AsSlice()))}
}

func networkWord(n netip.Prefix) string {
	if n.IsSingleIP() {
		return n.Addr().String()
	}
	return n.String()
}

// interval is a network as the kernel keeps it: where it begins and where it is over.
func interval(n netip.Prefix) []nftables.SetElement {
	elements := []nftables.SetElement{{Key: n.Addr().AsSlice()}}
	if end := lastOf(n).Next(); end.IsValid() {
		elements = append(elements, nftables.SetElement{Key: end.AsSlice(), IntervalEnd: true})
	}
	return elements
}

// lastOf is the highest address of a network.
func lastOf(n netip.Prefix) netip.Addr {
	b := n.Masked().Addr().AsSlice()
	for bit := n.Bits(); bit < 8*len(b); bit++ {
		b[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// member matches what a named set holds.
func member(set *memberSet, interfaceWord string, addr side) term {
	words, exprs := set.key(interfaceWord, addr)
	return term{text: words + " @" + set.name, exprs: append(exprs, &expr.Lookup{SourceRegister: reg, SetName: set.name})}
}

// key loads what a set is asked for. A set with MACs breaks off for packets of interfaces that are not Ethernet.
func (set *memberSet) key(interfaceWord string, addr side) (text string, exprs []expr.Any) {
	var words []string
	exprs = addr.family()
	register := uint32(reg32)
	if set.hasMAC { // the kernel asks for Ethernet first, and the type of the packet comes from its frame
		exprs = []expr.Any{load(expr.MetaKeyIIFTYPE), cmpEq(binaryutil.NativeEndian.PutUint16(unix.ARPHRD_ETHER))}
		if !set.anyAddress {
			exprs = append(exprs, frame(reg, 12, 2), cmpEq(addr.etherType()))
		}
	}
	if set.hasInterface {
		key := expr.MetaKeyIIFNAME
		if interfaceWord == "oifname" {
			key = expr.MetaKeyOIFNAME
		}
		words, exprs = append(words, interfaceWord), append(exprs, load(key))
		register += ifSize / 4
	}
	if set.hasMAC {
		words, exprs = append(words, "ether saddr"), append(exprs, frame(register, 6, 6))
		register += 2
	}
	if !set.hasInterface && !set.hasMAC {
		register = reg
	}
	if set.anyAddress {
		return strings.Join(words, " . "), exprs
	}
	return strings.Join(append(words, addr.word), " . "), append(exprs, addr.load(register))
}

// stranger matches what a named set does not hold. Unlike member it leaves the counters of the set alone, because a rule is
// over for the kernel where it finds an element that must not be there.
func stranger(set *memberSet, interfaceWord string, addr side) term {
	t := member(set, interfaceWord, addr)
	last := *t.exprs[len(t.exprs)-1].(*expr.Lookup)
	last.Invert = true
	t.exprs[len(t.exprs)-1] = &last
	t.text = strings.Replace(t.text, " @", " != @", 1)
	return t
}

// frame loads from the Ethernet header.
func frame(register, offset, size uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: expr.PayloadBaseLLHeader, Offset: offset, Len: size}
}

func (s side) etherType() []byte {
	if s.v6 {
		return big16(unix.ETH_P_IPV6)
	}
	return big16(unix.ETH_P_IP)
}

// exceeds matches packets of a host beyond a number per second, which the set counts. It does not match a host for which a
// full set has no place.
func exceeds(set *memberSet, addr side, rate uint64) term {
	words, exprs := set.key("iifname", addr)
	return term{
		text: fmt.Sprintf("update @%s { %s limit rate over %d/second burst %d packets }", set.name, words, rate, rate),
		exprs: append(exprs, &expr.Dynset{
			SrcRegKey: reg, SetName: set.name, Operation: uint32(unix.NFT_DYNSET_OP_UPDATE),
			Exprs: []expr.Any{&expr.Limit{Type: expr.LimitTypePkts, Rate: rate, Unit: expr.LimitTimeSecond, Burst: uint32(rate), Over: true}},
		}),
	}
}

// What conntrack knows about a packet.
var (
	reply    = ctTerm("ct direction reply", &expr.Ct{Key: expr.CtKeyDIRECTION, Register: reg}, cmpEq([]byte{1}))
	original = ctTerm("ct direction original", &expr.Ct{Key: expr.CtKeyDIRECTION, Register: reg}, cmpEq([]byte{0}))
	answers  = ctTerm("ct state established,related", &expr.Ct{Key: expr.CtKeySTATE, Register: reg},
		anyBit(expr.CtStateBitESTABLISHED|expr.CtStateBitRELATED), cmpNeq(native32(0)))
	dnat = ctTerm("ct status dnat", &expr.Ct{Key: expr.CtKeySTATUS, Register: reg}, anyBit(ctStatusDNAT), cmpNeq(native32(0)))
)

const ctStatusDNAT = 0x20

func ctTerm(text string, exprs ...expr.Any) term { return term{text: text, exprs: exprs} }

func anyBit(mask uint32) expr.Any {
	return &expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 4, Mask: native32(mask), Xor: native32(0)}
}

// Whether the destination is this machine itself.
var (
	notToUs     = term{text: "fib daddr type != local", exprs: []expr.Any{fibType, cmpNeq(native32(unix.RTN_LOCAL))}}
	fibType     = &expr.Fib{Register: reg, ResultADDRTYPE: true, FlagDADDR: true}
	tcp         = term{text: "meta l4proto tcp", exprs: protocol(unix.IPPROTO_TCP)}
	echoRequest = term{text: "icmp type echo-request", exprs: append(protocol(unix.IPPROTO_ICMP),
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 0, Len: 1}, cmpEq([]byte{8}))}
	noEthernet = term{text: "meta iiftype != ether", exprs: []expr.Any{load(expr.MetaKeyIIFTYPE), cmpNeq(binaryutil.NativeEndian.PutUint16(unix.ARPHRD_ETHER))}}
	beginning  = term{text: "tcp flags syn / syn,rst", exprs: append(protocol(unix.IPPROTO_TCP),
		&expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: 13, Len: 1},
		&expr.Bitwise{SourceRegister: reg, DestRegister: reg, Len: 1, Mask: []byte{0x06}, Xor: []byte{0}}, cmpEq([]byte{0x02}))}
)

// leadsTo matches a destination that is reached through an interface, before the packet is routed.
func leadsTo(name string) term {
	return term{text: fmt.Sprintf("fib daddr oifname %q", name),
		exprs: []expr.Any{&expr.Fib{Register: reg, ResultOIFNAME: true, FlagDADDR: true}, cmpEq(name16(name))}}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{load(expr.MetaKeyL4PROTO), cmpEq([]byte{number})}
}

// port matches destination ports.
func port(proto string, ports ...uint16) term {
	exprs := loadPort(proto, 2)
	if len(ports) == 1 {
		return term{text: fmt.Sprintf("%s dport %d", proto, ports[0]), exprs: append(exprs, cmpEq(big16(ports[0])))}
	}
	set := &anonymous{key: nftables.TypeInetService}
	words := make([]string, len(ports))
	for i, p := range ports {
		words[i] = fmt.Sprint(p)
		set.elements = append(set.elements, nftables.SetElement{Key: big16(p)})
	}
	return term{text: proto + " dport { " + strings.Join(words, ", ") + " }",
		exprs: append(exprs, &expr.Lookup{SourceRegister: reg}), set: set}
}

// fromPort matches a source port.
func fromPort(proto string, p uint16) term {
	return term{text: fmt.Sprintf("%s sport %d", proto, p), exprs: append(loadPort(proto, 0), cmpEq(big16(p)))}
}

// loadPort loads one of the ports of a packet of TCP or UDP.
func loadPort(proto string, offset uint32) []expr.Any {
	number := byte(unix.IPPROTO_TCP)
	if proto == "udp" {
		number = unix.IPPROTO_UDP
	}
	return append(protocol(number), &expr.Payload{DestRegister: reg, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2})
}

// What happens to a packet.
var (
	accept     = term{text: "accept", exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}}
	drop       = term{text: "drop", exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}}
	resetTCP   = term{text: "reject with tcp reset", exprs: []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}}
	prohibit   = term{text: "reject with icmpx admin-prohibited", exprs: []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED}}}
	here       = term{text: "redirect", exprs: []expr.Any{&expr.Redir{}}}
	masq       = term{text: "masquerade", exprs: []expr.Any{&expr.Masq{}}}
	clampToMTU = term{text: "tcp option maxseg size set rt mtu", exprs: []expr.Any{
		&expr.Rt{Register: reg, Key: expr.RtTCPMSS},
		&expr.Byteorder{SourceRegister: reg, DestRegister: reg, Op: expr.ByteorderHton, Len: 2, Size: 2},
		&expr.Exthdr{SourceRegister: reg, Type: 2, Offset: 2, Len: 2, Op: expr.ExthdrOpTcpopt}}}
)

func jump(chain string) term {
	return term{text: "jump " + chain, exprs: []expr.Any{&expr.Verdict{Kind: expr.VerdictJump, Chain: chain}}}
}

// hereTo redirects to a port of this machine.
func hereTo(p uint16) term {
	return term{text: fmt.Sprintf("redirect to :%d", p), exprs: []expr.Any{
		&expr.Immediate{Register: reg, Data: big16(p)},
		&expr.Redir{RegisterProtoMin: reg, Flags: unix.NF_NAT_RANGE_PROTO_SPECIFIED}}}
}
