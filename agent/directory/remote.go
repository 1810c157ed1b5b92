package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos"
	"ideco-agent/agent/spelling"
)

// remote is a directory on the network.
type remote struct {
	agent.DirectorySettings
	kind    *kind
	servers *servers
	people  People
	log     *slog.Logger
	keytab  *kerberos.Keytab // nil = tickets are not accepted

	mu       sync.Mutex // guards the fields below
	known    facts
	learned  time.Time                  // when learn last tried to connect
	lockouts map[string]cachedLockout   // by DN of the policy; "" = of people without one
	policies map[loginForm]cachedPolicy // by typed login, with a right password or not
}

// newRemote makes a remote without connecting.
func newRemote(s agent.DirectorySettings, conns *servers, people People, log *slog.Logger) *remote {
	r := &remote{DirectorySettings: s, kind: kinds[s.Kind], servers: conns, people: people, log: log, lockouts: map[string]cachedLockout{}, policies: map[loginForm]cachedPolicy{}}
	if r.kind == nil {
		r.kind = openLDAP
	}
	if len(s.Keytab) > 0 {
		var err error
		if r.keytab, err = ReadKeytab(s); err != nil {
			log.Error("the keytab of a directory cannot be used", "directory", s.Name, "error", err)
		}
	}
	return r
}

// currentFacts returns the cached facts. It reads them again if they are older than factsAge.
func (r *remote) currentFacts(c *ldap.Conn) (facts, error) {
	r.mu.Lock()
	f := r.known
	r.mu.Unlock()
	if !f.at.IsZero() && time.Since(f.at) < factsAge {
		return f, nil
	}
	f, err := readFacts(c, r.DirectorySettings)
	if err != nil {
		return f, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known = f
	return f, nil
}

// learn reads the facts of an Active Directory that has none yet, so that its names are known. It connects at most twice a minute.
func (r *remote) learn(ctx context.Context) {
	const pause = 30 * time.Second
	r.mu.Lock()
	wanted := r.Kind == agent.DirectoryAD && r.known.at.IsZero() && time.Since(r.learned) > pause
	if wanted {
		r.learned = time.Now()
	}
	r.mu.Unlock()
	if !wanted {
		return
	}
	err := r.servers.search(ctx, func(c *ldap.Conn) error {
		_, err := r.currentFacts(c)
		return err
	})
	if err != nil {
		r.log.WarnContext(ctx, "the NetBIOS name and suffixes of a directory could not be read", "directory", r.Name, "error", err)
	}
}

// names returns the NetBIOS name and the suffixes of userPrincipalNames. Before the first connection they are the stored ones.
func (r *remote) names() (netbios string, suffixes []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known.at.IsZero() {
		return r.NetBIOS, r.UPNSuffixes
	}
	return r.known.netbios, r.known.suffixes
}

// bases returns the DNs below which people are searched.
func (r *remote) bases(f facts) []string {
	if len(r.Bases) > 0 {
		return r.Bases
	}
	return []string{f.root}
}

var errSeveral = errors.New("the login means several people")

// find returns the person whom a login means. Errors: agent.ErrNotFound, errSeveral.
func (r *remote) find(ctx context.Context, form loginForm) (p person, rule agent.Lockout, err error) {
	err = r.servers.search(ctx, func(c *ldap.Conn) error {
		f, err := r.currentFacts(c)
		if err != nil {
			return err
		}
		policy, known := r.policyOf(form)
		attributes := r.kind.attributes()
		if !known {
			attributes = append(attributes, r.kind.policy.reference)
		}
		found, err := r.search(c, f, form, attributes)
		if err != nil {
			return err
		}
		switch {
		case len(found) != 1:
			policy = ""
		case !known:
			policy = found[0].entry.GetEqualFoldAttributeValue(r.kind.policy.reference)
			r.keepPolicy(form, policy)
		}
		if rule, err = r.lockoutOf(c, f, policy); err != nil {
			return err
		}
		switch len(found) {
		case 0:
			return agent.ErrNotFound
		case 1:
			p = found[0]
			return nil
		}
		return fmt.Errorf("%w: %s, %s", errSeveral, found[0].entry.DN, found[1].entry.DN)
	})
	return p, rule, err
}

// search returns the people whom a login means: usually one. A userPrincipalName wins over the sAMAccountName of another person,
// as in Windows.
func (r *remote) search(c *ldap.Conn, f facts, form loginForm, attributes []string) ([]person, error) {
	const most = 10 // in each base
	var found []person
	bases, missing := r.bases(f), 0
	for _, base := range bases {
		entries, err := searchFew(c, most, base, ldap.ScopeWholeSubtree, "(&"+r.kind.byLogin(form)+r.kind.people+")", attributes...)
		if isMissing(err) {
			if missing++; missing < len(bases) {
				continue // the check reports it
			}
		}
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			p, ok := r.kind.person(r.Name, e)
			if ok && !slices.ContainsFunc(found, func(q person) bool { return q.GUID == p.GUID }) {
				found = append(found, p)
			}
		}
	}
	return preferUPN(found, form), nil
}

