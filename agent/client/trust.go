package client

import (
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/protocol"
)

// learned is what a gateway has told an agent by the message trust. The zero value means nothing.
type learned struct {
	// Hosts are the names of the gateway in the order in which the agent tries them. Config.Host is among them. Empty = only
	// Config.Host.
	Hosts []string `json:"hosts"`
	// Pins replace Config.Pins, the oldest first. Those after the pin of the current root belong to announced roots. Empty =
	// Config.Pins.
	Pins []Pin `json:"pins"`
}

// hosts returns the names of the gateway in the order in which to try them.
func (c *client) hosts() []string {
	if len(c.learned.Hosts) > 0 {
		return c.learned.Hosts
	}
	return []string{c.cfg.Host}
}

// pins returns the pins of the gateway, the oldest first.
func (c *client) pins() []Pin {
	if len(c.learned.Pins) > 0 {
		return c.learned.Pins
	}
	return c.cfg.Pins
}

// learn handles the message trust. It ignores a message that is not signed by the pinned root of this connection's chain.
func (c *client) learn(l *link, m *protocol.Trust) {
	root, pin := l.root(c.pins())
	if root == nil {
		c.cfg.Log("trust is ignored: no pin matches the chain of the connection")
		return
	}
	next, err := checkTrust(m, root)
	if err != nil {
		c.cfg.Log("trust is ignored: " + err.Error())
		return
	}
	now := learned{Hosts: hostsAfter(m.Domain, c.host, c.cfg.Host), Pins: pinsAfter(c.pins(), pin, next)}
	if len(now.Hosts) == 1 {
		now.Hosts = nil
	}
	if reflect.DeepEqual(now.Pins, c.cfg.Pins) {
		now.Pins = nil
	}
	if reflect.DeepEqual(now, c.learned) {
		return
	}
	c.learned = now
	c.cfg.Log(fmt.Sprintf("the gateway's names are now %v and its pins %v; start of the next root: %q", c.hosts(), c.pins(), m.NotBefore))
	if err := c.cfg.Trust.save(trustKey(c.cfg), now); err != nil {
		c.cfg.Log(err.Error())
	}
}

// root returns the root of the connection's chain that matches a pin, and that pin; nil = none.
func (l *link) root(pins []Pin) (*x509.Certificate, Pin) {
	conn, ok := l.conn.(*tls.Conn)
	if !ok {
		return nil, Pin{}
	}
	return pinnedRoot(conn.ConnectionState().PeerCertificates, pins)
}

// checkTrust checks the form and the signature of the message. next is the announced pin; nil = none.
func checkTrust(m *protocol.Trust, root *x509.Certificate) (next *Pin, err error) {
	if host, removed, wrong := agent.ParseDomain(m.Domain); wrong.Code != "" || removed != "" || host != m.Domain {
		return nil, errors.New("malformed domain")
	}
	if m.PinNext != "" {
		if next, err = ParsePin(m.PinNext); err != nil {
			return nil, err
		}
		if _, err = time.Parse(time.RFC3339, m.NotBefore); err != nil {
			return nil, errors.New("malformed time")
		}
	} else if m.NotBefore != "" {
		return nil, errors.New("a time without a pin")
	}
	key, ok := root.PublicKey.(*ecdsa.PublicKey)
	signature, err := base64.StdEncoding.DecodeString(m.Signature)
	digest := sha256.Sum256(m.TrustText())
	if !ok || err != nil || !ecdsa.VerifyASN1(key, digest[:], signature) {
		return nil, errors.New("wrong signature")
	}
	return next, nil
}

// hostsAfter returns the hosts to try, without repetitions. The name that works now comes before the configured one, because the
// administrator may have removed that, and the new domain may not resolve yet.
func hostsAfter(domain, works, configured string) (hosts []string) {
	for _, host := range []string{domain, works, configured} {
		if !agent.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// pinsAfter returns the pins to keep after a message over a chain that matched current: those up to current, and next unless nil. A pin
// after current was announced earlier. If it is no longer announced, the change was cancelled.
func pinsAfter(pins []Pin, current Pin, next *Pin) []Pin {
	var kept []Pin
	for _, p := range pins {
		kept = append(kept, p)
		if p == current {
			break
		}
	}
	if next != nil && !agent.Contains(kept, *next) {
		kept = append(kept, *next)
	}
	if len(kept) > protocol.MaxPins {
		kept = kept[len(kept)-protocol.MaxPins:]
	}
	return kept
}

// trustKey identifies the gateway in a TrustFile by its configuration, so that nothing learned is used with another address or pin.
func trustKey(cfg Config) string {
	key := []string{hostPort(cfg.Host, cfg.Port)}
	for _, p := range cfg.Pins {
		key = append(key, p.String())
	}
	return strings.Join(key, " ")
}
