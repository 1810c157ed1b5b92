package directory

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos"
	"ideco-agent/agent/spelling"
)

// People stores the accounts of people of directories.
type People interface {
	// DirectoryUser returns the account of a person. Errors: agent.ErrNotFound.
	DirectoryUser(ctx context.Context, directory, guid string) (agent.User, error)
	// DirectoryUserByLogin returns the account that a login without a domain means, as far as is known here. Errors:
	// agent.ErrNotFound.
	DirectoryUserByLogin(ctx context.Context, directory, login string) (agent.User, error)
	// SaveDirectoryUser adds or updates the account of a person whose password was right.
	SaveDirectoryUser(context.Context, agent.DirectoryPerson) (agent.User, error)
}

// Directories are the local accounts and the directories on the network.
type Directories struct {
	local  *Local
	people People
	log    *slog.Logger
	tries  *wrongTries

	acceptor *kerberos.Acceptor

	mu      sync.RWMutex // guards remotes; a list is never changed
	remotes []*remote
}

// New makes Directories without any directory on the network.
func New(local *Local, people People, log *slog.Logger) *Directories {
	return &Directories{local: local, people: people, log: log, tries: newWrongTries(), acceptor: kerberos.NewAcceptor()}
}

// Set replaces the configured directories. Those whose connections do not change keep them.
func (d *Directories) Set(all []agent.DirectorySettings) {
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.remotes
	d.remotes = nil
	kept := map[*servers]bool{}
	for _, s := range all {
		i := slices.IndexFunc(before, func(r *remote) bool { return r.ID == s.ID && sameConnections(r.DirectorySettings, s) })
		if i < 0 {
			d.remotes = append(d.remotes, newRemote(s, d.newServers(s, false), d.people, d.log))
			continue
		}
		old := before[i]
		r := newRemote(s, old.servers, d.people, d.log)
		old.mu.Lock()
		r.known = old.known
		old.mu.Unlock()
		kept[r.servers] = true
		d.remotes = append(d.remotes, r)
	}
	for _, r := range before {
		if !kept[r.servers] {
			r.servers.close()
		}
	}
}

// Close ends all connections.
func (d *Directories) Close() { d.Set(nil) }

// sameConnections reports whether the connections of two settings are the same.
func sameConnections(a, b agent.DirectorySettings) bool {
	only := func(s agent.DirectorySettings) agent.DirectorySettings {
		return agent.DirectorySettings{Kind: s.Kind, Name: s.Name, DNS: append([]netip.Addr{}, s.DNS...),
			Controllers: append([]string{}, s.Controllers...), Transport: s.Transport, TLSName: s.TLSName, CA: s.CA,
			User: s.User, Password: s.Password, PasswordLost: s.PasswordLost}
	}
	return reflect.DeepEqual(only(a), only(b))
}

func (d *Directories) list() []*remote {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.remotes
}

// byID returns a configured directory. Errors: agent.ErrNotFound.
func (d *Directories) byID(id agent.DirectoryID) (*remote, error) {
	for _, r := range d.list() {
		if r.ID == id {
			return r, nil
		}
	}
	return nil, agent.ErrNotFound
}

// Find returns the account that a login means, by the rules of the package comment. An unknown login is no error. Refusals:
// CodeDirectoryUnreachable.
func (d *Directories) Find(ctx context.Context, login string) (agent.Account, error) {
	form, ok := parseLogin(login)
	if !ok {
		return d.unknownAccount(login), nil
	}
	if form.domain == "" {
		local, err := d.local.Find(ctx, login)
		if err != nil || local.Known {
			return local, err
		}
		if i := slices.IndexFunc(d.list(), func(r *remote) bool { return r.Default }); i >= 0 {
			return d.list()[i].account(ctx, form)
		}
		return local, nil
	}
	named, alternative := d.choose(form)
	if len(named)+len(alternative) == 0 {
		for _, r := range d.list() {
			r.learn(ctx)
		}
		named, alternative = d.choose(form)
	}
	nobody := d.unknownAccount(login)
	for i, some := range [][]*remote{named, alternative} {
		form.alternative = i > 0
		account, err := d.findIn(ctx, some, form)
		if err != nil || account.Known {
			return account, err
		}
		if account.Key != "" && (i == 0 || len(named) == 0) {
			nobody = account
		}
	}
	return nobody, nil
}

// findIn returns the account that a login means in one of several directories. The key is empty if none has it, and also if
// several have: a name that a directory claims for itself must not bring it the passwords of another one.
func (d *Directories) findIn(ctx context.Context, some []*remote, form loginForm) (agent.Account, error) {
	var found, nobody agent.Account
	for _, r := range some {
		account, err := r.account(ctx, form)
		switch {
		case err != nil:
			return agent.Account{}, err
		case !account.Known:
			if nobody = account; len(some) > 1 {
				nobody = agent.Account{}
			}
		case found.Known:
			d.log.WarnContext(ctx, "a login means people in several directories, so none of them can log in with it",
				"accounts", []string{found.Key, account.Key})
			return agent.Account{}, nil
		default:
			found = account
		}
	}
	if found.Known {
		return found, nil
	}
	return nobody, nil
}

