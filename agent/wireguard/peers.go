package wireguard

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"time"

	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
)

// peer is the peer of a session. The mutex of the Device guards its counts.
type peer struct {
	key     agent.Key
	address netip.Addr
	born    uint64        // counts from a dump that began before are not this peer's
	before  agent.Traffic // of the peers that this one replaced
	now     agent.Traffic // of this one
}

// Reserve sets an address of the VPN network aside for a session: the one that it holds, otherwise its Address where
// that is free, otherwise one that its person had before, otherwise the one that has been free for the longest time. Errors: *agent.Error with CodePoolExhausted
// or CodeVPNUnavailable; ctx.Err.
func (d *Device) Reserve(ctx context.Context, s agent.Session) (netip.Addr, error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.usable(ctx); err != nil {
		return netip.Addr{}, err
	}
	delete(d.leaving, s.ID)
	return d.pool.reserve(holder{s.ID, s.UserID}, s.Address, time.Now())
}

// Up makes the peer of a session on its reserved Address, in place of the one that it had. Errors: *agent.Error with
// CodeBadMessage for a key that somebody else holds or that is none, or CodeVPNUnavailable; ctx.Err; what WireGuard
// answered.
func (d *Device) Up(ctx context.Context, s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
	d.turn.Lock()
	defer d.turn.Unlock()
	if err := d.usable(ctx); err != nil {
		return agent.TunnelConfig{}, err
	}
	if err := d.mayHave(s.ID, key); err != nil {
		return agent.TunnelConfig{}, &agent.Error{Code: agent.CodeBadMessage, Err: err}
	}
	address, ok := d.pool.holders[s.ID]
	if !ok || address != s.Address {
		return agent.TunnelConfig{}, fmt.Errorf("session %s has not reserved %s", s.ID, s.Address)
	}
	next := &peer{key: key, address: address}
	if old := d.peers[s.ID]; old != nil {
		next.before = d.final(old)
		d.removePeer(s.ID, old)
	}
	if _, stuck := d.stuck[key]; stuck {
		return agent.TunnelConfig{}, fmt.Errorf("the peer that session %s had was not removed", s.ID)
	}
	return d.addPeer(s.ID, next)
}

// mayHave tells why a session may not have a key.
func (d *Device) mayHave(session string, key agent.Key) error {
	owner, owned := d.owners[key]
	_, stuck := d.stuck[key]
	switch {
	case key == d.public:
		return errors.New("the public key is the gateway's")
	case owned && owner != session, stuck:
		return errors.New("another session holds the public key")
	case key.IsZero(), !isCanonical(key), !d.secret.reaches(key):
		return errors.New("the public key is none of X25519")
	}
	return nil
}

// addPeer makes a peer and makes it known.
func (d *Device) addPeer(session string, p *peer) (agent.TunnelConfig, error) {
	var preshared agent.Key
	rand.Read(preshared[:])
	if err := d.link.configure(wgtypes.Config{Peers: []wgtypes.PeerConfig{addition(p, preshared)}}); err != nil {
		d.takeAway(session, p.key) // it may be there in part
		return agent.TunnelConfig{}, fmt.Errorf("adding the peer of session %s: %w", session, gone(err))
	}
	d.owners[p.key] = session
	d.mu.Lock()
	d.born++
	p.born = d.born
	d.peers[session] = p
	d.mu.Unlock()
	d.startPolling()
	return agent.TunnelConfig{
		ServerPort: int(d.port), PublicKey: d.public, PresharedKey: preshared,
		Address: netip.PrefixFrom(p.address, p.address.BitLen()), MTU: MTU, Keepalive: Keepalive,
	}, nil
}

// gone makes the refusal for an interface that was removed by somebody else.
func gone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &agent.Error{Code: agent.CodeVPNUnavailable, Err: err}
	}
	return err
}

func addition(p *peer, preshared agent.Key) wgtypes.PeerConfig {
	secret := wgtypes.Key(preshared)
	only := net.IPNet{IP: p.address.AsSlice(), Mask: net.CIDRMask(32, 32)}
	return wgtypes.PeerConfig{PublicKey: wgtypes.Key(p.key), PresharedKey: &secret, ReplaceAllowedIPs: true,
		AllowedIPs: []net.IPNet{only}}
}

// Release removes the peer of a session and gives its address back. It does so even for a caller who has gone.
func (d *Device) Release(_ context.Context, s agent.Session) {
	d.turn.Lock()
	defer d.turn.Unlock()
	if p := d.peers[s.ID]; p != nil {
		d.removePeer(s.ID, p)
	}
	d.giveBack(s.ID)
}

// removePeer takes the peer of a session away. Where that fails it is tried again until it works.
func (d *Device) removePeer(session string, p *peer) {
	d.mu.Lock()
	delete(d.peers, session)
	d.mu.Unlock()
	delete(d.owners, p.key)
	d.takeAway(session, p.key)
}
