package wireguard

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"sync"

	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
)

// fakeLink is a link without packets. Its next removals fail, as many as failures says.
type fakeLink struct {
	mu           sync.Mutex
	peers        map[agent.Key]wgtypes.PeerConfig
	count        map[agent.Key]agent.Traffic
	dumps        int
	failures     int // removals still to fail
	whileDumping func()
	removed      bool
}

func newFakeLink() *fakeLink {
	return &fakeLink{peers: map[agent.Key]wgtypes.PeerConfig{}, count: map[agent.Key]agent.Traffic{}}
}

var errBroken = errors.New("no memory for netlink")

func (m *fakeLink) configure(c wgtypes.Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.removed {
		return fs.ErrNotExist
	}
	for _, p := range c.Peers {
		if !p.Remove {
			m.peers[agent.Key(p.PublicKey)] = p
			m.count[agent.Key(p.PublicKey)] = agent.Traffic{}
			continue
		}
		if m.failures > 0 {
			m.failures--
			return errBroken
		}
		delete(m.peers, agent.Key(p.PublicKey))
		delete(m.count, agent.Key(p.PublicKey))
	}
	return nil
}

func (m *fakeLink) dump() (state, error) {
	m.mu.Lock()
	m.dumps++
	s := state{port: 3051, peers: map[agent.Key]agent.Traffic{}}
	for k, t := range m.count {
		s.peers[k] = t
	}
	interrupt := m.whileDumping
	m.mu.Unlock()
	if interrupt != nil {
		interrupt()
	}
	return s, nil
}

func (m *fakeLink) setCount(k agent.Key, t agent.Traffic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count[k] = t
}

func (m *fakeLink) has(k agent.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.peers[k]
	return ok
}

func (m *fakeLink) mode() string                                { return ModeKernel }
func (m *fakeLink) renumber(_, _ netip.Prefix) error            { return nil }
func (m *fakeLink) listen(netip.AddrPort) (net.Listener, error) { return nil, errBroken }
func (m *fakeLink) repair(netip.Prefix) (string, error)         { return "", nil }
func (m *fakeLink) gone() <-chan struct{}                       { return nil }
func (m *fakeLink) close() error                                { return nil }