// preferUPN returns the people whose userPrincipalName was typed, or all if there is none.
func preferUPN(found []person, form loginForm) []person {
	exact := slices.DeleteFunc(slices.Clone(found), func(p person) bool { return !form.at || !sameUPN(p.UPN, form) })
	if len(exact) > 0 {
		return exact
	}
	return found
}

// account returns the account that a login means here. Refusals: CodeDirectoryUnreachable.
func (r *remote) account(ctx context.Context, form loginForm) (agent.Account, error) {
	p, rule, err := r.find(ctx, form)
	switch {
	case errors.Is(err, errSeveral):
		r.log.WarnContext(ctx, "a login means several people, so none of them can log in with it", "directory", r.Name, "error", err)
		return r.unknownAccount(form, rule), nil
	case errors.Is(err, agent.ErrNotFound):
		return r.unknownAccount(form, rule), nil
	case err != nil:
		return agent.Account{}, r.unreachable(err)
	}
	a := agent.Account{Key: r.Name + "/" + p.GUID, Known: true, Lockout: rule}
	user, err := r.people.DirectoryUser(ctx, r.Name, p.GUID)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return agent.Account{}, err
	}
	a.UserID = user.ID
	a.Authenticate = func(ctx context.Context, c agent.Credentials) (agent.User, error) {
		return r.authenticate(ctx, p, user.ID, c.Password)
	}
	if r.PasswordChange != agent.PasswordChangeOff {
		a.ChangePassword = func(ctx context.Context, c agent.Credentials, newPassword string) (agent.User, error) {
			return r.changePassword(ctx, p, user, c.Password, newPassword)
		}
	}
	return a, nil
}

// unknownAccount returns the account for an unknown login. Its Authenticate sends the password with a DN that does not exist, so
// that an answer takes as long as for a person. Its ChangePassword asks the KDC before, whose port a firewall may drop.
func (r *remote) unknownAccount(form loginForm, rule agent.Lockout) agent.Account {
	a := agent.Account{Key: r.Name + "/?" + spelling.Login(form.user), Lockout: rule,
		Authenticate: func(ctx context.Context, c agent.Credentials) (agent.User, error) {
			r.mu.Lock()
			root := r.known.root
			r.mu.Unlock()
			if isPassword(c.Password) {
				_, err := r.servers.bind(ctx, "CN="+uuid.NewString()+","+root, c.Password)
				if err != nil && !answered(err) {
					return agent.User{}, r.bindFailed(err)
				}
			}
			return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
		}}
	if r.PasswordChange != agent.PasswordChangeOff {
		a.ChangePassword = func(ctx context.Context, c agent.Credentials, newPassword string) (agent.User, error) {
			if r.kind == activeDirectory && r.PasswordChange != agent.PasswordChangeLDAP && isPassword(c.Password) {
				nobody := person{entry: ldap.NewEntry("", map[string][]string{r.kind.login: {uuid.NewString()}})}
				_ = r.kpasswd(ctx, nobody, c.Password, newPassword) // refused before the password is sent
			}
			return a.Authenticate(ctx, c)
		}
	}
	return a
}

// maxRemotePassword limits a password for a directory, in bytes. Active Directory takes 256 characters.
const maxRemotePassword = 1024

// isPassword reports whether a text can be a password. One with NUL is none: a server that compares what stands before it would
// take it for a shorter one, or for none, with which a bind always succeeds.
func isPassword(password string) bool {
	return password != "" && len(password) <= maxRemotePassword && !strings.Contains(password, "\x00")
}

// authenticate checks the password of a person with one bind, checks the groups and stores the account. The id is zero for a
// person without a stored account. Refusals: those of kind; CodeNotPermitted; CodeDirectoryUnreachable.
func (r *remote) authenticate(ctx context.Context, p person, id agent.UserID, password string) (agent.User, error) {
	if !isPassword(password) {
		return agent.User{}, agent.Refuse(agent.CodeBadCredentials)
	}
	if r.kind.noPassword != nil {
		if code := r.kind.noPassword(p.entry); code != "" {
			return agent.User{}, &agent.Error{Code: code, Err: agent.ErrPasswordNotSent}
		}
	}
	checked, err := r.checkPassword(ctx, p, password)
	if err != nil {
		return agent.User{}, err
	}
	return r.admit(ctx, p, id, checked)
}

