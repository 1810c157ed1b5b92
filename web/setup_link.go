package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// setupLinkLife is how long the setup link is valid.
const setupLinkLife = time.Hour

// setupLinkFile has the link in the data directory.
const setupLinkFile = "setup-link"

// setupLink is the link with which the first administrator account is created. It contains 256 random bits. It is written
// to a file in the data directory and shown on the terminal that started the portal, once for each host of the portal.
type setupLink struct {
	path   string
	exists func(context.Context) (bool, error) // reports whether there is an administrator

	mu      sync.Mutex // guards the fields below
	digest  [32]byte
	expires time.Time
}

// newSetupLink writes a new link to path, a line for each host of the portal, and returns these lines.
func newSetupLink(path string, hosts []string, exists func(context.Context) (bool, error)) (*setupLink, []string, error) {
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails (Go 1.24)
	text := base64.RawURLEncoding.EncodeToString(token)
	links := make([]string, len(hosts))
	for i, host := range hosts {
		links[i] = "https://" + host + "/setup/" + text
	}
	s := &setupLink{
		path:    path,
		exists:  exists,
		digest:  sha256.Sum256([]byte(text)),
		expires: time.Now().Add(setupLinkLife),
	}
	if err := atomicfile.Write(s.path, []byte(strings.Join(links, "\n")+"\n"), 0o600); err != nil {
		return nil, nil, fmt.Errorf("write the setup link: %w", err)
	}
	return s, links, nil
}

// Valid reports whether the token is the link's, the link has not expired and there is no administrator yet. A nil link is
// never valid.
func (s *setupLink) Valid(ctx context.Context, token string) bool {
	if s == nil {
		return false
	}
	if exists, err := s.exists(ctx); err != nil || exists {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := sha256.Sum256([]byte(token))
	return time.Now().Before(s.expires) && subtle.ConstantTimeCompare(digest[:], s.digest[:]) == 1
}

// Needed reports whether there is no administrator yet. A nil link belongs to a gateway that had one when it started.
func (s *setupLink) Needed(ctx context.Context) bool {
	if s == nil {
		return false
	}
	exists, err := s.exists(ctx)
	return err == nil && !exists
}

// Void invalidates the link and deletes its file.
func (s *setupLink) Void() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expires = time.Time{}
	_ = os.Remove(s.path)
}

// portalHosts returns host:port of a listener for a browser on this machine, which comes first, and for browsers in the
// local networks. own has this machine's addresses.
func portalHosts(portal net.Addr, local agent.Settings, own []netip.Addr) []string {
	listens, err := netip.ParseAddrPort(portal.String())
	if err != nil {
		return []string{portal.String()}
	}
	addrs := []netip.Addr{listens.Addr()}
	if listens.Addr().IsUnspecified() {
		addrs = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
		for _, a := range own {
			if !a.IsLoopback() && local.InLocalNetworks(a) {
				addrs = append(addrs, a)
			}
		}
	}
	hosts := make([]string, len(addrs))
	for i, a := range addrs {
		if hosts[i] = netip.AddrPortFrom(a, listens.Port()).String(); listens.Port() == 443 {
			hosts[i] = bracketed(a.String())
		}
	}
	return hosts
}
