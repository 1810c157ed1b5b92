package wireguard

import (
	"context"
	"time"

	"ideco-agent/agent"
)

// maxDumpAge is how old the counts may be that a replaced peer ends with; traffic since then is lost. Without it, 1,000
// agents that reconnect at once would cause 1,000 dumps of all peers.
const maxDumpAge = time.Second

// Traffic returns the traffic of every session that has a peer, by session ID, at most a few seconds old. It never
// waits for WireGuard.
func (d *Device) Traffic() map[string]agent.Traffic {
	d.mu.Lock()
	defer d.mu.Unlock()
	counts := make(map[string]agent.Traffic, len(d.peers))
	for session, p := range d.peers {
		counts[session] = p.total()
	}
	return counts
}

// recountAge is how old the counts may be after Recount. Without it, 1,000 sessions that end one by one would cause 1,000 dumps.
const recountAge = 100 * time.Millisecond

// Recount brings Traffic up to date. It ignores the IDs, because WireGuard has no counts of single peers.
func (d *Device) Recount(context.Context, []string) { d.sample(recountAge) }

// total returns the sum over the peers that the session has had.
func (p *peer) total() agent.Traffic {
	t := agent.Traffic{Rx: p.before.Rx + p.now.Rx, Tx: p.before.Tx + p.now.Tx, Handshake: p.before.Handshake}
	if p.now.Handshake.After(t.Handshake) {
		t.Handshake = p.now.Handshake
	}
	return t
}

// final returns the traffic of a session whose peer is about to be replaced.
func (d *Device) final(p *peer) agent.Traffic {
	d.sample(maxDumpAge)
	d.mu.Lock()
	defer d.mu.Unlock()
	return p.total()
}

// startPolling reads the counters regularly while there are peers. The caller holds d.changing.
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

// stopPolling ends polling if there are no peers, and reports whether it did.
func (d *Device) stopPolling() bool {
	d.changing.Lock()
	defer d.changing.Unlock()
	d.polling = len(d.peers) > 0
	return !d.polling
}

// sample reads the counters of all peers, unless the last dump began less than age ago.
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
