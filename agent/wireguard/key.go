package wireguard

import (
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// privateKey is the gateway's WireGuard key. It has no String method, so that no log line shows it by accident.
type privateKey struct{ key *ecdh.PrivateKey }

func (k privateKey) public() agent.Key { return agent.Key(k.key.PublicKey().Bytes()) }

// wgKey returns the key as a wgtypes.Config needs it.
func (k privateKey) wgKey() *wgtypes.Key {
	key := wgtypes.Key(k.key.Bytes())
	return &key
}

// canAgreeWith reports whether a handshake with this public key can work. A low-order key makes every shared secret zero.
func (k privateKey) canAgreeWith(public agent.Key) bool {
	peer, err := ecdh.X25519().NewPublicKey(public[:])
	if err != nil {
		return false
	}
	_, err = k.key.ECDH(peer)
	return err == nil
}

// isCanonical reports whether a public key has the standard X25519 encoding. Another encoding of the same point would
// pass for another key.
func isCanonical(public agent.Key) bool {
	if public[31] != 0x7f {
		return public[31] < 0x7f
	}
	for _, b := range public[1:31] {
		if b != 0xff {
			return true
		}
	}
	return public[0] < 0xed // the prime is 2^255 - 19
}

// loadKey reads the gateway's key, or makes one if there is none. The file has the format of "wg genkey".
func loadKey(path string) (privateKey, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return privateKey{}, err
	}
	key, err := agent.ParseKey(strings.TrimSpace(string(text)))
	if err != nil {
		return privateKey{}, fmt.Errorf("%w; restore the file from a backup, or move it away to have a new key made", err)
	}
	return newPrivateKey(key[:])
}

func newPrivateKey(b []byte) (privateKey, error) {
	key, err := ecdh.X25519().NewPrivateKey(b)
	return privateKey{key}, err
}

func makeKey(path string) (privateKey, error) {
	b := make([]byte, 32)
	rand.Read(b)
	b[0] &= 248 // clamped, as by "wg genkey"
	b[31] = b[31]&127 | 64
	if err := atomicfile.Write(path, []byte(agent.Key(b).String()+"\n"), 0o600); err != nil {
		return privateKey{}, err
	}
	return newPrivateKey(b)
}
