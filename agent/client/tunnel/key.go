package tunnel

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"

	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent"
	"ideco-agent/agent/client"
)

// privateKey has no String method, so that it is not logged by accident.
type privateKey [32]byte

func newKey() (privateKey, agent.Key, error) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return privateKey{}, agent.Key{}, fmt.Errorf("tunnel key: %w", err)
	}
	var private privateKey
	var public agent.Key
	copy(private[:], k.Bytes())
	copy(public[:], k.PublicKey().Bytes())
	return private, public, nil
}

// configure sets the device's key and replaces its only peer, the gateway. The peer is created anew, because a gateway
// that has removed and re-added this agent does not answer to the state of the old handshake. The device clamps the
// private key itself.
func configure(d *device.Device, key privateKey, s client.TunnelSetup) error {
	var b strings.Builder
	line := func(name, value string) { b.WriteString(name + "=" + value + "\n") }
	line("private_key", hex.EncodeToString(key[:]))
	line("replace_peers", "true")
	line("public_key", hex.EncodeToString(s.PublicKey[:]))
	if !s.PresharedKey.IsZero() {
		line("preshared_key", hex.EncodeToString(s.PresharedKey[:]))
	}
	line("endpoint", s.Endpoint.String())
	for _, n := range s.Nets {
		line("allowed_ip", n.String())
	}
	line("persistent_keepalive_interval", fmt.Sprint(int(s.Keepalive.Seconds()))) // also makes the first handshake
	if err := d.IpcSet(b.String()); err != nil {
		return fmt.Errorf("tunnel: configure wireguard-go: %w", err)
	}
	return nil
}
