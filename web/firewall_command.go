package web

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ideco-agent/agent/firewall"
)

// ShowFirewall prints whether the table exists, which gateway maintains it, its rules and its elements.
func ShowFirewall(dir string, to io.Writer) error {
	p, err := keptPlan(dir)
	if err != nil {
		return err
	}
	text, loaded, err := firewall.Show(p)
	if err != nil {
		return err
	}
	running, err := isRunning(dir)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(to, "# %s\n%s", tableState(dir, loaded, running, p.Empty()), text)
	return err
}

// tableState describes the table in one line.
func tableState(dir string, loaded, running, empty bool) string {
	switch {
	case loaded && running:
		return fmt.Sprintf("The table inet %s is in force, kept by the ideco-portal that runs on %s.", firewall.Table, dir)
	case loaded && empty:
		return fmt.Sprintf("The table inet %s is there, but nothing is known of it in %s; name its directory with --data.", firewall.Table, dir)
	case loaded:
		return fmt.Sprintf("The table inet %s is there and no ideco-portal runs on %s: nobody is let through for longer than the timeout.", firewall.Table, dir)
	case empty:
		return fmt.Sprintf("There is no table inet %s: no interfaces are chosen.", firewall.Table)
	case running:
		return fmt.Sprintf("There is no table inet %s: the ideco-portal that runs on %s does not enforce this:", firewall.Table, dir)
	}
	return fmt.Sprintf("There is no table inet %s. When ideco-portal runs on %s, this is enforced:", firewall.Table, dir)
}

// ClearFirewall removes the table and the files that restore it at boot. It fails while a gateway maintains the table, which
// would restore it.
func ClearFirewall(dir string) error {
	lock, err := lockData(dir)
	switch {
	case errors.Is(err, errRunning):
		return fmt.Errorf("ideco-portal runs on %s and keeps the table; choose no interfaces on its page «Шлюз» (/admin/gateway of the portal), or stop it first", dir)
	case errors.Is(err, fs.ErrNotExist): // no gateway ever was there
	case err != nil:
		return err
	default:
		defer lock.Close()
	}
	if err := clearTable(); errors.Is(err, errKept) {
		return fmt.Errorf("%w, or name its directory with --data", err)
	} else if err != nil {
		return err
	}
	return removeBoot(dir)
}

// clearTable removes the table unless a gateway on any data directory maintains it. Errors: errKept.
func clearTable() error {
	var c tableLock
	if err := c.take(); err != nil {
		return err
	}
	defer c.release()
	return firewall.Clear()
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
