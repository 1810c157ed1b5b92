package wireguard

import (
	"errors"
	"fmt"
	"net/netip"
)

// SetNetwork takes another VPN network: the gateway gets its first address, and addresses are reserved there from now
// on. Sessions whose address it has too keep their peers; those of others are removed, which their end has done mostly.
// UDP port and key stay. On an error the tunnel goes on with the network that it had.
func (d *Device) SetNetwork(n netip.Prefix) error {
	if err := checkNetwork(n); err != nil {
		return err
	}
	d.turn.Lock()
	defer d.turn.Unlock()
	before := d.pool.network
	if n == before {
		return nil
	}
	if !d.Available() {
		return errors.New("there is no tunnel to give another network")
	}
	if err := d.link.renumber(gatewayOf(before), gatewayOf(n)); err != nil {
		return fmt.Errorf("giving the tunnel the network %s: %w", n, err)
	}
	d.pool.renumber(n)
	d.removeMisfits()
	d.log.Info("the tunnel has another network", "network", n, "before", before)
	if gatewayOf(n).Addr() == gatewayOf(before).Addr() {
		return nil
	}
	return d.moveListeners()
}

// removeMisfits removes the peers whose addresses are no longer handed out.
func (d *Device) removeMisfits() {
	for session, p := range d.misfits() {
		d.log.Warn("a session lost its place in the VPN network", "session", session, "address", p.address)
		d.removePeer(session, p)
	}
}

func (d *Device) misfits() map[string]*peer {
	list := map[string]*peer{}
	for session, p := range d.peers {
		if !d.pool.hasRoomFor(p.address) {
			list[session] = p
		}
	}
	return list
}

// moveListeners opens the ports on the new address. One that cannot be opened there is closed.
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
