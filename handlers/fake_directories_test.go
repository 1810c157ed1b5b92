package handlers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
)

// fakeDirectories keeps settings in memory. Every directory has the groups Internet, VPN and Domain Users and the person petrova;
// unreachable ones are those whose name begins with "down".
type fakeDirectories struct {
	saved     []agent.DirectorySettings // with passwords
	status    map[agent.DirectoryID]agent.DirectoryStatus
	last      agent.DirectoryID
	tested    []agent.DirectorySettings // with the password that was used
	report    *agent.DirectoryReport    // of Test; nil = fakeReport
	users     Accounts
	accounts  map[agent.UserID]agent.User // converted accounts: what the directory knows of them
	converted []agent.UserID
	confirmed []agent.DirectoryID
	more      int // sessions that a check would end when it is confirmed
}

var fakeGroups = []agent.DirectoryGroup{
	{ID: "S-1-5-21-1-2-3-513", Name: "Domain Users", DN: "CN=Domain Users,CN=Users,DC=company,DC=local"},
	{ID: "S-1-5-21-1-2-3-1104", Name: "Internet", DN: "CN=Internet,OU=Groups,DC=company,DC=local"},
	{ID: "S-1-5-21-1-2-3-1105", Name: "VPN", DN: "CN=VPN,OU=Groups,DC=company,DC=local"},
}

func withoutPassword(d agent.DirectorySettings) agent.DirectorySettings {
	d.Password, d.Keytab = "", nil
	return d
}

func (f *fakeDirectories) find(id agent.DirectoryID) int {
	return slices.IndexFunc(f.saved, func(d agent.DirectorySettings) bool { return d.ID == id })
}

