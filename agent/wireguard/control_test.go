package wireguard

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
)

func TestParseState(t *testing.T) {
	key := newKey(t).public()
	s, err := parseState("private_key=" + strings.Repeat("11", 32) + "\nlisten_port=3051\npublic_key=" + hex.EncodeToString(key[:]) +
		"\nprotocol_version=1\nlast_handshake_time_sec=1700000000\nlast_handshake_time_nsec=5\ntx_bytes=2\nrx_bytes=1\n" +
		"persistent_keepalive_interval=0\nallowed_ip=10.0.0.2/32\n")
	want := agent.Traffic{Rx: 1, Tx: 2, Handshake: time.Unix(1700000000, 5)}
	if err != nil || s.port != 3051 || len(s.peers) != 1 || s.peers[key] != want {
		t.Errorf("state %+v (%v), want %+v", s, err, want)
	}
	never, err := parseState("public_key=" + hex.EncodeToString(key[:]) + "\nlast_handshake_time_sec=0\nlast_handshake_time_nsec=0\n")
	if err != nil || !never.peers[key].Handshake.IsZero() {
		t.Errorf("state %+v (%v), want no handshake", never, err)
	}
	for _, bad := range []string{"listen_port=65536", "public_key=12", "public_key=xx", "rx_bytes=", "tx_bytes=many"} {
		if _, err := parseState(bad + "\n"); err == nil {
			t.Errorf("%s was read", bad)
		}
	}
}
