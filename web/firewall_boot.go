package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/atomicfile"
	"ideco-agent/agent/firewall"
)

// Files of the firewall in the data directory: the rules without sessions for nft, which a systemd unit loads before the
// network is up, and the plan that they were made from, for ShowFirewall.
const (
	bootFile = "firewall.nft"
	planFile = "firewall.json"
)

// saveForBoot saves the plan in force, or removes the files if the plan is empty. A failure is logged, shown on the
// page and retried at the next call. The caller holds changing.
func (w *firewallController) saveForBoot() {
	if w.inForce == nil || w.saved {
		return
	}
	p, warning := *w.inForce, "the firewall has former rules, or none, at the next boot until this program runs"
	var err error
	if p.Empty() {
		warning, err = "the firewall will be closed at the next boot until this program runs", removeBoot(w.data)
	} else {
		err = writeBoot(w.data, p)
	}
	w.saved = err == nil
	w.mu.Lock()
	before := w.unsaved
	w.unsaved, w.stale = err, err != nil && p.Empty()
	w.mu.Unlock()
	if isNewError(err, before) {
		w.log.Error(warning, "error", err)
	}
}

func writeBoot(dir string, p firewall.Plan) error {
	plan, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return errors.Join(
		atomicfile.Write(filepath.Join(dir, planFile), plan, 0o600),
		atomicfile.Write(filepath.Join(dir, bootFile), []byte(p.Text()), 0o600))
}

// bootTrouble returns the reason that the page shows; empty without an error.
func bootTrouble(err error) agent.BootTrouble {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EDQUOT):
		return agent.BootNoSpace
	case errors.Is(err, unix.EROFS):
		return agent.BootReadOnly
	case errors.Is(err, fs.ErrPermission):
		return agent.BootNoRights
	}
	return agent.BootFailed
}

// removeLeftovers removes the table and files of a previous process if this one runs without a firewall. A table that is not
// maintained blocks everybody.
func (w *firewallController) removeLeftovers() {
	if p, err := savedPlan(w.data); err != nil || !p.Empty() {
		if err := clearTable(); err != nil && !errors.Is(err, errTableHeld) {
			w.log.Error("cannot remove the table of a previous process; it lets nobody through", "error", err)
		}
	}
	if err := removeBoot(w.data); err != nil {
		w.log.Error("the firewall will be closed at the next boot until this program runs", "error", err)
	}
}

func removeBoot(dir string) error {
	var errs []error
	for _, name := range []string{bootFile, planFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// savedPlan returns the plan that was in force last; an empty one if there was none.
func savedPlan(dir string) (p firewall.Plan, err error) {
	b, err := os.ReadFile(filepath.Join(dir, planFile))
	if errors.Is(err, fs.ErrNotExist) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(b, &p)
	}
	if err != nil {
		return p, fmt.Errorf("read the plan of the firewall: %w", err)
	}
	return p, nil
}
