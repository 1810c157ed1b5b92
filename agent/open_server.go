package agent

import (
	"net/netip"
	"strings"
)

// OpenServer is a server that LAN hosts reach without a session.
type OpenServer struct {
	Addr netip.Addr
	Port uint16 // TCP and UDP; 0 = the whole host: all ports and protocols
}

// ParseOpen reads an address, or an address and a port as in 192.0.2.53:53 and [2001:db8::1]:53.
func ParseOpen(text string) (OpenServer, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return OpenServer{Addr: a}, nil
	}
	to, err := netip.ParseAddrPort(text)
	return OpenServer{to.Addr(), to.Port()}, err
}

func (o OpenServer) String() string {
	if o.Port == 0 {
		return o.Addr.String()
	}
	return netip.AddrPortFrom(o.Addr, o.Port).String()
}

// MarshalText implements encoding.TextMarshaler. An entry without a port is a bare address, as in older databases.
func (o OpenServer) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *OpenServer) UnmarshalText(text []byte) (err error) {
	*o, err = ParseOpen(string(text))
	return err
}

// NormalizeOpen reads the list of servers that are reachable without a session. It drops duplicates and keeps the order.
func NormalizeOpen(field string, list []string) ([]OpenServer, Problem) {
	seen := map[OpenServer]bool{}
	entries := []OpenServer{}
	for _, text := range list {
		o, code := readOpen(text)
		if code != "" {
			return nil, Problem{field, code, Clean(text, 64)}
		}
		if !seen[o] {
			seen[o] = true
			entries = append(entries, o)
		}
	}
	return entries, Problem{}
}

// readOpen reads one entry; code is that of its Problem.
func readOpen(text string) (o OpenServer, code string) {
	o, err := ParseOpen(text)
	switch {
	case err != nil && hasAddress(text):
		return OpenServer{}, "field_open_port"
	case err != nil || o.Addr.Zone() != "":
		return OpenServer{}, "field_address"
	case o.Port == 0 && hasAddress(text): // an address and :0
		return OpenServer{}, "field_open_port"
	}
	o.Addr = o.Addr.Unmap()
	return o, ""
}

// hasAddress reports whether an entry has an address before its last colon, so that the port is wrong.
func hasAddress(text string) bool {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return false
	}
	_, err := netip.ParseAddrPort(text[:i] + ":1")
	return err == nil
}
