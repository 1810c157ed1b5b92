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

// What is kept of the firewall in the data directory: the closed state as a file for nft, which a unit loads before the
// network is up, and the plan that it was made from, for the command that shows it.
const (
	bootFile = "firewall.nft"
	planFile = "firewall.json"
)

// keepForBoot writes what is in force, unless that is written; without interfaces there is nothing to keep. What fails is
// logged, shown on the page and tried again at the next call. For whoever has the turn.
func (w *firewallController) keepForBoot() {
	if w.inForce == nil || w.kept {
		return
	}
	p, said := *w.inForce, "the firewall is closed by former rules, if by any, at the next boot until this program runs"
	var err error
	if p.Empty() {
		said, err = "the firewall will be closed at the next boot until this program runs", removeBoot(w.data)
	} else {
		err = writeBoot(w.data, p)
	}
	w.kept = err == nil
	w.mu.Lock()
	before := w.unkept
	w.unkept, w.stale = err, err != nil && p.Empty()
	w.mu.Unlock()
	if isNewError(err, before) {
		w.log.Error(said, "error", err)
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

// bootTrouble is the reason in the words of the page; empty without an error.
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

// leaveNothing takes away what a process before has left of its firewall, for one that is told to have none: a table that
// nobody keeps lets nobody through.
func (w *firewallController) leaveNothing() {
	if p, err := keptPlan(w.data); err != nil || !p.Empty() {
		if err := clearTable(); err != nil && !errors.Is(err, errKept) {
			w.log.Error("the table of the process before is still there and lets nobody through", "error", err)
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

// keptPlan is the plan that was in force last; an empty one when there was none.
func keptPlan(dir string) (p firewall.Plan, err error) {
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
