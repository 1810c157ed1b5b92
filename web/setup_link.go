package web

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"ideco-agent/agent/atomicfile"
)

// setupLinkLife is how long the setup link is valid.
const setupLinkLife = time.Hour

// setupLink is the link with which the first administrator account is created. It contains 256 random bits. It is written
// to a file in the data directory and shown on the terminal that started the portal.
type setupLink struct {
	path   string
	exists func(context.Context) (bool, error) // reports whether there is an administrator

	mu      sync.Mutex // guards the fields below
	digest  [32]byte
	expires time.Time
}

// newSetupLink writes a new link to path and returns it.
func newSetupLink(path string, portal net.Addr, exists func(context.Context) (bool, error)) (*setupLink, string, error) {
	token := make([]byte, 32)
	_, _ = rand.Read(token) // never fails (Go 1.24)
	text := base64.RawURLEncoding.EncodeToString(token)
	link := "https://" + reachableHost(portal) + "/setup/" + text
	s := &setupLink{
		path:    path,
		exists:  exists,
		digest:  sha256.Sum256([]byte(text)),
		expires: time.Now().Add(setupLinkLife),
	}
	if err := atomicfile.Write(s.path, []byte(link+"\n"), 0o600); err != nil {
		return nil, "", fmt.Errorf("write the setup link: %w", err)
	}
	return s, link, nil
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

// reachableHost returns host:port for a browser on this machine; loopback for a listener on all addresses.
func reachableHost(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip == nil || ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "443" {
		return host
	}
	return net.JoinHostPort(host, port)
}
