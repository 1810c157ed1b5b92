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
	probeTime        = 30 * time.Second // for all steps together
	probeControllers = 8                // how many controllers a test connects to
)

// Test goes through all that a login needs, step by step, with its own connections. login is a person's login in any form; empty =
// nobody is looked up. local are the local accounts whose logins are looked up.
func (d *Directories) Test(ctx context.Context, s agent.DirectorySettings, login string, local []agent.User) agent.DirectoryReport {
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	conns := newServers(s, d.log)
	defer conns.close()
	p := &probe{remote: newRemote(s, conns, d.people, d.log)}
	hosts := p.controllers(ctx)
	p.connect(ctx, hosts)
	p.bind(ctx)
	p.step(agent.StepBases, p.bases(ctx))
	p.step(agent.StepGroups, p.groups(ctx))
	p.step(agent.StepLockout, p.lockout(ctx))
	if strings.TrimSpace(login) != "" {
		p.step(agent.StepPerson, p.person(ctx, login))
	}
	p.step(agent.StepLocal, p.local(ctx, local))
	return p.report
}

// probe is a test of a directory.
type probe struct {
	*remote
	report agent.DirectoryReport
	failed bool // nothing after the last step can work
}

// step runs one step, unless one that it needs has failed. A step before StepBases that fails makes all others skipped.
func (p *probe) step(step agent.DirectoryStep, run func(*agent.StepResult) error) {
	result := agent.StepResult{Step: step, State: agent.StepOK}
	if p.failed {
		result.State = agent.StepSkipped
		p.report.Steps = append(p.report.Steps, result)
		return
	}
	began := time.Now()
	err := run(&result)
	result.Took = time.Since(began)
	if err != nil {
		result.State = agent.StepFailed
		f := probeFinding(err, p.Name)
		result.Finding, result.Args = f.Finding, f.Args
		result.Reason = p.reason(f)
	}
	p.report.Steps = append(p.report.Steps, result)
}

// probeFinding returns the finding in an error. Any other error becomes FindingFailed.
func probeFinding(err error, name string) *finding {
	var f *finding
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return atHost(agent.FindingNoAnswer, name, err)
	}
	f = atHost(agent.FindingFailed, name, err)
	f.Args["Error"] = agent.Clean(err.Error(), 300)
	return f
}

// reason returns why the search account may not log in.
func (p *probe) reason(f *finding) agent.Code {
	var refused *ldap.Error
	if f.Finding != agent.FindingSearchAccount || !errors.As(f.err, &refused) {
		return ""
	}
	return adRefusal(refused)
}

// warn makes a step a warning, unless it has one already.
func warn(result *agent.StepResult, found agent.DirectoryFinding, args map[string]string) {
	if result.State == agent.StepOK {
		result.State, result.Finding, result.Args = agent.StepWarning, found, args
	}
}

func (p *probe) controllers(ctx context.Context) (hosts []string) {
	p.step(agent.StepControllers, func(result *agent.StepResult) (err error) {
		hosts, err = p.servers.discover(ctx)
		result.Details = hosts
		return err
	})
	p.failed = len(hosts) == 0
	return hosts
}

// reached is how far the connection to a controller came.
type reached struct {
	host      string
	connect   error
	secure    error
	connected time.Duration
	secured   time.Duration
	sent      []agent.DirectoryCertificate
}

// connect connects to the controllers at the same time: TCP, then TLS. One that works is enough; the others are warnings.
func (p *probe) connect(ctx context.Context, hosts []string) {
	all := make([]reached, min(len(hosts), probeControllers))
	var wait sync.WaitGroup
	for i := range all {
		wait.Go(func() { all[i] = p.reach(ctx, hosts[i]) })
	}
	wait.Wait()
	p.eachController(agent.StepConnect, all, func(r reached) (time.Duration, error) { return r.connected, r.connect })
	all = slices.DeleteFunc(all, func(r reached) bool { return r.connect != nil })
	p.eachController(agent.StepCertificate, all, func(r reached) (time.Duration, error) { return r.secured, r.secure })
	for _, r := range all { // those of a controller that failed are the ones to look at
		if len(p.report.Certificates) == 0 || r.secure != nil && p.report.Certificates[0].Trusted {
			p.report.Certificates = r.sent
		}
	}
}

// reach connects to one controller.
func (p *probe) reach(ctx context.Context, host string) reached {
	ctx, cancel := context.WithTimeout(ctx, 2*connectLimit)
	defer cancel()
	r := reached{host: host}
	c := parseController(host, agent.DefaultLDAPSPort)
	began := time.Now()
	var raw net.Conn
	raw, r.connect = p.servers.connectTCP(ctx, c)
	if r.connected = time.Since(began); r.connect != nil {
		return r
	}
	defer raw.Close()
	began = time.Now()
	_, r.sent, r.secure = p.servers.secure(ctx, raw, c.name)
	r.secured = time.Since(began)
	return r
}

// eachController makes one step of what was reached at several controllers. Its time is that of the slowest one that works.
func (p *probe) eachController(step agent.DirectoryStep, all []reached, of func(reached) (time.Duration, error)) {
	p.step(step, func(result *agent.StepResult) error {
		var fault error
		for _, r := range all {
			if _, err := of(r); err != nil {
				fault = cmp.Or(fault, err)
				continue
			}
			result.Details = append(result.Details, r.host)
		}
		if fault != nil && len(result.Details) > 0 {
			f := probeFinding(fault, p.Name)
			warn(result, f.Finding, f.Args)
			return nil
		}
		p.failed = fault != nil
		return fault
	})
	if last := &p.report.Steps[len(p.report.Steps)-1]; last.State != agent.StepSkipped {
		for _, r := range all {
			if took, err := of(r); err == nil || p.failed {
				last.Took = max(last.Took, took)
			}
		}
	}
}

