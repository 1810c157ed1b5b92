package e2e

import (
	"bufio"
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/coder/websocket"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/tun/tuntest"

	"ideco-agent/agent/protocol"
)

// raise opens an agent's end of the tunnel and waits for the handshake. Only keepalives go through it.
func (a *swarmAgent) raise(ctx context.Context, ws *websocket.Conn) error {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	frame, err := json.Marshal(protocol.TunnelRequest{Type: protocol.TypeTunnelWG,
		PublicKey: base64.StdEncoding.EncodeToString(key.PublicKey().Bytes())})
	if err != nil {
		return err
	}
	if err := ws.Write(ctx, websocket.MessageText, frame); err != nil {
		return err
	}
	_, answer, err := ws.Read(ctx)
	if err != nil {
		return err
	}
	var reply protocol.TunnelReply
	if err := json.Unmarshal(answer, &reply); err != nil || reply.Type != protocol.TypeTunnelWG {
		return fmt.Errorf("tunnel: %s, %v", answer, err)
	}
	a.tunnel = device.NewDevice(tuntest.NewChannelTUN().TUN(), conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))
	config := fmt.Sprintf("private_key=%s\npublic_key=%s\npreshared_key=%s\nendpoint=127.0.0.1:%d\npersistent_keepalive_interval=%d\nallowed_ip=0.0.0.0/0\n",
		hex.EncodeToString(key.Bytes()), hexKey(reply.PublicKey), hexKey(reply.PresharedKey), reply.ServerPort, reply.Keepalive)
	if err := a.tunnel.IpcSet(config); err != nil {
		return err
	}
	if err := a.tunnel.Up(); err != nil {
		return err
	}
	return a.waitHandshake()
}

func (a *swarmAgent) waitHandshake() error {
	deadline := time.After(patience)
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		state, err := a.tunnel.IpcGet()
		if err != nil {
			return err
		}
		for lines := bufio.NewScanner(strings.NewReader(state)); lines.Scan(); {
			if s, ok := strings.CutPrefix(lines.Text(), "last_handshake_time_sec="); ok && s != "0" {
				return nil
			}
		}
		select {
		case <-tick.C:
		case <-deadline:
			return errors.New("no handshake")
		}
	}
}

func hexKey(text string) string {
	b, _ := base64.StdEncoding.DecodeString(text)
	return hex.EncodeToString(b)
}