// admit judges the groups of a person whose password or ticket was checked, and stores the account.
func (r *remote) admit(ctx context.Context, p person, id agent.UserID, checked passwordCheck) (agent.User, error) {
	code := checked.code
	if code == "" {
		if err := r.judgeGroups(ctx, &p); err != nil {
			return agent.User{}, err
		}
		code = p.Refused
	}
	if code == "" {
		r.readExpiry(ctx, &p, checked.answer)
		return r.save(ctx, p.DirectoryPerson)
	}
	return agent.User{}, r.refuse(ctx, p, id, checked, code)
}

// refuse makes a refusal of a person and stores it if it ends access.
func (r *remote) refuse(ctx context.Context, p person, id agent.UserID, checked passwordCheck, code agent.Code) error {
	if p.Refused = code; id != 0 && code.EndsAccess() {
		if _, err := r.save(ctx, p.DirectoryPerson); err != nil {
			r.log.WarnContext(ctx, "a refusal by a directory was not stored", "directory", r.Name, "user", id, "error", err)
		}
	}
	refusal := agent.Refuse(code)
	if r.mayChange(checked, code) {
		refusal.MayChange, refusal.Policy = true, r.passwordPolicy(ctx, p)
	}
	return refusal
}

// save stores what a login has found about a person, and logs if the account becomes or stops being an administrator by it.
func (r *remote) save(ctx context.Context, p agent.DirectoryPerson) (agent.User, error) {
	before, err := r.people.DirectoryUser(ctx, p.Directory, p.GUID)
	if err != nil && !errors.Is(err, agent.ErrNotFound) {
		return agent.User{}, err
	}
	if p.Refused != "" && p.Refused != agent.CodeNotPermitted { // refused before the groups were read
		p.Remote, p.Groups = before.RemoteInDirectory, before.DirectoryGroups
	}
	user, err := r.people.SaveDirectoryUser(ctx, p)
	if err == nil && user.AdminByGroups != before.AdminByGroups {
		r.log.InfoContext(ctx, "security", "event", "administrator_by_group", "account", user.Login, "user", user.ID,
			"directory", r.Name, "admin", user.AdminByGroups)
	}
	return user, err
}

// passwordCheck is how a directory answered a password.
type passwordCheck struct {
	code   agent.Code // why it refuses the person; empty = it does not
	bound  bool       // the bind succeeded
	answer []ldap.Control
}

// checkPassword sends a password.
func (r *remote) checkPassword(ctx context.Context, p person, password string) (passwordCheck, error) {
	answer, err := r.servers.bind(ctx, p.entry.DN, password, r.kind.controls...)
	if err == nil {
		return passwordCheck{r.kind.accepted(p.entry, answer, time.Now()), true, answer}, nil
	}
	code, err := r.refusedBind(p, answer, err)
	return passwordCheck{code, false, answer}, err
}

// refusedBind returns the meaning of a failed bind.
func (r *remote) refusedBind(p person, answer []ldap.Control, err error) (agent.Code, error) {
	var refused *ldap.Error
	if !answered(err) || !errors.As(err, &refused) {
		return "", r.bindFailed(err)
	}
	code := r.kind.refusal(p.entry, refused, answer)
	if code == "" {
		return "", fmt.Errorf("directory %s cannot check passwords: %w", r.Name, err)
	}
	return code, nil
}

// judgeGroups sets what judge does.
func (r *remote) judgeGroups(ctx context.Context, p *person) error {
	people := []person{*p}
	err := r.servers.search(ctx, func(c *ldap.Conn) error {
		return r.judge(c, people)
	})
	if errors.Is(err, errUnreachable) {
		return r.unreachable(err)
	}
	*p = people[0]
	return err
}

// groups returns the groups of which the memberships are needed.
func (r *remote) groups() []agent.DirectoryGroup {
	return slices.Concat(r.LoginGroups, r.RemoteGroups, r.TreeGroups)
}

