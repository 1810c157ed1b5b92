package wireguard

import (
	"errors"
	"fmt"
	"net/netip"
)

// SetNetwork changes the VPN network. The gateway gets its first address, and Reserve takes addresses from it. Sessions
// whose address is in both networks keep their peers; the peers of others are removed, if their sessions have not ended
// yet. UDP port and key stay. After an error the tunnel keeps the old network.
func (d *Device) SetNetwork(n netip.Prefix) error {
	if err := checkNetwork(n); err != nil {
		return err
	}
	d.changing.Lock()
	defer d.changing.Unlock()
	before := d.pool.network
	if n == before {
		return nil
	}
	if !d.Available() {
		return errors.New("the tunnel is gone or closed")
	}
	if err := d.link.renumber(gatewayOf(before), gatewayOf(n)); err != nil {
		return fmt.Errorf("giving the tunnel the network %s: %w", n, err)
	}
	d.pool.renumber(n)
	d.removePeersOutside()
	d.log.Info("the tunnel has another network", "network", n, "before", before)
	if gatewayOf(n).Addr() == gatewayOf(before).Addr() {
		return nil
	}
	return d.moveListeners()
}

// removePeersOutside removes the peers whose addresses are not in the new network.
func (d *Device) removePeersOutside() {
	for session, p := range d.peersOutside() {
		d.log.Warn("a session's address is not in the new VPN network; removing its peer", "session", session, "address", p.address)
		d.removePeer(session, p)
	}
}

func (d *Device) peersOutside() map[string]*peer {
	list := map[string]*peer{}
	for session, p := range d.peers {
		if !d.pool.contains(p.address) {
			list[session] = p
		}
	}
	return list
}

// moveListeners opens the ports on the new address. A listener whose port cannot be opened there is closed.
func (d *Device) moveListeners() (err error) {
	for l := range d.listeners {
		inner, failure := d.listen(l.port)
		if failure != nil {
			err = errors.Join(err, failure, l.shut())
			delete(d.listeners, l)
			continue
		}
		l.move(inner)
	}
	return err
}
