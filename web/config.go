// Package web is the only place that knows every part of the gateway: it reads the Config, opens the adapters, builds
// the listeners, runs it all and stops it in order. End-to-end tests start the same wiring that users start.
package web

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
)

// Config is what Serve needs to know. A listen address is HOST:PORT as of [net.Listen]; port 0 takes a free one.
type Config struct {
	Data         string // directory of everything the gateway keeps; made when missing
	PortalListen []string
	AgentListen  []string
	HTTPListen   []string
	Tunnel       string // a mode of package wireguard, or TunnelOff
	TunnelName   string // of the network interface
	TunnelPort   uint16 // UDP; 0 takes a free one
	Firewall     string // a mode of package firewall; empty = auto
	Log          *slog.Logger
	Terminal     *os.File // where a person reads; may be nil
}

// TunnelOff is the Tunnel of a gateway that people outside cannot connect to.
const TunnelOff = "off"

// Version is the gateway's version.
func Version() string { return agent.Version }

// openData makes the data directory, for its owner alone, checks who may read and change what is in it, and returns the path
// of the database there.
func openData(dir string, log *slog.Logger) (database string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("make the data directory: %w; choose another one with --data", err)
	}
	if err := checkData(dir, log); err != nil {
		return "", err
	}
	return databaseIn(dir), nil
}

func databaseIn(dir string) string { return filepath.Join(dir, "ideco.db") }

// lockFile is locked by the gateway that runs on a data directory.
const lockFile = "lock"

// errRunning is why a data directory cannot be locked that is in use.
var errRunning = errors.New("another ideco-portal is running")

// lockData keeps a second gateway out of the data directory for as long as the returned file is open. Half-written files of a
// process that crashed are removed, because now nobody else writes there.
func lockData(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock the data directory: %w; it must belong to the user that runs the gateway, or choose another one with --data", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%w on %s; stop it or choose another directory with --data", errRunning, dir)
	}
	if err := atomicfile.RemoveLeftovers(dir); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
