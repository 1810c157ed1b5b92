package agent

import (
	"net/netip"
	"strings"
)

// Open is a server that LAN hosts reach without a session.
type Open struct {
	Addr netip.Addr
	Port uint16 // TCP and UDP; 0 = the whole host: all ports and protocols
}

// ParseOpen reads what String writes: an address, or address and port as in 192.0.2.53:53 and [2001:db8::1]:53.
func ParseOpen(text string) (Open, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return Open{Addr: a}, nil
	}
	to, err := netip.ParseAddrPort(text)
	return Open{to.Addr(), to.Port()}, err
}

func (o Open) String() string {
	if o.Port == 0 {
		return o.Addr.String()
	}
	return netip.AddrPortFrom(o.Addr, o.Port).String()
}

// MarshalText implements encoding.TextMarshaler. A stored entry without a port is a bare address, as it was when there
// were no ports.
func (o Open) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (o *Open) UnmarshalText(text []byte) (err error) {
	*o, err = ParseOpen(string(text))
	return err
}

// NormalizeOpen reads entries of the list of what is reachable without a session. Duplicates are dropped; the order stays.
func NormalizeOpen(field string, list []string) ([]Open, Problem) {
	seen := map[Open]bool{}
	entries := []Open{}
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

// readOpen reads an entry that a person wrote; code says what is wrong with it.
func readOpen(text string) (o Open, code string) {
	o, err := ParseOpen(text)
	switch {
	case err != nil && hasAddress(text):
		return Open{}, "field_open_port"
	case err != nil || o.Addr.Zone() != "":
		return Open{}, "field_address"
	case o.Port == 0 && hasAddress(text): // an address and :0
		return Open{}, "field_open_port"
	}
	o.Addr = o.Addr.Unmap()
	return o, ""
}

// hasAddress tells whether an address stands before the last colon of an entry, and is written as one with a port is.
func hasAddress(text string) bool {
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return false
	}
	_, err := netip.ParseAddrPort(text[:i] + ":1")
	return err == nil
}
