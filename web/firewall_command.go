package web

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/store"
)

// ShowFirewall returns the state of the table, and its rules with its elements.
func ShowFirewall(dir string) (state *Message, rules string, err error) {
	p, err := savedPlan(dir)
	if err != nil {
		return nil, "", err
	}
	rules, loaded, err := firewall.Show(p)
	if err != nil {
		return nil, "", commandError(err)
	}
	running, err := isRunning(dir)
	return tableState(dir, loaded, running, p.Empty()), rules, err
}

// commandError replaces errors of the firewall that name flags of serve, or that have a translation.
func commandError(err error) error {
	switch {
	case errors.Is(err, firewall.ErrNoRights):
		return message("the firewall's table takes root or CAP_NET_ADMIN; run this command as root")
	case errors.Is(err, firewall.ErrNoProgram):
		return message("the program nft is not installed; install it (apt install nftables)")
	}
	return err
}

func tableState(dir string, loaded, running, empty bool) *Message {
	switch {
	case loaded && running:
		return message("The table inet %s is in force. The ideco-portal that runs on %s maintains it.", firewall.Table, dir)
	case loaded && empty:
		return message("There is a table inet %s, but none is known in %s; name its directory with --data.", firewall.Table, dir)
	case loaded:
		return message("There is a table inet %s, but no ideco-portal runs on %s: addresses are let through only until their timeout.", firewall.Table, dir)
	case empty:
		return message("There is no table inet %s: no interfaces are chosen.", firewall.Table)
	case running:
		return message("There is no table inet %s: the ideco-portal that runs on %s does not enforce this:", firewall.Table, dir)
	}
	return message("There is no table inet %s. When ideco-portal runs on %s, this is enforced:", firewall.Table, dir)
}

// ClearFirewall removes the table and the files that restore it at boot. It fails while a gateway maintains the table, which
// would restore it.
func ClearFirewall(dir string) error {
	lock, err := lockData(dir)
	switch {
	case errors.Is(err, errRunning):
		return message("ideco-portal runs on %s and maintains the table; stop it first, or choose no interfaces on the page Gateway of its portal (/admin/gateway)", dir)
	case errors.Is(err, fs.ErrNotExist): // no gateway ever was there
	case err != nil:
		return err
	default:
		defer lock.Close()
	}
	if err := clearTable(); errors.Is(err, errTableHeld) {
		return message("%w, or name its directory with --data", err)
	} else if err != nil {
		return err
	}
	if err := removeBoot(dir); err != nil {
		return err
	}
	return recordCleared(dir)
}

// recordCleared records in the journal of acts that the table was removed, if the data directory has a database.
func recordCleared(dir string) error {
	if _, err := os.Stat(databaseIn(dir)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	ctx := context.Background()
	db, err := store.Open(ctx, databaseIn(dir))
	if err == nil {
		err = errors.Join(db.AddActs(ctx, agent.Act{At: time.Now(), Source: agent.ActByCommand, Code: agent.ActFirewallCleared}), db.Close())
	}
	if err != nil {
		return message("the table is removed, but the audit log lacks it: %w", err)
	}
	return nil
}

// clearTable removes the table unless a gateway on any data directory maintains it. Errors: errTableHeld.
func clearTable() error {
	var c tableLock
	if err := c.take(); err != nil {
		return err
	}
	defer c.release()
	return commandError(firewall.Clear())
}

// isRunning reports whether a gateway runs on a data directory.
func isRunning(dir string) (bool, error) {
	f, err := os.Open(filepath.Join(dir, lockFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	return unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB) != nil, nil
}
