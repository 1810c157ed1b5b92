package gatewaytest

import (
	"crypto/ecdh"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"
	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"

	"ideco-agent/agent"
	"ideco-agent/agent/netstack"
	"ideco-agent/agent/protocol"
)

// Tunnel is a gateway's end of WireGuard tunnels, on a UDP port of this machine. Inside the tunnel there are a web
// server on port 80, which returns the address of the request, and a DNS server.
type Tunnel struct {
	Address   netip.Addr // inside the tunnel
	Port      int        // UDP
	PublicKey agent.Key

	t      testing.TB
	device *device.Device
	stack  *netstack.TUN
}

const tunnelMTU = 1420

// NewTunnel starts a Tunnel that runs until the test ends. names, without a final dot, are for its DNS server.
func NewTunnel(t testing.TB, address netip.Addr, names map[string]netip.Addr) *Tunnel {
	stack, err := netstack.New(address, tunnelMTU)
	if err != nil {
		t.Fatal(err)
	}
	private, public := newPair(t)
	g := &Tunnel{Address: address, PublicKey: public, t: t, stack: stack,
		device: device.NewDevice(stack, conn.NewDefaultBind(), device.NewLogger(device.LogLevelSilent, ""))}
	t.Cleanup(g.device.Close)
	g.set("private_key=" + hex.EncodeToString(private[:]))
	if err := g.device.Up(); err != nil {
		t.Fatal(err)
	}
	g.Port, err = strconv.Atoi(g.get("listen_port"))
	if err != nil {
		t.Fatal(err)
	}
	g.servePage()
	g.serveNames(names)
	return g
}

// SetPeer makes the agent the only peer, with its public key and its address inside the tunnel.
func (g *Tunnel) SetPeer(public string, preshared agent.Key, address netip.Addr) {
	key, err := agent.ParseKey(public)
	if err != nil {
		g.t.Errorf("from the agent: public key %q: %v", public, err)
		return
	}
	g.set("replace_peers=true", "public_key="+hex.EncodeToString(key[:]),
		"preshared_key="+hex.EncodeToString(preshared[:]), "allowed_ip="+netip.PrefixFrom(address, 32).String())
}

// RemovePeers removes all peers.
func (g *Tunnel) RemovePeers() { g.set("replace_peers=true") }

// Reply returns the gateway's answer to a request for a tunnel.
func (g *Tunnel) Reply(preshared agent.Key, address netip.Addr, nets ...string) protocol.TunnelReply {
	return protocol.TunnelReply{Type: protocol.TypeTunnelWG, ServerPort: g.Port, PublicKey: g.PublicKey.String(),
		ClientTunnelIPv4: netip.PrefixFrom(address, 16).String(), ForwardNets: nets, PresharedKey: preshared.String(),
		MTU: tunnelMTU, Keepalive: 25}
}

func (g *Tunnel) set(lines ...string) {
	if err := g.device.IpcSet(strings.Join(lines, "\n") + "\n"); err != nil {
		g.t.Errorf("configure wireguard-go: %v", err)
	}
}

func (g *Tunnel) get(name string) string {
	state, err := g.device.IpcGet()
	if err != nil {
		g.t.Fatal(err)
	}
	_, value, _ := strings.Cut(state, name+"=")
	value, _, _ = strings.Cut(value, "\n")
	return value
}

func (g *Tunnel) servePage() {
	listener, err := g.stack.Listen(netip.AddrPortFrom(g.Address, 80))
	if err != nil {
		g.t.Fatal(err)
	}
	server := &http.Server{ErrorLog: quiet(), Handler: http.HandlerFunc(page)}
	go server.Serve(listener)
	g.t.Cleanup(func() { server.Close() })
}

// page returns the client's address; for /N it appends N bytes.
func page(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintln(w, r.RemoteAddr)
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	for block := make([]byte, 32<<10); err == nil && n > 0; n -= len(block) {
		if n < len(block) {
			block = block[:n]
		}
		if _, err := w.Write(block); err != nil {
			return // the client has disconnected
		}
	}
}

func (g *Tunnel) serveNames(names map[string]netip.Addr) {
	server, err := g.stack.ListenPacket(netip.AddrPortFrom(g.Address, 53))
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { server.Close() })
	go func() {
		query := make([]byte, 1500)
		for {
			n, from, err := server.ReadFrom(query)
			if err != nil {
				return
			}
			if reply, err := answer(query[:n], names); err == nil {
				_, _ = server.WriteTo(reply, from)
			}
		}
	}()
}

// answer answers queries for A records.
func answer(query []byte, names map[string]netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		return nil, err
	}
	m.Response, m.RecursionAvailable, m.RCode = true, true, dnsmessage.RCodeNameError
	m.Additionals = nil
	for _, q := range m.Questions {
		a, known := names[strings.TrimSuffix(q.Name.String(), ".")]
		if !known {
			continue
		}
		m.RCode = dnsmessage.RCodeSuccess
		if q.Type == dnsmessage.TypeA {
			m.Answers = append(m.Answers, dnsmessage.Resource{
				Header: dnsmessage.ResourceHeader{Name: q.Name, Class: q.Class, TTL: 1},
				Body:   &dnsmessage.AResource{A: a.As4()}})
		}
	}
	return m.Pack()
}

func newPair(t testing.TB) (private, public agent.Key) {
	k, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	copy(private[:], k.Bytes())
	copy(public[:], k.PublicKey().Bytes())
	return private, public
}
