package directory

import (
	"cmp"
	"context"
	"errors"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/spelling"
)

const (
	testTime        = 30 * time.Second // for all steps together
	testControllers = 8                // how many controllers a test connects to
)

// Test tests all that a login needs, step by step, with connections of its own. login is a person's login in any form; without
// one, StepPerson is left out. local are the local accounts whose logins StepLocal looks up.
func (d *Directories) Test(ctx context.Context, s agent.DirectorySettings, login string, local []agent.User) agent.DirectoryReport {
	ctx, cancel := context.WithTimeout(ctx, testTime)
	defer cancel()
	conns := d.newServers(s, true)
	defer conns.close()
	t := &tester{remote: newRemote(s, conns, d.people, d.log)}
	hosts := t.controllers(ctx)
	t.connect(ctx, hosts)
	t.bind(ctx)
	t.step(agent.StepBases, t.bases(ctx))
	t.step(agent.StepGroups, t.groups(ctx))
	t.step(agent.StepLockout, t.lockout(ctx))
	t.step(agent.StepPassword, t.passwordPorts(ctx))
	if strings.TrimSpace(login) != "" {
		t.step(agent.StepPerson, t.person(ctx, login))
	}
	t.step(agent.StepLocal, t.local(ctx, local))
	return t.report
}

// tester runs the steps of Test.
type tester struct {
	*remote
	report agent.DirectoryReport
	failed bool // a step failed that all others need
}

// step runs one step and records its result. After failed is set, it records the step as skipped.
func (t *tester) step(step agent.DirectoryStep, run func(*agent.StepResult) error) {
	result := agent.StepResult{Step: step, State: agent.StepOK}
	if t.failed {
		result.State = agent.StepSkipped
		t.report.Steps = append(t.report.Steps, result)
		return
	}
	began := time.Now()
	err := run(&result)
	result.Took = time.Since(began)
	if err != nil {
		result.State = agent.StepFailed
		f := stepFinding(err, t.Name)
		result.Finding, result.Args = f.Finding, f.Args
		result.Reason = t.reason(f)
	}
	t.report.Steps = append(t.report.Steps, result)
}

// stepFinding returns the finding in an error. Any other error becomes FindingFailed.
func stepFinding(err error, name string) *finding {
	var f *finding
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return hostFinding(agent.FindingNoAnswer, name, err)
	}
	f = hostFinding(agent.FindingFailed, name, err)
	f.Args["Error"] = agent.Clean(err.Error(), 300)
	return f
}

// reason returns why the controller refused the search account, for FindingSearchAccount.
func (t *tester) reason(f *finding) agent.Code {
	var refused *ldap.Error
	if f.Finding != agent.FindingSearchAccount || !errors.As(f.err, &refused) {
		return ""
	}
	return adRefusal(refused)
}

// warn makes the result a warning, unless it is one already.
func warn(result *agent.StepResult, found agent.DirectoryFinding, args map[string]string) {
	if result.State == agent.StepOK {
		result.State, result.Finding, result.Args = agent.StepWarning, found, args
	}
}

func (t *tester) controllers(ctx context.Context) (hosts []string) {
	t.step(agent.StepControllers, func(result *agent.StepResult) (err error) {
		hosts, err = t.servers.discover(ctx)
		result.Details = hosts
		return err
	})
	t.failed = len(hosts) == 0
	return hosts
}

// reached is the result of connecting to a controller.
type reached struct {
	host      string
	connect   error
	secure    error
	connected time.Duration
	secured   time.Duration
	sent      []agent.DirectoryCertificate
}

// connect connects to the controllers at the same time: TCP, then TLS. One that works is enough; the others are warnings.
func (t *tester) connect(ctx context.Context, hosts []string) {
	all := make([]reached, min(len(hosts), testControllers))
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i] = t.reach(ctx, hosts[i]) })
	}
	wait.Wait()
	t.eachController(agent.StepConnect, all, func(r reached) (time.Duration, error) { return r.connected, r.connect })
	all = slices.DeleteFunc(all, func(r reached) bool { return r.connect != nil })
	t.eachController(agent.StepCertificate, all, func(r reached) (time.Duration, error) { return r.secured, r.secure })
	for _, r := range all { // of the first controller that failed, else of the first one
		if len(t.report.Certificates) == 0 || r.secure != nil && t.report.Certificates[0].Trusted {
			t.report.Certificates = r.sent
		}
	}
}

// reach connects to one controller.
func (t *tester) reach(ctx context.Context, host string) reached {
	ctx, cancel := context.WithTimeout(ctx, 2*connectLimit)
	defer cancel()
	r := reached{host: host}
	c := parseController(host, agent.DefaultLDAPSPort)
	began := time.Now()
	var raw net.Conn
	raw, r.connect = t.servers.connectTCP(ctx, c)
	if r.connected = time.Since(began); r.connect != nil {
		return r
	}
	defer raw.Close()
	began = time.Now()
	_, r.sent, r.secure = t.servers.secure(ctx, raw, c.name)
	r.secured = time.Since(began)
	return r
}

