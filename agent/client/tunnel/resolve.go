package tunnel

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"ideco-agent/agent/client"
)

const (
	dialTimeout   = 30 * time.Second
	lookupTimeout = 20 * time.Second
)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// resolver looks up names for the proxy. It implements the library's socks5.NameResolver.
type resolver struct {
	resolver *net.Resolver
	suffixes []string // tried for names of one label
	absolute bool     // look names up as they are, without the computer's search list
}

// newResolver returns a resolver that asks the tunnel's DNS servers in turn, through the tunnel, or the system's when
// there are none. Go's resolver passes the computer's servers to Dial, which ignores them.
func newResolver(s client.TunnelSetup, dial dialer) *resolver {
	if len(s.DNS) == 0 {
		return &resolver{resolver: net.DefaultResolver}
	}
	var next atomic.Uint32
	dialServer := func(ctx context.Context, network, _ string) (net.Conn, error) {
		server := s.DNS[int(next.Add(1)-1)%len(s.DNS)]
		return dial(ctx, strings.TrimRight(network, "46"), netip.AddrPortFrom(server, 53).String())
	}
	return &resolver{&net.Resolver{PreferGo: true, Dial: dialServer}, s.Suffixes, true}
}

// Resolve returns an IPv4 address: the tunnel carries no IPv6.
func (r *resolver) Resolve(ctx context.Context, name string) (context.Context, net.IP, error) {
	if a, err := netip.ParseAddr(name); err == nil { // some programs send addresses as names
		return ctx, a.AsSlice(), nil
	}
	lookup, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	var failed error
	for _, candidate := range r.candidates(name) {
		addrs, err := r.resolver.LookupNetIP(lookup, "ip4", candidate)
		if err == nil && len(addrs) > 0 {
			return ctx, addrs[0].Unmap().AsSlice(), nil
		}
		failed = err
	}
	return ctx, nil, fmt.Errorf("look up a name: %w", failed)
}

func (r *resolver) candidates(name string) []string {
	if !r.absolute {
		return []string{name}
	}
	var all []string
	if !strings.Contains(name, ".") {
		for _, suffix := range r.suffixes {
			all = append(all, name+"."+suffix+".")
		}
	}
	return append(all, strings.TrimSuffix(name, ".")+".")
}
