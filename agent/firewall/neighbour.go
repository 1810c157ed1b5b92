package firewall

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// manyNeighbours is the number of addresses from which one dump of the neighbour table is used, which takes a quarter of
// the time of single requests.
const manyNeighbours = 1000

const sizeofNdmsg = 12

// snapshot is the state of this machine's interfaces and neighbour table at one moment.
type snapshot struct {
	kernel     *kernel
	own        map[netip.Addr]bool
	index      map[string]int
	noMAC      map[string]bool // interfaces without MACs, such as those of PPP
	names      map[int]string
	neighbours map[neighbour]mac // nil: the kernel is asked for each
}

// neighbour is a host on the network of an interface.
type neighbour struct {
	index int
	addr  netip.Addr
}

// snapshot reads the interfaces, and the whole neighbour table if many addresses are going to be looked up.
func (kn *kernel) snapshot(addresses int) (*snapshot, error) {
	s := &snapshot{kernel: kn, own: map[netip.Addr]bool{}, index: map[string]int{}, noMAC: map[string]bool{}, names: map[int]string{}}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		s.index[i.Name], s.names[i.Index] = i.Index, i.Name
		s.noMAC[i.Name] = len(i.HardwareAddr) != len(mac{})
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			s.own[p.Addr().Unmap()] = true
		}
	}
	if addresses >= manyNeighbours {
		err = s.listNeighbours(addresses)
	}
	return s, err
}

func (s *snapshot) listNeighbours(addresses int) error {
	s.neighbours = make(map[neighbour]mac, addresses)
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.Sockets = s.kernel.requests
	req.AddData(&netlink.Ndmsg{Family: unix.AF_UNSPEC})
	err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH, func(answer []byte) bool {
		if n, m, known := neighbourOf(answer); known {
			s.neighbours[n] = m
		}
		return true
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil // missing neighbours are probed
	}
	return err
}

func (s *snapshot) mac(name string, a netip.Addr) (mac, bool) {
	if s.neighbours != nil {
		m, ok := s.neighbours[neighbour{s.index[name], a}]
		return m, ok
	}
	return s.kernel.macOf(neighbour{s.index[name], a})
}

func (kn *kernel) macOf(n neighbour) (mac, bool) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.Sockets = kn.requests
	req.AddData(&netlink.Ndmsg{Family: uint8(familyOf(n.addr)), Index: uint32(n.index)})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, n.addr.AsSlice()))
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil || len(answers) == 0 {
		return mac{}, false
	}
	_, m, known := neighbourOf(answers[0])
	return m, known
}

// neighbourOf parses an entry of the neighbour table (struct ndmsg and attributes). known reports whether it has a valid MAC.
func neighbourOf(answer []byte) (n neighbour, m mac, known bool) {
	const unresolved = netlink.NUD_NONE | netlink.NUD_INCOMPLETE | netlink.NUD_FAILED
	if len(answer) < sizeofNdmsg {
		return n, m, false
	}
	n.index = int(binary.NativeEndian.Uint32(answer[4:]))
	state := binary.NativeEndian.Uint16(answer[8:])
	for kind, v := range attributes(answer[sizeofNdmsg:]) {
		switch kind {
		case netlink.NDA_DST:
			a, _ := netip.AddrFromSlice(v)
			n.addr = a.Unmap()
		case netlink.NDA_LLADDR:
			if len(v) == len(m) {
				copy(m[:], v)
			}
		}
	}
	return n, m, state&^unresolved != 0 && n.addr.IsValid() && m != mac{}
}

// Resolve makes the kernel send an ARP or NDP request to a host whose neighbour entry is not fresh: it sends an empty UDP packet to the
// discard port.
func Resolve(a netip.Addr) {
	c, err := net.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return // no route
	}
	_, _ = c.Write(nil)
	_ = c.Close()
}

// route returns the interface that leads to an address. routed means that the host's MAC is not visible there. ok is false
// without a route and for the gateway's own addresses.
func (s *snapshot) route(a netip.Addr) (name string, routed, ok bool) {
	routes, err := s.kernel.routes.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 || routes[0].Type == unix.RTN_LOCAL {
		return "", false, false
	}
	r := routes[0]
	name = s.names[r.LinkIndex]
	return name, r.Gw != nil || r.Via != nil || s.noMAC[name], name != ""
}
