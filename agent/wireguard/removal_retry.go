package wireguard

import (
	"errors"
	"io/fs"
	"time"

	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
)

// A peer that could not be removed is tried again after the first of these, then after twice as long, up to the second.
const (
	firstRetry = 100 * time.Millisecond
	lastRetry  = 5 * time.Second
)

// takeAway removes a peer from the link, now or as soon as it works. Until then nobody else gets its key, and nobody
// gets the address of its session.
func (d *Device) takeAway(session string, key agent.Key) {
	err := d.remove(key)
	if err == nil {
		return
	}
	d.log.Error("a peer was not removed from the tunnel; trying again", "session", session, "key", key, "error", err)
	if d.stuck[key] = session; len(d.stuck) == 1 {
		d.retryWait = firstRetry
		d.retryLater()
	}
}

// remove takes a peer off the link. One that is not there, or a link that is not, is no error.
func (d *Device) remove(key agent.Key) error {
	err := d.link.configure(wgtypes.Config{Peers: []wgtypes.PeerConfig{{PublicKey: wgtypes.Key(key), Remove: true}}})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (d *Device) retryLater() { time.AfterFunc(d.retryWait, d.retry) }

// retry tries all stuck peers once more.
func (d *Device) retry() {
	d.turn.Lock()
	defer d.turn.Unlock()
	if d.isClosed() {
		return // the link has gone with all its peers
	}
	for key, session := range d.stuck {
		if err := d.remove(key); err != nil {
			d.log.Error("a peer is still in the tunnel", "session", session, "key", key, "error", err)
			continue
		}
		delete(d.stuck, key)
		d.log.Warn("a peer was removed late", "session", session, "key", key)
		if d.leaving[session] {
			d.giveBack(session)
		}
	}
	if len(d.stuck) > 0 {
		d.retryWait = min(2*d.retryWait, lastRetry)
		d.retryLater()
	}
}

// giveBack gives the address of a session back, at once or when its last peer is gone.
func (d *Device) giveBack(session string) {
	if d.isStuck(session) {
		d.leaving[session] = true
		return
	}
	delete(d.leaving, session)
	d.pool.release(session, time.Now())
}

// isStuck tells whether a peer of the session could not be removed yet.
func (d *Device) isStuck(session string) bool {
	for _, s := range d.stuck {
		if s == session {
			return true
		}
	}
	return false
}
