package firewall

import (
	"errors"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// manyNeighbours is from where on one list of all neighbours is cheaper than single questions, which take 4 times as long
// for each.
const manyNeighbours = 1000

// surroundings are this machine's interfaces and neighbours, as of one moment.
type surroundings struct {
	wire       *wire
	own        map[netip.Addr]bool
	index      map[string]int
	bare       map[string]bool // interfaces without MACs, such as those of PPP
	names      map[int]string
	neighbours map[neighbour]mac // nil: ask for each
}

// neighbour is a host on the network of an interface.
type neighbour struct {
	index int
	addr  netip.Addr
}

// lookAround reads the interfaces, and all neighbours when many addresses are going to be asked for.
func (w *wire) lookAround(addresses int) (*surroundings, error) {
	s := &surroundings{wire: w, own: map[netip.Addr]bool{}, index: map[string]int{}, bare: map[string]bool{}, names: map[int]string{}}
	interfaces, err := net.Interfaces()
	if err != nil {
		return nil, err
	}
	for _, i := range interfaces {
		s.index[i.Name], s.names[i.Index] = i.Index, i.Name
		s.bare[i.Name] = len(i.HardwareAddr) != len(mac{})
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

func (s *surroundings) listNeighbours(addresses int) error {
	s.neighbours = make(map[neighbour]mac, addresses)
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.Sockets = s.wire.questions
	req.AddData(&netlink.Ndmsg{Family: unix.AF_UNSPEC})
	err := req.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH, func(answer []byte) bool {
		n, err := netlink.NeighDeserialize(answer)
		if err != nil {
			return true // nothing that we know how to read
		}
		a, ok := netip.AddrFromSlice(n.IP)
		if m, known := macOf(n); ok && known {
			s.neighbours[neighbour{n.LinkIndex, a.Unmap()}] = m
		}
		return true
	})
	if errors.Is(err, netlink.ErrDumpInterrupted) {
		return nil // who was left out is called
	}
	return err
}

// mac returns the MAC of a neighbour.
func (s *surroundings) mac(name string, a netip.Addr) (mac, bool) {
	if s.neighbours != nil {
		m, ok := s.neighbours[neighbour{s.index[name], a}]
		return m, ok
	}
	n, err := s.wire.neighbour(s.index[name], a)
	if err != nil {
		return mac{}, false
	}
	return macOf(n)
}

// neighbour asks the kernel for one neighbour.
func (w *wire) neighbour(index int, a netip.Addr) (*netlink.Neigh, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
	req.Sockets = w.questions
	req.AddData(&netlink.Ndmsg{Family: uint8(familyOf(a)), Index: uint32(index)})
	req.AddData(nl.NewRtAttr(netlink.NDA_DST, a.AsSlice()))
	answers, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWNEIGH)
	if err != nil {
		return nil, err
	}
	if len(answers) == 0 {
		return nil, unix.ENOENT
	}
	return netlink.NeighDeserialize(answers[0])
}

// macOf tells the MAC of a neighbour that has been heard of.
func macOf(n *netlink.Neigh) (m mac, ok bool) {
	const unheard = netlink.NUD_NONE | netlink.NUD_INCOMPLETE | netlink.NUD_FAILED
	if n.State&^unheard == 0 || len(n.HardwareAddr) != len(m) {
		return mac{}, false
	}
	copy(m[:], n.HardwareAddr)
	return m, m != mac{}
}

// provoke has the kernel look for a neighbour: it sends an empty packet to a port where nobody listens.
func provoke(a netip.Addr) {
	c, err := net.Dial("udp", netip.AddrPortFrom(a, 9).String())
	if err != nil {
		return // without a route there is no neighbour
	}
	_, _ = c.Write(nil)
	_ = c.Close()
}

// route tells through which interface an address is reached, and whether its MAC is not to be seen there.
func (s *surroundings) route(a netip.Addr) (name string, routed, ok bool) {
	routes, err := s.wire.routes.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 || routes[0].Type == unix.RTN_LOCAL {
		return "", false, false
	}
	r := routes[0]
	name = s.names[r.LinkIndex]
	return name, r.Gw != nil || r.Via != nil || s.bare[name], name != ""
}