func (p *probe) bind(ctx context.Context) {
	p.step(agent.StepBind, func(result *agent.StepResult) error {
		err := p.servers.search(ctx, func(*ldap.Conn) error { return nil })
		p.failed = err != nil
		result.Details = []string{p.User}
		return err
	})
}

// bases checks that the bases exist and that people are readable below each.
func (p *probe) bases(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		return p.servers.search(ctx, func(c *ldap.Conn) error {
			*result = agent.StepResult{Step: agent.StepBases, State: agent.StepOK}
			f, err := p.factsNow(c)
			if err != nil {
				return err
			}
			for _, base := range p.remote.bases(f) {
				result.Details = append(result.Details, base)
				found, err := searchFew(c, 1, base, ldap.ScopeWholeSubtree, p.kind.people, "1.1")
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
func (p *probe) groups(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		return p.servers.search(ctx, func(c *ldap.Conn) error {
			*result = agent.StepResult{Step: agent.StepGroups, State: agent.StepOK}
			f, err := p.factsNow(c)
			if err != nil {
				return err
			}
			wanted := slices.Concat(p.LoginGroups, p.RemoteGroups)
			found, err := p.kind.groupsByID(c, f, wanted)
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
			if len(p.LoginGroups) == 0 {
				warn(result, agent.FindingEverybody, nil)
			}
			return nil
		})
	}
}

// lockout reads the rule for people without a policy of their own. Its arguments are Limit and Minutes; a Limit of 0 means that
// the domain locks nobody.
func (p *probe) lockout(ctx context.Context) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		rule, typed := typedLockout(p.DirectorySettings)
		known := true
		if !typed {
			err := p.servers.search(ctx, func(c *ldap.Conn) error {
				f, err := p.factsNow(c)
				if err != nil {
					return err
				}
				rule, known, err = p.kind.policy.readDefault(c, f)
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
func (p *probe) person(ctx context.Context, login string) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		shown := agent.Clean(login, agent.MaxLogin)
		nobody := &finding{Finding: agent.FindingNoPerson, Args: map[string]string{"Login": shown}}
		form, ok := parseLogin(login)
		if ok && form.domain != "" {
			netbios, suffixes := p.names()
			if !form.names(p.Name, netbios) {
				ok, form.alternative = form.hasSuffix(suffixes), true
			}
		}
		if !ok {
			return nobody
		}
		found, _, err := p.find(ctx, form)
		switch {
		case errors.Is(err, agent.ErrNotFound):
			return nobody
		case errors.Is(err, errSeveral):
			return &finding{Finding: agent.FindingSeveral, Args: nobody.Args, err: err}
		case err != nil:
			return err
		}
		report, err := p.describe(ctx, found)
		if err != nil {
			return err
		}
		p.report.Person = report
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
func (p *probe) describe(ctx context.Context, found person) (*agent.PersonReport, error) {
	var report *agent.PersonReport
	err := p.servers.search(ctx, func(c *ldap.Conn) error {
		f, err := p.factsNow(c)
		if err != nil {
			return err
		}
		entry, err := readEntry(c, found.entry.DN, slices.Concat(p.kind.attributes(), p.kind.advisory)...)
		if err != nil {
			return err
		}
		people := []person{{found.DirectoryPerson, entry}}
		if err := p.judge(c, people); err != nil {
			return err
		}
		groups, err := p.kind.members.all(c, p.kind, f, people[0])
		if err != nil {
			return err
		}
		report = &agent.PersonReport{DirectoryPerson: people[0].DirectoryPerson, DN: entry.DN}
		if code := p.kind.state(entry, time.Now()); code != "" {
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
func (p *probe) local(ctx context.Context, accounts []agent.User) func(*agent.StepResult) error {
	return func(result *agent.StepResult) error {
		byLogin := map[string]agent.User{}
		for _, u := range accounts {
			byLogin[spelling.Login(u.Login)] = u
		}
		for some := range slices.Chunk(accounts, batch) {
			people, err := p.peopleWith(ctx, some)
			if err != nil {
				return err
			}
			for _, one := range people {
				u, ok := byLogin[spelling.Login(one.Login)]
				if ok && len(p.report.Local) < agent.MaxDirectoryLookAlike {
					p.report.Local = append(p.report.Local, agent.LocalLogin{User: u, Person: one.DirectoryPerson})
				}
			}
		}
		slices.SortFunc(p.report.Local, func(a, b agent.LocalLogin) int { return cmp.Compare(a.User.Login, b.User.Login) })
		if len(p.report.Local) > 0 {
			warn(result, agent.FindingLocalLogins, nil)
		}
		return nil
	}
}

// peopleWith returns the people with the logins of some accounts.
func (p *probe) peopleWith(ctx context.Context, accounts []agent.User) (people []person, err error) {
	var logins strings.Builder
	for _, u := range accounts {
		logins.WriteString(equals(p.kind.login, u.Login))
	}
	err = p.servers.search(ctx, func(c *ldap.Conn) error {
		people = nil
		f, err := p.factsNow(c)
		if err != nil {
			return err
		}
		for _, base := range p.remote.bases(f) {
			entries, err := searchAll(c, base, "(&(|"+logins.String()+")"+p.kind.people+")", p.kind.attributes()...)
			if err != nil && !isMissing(err) {
				return err
			}
			for _, e := range entries {
				one, ok := p.kind.person(p.Name, e)
				if ok && !slices.ContainsFunc(people, func(q person) bool { return q.GUID == one.GUID }) {
					people = append(people, one)
				}
			}
		}
		return p.judge(c, people)
	})
	return people, err
}
