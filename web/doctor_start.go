package web

import (
	"encoding/json"
	"os"
	"path/filepath"
	"time"

	"ideco-agent/agent/atomicfile"
)

// startFile has the startRecord of the last start in the data directory.
const startFile = "started.json"

// startRecord says how the gateway was started, for commands that run beside it: they do not get its flags and variables. It has no
// secret.
type startRecord struct {
	Version      string    `json:"version"`
	Process      int       `json:"process"`
	Started      time.Time `json:"started"`
	PortalListen []string  `json:"portal_listen"`
	AgentListen  []string  `json:"agent_listen"`
	HTTPListen   []string  `json:"http_listen"`
	Tunnel       string    `json:"tunnel"`
	TunnelName   string    `json:"tunnel_name"`
	TunnelPort   uint16    `json:"wireguard_port"`
	Firewall     string    `json:"firewall"`
}

func recordOfStart(c Config) startRecord {
	return startRecord{Version: Version(), Process: os.Getpid(), Started: time.Now().UTC().Truncate(time.Second), PortalListen: c.PortalListen,
		AgentListen: c.AgentListen, HTTPListen: c.HTTPListen, Tunnel: c.Tunnel, TunnelName: c.TunnelName, TunnelPort: c.TunnelPort, Firewall: c.Firewall}
}

// opened returns the record with the addresses that are open now, where a port was 0.
func (r startRecord) opened(open *listeners, tunnelPort uint16) startRecord {
	r.PortalListen, r.AgentListen, r.HTTPListen = addresses(open.portal), addresses(open.agent), addresses(open.http)
	if tunnelPort != 0 {
		r.TunnelPort = tunnelPort
	}
	return r
}

// save writes the file. A full disk does not keep the gateway from starting, so the caller only logs an error.
func (r startRecord) save(dir string) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(dir, startFile), append(b, '\n'), 0o600)
}

// lastStart reads the file. Before the first start, and if it is damaged, it returns the defaults of the flags.
func lastStart(dir string, defaults Config) startRecord {
	var saved startRecord
	if b, err := os.ReadFile(filepath.Join(dir, startFile)); err == nil && json.Unmarshal(b, &saved) == nil {
		return saved
	}
	r := recordOfStart(defaults)
	r.Process = 0
	return r
}

// config returns the configuration with which the gateway was started.
func (r startRecord) config(dir string) Config {
	return Config{Data: dir, PortalListen: r.PortalListen, AgentListen: r.AgentListen, HTTPListen: r.HTTPListen, Tunnel: r.Tunnel,
		TunnelName: r.TunnelName, TunnelPort: r.TunnelPort, Firewall: r.Firewall}
}
