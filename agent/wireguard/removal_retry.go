package wireguard

import (
	"errors"
	"io/fs"
	"time"

	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
)

// A peer that could not be removed is tried again after firstRetry, then after twice as long each time, up to maxRetry.
const (
	firstRetry = 100 * time.Millisecond
	maxRetry   = 5 * time.Second
)

// removeOrRetry removes a peer from the link, and tries again until it succeeds. Until then no other session gets its
// key or its session's address.
func (d *Device) removeOrRetry(session string, key agent.Key) {
	err := d.removeFromLink(key)
	if err == nil {
		return
	}
	d.log.Error("a peer was not removed from the tunnel; trying again", "session", session, "key", key, "error", err)
	if d.stuck[key] = session; len(d.stuck) == 1 {
		d.retryWait = firstRetry
		d.retryLater()
	}
}

// removeFromLink removes a peer from the link. A missing peer or link is no error.
func (d *Device) removeFromLink(key agent.Key) error {
	err := d.link.configure(wgtypes.Config{Peers: []wgtypes.PeerConfig{{PublicKey: wgtypes.Key(key), Remove: true}}})
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (d *Device) retryLater() { time.AfterFunc(d.retryWait, d.retry) }

func (d *Device) retry() {
	d.changing.Lock()
	defer d.changing.Unlock()
	if d.isClosed() {
		return // the link was closed with all its peers
	}
	for key, session := range d.stuck {
		if err := d.removeFromLink(key); err != nil {
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
		d.retryWait = min(2*d.retryWait, maxRetry)
		d.retryLater()
	}
}

// giveBack gives the address of a session back, at once or when its last stuck peer is removed.
func (d *Device) giveBack(session string) {
	if d.isStuck(session) {
		d.leaving[session] = true
		return
	}
	delete(d.leaving, session)
	d.pool.release(session, time.Now())
}

// isStuck reports whether a peer of the session could not be removed yet.
func (d *Device) isStuck(session string) bool {
	for _, s := range d.stuck {
		if s == session {
			return true
		}
	}
	return false
}