// eachController records one step for several controllers. Took is that of the slowest one that works.
func (t *tester) eachController(step agent.DirectoryStep, all []reached, of func(reached) (time.Duration, error)) {
	t.step(step, func(result *agent.StepResult) error {
		var fault error
		for _, r := range all {
			if _, err := of(r); err != nil {
				fault = cmp.Or(fault, err)
				continue
			}
			result.Details = append(result.Details, r.host)
		}
		if fault != nil && len(result.Details) > 0 {
			f := stepFinding(fault, t.Name)
			warn(result, f.Finding, f.Args)
			return nil
		}
		t.failed = fault != nil
		return fault
	})
	if last := &t.report.Steps[len(t.report.Steps)-1]; last.State != agent.StepSkipped {
		for _, r := range all {
			if took, err := of(r); err == nil || t.failed {
				last.Took = max(last.Took, took)
			}
		}
	}
}

func (t *tester) bind(ctx context.Context) {
	t.step(agent.StepBind, func(result *agent.StepResult) error {
		err := t.servers.search(ctx, func(*ldap.Conn) error { return nil })
		t.failed = err != nil
		result.Details = []string{t.User}
		return err
	})
}

// bases checks that the bases exist and that people are readable below each.
func (t *tester) bases(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		return t.servers.search(ctx, func(c *ldap.Conn) error {
			*result = agent.StepResult{Step: agent.StepBases, State: agent.StepOK}
			f, err := t.currentFacts(c)
			if err != nil {
				return err
			}
			for _, base := range t.remote.bases(f) {
				result.Details = append(result.Details, base)
				found, err := searchFew(c, 1, base, ldap.ScopeWholeSubtree, t.kind.people, "1.1")
				switch {
				case isMissing(err):
					return &finding{Finding: agent.FindingNoBase, Args: map[string]string{"Base": base}, err: err}
				case err != nil:
					return err
				case len(found) == 0:
					warn(result, agent.FindingEmptyBase, map[string]string{"Base": base})
				}
			}
			return nil
		})
	}
}

// groups checks that the configured groups exist.
func (t *tester) groups(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		return t.servers.search(ctx, func(c *ldap.Conn) error {
			*result = agent.StepResult{Step: agent.StepGroups, State: agent.StepOK}
			f, err := t.currentFacts(c)
			if err != nil {
				return err
			}
			for _, list := range []*[]agent.DirectoryGroup{&t.LoginGroups, &t.RemoteGroups} {
				known, err := t.resolved(c, f, *list)
				if err != nil {
					return err
				}
				*list = known
			}
			wanted := slices.Concat(t.LoginGroups, t.RemoteGroups)
			found, err := t.kind.groupsByID(c, f, wanted)
			if err != nil {
				return err
			}
			for _, g := range wanted {
				now, ok := found[g.ID]
				if !ok {
					return &finding{Finding: agent.FindingNoGroup, Args: map[string]string{"Group": g.Name}}
				}
				if !slices.Contains(result.Details, now.DN) {
					result.Details = append(result.Details, now.DN)
				}
			}
			if len(t.LoginGroups) == 0 {
				warn(result, agent.FindingEverybody, nil)
			}
			return nil
		})
	}
}

// resolved looks up the groups that have only been typed, so that they have an ID.
func (t *tester) resolved(c *ldap.Conn, f facts, groups []agent.DirectoryGroup) ([]agent.DirectoryGroup, error) {
	groups = slices.Clone(groups)
	for i, g := range groups {
		if g.ID != "" {
			continue
		}
		found, err := t.kind.resolveGroup(c, f, cmp.Or(g.DN, g.Name))
		var unknown agent.Problem
		if errors.As(err, &unknown) {
			return nil, &finding{Finding: agent.FindingNoGroup, Args: map[string]string{"Group": g.Name}, err: err}
		}
		if err != nil {
			return nil, err
		}
		groups[i] = found
	}
	return groups, nil
}

// lockout reads the lockout of people without a policy of their own. The step has the arguments Limit and Minutes; Limit 0 means
// that the domain locks no account.
func (t *tester) lockout(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		rule, typed := typedLockout(t.DirectorySettings)
		known := true
		if !typed {
			err := t.servers.search(ctx, func(c *ldap.Conn) error {
				f, err := t.currentFacts(c)
				if err != nil {
					return err
				}
				rule, known, err = t.kind.policy.readDefault(c, f)
				return err
			})
			if err != nil {
				return err
			}
		}
		result.Args = map[string]string{"Limit": strconv.Itoa(rule.Limit), "Minutes": strconv.Itoa(int(rule.Window.Minutes()))}
		switch {
		case !known:
			warn(result, agent.FindingLockoutUnknown, result.Args)
		case rule.Limit == 1:
			warn(result, agent.FindingLockoutOne, result.Args)
		}
		return nil
	}
}