// choose returns the directories that the typed domain names, and those that have it as a suffix of userPrincipalNames. The DNS
// name that an administrator typed goes before the names that the directories say of themselves.
func (d *Directories) choose(form loginForm) (named, alternative []*remote) {
	for _, r := range d.list() {
		if form.names(r.Name, "") {
			named = append(named, r)
		}
	}
	var short []*remote
	for _, r := range d.list() {
		netbios, suffixes := r.names()
		switch {
		case slices.Contains(named, r):
		case form.names(r.Name, netbios):
			short = append(short, r)
		case form.hasSuffix(suffixes):
			alternative = append(alternative, r)
		}
	}
	if len(named) == 0 {
		named = short
	}
	return named, alternative
}

// unknownAccount returns the account for an unknown login that belongs to no directory.
func (d *Directories) unknownAccount(login string) agent.Account {
	return agent.Account{Key: "?/" + spelling.Login(login), Authenticate: d.local.Authenticate, ChangePassword: d.local.ChangePassword}
}

// Knows returns the stored account that a login means, without asking a directory on the network.
func (d *Directories) Knows(ctx context.Context, login string) (agent.UserID, bool, error) {
	form, ok := parseLogin(login)
	if !ok {
		return 0, false, nil
	}
	var some []*remote
	if form.domain == "" {
		if id, known, err := d.local.Knows(ctx, login); err != nil || known {
			return id, known, err
		}
		for _, r := range d.list() {
			if r.Default {
				some = append(some, r)
			}
		}
	} else {
		some, _ = d.choose(form)
	}
	if len(some) != 1 {
		return 0, false, nil
	}
	user, err := d.people.DirectoryUserByLogin(ctx, some[0].Name, form.user)
	if errors.Is(err, agent.ErrNotFound) {
		return 0, false, nil
	}
	return user.ID, err == nil, err
}

// Read returns the present state of people, for the check of the accounts. Errors: agent.ErrNotFound for an unknown directory.
func (d *Directories) Read(ctx context.Context, id agent.DirectoryID, guids []string) (agent.DirectoryReading, error) {
	r, err := d.byID(id)
	if err != nil {
		return agent.DirectoryReading{}, err
	}
	return r.read(ctx, guids)
}

// Status returns whether a directory can be asked now. Checked and Withheld are not set.
func (d *Directories) Status(id agent.DirectoryID) agent.DirectoryStatus {
	r, err := d.byID(id)
	if err != nil {
		return agent.DirectoryStatus{}
	}
	list := r.servers.status()
	return agent.DirectoryStatus{Controllers: list,
		Reachable: slices.ContainsFunc(list, func(c agent.ControllerStatus) bool { return c.Reachable })}
}

// Facts returns the NetBIOS name of a directory and the alternative suffixes of its userPrincipalNames, as last found.
func (d *Directories) Facts(id agent.DirectoryID) (netbios string, upnSuffixes []string) {
	r, err := d.byID(id)
	if err != nil {
		return "", nil
	}
	return r.names()
}

// with runs f with the directory of the settings, over the connections of the configured one if they fit.
func (d *Directories) with(s agent.DirectorySettings, f func(*remote) error) error {
	if r, err := d.byID(s.ID); err == nil && sameConnections(r.DirectorySettings, s) {
		return f(newRemote(s, r.servers, d.people, d.log))
	}
	conns := d.newServers(s, true)
	defer conns.close()
	return f(newRemote(s, conns, d.people, d.log))
}

// newServers makes the connections of settings, which may be a draft.
func (d *Directories) newServers(s agent.DirectorySettings, draft bool) *servers {
	conns := newServers(s, d.log)
	if conns.tries, conns.draft = d.tries, draft; draft {
		conns.loggingIn = d.tries.one
	}
	return conns
}

// ResolveGroups returns groups by SID or ID, DN or name. Errors: an agent.Problem for the first that is unknown or ambiguous.
func (d *Directories) ResolveGroups(ctx context.Context, s agent.DirectorySettings, names []string) (groups []agent.DirectoryGroup, err error) {
	err = d.with(s, func(r *remote) error {
		return r.servers.search(ctx, func(c *ldap.Conn) error {
			groups = nil
			f, err := r.currentFacts(c)
			if err != nil {
				return err
			}
			for _, name := range names {
				g, err := r.kind.resolveGroup(c, f, name)
				if err != nil {
					return err
				}
				groups = append(groups, g)
			}
			return nil
		})
	})
	return groups, err
}

// SearchGroups returns at most most groups whose name contains the text, sorted by name.
func (d *Directories) SearchGroups(ctx context.Context, s agent.DirectorySettings, text string, most int) (groups []agent.DirectoryGroup, err error) {
	if text = strings.TrimSpace(text); len(text) > agent.MaxLoginTyped {
		return nil, nil
	}
	err = d.with(s, func(r *remote) error {
		return r.servers.search(ctx, func(c *ldap.Conn) error {
			f, err := r.currentFacts(c)
			if err != nil {
				return err
			}
			groups, err = r.kind.searchGroups(c, f, text, most)
			return err
		})
	})
	return groups, err
}
