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

// memory is a link without packets, which fails as often as it is told to.
type memory struct {
	mu    sync.Mutex
	peers map[agent.Key]wgtypes.PeerConfig
	count map[agent.Key]agent.Traffic
	dumps int
	fail  int // so many removals
	gap   func()
	torn  bool
}

func newMemory() *memory {
	return &memory{peers: map[agent.Key]wgtypes.PeerConfig{}, count: map[agent.Key]agent.Traffic{}}
}

var errBroken = errors.New("no memory for netlink")

func (m *memory) configure(c wgtypes.Config) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.torn {
		return fs.ErrNotExist
	}
	for _, p := range c.Peers {
		if !p.Remove {
			m.peers[agent.Key(p.PublicKey)] = p
			m.count[agent.Key(p.PublicKey)] = agent.Traffic{}
			continue
		}
		if m.fail > 0 {
			m.fail--
			return errBroken
		}
		delete(m.peers, agent.Key(p.PublicKey))
		delete(m.count, agent.Key(p.PublicKey))
	}
	return nil
}

func (m *memory) dump() (state, error) {
	m.mu.Lock()
	m.dumps++
	s := state{port: 3051, peers: map[agent.Key]agent.Traffic{}}
	for k, t := range m.count {
		s.peers[k] = t
	}
	gap := m.gap
	m.mu.Unlock()
	if gap != nil {
		gap()
	}
	return s, nil
}

// counts sets what a peer has counted.
func (m *memory) counts(k agent.Key, t agent.Traffic) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.count[k] = t
}

func (m *memory) has(k agent.Key) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	_, ok := m.peers[k]
	return ok
}

func (m *memory) mode() string                                { return ModeKernel }
func (m *memory) renumber(_, _ netip.Prefix) error            { return nil }
func (m *memory) listen(netip.AddrPort) (net.Listener, error) { return nil, errBroken }
func (m *memory) repair(netip.Prefix) (string, error)         { return "", nil }
func (m *memory) gone() <-chan struct{}                       { return nil }
func (m *memory) close() error                                { return nil }
