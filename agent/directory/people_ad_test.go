//go:build ad

package directory

import (
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// labSettings are the settings for a server of the lab.
func labSettings(kind agent.DirectoryKind, d *lab.Directory) agent.DirectorySettings {
	return agent.DirectorySettings{ID: 1, Kind: kind, Name: lab.Domain, Default: true, DNS: []netip.Addr{lab.DNSServer.Addr()},
		Controllers: []string{d.Host}, Transport: agent.TransportLDAPS, CA: string(d.CA.PEM()), User: d.SearchDN, Password: lab.SearchPassword}
}

// office is Directories with directories of the lab and the local accounts of newLocal.
type office struct {
	*Directories
	*memoryPeople
	log strings.Builder
}

func newOffice(t testing.TB, settings ...agent.DirectorySettings) *office {
	o := &office{memoryPeople: &memoryPeople{}}
	local := NewLocal(accounts{}, slog.New(slog.DiscardHandler))
	if test, ok := t.(*testing.T); ok {
		local, _ = newLocal(test)
	}
	o.Directories = New(local, o.memoryPeople, slog.New(slog.NewTextHandler(&o.log, nil)))
	o.Set(settings)
	t.Cleanup(o.Close)
	return o
}

// login logs in and returns the account and the code of the refusal.
func (o *office) login(t testing.TB, login, password string) (agent.User, agent.Code) {
	t.Helper()
	account, err := o.Find(t.Context(), login)
	if err != nil {
		return agent.User{}, agent.AsError(err).Code
	}
	user, err := account.Authenticate(t.Context(), agent.Credentials{Login: login, Password: password, Origin: agent.OriginLAN})
	if err != nil {
		var refusal *agent.Error
		if !errors.As(err, &refusal) {
			t.Errorf("%s: %v", login, err)
		}
		return user, agent.AsError(err).Code
	}
	return user, ""
}

// group returns groups of the lab by their names.
func (o *office) group(t testing.TB, s agent.DirectorySettings, names ...string) []agent.DirectoryGroup {
	t.Helper()
	groups, err := o.ResolveGroups(t.Context(), s, names)
	if err != nil {
		t.Fatal(err)
	}
	return groups
}

// TestADLoginForms: each form of a login means the same person.
func TestADLoginForms(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	for login, forms := range map[string][]string{
		"alice": {"alice", "ALICE", " alice ", `EXAMPLE\alice`, `example\Alice`, `example.test\alice`, "example.test/alice", "EXAMPLE/alice",
			"alice@example.test", "Alice@EXAMPLE.TEST", "alice@example.test."},
		"dave":        {"dave", `EXAMPLE\dave`, "dave@example.test", "david.jones@example.test", "DAVID.JONES@example.test"},
		"carol":       {"carol", "carol@corp.example", "CAROL@Corp.Example", "carol@example.test"},
		"Иван Петров": {"Иван Петров", "иван петров", `EXAMPLE\ИВАН ПЕТРОВ`, "example.test/Иван Петров", "Иван Петров@example.test"},
	} {
		key := ""
		for _, form := range forms {
			account, err := o.Find(t.Context(), form)
			if err != nil || !account.Known {
				t.Errorf("%q: %+v, %v", form, account, err)
				continue
			}
			if key == "" {
				key = account.Key
			}
			user, code := o.login(t, form, lab.Password)
			if code != "" || user.Login != login || account.Key != key || user.AccountKey() != key {
				t.Errorf("%q: %q, %q, %q", form, code, user.Login, account.Key)
			}
			if _, code := o.login(t, form, lab.Password+"!"); code != agent.CodeBadCredentials {
				t.Errorf("%q with a wrong password: %q", form, code)
			}
			ad.Unlock(t, login)
		}
	}
	for _, nobody := range []string{"nobody", `EXAMPLE\nobody`, "nobody@example.test", `OTHER\alice`, "alice@other.test", "PC1$", `EXAMPLE\PC1$`,
		"*", "alic*", `EXAMPLE\*`, "alice)(sAMAccountName=*", "david.jones", "david.jones@corp.example", "alice@corp.example", `EXAMPLE\alice@example.test`,
		"krbtgt\x00", `EXAMPLE\`, "@example.test", `\alice`, "/alice", "alice@", strings.Repeat("a", 400), "Domain Users", "VPN-Users"} {
		account, err := o.Find(t.Context(), nobody)
		if err != nil || account.Known {
			t.Errorf("%q: %+v, %v", nobody, account, err)
			continue
		}
		if _, code := o.login(t, nobody, lab.Password); code != agent.CodeBadCredentials {
			t.Errorf("%q: %q", nobody, code)
		}
	}
	if netbios, suffixes := o.Facts(1); netbios != lab.NetBIOS || len(suffixes) != 1 || suffixes[0] != "corp.example" {
		t.Error(netbios, suffixes)
	}
}

// TestADRefusals: each refusal has its own code. Where the controller compares the password first, a wrong one gets bad_credentials.
func TestADRefusals(t *testing.T) {
	ad := lab.NewAD(t)
	o := newOffice(t, labSettings(agent.DirectoryAD, ad.Directory))
	for login, want := range map[string]struct{ right, wrong agent.Code }{
		"alice":      {"", agent.CodeBadCredentials},
		"disabled":   {agent.CodeAccountDisabled, agent.CodeBadCredentials},
		"expired":    {agent.CodeAccountExpired, agent.CodeBadCredentials},
		"nohours":    {agent.CodeLogonRestricted, agent.CodeBadCredentials},
		"otherpc":    {agent.CodeLogonRestricted, agent.CodeBadCredentials},
		"pwexpired":  {agent.CodePasswordExpired, agent.CodeBadCredentials},
		"mustchange": {agent.CodePasswordMustChange, agent.CodeBadCredentials},
		"locked":     {agent.CodeAccountLocked, agent.CodeAccountLocked},
		"smartcard":  {agent.CodeSmartcardRequired, agent.CodeSmartcardRequired},
	} {
		if _, code := o.login(t, login, lab.Password); code != want.right {
			t.Errorf("%s: %q, want %q", login, code, want.right)
		}
		if _, code := o.login(t, login, "wrong"); code != want.wrong {
			t.Errorf("%s with a wrong password: %q, want %q", login, code, want.wrong)
		}
		if _, code := o.login(t, login, ""); code != agent.CodeBadCredentials {
			t.Errorf("%s with an empty password: %q", login, code)
		}
	}
	if n := ad.BadPasswords(t, "smartcard"); n != 0 {
		t.Errorf("a password of a smart card account was sent %d times", n)
	}
	if n := ad.BadPasswords(t, "disabled"); n != 1 {
		t.Errorf("one wrong password counts %d", n)
	}
}

// TestADLockoutRule: the limit is as typed in the settings, else of the person's policy, else of the domain.
func TestADLockoutRule(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(t, settings)
	want := func(login string, limit int, window time.Duration) {
		t.Helper()
		account, err := o.Find(t.Context(), login)
		if err != nil || account.Lockout != (agent.Lockout{Limit: limit, Window: window}) {
			t.Errorf("%s: %+v, %v", login, account.Lockout, err)
		}
	}
	ad.Set(t, lab.BaseDN, "lockOutObservationWindow", "-12000000000") // 20 minutes
	want("alice", 3, 20*time.Minute)
	want("nobody", 3, 20*time.Minute)
	want("strict", agent.UnknownLockoutLimit, agent.UnknownLockoutWindow) // the search account may not read the policy of strict
	admin := settings
	admin.User, admin.Password = ad.AdminDN, lab.AdminPassword
	o.Set([]agent.DirectorySettings{admin})
	want("strict", 2, time.Hour)
	want("alice", 3, 20*time.Minute)
	settings.LockoutLimit, settings.LockoutWindow = 7, time.Hour
	o.Set([]agent.DirectorySettings{settings})
	want("alice", 7, time.Hour)
	want("strict", 7, time.Hour)
	settings.LockoutLimit = 0
	ad.Set(t, lab.BaseDN, "lockoutThreshold", "0")
	o.Set([]agent.DirectorySettings{settings})
	want("alice", 0, 0)
}

// checkTree sets the groups of the tree and checks of which a login and a check find people members. Each name of want is a login.
func checkTree(t *testing.T, o *office, s agent.DirectorySettings, tree []string, want map[string][]string) {
	t.Helper()
	names := map[string]string{}
	s.TreeGroups = o.group(t, s, tree...)
	for _, g := range s.TreeGroups {
		names[g.ID] = g.Name
	}
	o.Set([]agent.DirectorySettings{s})
	is := func(what, login string, ids []string) {
		var got []string
		for _, id := range ids {
			got = append(got, names[id])
		}
		if slices.Sort(got); !slices.Equal(got, want[login]) || !slices.IsSorted(ids) {
			t.Errorf("%s: %s is in %q, want %q", what, login, got, want[login])
		}
	}
	var guids []string
	for login := range want {
		user, code := o.login(t, login, lab.Password)
		if code != "" {
			t.Fatalf("%s: %q", login, code)
		}
		is("login", login, user.DirectoryGroups)
		guids = append(guids, user.GUID)
	}
	reading, err := o.Read(t.Context(), 1, guids)
	if err != nil || len(reading.People) != len(want) || len(reading.Missing) != 0 {
		t.Fatal(reading, err)
	}
	for _, p := range reading.People {
		is("check", p.Login, p.Groups)
	}
}

// TestADTree: nested and primary groups count for the groups of the tree. The gain and loss of administration is logged. A deleted
// group is missing.
func TestADTree(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(t, settings)
	tree := []string{"Domain Users", "Empty", "Staff", "VPN-Users"}
	want := map[string][]string{"alice": {"Domain Users", "Staff", "VPN-Users"}, "bob": {"Domain Users", "VPN-Users"}, "dave": {"Domain Users"}}
	checkTree(t, o, settings, tree, want)
	settings.LoginGroups, settings.RemoteGroups = o.group(t, settings, "Domain Users"), o.group(t, settings, "Staff")
	checkTree(t, o, settings, tree, want)
	ad.AddTo(t, "Sales", ad.PersonDN("dave"))
	ad.RemoveFrom(t, "VPN-Users", ad.PersonDN("bob"))
	want["dave"], want["bob"] = want["alice"], want["dave"]
	checkTree(t, o, settings, tree, want)
	checkTree(t, o, settings, nil, map[string][]string{"alice": nil})

	o.admins = o.group(t, settings, "Staff")[0].ID
	checkTree(t, o, settings, tree, want)
	ad.RemoveFrom(t, "Sales", ad.PersonDN("dave"))
	want["dave"] = want["bob"]
	checkTree(t, o, settings, tree, want)
	var events []string
	for line := range strings.Lines(o.log.String()) {
		for _, event := range []string{"account=alice", "account=bob", "account=dave"} {
			if strings.Contains(line, "event=administrator_by_group "+event) {
				events = append(events, event[8:]+" "+line[strings.LastIndex(line, "admin=")+6:len(line)-1])
			}
		}
	}
	if slices.Sort(events); !slices.Equal(events, []string{"alice true", "dave false", "dave true"}) {
		t.Error(events)
	}

	settings.TreeGroups = o.group(t, settings, tree...)
	o.Set([]agent.DirectorySettings{settings})
	ad.Disable(t, "alice") // the groups of a disabled account are not read, so the stored ones stay
	_, code := o.login(t, "alice", lab.Password)
	if alice, err := o.find(func(u agent.User) bool { return u.Login == "alice" }); err != nil || code != agent.CodeAccountDisabled ||
		alice.Refused != code || !alice.RemoteInDirectory || len(alice.DirectoryGroups) != 3 || !alice.AdminByGroups {
		t.Error(alice, code, err)
	}
	ad.Delete(t, ad.GroupDN("Empty"))
	if reading, err := o.Read(t.Context(), 1, nil); err != nil || !slices.Equal(reading.Missing, []string{"Empty"}) {
		t.Error(reading, err)
	}
}

// TestADGroups: nested, primary and renamed groups count for the login groups and the remote groups.
func TestADGroups(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(t, settings)
	try := func(what, login string, want agent.Code, remote bool) {
		t.Helper()
		user, code := o.login(t, login, lab.Password)
		if code != want || code == "" && user.RemoteAccess != remote {
			t.Errorf("%s: %s: %q, remote access %v", what, login, code, user.RemoteAccess)
		}
		reading, err := o.Read(t.Context(), 1, []string{guidOf(t, ad.Directory, ad.PersonDN(login))})
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range reading.People {
			if p.Refused != want || p.Remote != remote {
				t.Errorf("%s: read %+v", what, p)
			}
		}
		if len(reading.People) != 1 || len(reading.Missing) != 0 {
			t.Errorf("%s: read %+v", what, reading)
		}
	}
	try("no groups", "alice", "", false)
	vpn := o.group(t, settings, "VPN-Users")
	settings.LoginGroups, settings.RemoteGroups = vpn, o.group(t, settings, "Sales")
	o.Set([]agent.DirectorySettings{settings})
	try("nested", "alice", "", true)
	try("direct", "bob", "", false)
	try("outside", "dave", agent.CodeNotPermitted, false)
	ad.Move(t, ad.GroupDN("VPN-Users"), "OU=Leavers,"+lab.BaseDN)
	ad.Set(t, "CN=VPN-Users,OU=Leavers,"+lab.BaseDN, "sAMAccountName", "Fernzugriff")
	try("renamed and moved", "alice", "", true)

	settings.LoginGroups = o.group(t, settings, "Domain Users")
	o.Set([]agent.DirectorySettings{settings})
	try("primary group", "dave", "", false)
	settings.LoginGroups = o.group(t, settings, "Empty")
	o.Set([]agent.DirectorySettings{settings})
	try("nobody in it", "alice", agent.CodeNotPermitted, true)
	settings.LoginGroups = append(settings.LoginGroups, o.group(t, settings, `EXAMPLE\domain users`)...)
	o.Set([]agent.DirectorySettings{settings})
	try("one of two", "alice", "", true)
}

// TestADResolve: a group is found by its name, its DN and its SID.
func TestADResolve(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	o := newOffice(t)
	sales := o.group(t, settings, "Sales")[0]
	for _, name := range []string{"sales", " Sales ", `EXAMPLE\Sales`, sales.ID, strings.ToLower(sales.ID), sales.DN, "cn=sales, ou=groups, dc=EXAMPLE,dc=test"} {
		if g := o.group(t, settings, name)[0]; g.ID != sales.ID || g.Name != "Sales" || !strings.HasPrefix(g.ID, "S-1-5-21-") {
			t.Errorf("%s: %+v", name, g)
		}
	}
	for _, name := range []string{"", "nothing", "*", "alice", ad.PersonDN("alice")[:20], "S-1-5-21-1-2-3-4", "CN=nothing," + lab.BaseDN, ad.PersonDN("alice")} {
		var problem agent.Problem
		if g, err := o.ResolveGroups(t.Context(), settings, []string{name}); !errors.As(err, &problem) || problem.Value != name {
			t.Errorf("%q: %+v, %v", name, g, err)
		}
	}
	twin := ad.AddGroup(t, "Twin")
	ad.Set(t, twin, "sAMAccountName", "Twin2")
	ad.Set(t, ad.AddGroup(t, "Other"), "sAMAccountName", "Twin")
	var ambiguous agent.Problem
	if g, err := o.ResolveGroups(t.Context(), settings, []string{"twin"}); !errors.As(err, &ambiguous) || ambiguous.Code != "field_group_ambiguous" {
		t.Errorf("%+v, %v", g, err)
	}
	if g := o.group(t, settings, twin)[0]; g.DN != twin || g.Name != "Twin2" {
		t.Errorf("%+v", g)
	}
	groups, err := o.SearchGroups(t.Context(), settings, "a", 100)
	if err != nil || len(groups) < 5 || !slices.ContainsFunc(groups, func(g agent.DirectoryGroup) bool { return g == sales }) {
		t.Error(groups, err)
	}
	if groups, err = o.SearchGroups(t.Context(), settings, "", 3); err != nil || len(groups) != 3 {
		t.Error(groups, err)
	}
	if groups, err = o.SearchGroups(t.Context(), settings, "*", 3); err != nil || len(groups) != 0 {
		t.Error(groups, err)
	}
}

// TestADCheck: the reading knows renamed, moved, disabled and expired people, and says which bases and groups are missing.
func TestADCheck(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	settings.Bases = []string{ad.PeopleDN, "OU=Leavers," + lab.BaseDN, "OU=Nothing," + lab.BaseDN}
	o := newOffice(t, settings)
	settings.LoginGroups = append(o.group(t, settings, "Domain Users"), agent.DirectoryGroup{ID: "S-1-5-21-1-2-3-4", Name: "Gone"})
	o.Set([]agent.DirectorySettings{settings})
	guids := map[string]string{}
	var all []string
	for _, login := range []string{"alice", "bob", "dave", "carol", "disabled", "expired", "locked", "pwexpired", "svc-ldap"} {
		guids[login] = guidOf(t, ad.Directory, map[bool]string{true: ad.SearchDN, false: ad.PersonDN(login)}[login == "svc-ldap"])
		all = append(all, guids[login])
	}
	user, code := o.login(t, "alice", lab.Password)
	if code != "" || user.GUID != guids["alice"] {
		t.Fatal(user, code)
	}
	moved := ad.Move(t, ad.PersonDN("alice"), "OU=Leavers,"+lab.BaseDN)
	ad.Set(t, moved, "sAMAccountName", "alice.smith")
	ad.Delete(t, ad.PersonDN("carol"))
	reading, err := o.Read(t.Context(), 1, append(all, "", "not a guid", "00000000-0000-0000-0000-000000000000"))
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"OU=Nothing," + lab.BaseDN, "Gone"}; !slices.Equal(reading.Missing, want) {
		t.Error(reading.Missing)
	}
	for login, want := range map[string]agent.Code{"alice": "", "bob": "", "dave": "", "disabled": agent.CodeAccountDisabled,
		"expired": agent.CodeAccountExpired, "locked": "", "pwexpired": ""} {
		p, ok := reading.People[guids[login]]
		if !ok || p.Refused != want {
			t.Errorf("%s: %+v, %v", login, p, ok)
		}
	}
	if len(reading.People) != 7 {
		t.Errorf("%d people: %v", len(reading.People), reading.People)
	}
	if again, code := o.login(t, "alice.smith", lab.Password); code != "" || again.ID != user.ID || again.Login != "alice.smith" {
		t.Error(again, code)
	}
	if _, code := o.login(t, "alice", lab.Password); code != agent.CodeBadCredentials {
		t.Error("the former login:", code)
	}

	// A refusal with the right password is stored, one with a wrong password is not.
	ad.Disable(t, "bob")
	if _, code := o.login(t, "bob", lab.Password); code != agent.CodeAccountDisabled || len(o.users) != 1 {
		t.Error(code, o.users)
	}
	ad.Set(t, moved, "userAccountControl", "514")
	if _, code := o.login(t, "alice.smith", "wrong"); code != agent.CodeBadCredentials || o.users[0].Refused != "" {
		t.Error(code, o.users)
	}
	if _, code := o.login(t, "alice.smith", lab.Password); code != agent.CodeAccountDisabled || o.users[0].Refused != code {
		t.Error(code, o.users)
	}

	ad.DenyRead(t, ad.PeopleDN)
	o.Set(nil)
	o.Set([]agent.DirectorySettings{settings})
	reading, err = o.Read(t.Context(), 1, all)
	t.Log("read right removed:", reading, err)
	for _, p := range reading.People {
		if p.GUID != user.GUID {
			t.Errorf("read %+v", p)
		}
	}
}

// guidOf returns the objectGUID of an entry.
func guidOf(t testing.TB, d *lab.Directory, dn string) string {
	t.Helper()
	text, err := guidText([]byte(d.Attributes(t, dn, "objectGUID")[0]))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestADLarge: large groups, long chains and large units are read wholly.
func TestADLarge(t *testing.T) {
	ad := lab.NewAD(t)
	settings := labSettings(agent.DirectoryAD, ad.Directory)
	people := ad.AddPeople(t, "Bulk", 5000)
	ad.AddGroup(t, "Everybody", people...)
	ad.AddGroup(t, "Whole", append(slices.Clone(people[1:]), ad.PersonDN("alice"))...) // 5,000 members
	chain := ad.AddChain(t, ad.PersonDN("bob"), 300)
	last := ad.AddGroup(t, "Last", chain[len(chain)-1])
	o := newOffice(t, settings)
	settings.LoginGroups = append(o.group(t, settings, "Whole"), o.group(t, settings, last)...)
	settings.RemoteGroups = o.group(t, settings, chain[0], chain[299])
	o.Set([]agent.DirectorySettings{settings})
	for login, want := range map[string]struct {
		code   agent.Code
		remote bool
	}{"alice": {"", false}, "bob": {"", true}, "dave": {agent.CodeNotPermitted, false}} {
		began := time.Now()
		user, code := o.login(t, login, lab.Password)
		if code != want.code || user.RemoteAccess != want.remote {
			t.Errorf("%s: %q, %+v", login, code, user)
		}
		t.Log(login, time.Since(began))
	}
	var guids []string
	for _, dn := range people[:2500] {
		guids = append(guids, guidOf(t, ad.Directory, dn))
	}
	began := time.Now()
	reading, err := o.Read(t.Context(), 1, guids)
	if err != nil || len(reading.People) != 2500 || len(reading.Missing) != 0 {
		t.Fatal(len(reading.People), reading.Missing, err)
	}
	t.Log("2500 people with groups:", time.Since(began))
	refused := 0
	for guid, p := range reading.People {
		if p.Refused != "" && p.Refused != agent.CodeAccountDisabled { // people of AddPeople are disabled: they have no password
			refused++
			if guid != guids[0] {
				t.Errorf("%+v", p)
			}
		}
	}
	settings.LoginGroups, settings.RemoteGroups = nil, nil
	o.Set([]agent.DirectorySettings{settings})
	began = time.Now()
	if reading, err = o.Read(t.Context(), 1, guids); err != nil || len(reading.People) != 2500 {
		t.Fatal(len(reading.People), err)
	}
	t.Log("2500 people:", time.Since(began))
}
