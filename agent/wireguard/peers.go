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

// peer is the WireGuard peer of a session. Device.mu guards its counts.
type peer struct {
	key     agent.Key
	address netip.Addr
	born    uint64        // Device.born after this peer was added; dumps that began earlier do not count it
	before  agent.Traffic // of the peers that this one has replaced
	now     agent.Traffic // of this peer
}

// Reserve reserves an address of the VPN network for a session: the one that it holds, otherwise its Address if that is
// free, otherwise one that its person had before, otherwise the one that has been free for the longest time. Errors:
// *agent.Error with CodePoolExhausted or CodeVPNUnavailable; ctx.Err.
func (d *Device) Reserve(ctx context.Context, s agent.Session) (netip.Addr, error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if err := d.checkUsable(ctx); err != nil {
		return netip.Addr{}, err
	}
	delete(d.leaving, s.ID)
	return d.pool.reserve(holder{s.ID, s.UserID}, s.Address, time.Now())
}

// Up adds the peer of a session on its reserved Address, and replaces the one that it had. Errors: *agent.Error with
// CodeBadMessage for a key that is invalid or in use, or CodeVPNUnavailable; ctx.Err; of WireGuard.
func (d *Device) Up(ctx context.Context, s agent.Session, key agent.Key) (agent.TunnelConfig, error) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if err := d.checkUsable(ctx); err != nil {
		return agent.TunnelConfig{}, err
	}
	if err := d.checkKey(s.ID, key); err != nil {
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

// checkKey returns why a session may not use a key.
func (d *Device) checkKey(session string, key agent.Key) error {
	owner, owned := d.owners[key]
	_, stuck := d.stuck[key]
	switch {
	case key == d.public:
		return errors.New("the public key is the gateway's")
	case owned && owner != session, stuck:
		return errors.New("another session holds the public key")
	case key.IsZero(), !isCanonical(key), !d.secret.canAgreeWith(key):
		return errors.New("this is not an X25519 public key")
	}
	return nil
}

// addPeer adds a peer to the link and records it.
func (d *Device) addPeer(session string, p *peer) (agent.TunnelConfig, error) {
	var preshared agent.Key
	rand.Read(preshared[:])
	if err := d.link.configure(wgtypes.Config{Peers: []wgtypes.PeerConfig{peerConfig(p, preshared)}}); err != nil {
		d.removeOrRetry(session, p.key) // it may have been added in part
		return agent.TunnelConfig{}, fmt.Errorf("adding the peer of session %s: %w", session, asUnavailable(err))
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

// asUnavailable turns the error of an interface that was removed into CodeVPNUnavailable.
func asUnavailable(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &agent.Error{Code: agent.CodeVPNUnavailable, Err: err}
	}
	return err
}

func peerConfig(p *peer, preshared agent.Key) wgtypes.PeerConfig {
	secret := wgtypes.Key(preshared)
	only := net.IPNet{IP: p.address.AsSlice(), Mask: net.CIDRMask(32, 32)}
	return wgtypes.PeerConfig{PublicKey: wgtypes.Key(p.key), PresharedKey: &secret, ReplaceAllowedIPs: true,
		AllowedIPs: []net.IPNet{only}}
}

// Release removes the peer of a session and gives its address back, also after the context has ended.
func (d *Device) Release(_ context.Context, s agent.Session) {
	d.changing.Lock()
	defer d.changing.Unlock()
	if p := d.peers[s.ID]; p != nil {
		d.removePeer(s.ID, p)
	}
	d.giveBack(s.ID)
}

// removePeer removes the peer of a session. After a failure it is tried again until it succeeds.
func (d *Device) removePeer(session string, p *peer) {
	d.mu.Lock()
	delete(d.peers, session)
	d.mu.Unlock()
	delete(d.owners, p.key)
	d.removeOrRetry(session, p.key)
}