// person looks up the person whom a login means, with groups and state.
func (t *tester) person(ctx context.Context, login string) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		shown := agent.Clean(login, agent.MaxLogin)
		nobody := &finding{Finding: agent.FindingNoPerson, Args: map[string]string{"Login": shown}}
		form, ok := parseLogin(login)
		if ok && form.domain != "" {
			netbios, suffixes := t.names()
			if !form.names(t.Name, netbios) {
				ok, form.alternative = form.hasSuffix(suffixes), true
			}
		}
		if !ok {
			return nobody
		}
		found, _, err := t.find(ctx, form)
		switch {
		case errors.Is(err, agent.ErrNotFound):
			return nobody
		case errors.Is(err, errSeveral):
			return &finding{Finding: agent.FindingSeveral, Args: nobody.Args, err: err}
		case err != nil:
			return err
		}
		report, err := t.describe(ctx, found)
		if err != nil {
			return err
		}
		t.report.Person = report
		result.Details = []string{report.DN}
		if report.Refused != "" {
			found := agent.FindingPersonRefused
			if report.Refused == agent.CodeNotPermitted {
				found = agent.FindingNotInGroup
			}
			warn(result, found, map[string]string{"Login": report.Login})
			result.Reason = report.Refused
		}
		return nil
	}
}

// describe reads the state and the groups of a person.
func (t *tester) describe(ctx context.Context, found person) (*agent.PersonReport, error) {
	var report *agent.PersonReport
	err := t.servers.search(ctx, func(c *ldap.Conn) error {
		f, err := t.currentFacts(c)
		if err != nil {
			return err
		}
		entry, err := readEntry(c, found.entry.DN, slices.Concat(t.kind.attributes(), t.kind.advisory)...)
		if err != nil {
			return err
		}
		people := []person{{found.DirectoryPerson, entry}}
		if err := t.judge(c, people); err != nil {
			return err
		}
		groups, err := t.kind.members.all(c, t.kind, f, people[0])
		if err != nil {
			return err
		}
		report = &agent.PersonReport{DirectoryPerson: people[0].DirectoryPerson, DN: entry.DN}
		if code := t.kind.state(entry, time.Now()); code != "" {
			report.Refused = code
		}
		for _, g := range groups {
			report.Groups = append(report.Groups, g.Name)
		}
		return nil
	})
	return report, err
}

// local looks up the logins of local accounts.
func (t *tester) local(ctx context.Context, accounts []agent.User) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		byLogin := map[string]agent.User{}
		several := map[agent.UserID]bool{} // several people have the login; nobody knows whose the account is
		for _, u := range accounts {
			byLogin[spelling.Login(u.Login)] = u
		}
		for some := range slices.Chunk(accounts, batch) {
			people, err := t.peopleWith(ctx, some)
			if err != nil {
				return err
			}
			for _, one := range people {
				u, ok := byLogin[spelling.Login(one.Login)]
				if !ok {
					continue
				}
				if slices.ContainsFunc(t.report.Local, func(l agent.LocalLogin) bool { return l.User.ID == u.ID }) {
					several[u.ID] = true
				} else {
					t.report.Local = append(t.report.Local, agent.LocalLogin{User: u, Person: one.DirectoryPerson})
				}
			}
		}
		t.report.Local = slices.DeleteFunc(t.report.Local, func(l agent.LocalLogin) bool { return several[l.User.ID] })
		slices.SortFunc(t.report.Local, func(a, b agent.LocalLogin) int { return cmp.Compare(a.User.Login, b.User.Login) })
		t.report.Local = t.report.Local[:min(len(t.report.Local), agent.MaxLocalLogins)]
		if len(t.report.Local) > 0 {
			warn(result, agent.FindingLocalLogins, nil)
		}
		return nil
	}
}

// peopleWith returns the people with the logins of some accounts.
func (t *tester) peopleWith(ctx context.Context, accounts []agent.User) (people []person, err error) {
	var logins strings.Builder
	for _, u := range accounts {
		logins.WriteString(equals(t.kind.login, u.Login))
	}
	err = t.servers.search(ctx, func(c *ldap.Conn) error {
		f, err := t.currentFacts(c)
		if err != nil {
			return err
		}
		if people, _, err = t.matching(c, f, "(|"+logins.String()+")"); err != nil {
			return err
		}
		return t.judge(c, people)
	})
	return people, err
}
