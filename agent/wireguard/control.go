package wireguard

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/wgctrl"
	"golang.zx2c4.com/wireguard/wgctrl/wgtypes"

	"ideco-agent/agent"
)

// control configures and reads a WireGuard interface.
type control interface {
	// configure changes only what Config sets. Errors: fs.ErrNotExist when the interface is gone.
	configure(wgtypes.Config) error
	dump() (state, error)
}

// state is the port of an interface and the traffic of its peers.
type state struct {
	port  uint16 // UDP
	peers map[agent.Key]agent.Traffic
}

// byName configures an interface through wgctrl, whether it is the kernel's or a process's.
type byName struct {
	client *wgctrl.Client
	name   string
}

func (c byName) configure(config wgtypes.Config) error {
	return c.client.ConfigureDevice(c.name, config)
}

func (c byName) dump() (state, error) {
	dev, err := c.client.Device(c.name)
	if err != nil {
		return state{}, err
	}
	s := state{port: uint16(dev.ListenPort), peers: make(map[agent.Key]agent.Traffic, len(dev.Peers))}
	for _, p := range dev.Peers {
		s.peers[agent.Key(p.PublicKey)] = agent.Traffic{Rx: uint64(p.ReceiveBytes), Tx: uint64(p.TransmitBytes),
			Handshake: p.LastHandshakeTime}
	}
	return s, nil
}

// inProcess configures the wireguard-go of this process by function calls.
type inProcess struct{ dev *device.Device }

func (c inProcess) configure(config wgtypes.Config) error {
	if isDone(c.dev.Wait()) {
		return fs.ErrNotExist
	}
	return c.dev.IpcSet(configText(config))
}

// isDone reports whether a channel is closed. A nil channel never is.
func isDone(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// configText returns a configuration in the format of https://www.wireguard.com/xplatform/. It has only the fields that this
// package sets.
func configText(config wgtypes.Config) string {
	var b strings.Builder
	if config.PrivateKey != nil {
		fmt.Fprintf(&b, "private_key=%x\n", config.PrivateKey[:])
	}
	if config.ListenPort != nil {
		fmt.Fprintf(&b, "listen_port=%d\n", *config.ListenPort)
	}
	for _, p := range config.Peers {
		fmt.Fprintf(&b, "public_key=%x\n", p.PublicKey[:])
		if p.Remove {
			b.WriteString("remove=true\n")
		}
		if p.PresharedKey != nil {
			fmt.Fprintf(&b, "preshared_key=%x\n", p.PresharedKey[:])
		}
		if p.ReplaceAllowedIPs {
			b.WriteString("replace_allowed_ips=true\n")
		}
		for _, n := range p.AllowedIPs {
			fmt.Fprintf(&b, "allowed_ip=%s\n", &n)
		}
	}
	return b.String()
}

func (c inProcess) dump() (state, error) {
	text, err := c.dev.IpcGet()
	if err != nil {
		return state{}, err
	}
	return parseState(text)
}

// parseState parses the answer to IpcGet, in the same format.
func parseState(text string) (state, error) {
	s := state{peers: map[agent.Key]agent.Traffic{}}
	var key agent.Key
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), "=")
		var err error
		switch name {
		case "listen_port":
			s.port, err = parsePort(value)
		case "public_key":
			key, err = parseHex(value)
			s.peers[key] = agent.Traffic{}
		case "rx_bytes", "tx_bytes", "last_handshake_time_sec", "last_handshake_time_nsec":
			err = s.setCounter(key, name, value)
		}
		if err != nil {
			return state{}, fmt.Errorf("wireguard-go answered %s: %w", name, err)
		}
	}
	return s, nil
}

func parsePort(text string) (uint16, error) {
	n, err := strconv.ParseUint(text, 10, 16)
	return uint16(n), err
}

func parseHex(text string) (key agent.Key, err error) {
	b, err := hex.DecodeString(text)
	if err == nil && len(b) != len(key) {
		err = agent.ErrKey
	}
	copy(key[:], b)
	return key, err
}

func (s state) setCounter(key agent.Key, name, value string) error {
	n, err := strconv.ParseInt(value, 10, 64)
	if err != nil {
		return err
	}
	t := s.peers[key]
	switch {
	case name == "rx_bytes":
		t.Rx = uint64(n)
	case name == "tx_bytes":
		t.Tx = uint64(n)
	case name == "last_handshake_time_sec" && n > 0:
		t.Handshake = time.Unix(n, 0)
	case name == "last_handshake_time_nsec" && !t.Handshake.IsZero():
		t.Handshake = t.Handshake.Add(time.Duration(n))
	}
	s.peers[key] = t
	return nil
}

// wgctrlFirst uses wgctrl until that fails, and then calls the wireguard-go of this process directly: peers must be
// removed even when somebody has deleted the UAPI socket that wgctrl needs.
type wgctrlFirst struct {
	byName byName
	direct inProcess
	log    *slog.Logger
	failed atomic.Bool
}

func (c *wgctrlFirst) configure(config wgtypes.Config) error {
	if c.usesWgctrl() {
		err := c.byName.configure(config)
		if err == nil {
			return nil
		}
		c.giveUp(err)
	}
	return c.direct.configure(config)
}

func (c *wgctrlFirst) dump() (state, error) {
	if c.usesWgctrl() {
		s, err := c.byName.dump()
		if err == nil {
			return s, nil
		}
		c.giveUp(err)
	}
	return c.direct.dump()
}

// usesWgctrl reports whether wgctrl is still in use.
func (c *wgctrlFirst) usesWgctrl() bool { return !c.failed.Load() && !isDone(c.direct.dev.Wait()) }

func (c *wgctrlFirst) giveUp(err error) {
	if isDone(c.direct.dev.Wait()) {
		return // the tunnel is closed, not the socket broken
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = errors.New("its socket is gone")
	}
	if !c.failed.Swap(true) {
		c.log.Warn("the tunnel is no longer reached through wgctrl; wg cannot show it until the next start", "error", err)
	}
}
