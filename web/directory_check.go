package web

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"ideco-agent/agent"
	"ideco-agent/templates/locale"
)

const (
	checkTick    = 10 * time.Second // between two looks for directories that are due
	checkTimeout = time.Minute      // for reading all accounts of a directory
	firstCheck   = 3 * time.Second  // how long saving waits for the directory
)

// directoryCheck is the periodic check of the accounts of one directory.
type directoryCheck struct {
	settings agent.DirectorySettings // without the facts
	running  *sync.Mutex             // held during a check; the checks under former settings share it
	tried    chan struct{}           // closed after the first check with these settings; guarded by running

	// Guarded by directories.mu:
	next     time.Time
	checked  time.Time            // the last complete check
	withheld *agent.WithheldCheck // what the last check did not end
	failed   bool                 // whether the last check failed

	// As stored; used by run only.
	netBIOS     string
	upnSuffixes []string
}

// run checks the accounts of each directory every CheckInterval until ctx is done. Directories do not wait for each other.
func (d *directories) run(ctx context.Context) error {
	d.setServing(true)
	defer d.setServing(false)
	tick := time.NewTicker(checkTick)
	defer tick.Stop()
	var checks sync.WaitGroup
	defer checks.Wait()
	for {
		for _, c := range d.due(time.Now()) {
			checks.Go(func() { d.check(ctx, c) })
		}
		d.keepFacts(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-d.fresh:
		}
	}
}

func (d *directories) setServing(is bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.serving = is
}

// due returns the directories that must be checked now.
func (d *directories) due(now time.Time) (due []*directoryCheck) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.checks {
		if !now.Before(c.next) {
			c.next = now.Add(c.settings.CheckInterval)
			due = append(due, c)
		}
	}
	return due
}

// check reads the accounts of a directory and ends the sessions that it does not permit any more. A check that fails changes
// nothing.
func (d *directories) check(ctx context.Context, c *directoryCheck) {
	if !c.running.TryLock() { // a check under former settings runs; run tries again
		d.mu.Lock()
		c.next = time.Time{}
		d.mu.Unlock()
		return
	}
	defer c.running.Unlock()
	users, tree, reading, err := d.read(ctx, c)
	if ctx.Err() != nil || !d.inUse(c) {
		return
	}
	defer func() {
		if !isClosed(c.tried) {
			close(c.tried)
		}
	}()
	if err != nil {
		d.noteFailure(c, err)
		return
	}
	changed, withheld := d.sessions.CheckDirectory(c.settings.Name, tree, users, reading, false)
	d.apply(ctx, users, changed)
	d.note(c, withheld)
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// ConfirmCheck ends the sessions that the last check withheld. The administrator saw how many they are. It checks again and ends no
// more than that.
// Errors: agent.ErrNotFound when nothing is withheld, agent.Problems when more would end by now, a refusal with
// CodeDirectoryUnreachable.
func (d *directories) ConfirmCheck(ctx context.Context, id agent.DirectoryID, sessions int) error {
	d.mu.Lock()
	c := d.checks[id]
	d.mu.Unlock()
	if c == nil {
		return agent.ErrNotFound
	}
	c.running.Lock()
	defer c.running.Unlock()
	before := d.withheld(c)
	if before == nil {
		return agent.ErrNotFound
	}
	users, tree, reading, err := d.read(ctx, c)
	if err != nil {
		return unreachable(c.settings.Name, err)
	}
	changed, withheld := d.sessions.CheckDirectory(c.settings.Name, tree, users, reading, false)
	if withheld != nil {
		if withheld.Sessions > sessions || lacksMore(withheld, before) {
			d.note(c, withheld)
			return agent.Problems{{Field: "check", Code: locale.FieldCheckChanged}}
		}
		changed, _ = d.sessions.CheckDirectory(c.settings.Name, tree, users, reading, true)
	}
	d.apply(ctx, users, changed)
	d.note(c, nil)
	return nil
}

// lacksMore reports whether a check misses bases or groups that an earlier one did not.
func lacksMore(now, before *agent.WithheldCheck) bool {
	return slices.ContainsFunc(now.Missing, func(name string) bool { return !slices.Contains(before.Missing, name) })
}

// read returns the stored accounts of a directory, the groups, and a reading of the accounts. A directory without accounts is asked, too,
// so that its state is known. A reading without any of the accounts is an error, because wrong settings or rights of the search account
// are its likely cause.
func (d *directories) read(ctx context.Context, c *directoryCheck) (users []agent.User, tree agent.GroupTree, reading agent.DirectoryReading, err error) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	if users, err = d.store.DirectoryUsers(ctx, c.settings.Name); err == nil {
		tree, err = d.store.GroupTree(ctx)
	}
	if err != nil {
		return nil, tree, reading, err
	}
	guids := make([]string, len(users))
	for i, u := range users {
		guids[i] = u.GUID
	}
	reading, err = d.network.Read(ctx, c.settings.ID, guids)
	if err == nil && len(users) > 0 && len(reading.People) == 0 {
		err = errors.New("the directory has none of the stored accounts")
	}
	return users, tree, reading, err
}

