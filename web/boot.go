package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"ideco-agent/agent/firewall"
)

// What is kept of the firewall in the data directory: the closed state as a file for nft, which a unit loads before the
// network is up, and the plan that it was made from, for the command that shows it.
const (
	bootFile = "firewall.nft"
	planFile = "firewall.json"
)

// keepForBoot writes what is in force. Without interfaces there is nothing to keep.
func (w *wall) keepForBoot(p firewall.Plan) {
	if p.Empty() {
		w.forgetBoot()
		return
	}
	plan, err := json.Marshal(p)
	if err == nil {
		err = errors.Join(replaceFile(w.data, planFile, plan), replaceFile(w.data, bootFile, []byte(p.Text())))
	}
	if err != nil {
		w.log.Error("the firewall is not closed at the next boot until this program runs", "err", err)
	}
}

// leaveNothing takes away what a process before has left of its firewall, for one that is told to have none: a table that
// nobody keeps lets nobody through.
func (w *wall) leaveNothing() {
	if p, err := keptPlan(w.data); err != nil || !p.Empty() {
		if err := clearTable(); err != nil && !errors.Is(err, errKept) {
			w.log.Error("the table of the process before is still there and lets nobody through", "err", err)
		}
	}
	w.forgetBoot()
}

func (w *wall) forgetBoot() {
	if err := removeBoot(w.data); err != nil {
		w.log.Error("the firewall will be closed at the next boot until this program runs", "err", err)
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

// replaceFile writes a file for its owner alone, as a whole or not at all.
func replaceFile(dir, name string, content []byte) error {
	f, err := os.CreateTemp(dir, name+".*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, name))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
