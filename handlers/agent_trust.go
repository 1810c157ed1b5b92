package handlers

import (
	"cmp"

	"ideco-agent/agent/protocol"
)

// sendTrust tells an agent with a pin the saved domain and the next root, so that it still trusts the gateway after they change. It does
// nothing for other agents, before update was sent, and if the agent was told already.
func (a *agentConn) sendTrust() error {
	if a.pin == "" || !a.updated.Load() {
		return nil
	}
	a.trusting.Lock() // so that the last message has the newest state
	defer a.trusting.Unlock()
	root := a.site.Root
	m := protocol.Trust{Type: protocol.TypeTrust, Domain: cmp.Or(a.site.Settings.Current().Domain, a.host)}
	next, from := root.Successor(a.pin)
	if m.PinNext = next; next != "" {
		m.NotBefore = rfc3339(from)
	}
	if m == a.told {
		return nil
	}
	a.told = m
	var err error
	if m.Signature, err = root.Sign(a.pin, m.TrustText()); err != nil {
		a.site.Log.Error("an agent is not told the domain and the next root", "peer", a.peer, "error", err)
		return nil
	}
	return a.send(m)
}

// TrustChanged tells the connected agents the saved domain and the next root. It does not wait for them.
func (s *Site) TrustChanged() {
	for _, a := range s.agents.all() {
		s.agents.run(func() {
			if err := a.sendTrust(); err != nil {
				s.Log.Debug("an agent was not told the domain and the next root", "peer", a.peer, "error", err)
			}
		})
	}
}