// judge sets Remote and Groups of people, and Refused of those in none of the login groups.
func (r *remote) judge(c *ldap.Conn, people []person) error {
	wanted := r.groups()
	sets := map[string]idSet{}
	if len(wanted) > 0 {
		f, err := r.currentFacts(c)
		if err != nil {
			return err
		}
		if sets, err = r.kind.members.of(c, r.kind, f, people, wanted); err != nil {
			return err
		}
	}
	for i := range people {
		p := &people[i]
		p.Remote, p.Groups = sets[p.GUID].hasAny(r.RemoteGroups), sets[p.GUID].of(r.TreeGroups)
		if len(r.LoginGroups) > 0 && !sets[p.GUID].hasAny(r.LoginGroups) {
			p.Refused = agent.CodeNotPermitted
		}
	}
	return nil
}

// unreachable makes the refusal for a directory that cannot be asked. A cancelled context stays context.Canceled.
func (r *remote) unreachable(err error) error {
	if errors.Is(err, context.Canceled) && !errors.Is(err, errUnreachable) {
		return err
	}
	return &agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: r.Name, Wait: 10 * time.Second, Err: err}
}

// bindFailed is unreachable for an error of a bind. It adds ErrPasswordNotSent where that is known.
func (r *remote) bindFailed(err error) error {
	var f *finding
	if errors.As(err, &f) && !f.Sent {
		err = fmt.Errorf("%w: %w", agent.ErrPasswordNotSent, err)
	}
	return r.unreachable(err)
}

// read returns the present state of people. See Directories.Read.
func (r *remote) read(ctx context.Context, guids []string) (agent.DirectoryReading, error) {
	reading := agent.DirectoryReading{People: map[string]agent.DirectoryPerson{}}
	err := r.servers.search(ctx, func(c *ldap.Conn) (err error) {
		f, err := readFacts(c, r.DirectorySettings)
		if err != nil {
			return err
		}
		r.mu.Lock()
		r.known = f
		r.mu.Unlock()
		reading.Missing, err = r.missing(c, f)
		return err
	})
	if err != nil {
		return agent.DirectoryReading{}, err
	}
	for some := range slices.Chunk(guids, batch) {
		var people []person
		var missing []string
		err := r.servers.search(ctx, func(c *ldap.Conn) (err error) {
			people, missing, err = r.readPeople(c, some)
			return err
		})
		if err != nil {
			return agent.DirectoryReading{}, err
		}
		for _, base := range missing {
			if !slices.Contains(reading.Missing, base) {
				reading.Missing = append(reading.Missing, base)
			}
		}
		for _, p := range people {
			reading.People[p.GUID] = p.DirectoryPerson
		}
	}
	return reading, nil
}

// readPeople returns the people with these GUIDs that exist below the bases, with Remote, Groups and Refused, and the bases that this
// controller does not have. Another one may have them.
func (r *remote) readPeople(c *ldap.Conn, guids []string) (people []person, missing []string, err error) {
	f, err := r.currentFacts(c)
	if err != nil {
		return nil, nil, err
	}
	if people, missing, err = r.matching(c, f, r.kind.id.filter(guids...)); err != nil {
		return nil, nil, err
	}
	if err := r.judge(c, people); err != nil {
		return nil, nil, err
	}
	for i := range people {
		p := &people[i]
		if code := r.kind.state(p.entry, time.Now()); code.EndsAccess() {
			p.Refused = code
		}
	}
	return people, missing, nil
}

// matching returns the people below the bases whom a filter matches, and the bases that do not exist.
func (r *remote) matching(c *ldap.Conn, f facts, filter string) (people []person, missing []string, err error) {
	seen := map[string]bool{}
	for _, base := range r.bases(f) {
		entries, err := searchAll(c, base, "(&"+filter+r.kind.people+")", r.kind.attributes()...)
		if isMissing(err) {
			missing = append(missing, base)
		} else if err != nil {
			return nil, nil, err
		}
		for _, e := range entries {
			p, ok := r.kind.person(r.Name, e)
			if ok && !seen[p.GUID] {
				seen[p.GUID] = true
				people = append(people, p)
			}
		}
	}
	return people, missing, nil
}

// missing returns the configured bases and groups that do not exist.
func (r *remote) missing(c *ldap.Conn, f facts) (list []string, err error) {
	for _, base := range r.bases(f) {
		if _, err := readEntry(c, base, "1.1"); isMissing(err) {
			list = append(list, base)
		} else if err != nil {
			return nil, err
		}
	}
	wanted := r.groups()
	found, err := r.kind.groupsByID(c, f, wanted)
	for _, g := range wanted {
		if _, ok := found[g.ID]; !ok && !slices.Contains(list, g.Name) {
			list = append(list, g.Name)
		}
	}
	return list, err
}
