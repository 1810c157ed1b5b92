package wireguard

import (
	"time"

	"ideco-agent/agent"
)

// fresh is how old a dump may be when a peer is replaced: what went through since is not counted. Without it, a thousand
// agents that come back at once would have every peer dumped a thousand times.
const fresh = time.Second

// Traffic returns the count of every session that has a peer, by session ID, at most a few seconds old. It never waits
// for WireGuard.
func (d *Device) Traffic() map[string]agent.Traffic {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[string]agent.Traffic, len(d.peers))
	for session, p := range d.peers {
		counts[session] = p.total()
	}
	return counts
}

// total is what a session's peers have counted together.
func (p *peer) total() agent.Traffic {
	t := agent.Traffic{Rx: p.before.Rx + p.now.Rx, Tx: p.before.Tx + p.now.Tx, Handshake: p.before.Handshake}
	if p.now.Handshake.After(t.Handshake) {
		t.Handshake = p.now.Handshake
	}
	return t
}

// final is the count of a peer that is about to be replaced.
func (d *Device) final(p *peer) agent.Traffic {
	d.sample(fresh)
	d.mu.Lock()
	defer d.mu.Unlock()
	return p.total()
}

// startPolling has the counters read for as long as there are peers. For whoever has the turn.
func (d *Device) startPolling() {
	if !d.polling {
		d.polling = true
		go d.poll()
	}
}

func (d *Device) poll() {
	ticker := time.NewTicker(d.every)
	defer ticker.Stop()
	for {
		select {
		case <-d.done:
			return
		case <-ticker.C:
		}
		if d.stopPolling() {
			return
		}
		d.sample(0)
	}
}

// stopPolling tells whether there is nothing left to poll for.
func (d *Device) stopPolling() bool {
	d.turn.Lock()
	defer d.turn.Unlock()
	d.polling = len(d.peers) > 0
	return !d.polling
}

// sample reads the counters of all peers, unless that was done less than a given time ago.
func (d *Device) sample(age time.Duration) {
	d.sampling.Lock()
	defer d.sampling.Unlock()
	if time.Since(d.sampled) < age {
		return
	}
	d.sampled = time.Now()
	d.mu.Lock()
	born := d.born
	d.mu.Unlock()
	state, err := d.link.dump()
	if err != nil {
		d.log.Warn("the traffic of the tunnel was not read", "error", err)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.peers {
		if now, ok := state.peers[p.key]; ok && p.born <= born {
			p.now = now
		}
	}
}
