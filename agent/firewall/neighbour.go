package firewall

import (
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// manyNeighbours is from where on one list of all neighbours is cheaper than single questions.
const manyNeighbours = 64

// surroundings are this machine's interfaces and neighbours, as of one moment.
type surroundings struct {
	own        map[netip.Addr]bool
	index      map[string]int
	bare       map[string]bool // interfaces without MACs, such as those of PPP
	names      map[int]string
	neighbours map[place]mac // nil: ask for each; the MAC of a place here is not set
}

// lookAround reads the interfaces, and all neighbours when many addresses are going to be asked for.
func lookAround(addresses int) (*surroundings, error) {
	s := &surroundings{own: map[netip.Addr]bool{}, index: map[string]int{}, bare: map[string]bool{}, names: map[int]string{}}
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
		err = s.listNeighbours()
	}
	return s, err
}

func (s *surroundings) listNeighbours() error {
	all, err := netlink.NeighList(0, unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	s.neighbours = make(map[place]mac, len(all))
	for _, n := range all {
		a, ok := netip.AddrFromSlice(n.IP)
		if m, known := macOf(&n); ok && known {
			s.neighbours[place{name: s.names[n.LinkIndex], addr: a.Unmap()}] = m
		}
	}
	return nil
}

// mac returns the MAC of a neighbour.
func (s *surroundings) mac(name string, a netip.Addr) (mac, bool) {
	if s.neighbours != nil {
		m, ok := s.neighbours[place{name: name, addr: a}]
		return m, ok
	}
	n, err := neighbour(s.index[name], a)
	if err != nil {
		return mac{}, false
	}
	return macOf(n)
}

// neighbour asks the kernel for one neighbour.
func neighbour(index int, a netip.Addr) (*netlink.Neigh, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, 0)
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
	routes, err := netlink.RouteGet(a.AsSlice())
	if err != nil || len(routes) == 0 || routes[0].Type == unix.RTN_LOCAL {
		return "", false, false
	}
	r := routes[0]
	name = s.names[r.LinkIndex]
	return name, r.Gw != nil || r.Via != nil || s.bare[name], name != ""
}