func (f *fakeDirectories) List(context.Context) ([]agent.DirectorySettings, error) {
	list := make([]agent.DirectorySettings, len(f.saved))
	for i, d := range f.saved {
		list[i] = withoutPassword(d)
	}
	slices.SortFunc(list, func(a, b agent.DirectorySettings) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

func (f *fakeDirectories) Get(_ context.Context, id agent.DirectoryID) (agent.DirectorySettings, error) {
	i := f.find(id)
	if i < 0 {
		return agent.DirectorySettings{}, agent.ErrNotFound
	}
	return withoutPassword(f.saved[i]), nil
}

func (f *fakeDirectories) Status(id agent.DirectoryID) agent.DirectoryStatus {
	status := f.status[id]
	if i := f.find(id); i >= 0 && !strings.HasPrefix(f.saved[i].Name, "down") {
		status.Reachable = true
		status.Controllers = []agent.ControllerStatus{{Host: "dc1." + f.saved[i].Name + ":636", Reachable: true, Since: time.Now(), Latency: 3 * time.Millisecond}}
	}
	return status
}

// complete resolves the typed groups and sets the stored password where none is given.
func (f *fakeDirectories) complete(d agent.DirectorySettings) (agent.DirectorySettings, error) {
	for _, list := range []struct {
		field  string
		groups *[]agent.DirectoryGroup
	}{{"login_groups", &d.LoginGroups}, {"remote_groups", &d.RemoteGroups}} {
		resolved := []agent.DirectoryGroup{}
		for _, typed := range *list.groups {
			i := slices.IndexFunc(fakeGroups, func(g agent.DirectoryGroup) bool {
				return strings.EqualFold(g.Name, typed.Name) || g.DN == typed.Name || g.ID == cmp.Or(typed.ID, typed.Name)
			})
			if i < 0 {
				return d, agent.Problems{{Field: list.field, Code: locale.FieldDirectoryGroup, Value: typed.Name}}
			}
			resolved = append(resolved, fakeGroups[i])
		}
		*list.groups = resolved
	}
	if d.Password != "" {
		return d, nil
	}
	i := f.find(d.ID)
	if i < 0 {
		return d, agent.Problems{{Field: "password", Code: "field_required"}}
	}
	if serverOf(d) != serverOf(f.saved[i]) {
		return d, agent.Problems{{Field: "password", Code: locale.FieldDirectoryPassword}}
	}
	d.Password = f.saved[i].Password
	return d, nil
}

func (f *fakeDirectories) Realms() (realms []string) {
	for _, d := range f.saved {
		if len(d.Keytab) > 0 {
			realms = append(realms, strings.ToUpper(d.Name))
		}
	}
	return realms
}

func (f *fakeDirectories) Services(context.Context) []string {
	return []string{"HTTP/gw.company.local", "HTTP/alias.company.local"}
}

// keysOf lists the keys of a keytab. A file "bad" is none.
func keysOf(d *agent.DirectorySettings) error {
	d.KeytabKeys = nil
	if string(d.Keytab) == "bad" {
		return agent.Problem{Field: "keytab", Code: "field_keytab"}
	}
	if len(d.Keytab) > 0 {
		d.KeytabKeys = []agent.KeytabKey{{Principal: "HTTP/gw.company.local@COMPANY.LOCAL", KVNO: 3, Type: "AES256-SHA1", Usable: true},
			{Principal: "HTTP/gw.company.local@COMPANY.LOCAL", KVNO: 3, Type: "RC4"}}
	}
	return nil
}

func (f *fakeDirectories) SetKeytab(_ context.Context, id agent.DirectoryID, file []byte) error {
	d := f.saved[f.find(id)]
	d.Keytab = file
	if err := keysOf(&d); err != nil {
		return err
	}
	f.saved[f.find(id)] = d
	return nil
}

func (f *fakeDirectories) Save(ctx context.Context, d agent.DirectorySettings) (agent.DirectoryID, error) {
	if problems := d.Check(); len(problems) > 0 {
		return 0, problems
	}
	if d.ID == 0 && slices.ContainsFunc(f.saved, func(one agent.DirectorySettings) bool { return one.Name == d.Name }) {
		return 0, agent.Problems{{Field: "name", Code: locale.FieldDirectoryTaken, Value: d.Name}}
	}
	if strings.HasPrefix(d.Name, "down") && len(d.LoginGroups) > 0 {
		return 0, &agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: d.Name}
	}
	d, err := f.complete(d)
	if err != nil {
		return 0, err
	}
	if i := f.find(d.ID); i >= 0 && len(d.Keytab) == 0 {
		d.Keytab = f.saved[i].Keytab
	}
	if err := keysOf(&d); err != nil {
		return 0, err
	}
	if i := f.find(d.ID); i >= 0 {
		f.saved[i] = d
		return d.ID, nil
	}
	// The store knows the directory, because groups refer to it.
	_, err = f.users.(accounts).SaveDirectory(ctx, d, func(agent.DirectoryID) (string, error) { return "", nil })
	f.last++
	d.ID = f.last
	f.saved = append(f.saved, d)
	return d.ID, err
}

func (f *fakeDirectories) Delete(_ context.Context, id agent.DirectoryID) (int, error) {
	f.saved = slices.Delete(f.saved, f.find(id), f.find(id)+1)
	return 0, nil
}

func (f *fakeDirectories) Test(ctx context.Context, d agent.DirectorySettings, login string) (agent.DirectoryReport, error) {
	d, err := f.complete(d)
	if err != nil {
		return agent.DirectoryReport{}, err
	}
	f.tested = append(f.tested, d)
	if f.report != nil {
		return *f.report, nil
	}
	return f.fakeReport(ctx, d, login), nil
}

func (f *fakeDirectories) fakeReport(ctx context.Context, d agent.DirectorySettings, login string) (r agent.DirectoryReport) {
	host := "dc1." + d.Name + ":636"
	for i, step := range agent.DirectorySteps {
		result := agent.StepResult{Step: step, State: agent.StepOK, Took: time.Duration(i+2) * time.Millisecond}
		if strings.HasPrefix(d.Name, "down") && step != agent.StepControllers {
			result.State = agent.StepSkipped
			if step == agent.StepConnect {
				result.State, result.Finding, result.Args = agent.StepFailed, agent.FindingNoAnswer, map[string]string{"Host": host}
			}
		}
		r.Steps = append(r.Steps, result)
	}
	r.Steps[0].Details = []string{host, "dc2." + d.Name + ":636"}
	if r.OK() && login == "petrova" {
		r.Person = &agent.PersonReport{DirectoryPerson: agent.DirectoryPerson{Directory: d.Name, GUID: "5e9a1f6c-0b8e-4f0a-9d53-2f4f0f2f7a10",
			Login: login, UPN: login + "@" + d.Name, Name: "Петрова Анна", Remote: true},
			DN: "CN=Петрова Анна,OU=Офис,DC=company,DC=local", Groups: []string{"Domain Users", "Internet", "VPN"}}
	}
	if len(d.LoginGroups) == 0 {
		r.Steps[5].State, r.Steps[5].Finding = agent.StepWarning, agent.FindingEverybody
	}
	if r.OK() {
		users, _, _ := f.users.Users(ctx, agent.UserFilter{}, 0, 100)
		for _, u := range users {
			if u.Local() {
				r.Local = append(r.Local, agent.LocalLogin{User: u, Person: agent.DirectoryPerson{Login: u.Login, Name: "Из каталога " + u.Login}})
			}
		}
	}
	return r
}

func (f *fakeDirectories) SearchGroups(_ context.Context, d agent.DirectorySettings, text string) (found []agent.DirectoryGroup, err error) {
	d, err = f.complete(d)
	if err != nil {
		return nil, err
	}
	if strings.HasPrefix(d.Name, "down") {
		return nil, &agent.Error{Code: agent.CodeDirectoryUnreachable, Domain: d.Name}
	}
	for _, g := range fakeGroups {
		if strings.Contains(strings.ToLower(g.Name), strings.ToLower(text)) {
			found = append(found, g)
		}
	}
	return found, nil
}

// FindGroup knows a group that no search names among its first ones.
func (f *fakeDirectories) FindGroup(ctx context.Context, d agent.DirectorySettings, text string) (agent.DirectoryGroup, error) {
	if _, err := f.SearchGroups(ctx, d, ""); err != nil {
		return agent.DirectoryGroup{}, err
	}
	if text == "Twice" {
		return agent.DirectoryGroup{}, agent.Problem{Field: "login_groups", Code: locale.FieldGroupAmbiguous, Value: text}
	}
	for _, g := range append(fakeGroups, agent.DirectoryGroup{ID: "S-1-5-21-1-2-3-99999", Name: "Far", DN: `CN=Far\, away,DC=company,DC=local`}) {
		if g.ID == text || strings.EqualFold(g.DN, text) || strings.EqualFold(g.Name, text) {
			return g, nil
		}
	}
	return agent.DirectoryGroup{}, agent.Problem{Field: "login_groups", Code: locale.FieldDirectoryGroup, Value: text}
}

func (f *fakeDirectories) Convert(_ context.Context, id agent.DirectoryID, users []agent.UserID) (int, error) {
	f.converted = append(f.converted, users...)
	for _, u := range users {
		f.accounts[u] = agent.User{Directory: f.saved[f.find(id)].Name, GUID: fmt.Sprint("guid-", u)}
	}
	return len(users), nil
}

func (f *fakeDirectories) ConfirmCheck(_ context.Context, id agent.DirectoryID, sessions int) error {
	if f.status[id].Withheld.Sessions > sessions {
		return agent.Problems{{Field: "check", Code: locale.FieldCheckChanged}}
	}
	if f.more > 0 {
		f.status[id] = agent.DirectoryStatus{Withheld: &agent.WithheldCheck{Sessions: f.more, Of: 300}}
		f.more = 0
		return agent.Problems{{Field: "check", Code: locale.FieldCheckChanged}}
	}
	f.confirmed = append(f.confirmed, id)
	delete(f.status, id)
	return nil
}

// accounts is the store with the accounts that fakeDirectories has converted.
type accounts struct {
	*store.Store
	directories *fakeDirectories
}

func (a accounts) known(u agent.User) agent.User {
	if d, ok := a.directories.accounts[u.ID]; ok {
		u.Directory, u.GUID, u.Refused, u.RemoteByGroups = d.Directory, d.GUID, d.Refused, d.RemoteByGroups
	}
	return u
}

func (a accounts) User(ctx context.Context, id agent.UserID) (agent.User, error) {
	u, err := a.Store.User(ctx, id)
	return a.known(u), err
}

func (a accounts) Users(ctx context.Context, filter agent.UserFilter, offset, limit int) ([]agent.User, int, error) {
	users, total, err := a.Store.Users(ctx, filter, offset, limit)
	for i := range users {
		users[i] = a.known(users[i])
	}
	return users, total, err
}

func (a accounts) UpdateUser(ctx context.Context, id agent.UserID, change func(*agent.User) error) (agent.User, error) {
	u, err := a.Store.UpdateUser(ctx, id, func(u *agent.User) error {
		changed := a.known(*u)
		if err := change(&changed); err != nil {
			return err
		}
		if _, ok := a.directories.accounts[id]; ok {
			a.directories.accounts[id] = changed
			changed.Directory, changed.GUID, changed.Refused, changed.RemoteByGroups = u.Directory, u.GUID, u.Refused, u.RemoteByGroups
		}
		*u = changed
		return nil
	})
	return a.known(u), err
}