// awaitCheck waits for the first check of a directory with its settings, but not longer than firstCheck, so that its state is
// known right after saving.
func (d *directories) awaitCheck(ctx context.Context, id agent.DirectoryID) {
	d.mu.Lock()
	c, serving := d.checks[id], d.serving
	d.mu.Unlock()
	if c == nil || !serving {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, firstCheck)
	defer cancel()
	select {
	case <-c.tried:
	case <-ctx.Done():
	}
}

// apply stores what a check of the accounts before has found, and ends the sessions that the changed ones do not permit, also if
// storing fails.
func (d *directories) apply(ctx context.Context, before, changed []agent.User) {
	ctx = context.WithoutCancel(ctx)
	if len(changed) == 0 {
		return
	}
	if err := d.store.SaveDirectoryUsers(ctx, changed); err != nil {
		d.log.Error("the changes that a check of the accounts found were not saved", "directory", changed[0].Directory, "error", err)
		for _, u := range changed {
			d.sessions.UserChanged(ctx, u)
		}
		return
	}
	was := map[agent.UserID]agent.User{}
	for _, u := range before {
		was[u.ID] = u
	}
	for _, u := range changed {
		d.follow(ctx, was[u.ID], u)
	}
}

// follow ends the sessions that the stored state of a changed account does not permit.
func (d *directories) follow(ctx context.Context, before, u agent.User) {
	stored, err := d.store.User(ctx, u.ID)
	if errors.Is(err, agent.ErrNotFound) { // deleted meanwhile
		stored, err = u, nil
		stored.Enabled = false
	}
	if err == nil {
		u = stored
	}
	d.noteAdministrator(ctx, before, u)
	d.sessions.UserChanged(ctx, u)
	if u.Refusal() == "" {
		return
	}
	if err := d.store.EndBrowserSessions(ctx, u.ID, ""); err != nil {
		d.log.Error("the browsers of a refused account were not signed out", "account", u.Login, "error", err)
	}
}

// inUse reports whether the settings of a check are still those in use.
func (d *directories) inUse(c *directoryCheck) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.checks[c.settings.ID] == c
}

func (d *directories) withheld(c *directoryCheck) *agent.WithheldCheck {
	d.mu.Lock()
	defer d.mu.Unlock()
	return c.withheld
}

// noteFailure logs the first of several failed checks.
func (d *directories) noteFailure(c *directoryCheck, err error) {
	d.mu.Lock()
	before := c.failed
	c.failed = true
	d.mu.Unlock()
	if !before {
		d.log.Warn("the accounts of a directory could not be checked, so none is changed", "directory", c.settings.Name, "error", err)
	}
}

// note records a complete check. It logs the first of several that were withheld.
func (d *directories) note(c *directoryCheck, withheld *agent.WithheldCheck) {
	d.mu.Lock()
	failed, before := c.failed, c.withheld
	c.failed, c.withheld, c.checked = false, withheld, time.Now()
	d.mu.Unlock()
	if failed {
		d.log.Info("the accounts of the directory can be checked again", "directory", c.settings.Name)
	}
	if withheld != nil && before == nil {
		d.log.Warn("a check of a directory would end many sessions or misses a configured group or base; it ends none until an administrator confirms it",
			"event", "directory_check_withheld", "directory", c.settings.Name, "sessions", withheld.Sessions, "of", withheld.Of, "missing", withheld.Missing)
	}
}

// Status returns the state of a directory.
func (d *directories) Status(id agent.DirectoryID) agent.DirectoryStatus {
	status := d.network.Status(id)
	d.mu.Lock()
	defer d.mu.Unlock()
	if c := d.checks[id]; c != nil {
		status.Tried = status.Reachable || isClosed(c.tried)
		status.Checked, status.Withheld = c.checked, c.withheld
	}
	return status
}

// keepFacts stores the NetBIOS names and suffixes of the directories for the next start.
func (d *directories) keepFacts(ctx context.Context) {
	d.mu.Lock()
	list := slices.Collect(maps.Values(d.checks))
	d.mu.Unlock()
	for _, c := range list {
		netBIOS, suffixes := d.network.Facts(c.settings.ID)
		if netBIOS == "" && len(suffixes) == 0 || netBIOS == c.netBIOS && slices.Equal(suffixes, c.upnSuffixes) {
			continue
		}
		c.netBIOS, c.upnSuffixes = netBIOS, suffixes
		if err := d.store.SetDirectoryFacts(ctx, c.settings.ID, netBIOS, suffixes); err != nil {
			d.log.Error("the NetBIOS name and suffixes of a directory were not saved", "directory", c.settings.Name, "error", err)
		}
	}
}
