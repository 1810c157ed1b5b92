// Package web connects all parts of the gateway: it reads the Config, opens the adapters, builds the listeners, runs
// everything and stops it in order. The end-to-end tests start the same wiring.
package web

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
	"ideco-agent/web/systemd"
)

// Config is the configuration of Serve. A listen address is HOST:PORT as in [net.Listen]; port 0 takes a free one.
type Config struct {
	Data         string // the data directory; created if missing
	PortalListen []string
	AgentListen  []string
	HTTPListen   []string
	Tunnel       string // a mode of package wireguard, or TunnelOff
	TunnelName   string // of the network interface
	TunnelPort   uint16 // UDP; 0 takes a free one
	Firewall     string // a mode of package firewall; empty = auto
	Log          *slog.Logger
	WebIdle      time.Duration                       // see access.Config; 0 = access.DefaultWebIdle
	Now          func() time.Time                    // the clock of the throttle of wrong passwords; nil = time.Now
	Announce     func(portal string, setup []string) // shows a person the portal's URL and the setup link for each of its addresses, if there is one; nil = nobody reads it
	Internet     Internet
	Systemd      *systemd.Manager           // nil = systemd did not start this process
	Reload       <-chan os.Signal           // a signal makes the gateway read its certificates and the log level again; nil = never
	Level        *slog.LevelVar             // of Log; nil = it cannot change
	ReadLevel    func() (slog.Level, error) // reads the level of Log anew; nil = it cannot change
}

// TunnelOff is the Tunnel of a gateway without VPN.
const TunnelOff = "off"

// Version is the gateway's version.
func Version() string { return agent.Version }

// openData creates the data directory with mode 0700 if it is missing, checks the modes and owners of the files in it, and
// returns the path of the database.
func openData(dir string, log *slog.Logger) (database string, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", message("the data directory cannot be made: %w; choose another one with --data", err)
	}
	if err := checkData(dir, log); err != nil {
		return "", err
	}
	if err := finishRestore(dir); err != nil {
		return "", err
	}
	if err := checkDatabase(dir); err != nil {
		return "", err
	}
	return databaseIn(dir), nil
}

// checkDatabase refuses a directory that has the keys of a gateway and no database: it would become a new gateway without
// any account. The database is made before the keys.
func checkDatabase(dir string) error {
	info, err := os.Stat(databaseIn(dir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err == nil && info.Size() > 0 {
		return nil
	}
	for _, key := range []string{"root.key", "wireguard.key"} {
		if _, err := os.Stat(filepath.Join(dir, key)); err == nil {
			return message("%s has the gateway's keys and no database: ideco.db is missing or empty. Put it back, or restore the whole directory from a backup. To begin anew, without any account, move root.key, root.pem and wireguard.key away; every installed agent then needs a new installer", dir)
		}
	}
	return nil
}

func databaseIn(dir string) string { return filepath.Join(dir, databaseName) }

// lockFile is locked while a gateway runs on the data directory.
const lockFile = "lock"

// scratchDir has the temporary files of downloads.
const scratchDir = "exports"

// errRunning is the error of lockData if the data directory is in use.
var errRunning = message("another ideco-portal is running")

// lockData locks the data directory until the returned file is closed. Then it removes half-written and temporary files of a process
// that crashed: no other process writes there now. Errors: errRunning.
func lockData(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, message("the data directory cannot be locked: %w; it must belong to the user that runs the gateway, or choose another one with --data", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, message("%w on %s; stop it or choose another directory with --data", errRunning, dir)
	}
	if err := errors.Join(atomicfile.RemoveLeftovers(dir), os.RemoveAll(filepath.Join(dir, scratchDir)), os.RemoveAll(filepath.Join(dir, stagedDir))); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}
