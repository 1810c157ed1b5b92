package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory"
	"ideco-agent/agent/secretbox"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
)

// mostGroups is how many groups a search returns at most.
const mostGroups = 50

// directoryNetwork talks to the directories on the network. Package agent/directory implements it.
type directoryNetwork interface {
	Set([]agent.DirectorySettings)
	Test(ctx context.Context, s agent.DirectorySettings, login string, local []agent.User) agent.DirectoryReport
	ResolveGroups(ctx context.Context, s agent.DirectorySettings, names []string) ([]agent.DirectoryGroup, error)
	SearchGroups(ctx context.Context, s agent.DirectorySettings, text string, most int) ([]agent.DirectoryGroup, error)
	Read(ctx context.Context, id agent.DirectoryID, guids []string) (agent.DirectoryReading, error)
	Status(agent.DirectoryID) agent.DirectoryStatus
	Facts(agent.DirectoryID) (netBIOS string, upnSuffixes []string)
	Realms() []string
}

// directorySessions has the live sessions. Package agent/access implements it.
type directorySessions interface {
	UserChanged(context.Context, agent.User) int
	VoidResume(context.Context, agent.UserID) error
	GroupsChanged(ctx context.Context, changed []agent.User) int
	CheckDirectory(directory string, tree agent.GroupTree, before []agent.User, reading agent.DirectoryReading, confirmed bool) (changed []agent.User, withheld *agent.WithheldCheck)
}

// directories implements handlers.Directories.
type directories struct {
	store    *store.Store
	box      *secretbox.Box
	network  directoryNetwork
	sessions directorySessions
	log      *slog.Logger
	domain   func() string                                          // the gateway's domain
	cname    func(ctx context.Context, name string) (string, error) // of net.Resolver

	changes sync.Mutex    // makes one change of the stored directories at a time
	fresh   chan struct{} // has a value when use has changed something since run looked which directories are due
	mu      sync.Mutex    // guards checks and serving
	checks  map[agent.DirectoryID]*directoryCheck
	serving bool // run is running
}

// newDirectories reads the stored directories and begins to use them.
func newDirectories(ctx context.Context, db *store.Store, box *secretbox.Box, network directoryNetwork, sessions directorySessions, log *slog.Logger) (*directories, error) {
	d := &directories{store: db, box: box, network: network, sessions: sessions, log: log,
		domain: func() string { return "" }, cname: net.DefaultResolver.LookupCNAME, fresh: make(chan struct{}, 1), checks: map[agent.DirectoryID]*directoryCheck{}}
	list, err := d.load(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range list {
		if s.PasswordLost {
			log.Error("the stored password of a directory cannot be decrypted: restore the file secret.key from a backup, or type the password again (remove a damaged file first)", "directory", s.Name)
		}
	}
	d.use(list)
	return d, nil
}

// load returns the stored directories with their passwords and keytabs.
func (d *directories) load(ctx context.Context) ([]agent.DirectorySettings, error) {
	stored, err := d.store.Directories(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]agent.DirectorySettings, len(stored))
	for i, one := range stored {
		list[i] = one.DirectorySettings
		list[i].Password, err = d.box.Open(one.Secret, passwordPurpose(one.ID))
		if list[i].PasswordLost = errors.Is(err, secretbox.ErrLost); err != nil && !list[i].PasswordLost {
			return nil, err
		}
		if err := d.openKeytab(&list[i], one.SealedKeytab); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// passwordPurpose is the purpose for which the box encrypts the password of a directory.
func passwordPurpose(id agent.DirectoryID) string {
	return "directory/" + strconv.FormatInt(int64(id), 10) + "/password"
}

// find returns a stored directory with its password and keytab. Errors: agent.ErrNotFound.
func (d *directories) find(ctx context.Context, id agent.DirectoryID) (agent.DirectorySettings, error) {
	list, err := d.load(ctx)
	if err != nil {
		return agent.DirectorySettings{}, err
	}
	for _, s := range list {
		if s.ID == id {
			return s, nil
		}
	}
	return agent.DirectorySettings{}, fmt.Errorf("directory %d: %w", id, agent.ErrNotFound)
}

// List returns the directories without their passwords and keytabs, ordered by name.
func (d *directories) List(ctx context.Context) ([]agent.DirectorySettings, error) {
	list, err := d.load(ctx)
	for i := range list {
		list[i].Password, list[i].Keytab = "", nil
	}
	return list, err
}

// Get returns a directory without its password and keytab. Errors: agent.ErrNotFound.
func (d *directories) Get(ctx context.Context, id agent.DirectoryID) (agent.DirectorySettings, error) {
	s, err := d.find(ctx, id)
	s.Password, s.Keytab = "", nil
	return s, err
}

// Save adds a directory (ID zero) or changes one, and uses it from now on. An empty password or keytab keeps the stored one. Errors:
// agent.Problems, agent.ErrNotFound, and a refusal with CodeDirectoryUnreachable when groups have to be looked up.
func (d *directories) Save(ctx context.Context, s agent.DirectorySettings) (agent.DirectoryID, error) {
	typed, uploaded := s.Password != "", len(s.Keytab) > 0
	problems, err := d.complete(ctx, &s)
	if err != nil {
		return 0, err
	}
	if s.PasswordLost {
		problems = append(problems, agent.Problem{Field: "password", Code: locale.FieldPasswordLost})
	}
	if len(problems) > 0 {
		return 0, problems
	}
	if err := d.resolve(ctx, &s); err != nil {
		return 0, err
	}
	var seal func(agent.DirectoryID) (string, error)
	if typed {
		seal = func(id agent.DirectoryID) (string, error) { return d.box.Seal(s.Password, passwordPurpose(id)) }
	}
	id, err := d.keep(ctx, s, seal, uploaded)
	if err == nil {
		d.awaitCheck(ctx, id)
	}
	return id, err
}

// keep stores settings and uses them from now on.
func (d *directories) keep(ctx context.Context, s agent.DirectorySettings, seal func(agent.DirectoryID) (string, error), withKeytab bool) (agent.DirectoryID, error) {
	d.changes.Lock()
	defer d.changes.Unlock()
	if err := d.checkUnique(ctx, s); err != nil { // another request may have saved one meanwhile
		return 0, err
	}
	id, err := d.store.SaveDirectory(ctx, s, seal)
	if err == nil && withKeytab {
		err = d.storeKeytab(ctx, id, s.Keytab)
	}
	if err != nil {
		return 0, err
	}
	return id, d.reload(context.WithoutCancel(ctx))
}

// complete adds to settings what only the store knows, and returns what is wrong with them.
//
// The stored password is added only where it goes to the same server as before. Otherwise it could be stolen from an
// administrator's browser, by a form with another server.
func (d *directories) complete(ctx context.Context, s *agent.DirectorySettings) (problems agent.Problems, err error) {
	refuse := func(field, code, value string) {
		problems = append(problems, agent.Problem{Field: field, Code: code, Value: value})
	}
	problems = s.Check()
	for _, base := range s.Bases {
		if _, err := ldap.ParseDN(base); err != nil && strings.Contains(base, "=") { // Check has refused the others
			refuse("ldap_paths", locale.FieldBase, agent.Clean(base, 80))
		}
	}
	if len(s.Keytab) > 0 {
		_, err := directory.ReadKeytab(*s)
		var problem agent.Problem
		if errors.As(err, &problem) {
			problems = append(problems, problem)
		}
	}
	s.PasswordLost, s.KeytabLost, s.NetBIOS, s.UPNSuffixes = false, false, "", nil
	if s.ID == 0 {
		if s.Password == "" {
			refuse("password", "field_required", "")
		}
		return problems, nil
	}
	stored, err := d.find(ctx, s.ID)
	if err != nil {
		return nil, err
	}
	if s.Name != stored.Name {
		refuse("name", locale.FieldDirectoryName, stored.Name)
	}
	s.NetBIOS, s.UPNSuffixes = stored.NetBIOS, stored.UPNSuffixes
	if len(s.Keytab) == 0 {
		s.Keytab, s.KeytabLost = stored.Keytab, stored.KeytabLost
	}
	switch {
	case s.Password != "":
	case !s.SameServer(stored):
		refuse("password", locale.FieldDirectoryPassword, "")
	default:
		s.Password, s.PasswordLost = stored.Password, stored.PasswordLost
	}
	return problems, nil
}

// checkUnique refuses a new directory whose name is taken, or that is one too many. Errors: agent.Problems.
func (d *directories) checkUnique(ctx context.Context, s agent.DirectorySettings) error {
	list, err := d.store.Directories(ctx)
	if err != nil || s.ID != 0 {
		return err
	}
	if len(list) >= agent.MaxDirectories {
		return agent.Problems{{Field: "name", Code: locale.FieldDirectories}}
	}
	if slices.ContainsFunc(list, func(one store.Directory) bool { return one.Name == s.Name }) {
		return agent.Problems{{Field: "name", Code: locale.FieldDirectoryTaken, Value: s.Name}}
	}
	return nil
}

// resolve looks up the groups that have no ID yet. Errors: agent.Problems, a refusal with CodeDirectoryUnreachable.
func (d *directories) resolve(ctx context.Context, s *agent.DirectorySettings) error {
	var problems agent.Problems
	for _, list := range []struct {
		field  string
		groups *[]agent.DirectoryGroup
	}{{"login_groups", &s.LoginGroups}, {"remote_groups", &s.RemoteGroups}} {
		var known []agent.DirectoryGroup
		for _, g := range *list.groups {
			g, err := d.resolveGroup(ctx, *s, g)
			var problem agent.Problem
			if errors.As(err, &problem) {
				problem.Field = list.field
				problems = append(problems, problem)
			} else if err != nil {
				return unreachable(s.Name, err)
			} else if !slices.ContainsFunc(known, func(k agent.DirectoryGroup) bool { return k.ID == g.ID }) {
				known = append(known, g)
			}
		}
		*list.groups = known
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// resolveGroup looks up a group that has no ID yet. Errors: an agent.Problem for a group that does not exist.
func (d *directories) resolveGroup(ctx context.Context, s agent.DirectorySettings, g agent.DirectoryGroup) (agent.DirectoryGroup, error) {
	if g.ID != "" {
		return g, nil
	}
	found, err := d.network.ResolveGroups(ctx, s, []string{cmp.Or(g.DN, g.Name)})
	if err != nil {
		return g, err
	}
	if len(found) != 1 {
		return g, fmt.Errorf("%d groups for one name", len(found))
	}
	return found[0], nil
}

// unreachable makes an error a refusal with CodeDirectoryUnreachable, unless it is a refusal.
func unreachable(name string, err error) error {
	var refusal *agent.Error
	if errors.As(err, &refusal) {
		return err
	}
	return &agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: name, Err: err}
}

// reload puts the stored directories in use. The caller holds changes.
func (d *directories) reload(ctx context.Context) error {
	list, err := d.load(ctx)
	if err != nil {
		return err
	}
	d.use(list)
	return nil
}

// use puts directories in use. Those with changed settings are checked again at once.
func (d *directories) use(list []agent.DirectorySettings) {
	d.network.Set(list)
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.checks
	d.checks = map[agent.DirectoryID]*directoryCheck{}
	for _, s := range list {
		c := &directoryCheck{running: new(sync.Mutex), tried: make(chan struct{}), netBIOS: s.NetBIOS, upnSuffixes: s.UPNSuffixes}
		s.NetBIOS, s.UPNSuffixes = "", nil
		c.settings = s
		if old := before[s.ID]; old != nil && reflect.DeepEqual(old.settings, s) {
			c = old
		} else if old != nil {
			c.checked, c.failed, c.running = old.checked, old.failed, old.running
		}
		d.checks[s.ID] = c
	}
	select {
	case d.fresh <- struct{}{}:
	default:
	}
}

// Delete deletes a directory with its accounts and ends their sessions. It returns how many ended. Errors: agent.ErrNotFound.
func (d *directories) Delete(ctx context.Context, id agent.DirectoryID) (ended int, err error) {
	d.changes.Lock()
	defer d.changes.Unlock()
	deleted, changed, err := d.store.DeleteDirectory(ctx, id) // from now on, a running login cannot store its account
	if err != nil {
		return 0, err
	}
	ctx = context.WithoutCancel(ctx)
	for _, u := range deleted {
		u.Enabled = false
		ended += d.sessions.UserChanged(ctx, u)
	}
	ended += d.sessions.GroupsChanged(ctx, changed)
	return ended, d.reload(ctx)
}

// Test tests settings, saved or not. An empty password means the stored one. login may be empty. Errors:
// agent.Problems, agent.ErrNotFound.
func (d *directories) Test(ctx context.Context, s agent.DirectorySettings, login string) (agent.DirectoryReport, error) {
	problems, err := d.complete(ctx, &s)
	if err != nil {
		return agent.DirectoryReport{}, err
	}
	if len(problems) > 0 {
		return agent.DirectoryReport{}, problems
	}
	local, _, err := d.store.Users(ctx, agent.UserFilter{Directory: agent.LocalDirectory}, 0, 0)
	if err != nil {
		return agent.DirectoryReport{}, err
	}
	report := d.network.Test(ctx, s, login, local)
	d.testKeytab(ctx, s, &report)
	return report, nil
}

// SearchGroups returns groups whose name contains the text. Errors: those of Save.
func (d *directories) SearchGroups(ctx context.Context, s agent.DirectorySettings, text string) ([]agent.DirectoryGroup, error) {
	if err := d.completeForSearch(ctx, &s); err != nil {
		return nil, err
	}
	groups, err := d.network.SearchGroups(ctx, s, text, mostGroups)
	if err != nil {
		return nil, unreachable(s.Name, err)
	}
	return groups, nil
}

// FindGroup returns the group with an ID, a DN or a name. Errors: an agent.Problem if none or several have it; those of Save.
func (d *directories) FindGroup(ctx context.Context, s agent.DirectorySettings, text string) (agent.DirectoryGroup, error) {
	if err := d.completeForSearch(ctx, &s); err != nil {
		return agent.DirectoryGroup{}, err
	}
	g, err := d.resolveGroup(ctx, s, agent.DirectoryGroup{Name: text})
	var problem agent.Problem
	if err != nil && !errors.As(err, &problem) {
		err = unreachable(s.Name, err)
	}
	return g, err
}

// completeForSearch completes settings that are used at once. Errors: those of Save.
func (d *directories) completeForSearch(ctx context.Context, s *agent.DirectorySettings) error {
	problems, err := d.complete(ctx, s)
	if err != nil {
		return err
	}
	if s.PasswordLost {
		problems = append(problems, agent.Problem{Field: "password", Code: locale.FieldPasswordLost})
	}
	if len(problems) > 0 {
		return problems
	}
	return nil
}

// Convert makes local accounts those of the people with the same login in a directory, and returns how many it converted.
// Accounts of administrators, and of logins that the directory does not have, stay local. Errors: agent.ErrNotFound, a
// refusal with CodeDirectoryUnreachable.
func (d *directories) Convert(ctx context.Context, id agent.DirectoryID, ids []agent.UserID) (converted int, err error) {
	s, err := d.find(ctx, id)
	if err != nil {
		return 0, err
	}
	var local []agent.User
	for _, id := range ids {
		u, err := d.store.User(ctx, id)
		if err != nil && !errors.Is(err, agent.ErrNotFound) {
			return 0, err
		}
		if err == nil && u.Local() {
			local = append(local, u)
		}
	}
	for part := range slices.Chunk(local, agent.MaxLocalLogins) {
		report := d.network.Test(ctx, s, "", part)
		if i := slices.IndexFunc(report.Steps, func(step agent.StepResult) bool { return step.Step == agent.StepLocal }); i < 0 ||
			report.Steps[i].State == agent.StepFailed || report.Steps[i].State == agent.StepSkipped {
			return converted, unreachable(s.Name, errors.New("the logins could not be looked up"))
		}
		for _, found := range report.Local {
			if !slices.ContainsFunc(part, func(u agent.User) bool { return u.ID == found.User.ID }) {
				continue
			}
			if err := d.convert(ctx, found); errors.Is(err, agent.ErrNotFound) || errors.Is(err, agent.ErrAdministratorIsLocal) {
				continue // changed meanwhile
			} else if err != nil {
				return converted, err
			}
			converted++
		}
	}
	return converted, nil
}

func (d *directories) convert(ctx context.Context, found agent.LocalLogin) error {
	merged, err := d.store.ConvertToDirectory(ctx, found.User.ID, found.Person)
	if err != nil {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	if merged != 0 {
		d.sessions.UserChanged(ctx, agent.User{ID: merged, Enabled: false})
	}
	d.follow(ctx, found.User, found.User)
	// As after a change of the password. The live sessions have the tokens, too.
	return errors.Join(d.sessions.VoidResume(ctx, found.User.ID), d.store.EndBrowserSessions(ctx, found.User.ID, ""))
}
