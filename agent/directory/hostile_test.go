package directory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/kerberos/mint"
)

// ldapServer makes a controller answer like a server with people, whose entries are named by their logins.
func (f *fakeServer) ldapServer(people ...*ldap.Entry) {
	f.find = func(base, filter string) (found []*ldap.Entry, _ int) {
		if base == "" {
			return []*ldap.Entry{ldap.NewEntry("", map[string][]string{"namingContexts": {"DC=example,DC=test"}})}, 0
		}
		if filter == "(objectClass=*)" {
			return []*ldap.Entry{ldap.NewEntry(base, nil)}, 0
		}
		for _, e := range people {
			if base == e.DN || strings.Contains(strings.ToLower(filter), "="+strings.ToLower(e.GetAttributeValue("uid"))+")") {
				found = append(found, e)
			}
		}
		return found, 0
	}
}

func personEntry(dn, uid, id string) *ldap.Entry {
	return ldap.NewEntry(dn, map[string][]string{"uid": {uid}, "entryUUID": {id}})
}

// withRemotes makes Directories of directories that are on a fake network, each at the controller with its name in at.
func withRemotes(t *testing.T, n *fakeNet, all []agent.DirectorySettings, at ...string) *Directories {
	log := slog.New(slog.NewTextHandler(&n.logs, nil))
	local := NewLocal(accounts{}, slog.New(slog.DiscardHandler))
	d := New(local, &memoryPeople{}, log)
	for i, s := range all {
		s.Controllers, s.Kind = []string{at[i]}, agent.DirectoryOpenLDAP
		d.remotes = append(d.remotes, newRemote(s, n.servers(t, s), d.people, log))
	}
	return d
}

// TestClaimedName: a directory that claims the names of another one gets no passwords for it.
func TestClaimedName(t *testing.T) {
	for _, c := range []struct {
		name, login   string
		victim, thief string // NetBIOS names
		here, there   string // whose logins exist
		known         bool
		binds         [2]int
	}{
		{"its DNS name", "EXAMPLE.test/ivan", "EXAMPLE", "example.test", "ivan", "ivan", true, [2]int{1, 0}},
		{"its DNS name, unknown login", "nobody@example.test", "EXAMPLE", "example.test", "ivan", "nobody", false, [2]int{1, 0}},
		{"its NetBIOS name", `EXAMPLE\ivan`, "EXAMPLE", "EXAMPLE", "ivan", "ivan", false, [2]int{0, 0}},
		{"its NetBIOS name, unknown login", `EXAMPLE\nobody`, "EXAMPLE", "EXAMPLE", "ivan", "olga", false, [2]int{0, 0}},
		{"its NetBIOS name, one of two", `EXAMPLE\ivan`, "EXAMPLE", "EXAMPLE", "ivan", "olga", true, [2]int{1, 0}},
		{"its suffix, unknown login", "nobody@example.test", "EXAMPLE", "suffix", "ivan", "olga", false, [2]int{1, 0}},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *fakeNet) {
				n.at[dc1].ldapServer(personEntry("uid="+c.here+",DC=example,DC=test", c.here, "1"))
				n.at[dc2].ldapServer(personEntry("uid="+c.there+",DC=example,DC=test", c.there, "2"))
				for _, order := range [][]int{{0, 1}, {1, 0}} {
					all := []agent.DirectorySettings{{ID: 1, Name: "example.test", NetBIOS: c.victim}, {ID: 2, Name: "thief.test", NetBIOS: c.thief}}
					hosts := []string{"dc1.example.test", "dc2.example.test"}
					d := withRemotes(t, n, []agent.DirectorySettings{all[order[0]], all[order[1]]}, hosts[order[0]], hosts[order[1]])
					for _, r := range d.remotes { // as after the first connection
						r.known.root, r.known.netbios, r.known.at = "DC=example,DC=test", r.NetBIOS, time.Now()
						if r.NetBIOS == "suffix" {
							r.known.suffixes = []string{"example.test"}
						}
					}
					n.at[dc1].binds, n.at[dc2].binds = nil, nil
					account, err := d.Find(t.Context(), c.login)
					if err != nil {
						t.Fatal(err)
					}
					equal(t, "known", account.Known, c.known)
					account.Authenticate(t.Context(), agent.Credentials{Login: c.login, Password: "secret of ivan", Origin: agent.OriginLAN})
					for i, f := range []*fakeServer{n.at[dc1], n.at[dc2]} {
						equal(t, hosts[i]+" got passwords", len(f.binds)-f.bindsOf("search"), c.binds[i])
					}
				}
			})
		})
	}
}

// TestUnknownLoginAsksKDC: where a firewall drops the ports of Kerberos, a change of a password waits for them as long for an unknown login
// as for a person. Otherwise the time would tell which logins exist.
func TestUnknownLoginAsksKDC(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := agent.DirectorySettings{Name: "example.test", Kind: agent.DirectoryAD, Controllers: []string{"dc1.example.test"}}
		conns := n.servers(t, s)
		conns.dialTCP = func(ctx context.Context, address string) (net.Conn, error) {
			if strings.HasSuffix(address, ":88") {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return n.dial(ctx, address)
		}
		r := newRemote(s, conns, &memoryPeople{}, slog.New(slog.DiscardHandler))
		r.known.root, r.known.at = "DC=example,DC=test", time.Now()
		began := time.Now()
		_, err := r.unknownAccount(loginForm{user: "nobody"}, agent.Lockout{}).ChangePassword(t.Context(), agent.Credentials{Login: "nobody", Password: "x"}, "new")
		equal(t, "code", agent.AsError(err).Code, agent.CodeBadCredentials)
		equal(t, "time", time.Since(began), connectLimit)
	})
}

// TestFalseKDC: Kerberos does not prove who answers it. Whoever intercepts it can take any old password for right and pretend the change,
// but not the bind over TLS with the new password.
func TestFalseKDC(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		s := agent.DirectorySettings{Name: "example.test", Kind: agent.DirectoryAD, Controllers: []string{"dc1.example.test"}}
		conns := n.servers(t, s)
		kdc := &mint.FalseKDC{Realm: "EXAMPLE.TEST", Login: "alice", Password: "guessed"}
		intercepted := 0
		conns.dialTCP = func(ctx context.Context, address string) (net.Conn, error) {
			for suffix, port := range map[string]int{":88": 88, ":464": 464} {
				if strings.HasSuffix(address, suffix) {
					ours, theirs := net.Pipe()
					intercepted++
					go kdc.Serve(t, theirs, port)
					return ours, nil
				}
			}
			return n.dial(ctx, address)
		}
		r := newRemote(s, conns, &memoryPeople{}, slog.New(slog.DiscardHandler))
		alice := person{entry: ldap.NewEntry("alice", map[string][]string{"sAMAccountName": {"alice"}})}
		err := changeInActiveDirectory(t.Context(), r, alice, "guessed", "new")
		if err == nil || agent.AsError(err).Code != agent.CodeBadCredentials {
			t.Errorf("the change: %v", err)
		}
		equal(t, "connections to the KDC", intercepted, 2)
		n.at[dc1].passwords["alice"] = "new"
		equal(t, "a change that was made", changeInActiveDirectory(t.Context(), r, alice, "guessed", "new"), nil)
	})
}

// TestTriesOfTheSearchAccount: trying settings with wrong passwords does not lock the search account.
func TestTriesOfTheSearchAccount(t *testing.T) {
	for _, c := range []struct {
		name  string
		limit int // of the settings
		binds int // with ten wrong passwords
	}{{"unknown rule", 0, 2}, {"typed rule", 5, 4}, {"a rule of one", 1, 1}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *fakeNet) {
				d := withRemotes(t, n, nil)
				defer d.Close()
				settings := agent.DirectorySettings{Name: "example.test", User: "search", Transport: agent.TransportLDAPS, LockoutLimit: c.limit, LockoutWindow: 10 * time.Minute}
				try := func(password string) error {
					s := d.newServers(settings, true)
					defer s.close()
					s.settings.Password, s.settings.CA, s.settings.Controllers = password, n.ca.pem, []string{"dc1.example.test"}
					s.trusted, s.dns, s.dialTCP = parseCertificates(n.ca.pem), n, n.dial
					return login(t.Context(), s)
				}
				answers := make(chan error)
				for i := range 10 { // at the same time
					go func() { answers <- try(fmt.Sprint("wrong", i)) }()
				}
				for range 10 {
					<-answers
				}
				equal(t, "binds", n.at[dc1].bindsOf("search"), c.binds)
				err := try("secret")
				equal(t, "the right password meanwhile", asFinding(err, "").Finding, agent.FindingSearchTries)
				pass(31 * time.Minute)
				equal(t, "the right one later", try("secret"), nil)
				try("wrong")
				equal(t, "after the right one", n.at[dc1].bindsOf("search"), c.binds+2)
			})
		})
	}
}

// TestLocalLoginOfSeveral: a local account whose login several people have is not offered for conversion to one of them.
func TestLocalLoginOfSeveral(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		n.at[dc1].ldapServer(personEntry("uid=ivan,ou=A", "ivan", "1"), personEntry("uid=ivan,ou=B", "Ivan", "2"), personEntry("uid=ivan,ou=C", "ivan", "3"), personEntry("uid=olga,ou=A", "olga", "4"))
		d := withRemotes(t, n, []agent.DirectorySettings{{ID: 1, Name: "example.test"}}, "dc1.example.test")
		p := &tester{remote: d.remotes[0]}
		equal(t, "error", p.local(t.Context(), []agent.User{{ID: 1, Login: "ivan"}, {ID: 2, Login: "olga"}})(new(agent.StepResult)), nil)
		var found []string
		for _, l := range p.report.Local {
			found = append(found, fmt.Sprint(l.User.Login, l.Person.GUID))
		}
		equal(t, "found", strings.Join(found, " "), "olga4")
	})
}

// TestBaseMissingElsewhere: a base that another controller does not have counts as missing, so the people below it need the
// administrator's confirmation.
func TestBaseMissingElsewhere(t *testing.T) {
	for _, code := range []int{ldap.LDAPResultNoSuchObject, ldap.LDAPResultReferral} {
		inBubble(t, func(t *testing.T, n *fakeNet) {
			whole := personEntry("uid=olga,ou=B", "olga", "2")
			n.at[dc1].ldapServer(personEntry("ou=A", "", ""), personEntry("ou=B", "", ""), whole)
			find := n.at[dc1].find
			n.at[dc1].find = func(base, filter string) ([]*ldap.Entry, int) {
				if base == "ou=A" && strings.Contains(filter, "entryUUID") {
					return nil, code
				}
				if base == "ou=B" && strings.Contains(filter, "entryUUID") {
					return []*ldap.Entry{whole}, 0
				}
				return find(base, filter)
			}
			d := withRemotes(t, n, []agent.DirectorySettings{{ID: 1, Name: "example.test", Bases: []string{"ou=A", "ou=B"}}}, "dc1.example.test")
			reading, err := d.Read(t.Context(), 1, []string{"1", "2"})
			equal(t, "error", err, nil)
			equal(t, "people", len(reading.People), 1)
			equal(t, "missing", strings.Join(reading.Missing, " "), "ou=A")
		})
	}
}

// TestHugeAnswer: a server cannot fill the memory with one answer or with many.
func TestHugeAnswer(t *testing.T) {
	value := strings.Repeat("x", 1<<20)
	huge := ldap.NewEntry("uid=ivan", map[string][]string{"uid": {value}})
	for _, c := range []struct {
		name    string
		entries int
		pages   bool
	}{{"entries without end", 70, false}, {"pages without end", 1, true}} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, n *fakeNet) {
				sent := 0
				for _, at := range []string{dc1, dc2} {
					n.at[at].find = func(string, string) (all []*ldap.Entry, _ int) {
						for range c.entries {
							all = append(all, huge)
						}
						sent++
						return all, 0
					}
				}
				s := n.servers(t, two)
				err := s.search(t.Context(), func(conn *ldap.Conn) error {
					for range 70 {
						if _, err := searchAll(conn, "", "(uid=*)"); err != nil || !c.pages {
							return err
						}
					}
					return nil
				})
				equal(t, "error", errors.Is(err, errUnreachable), true)
				if sent > 2*(maxAnswer>>20) {
					t.Errorf("%d answers of 1 MiB were taken", sent)
				}
				equal(t, "usable with the next search", s.anyUp(), true)
			})
		})
	}
}

// TestPasswordWithNUL: software in C compares what stands before it, so "\x00" may be an empty password, which is right for everybody.
func TestPasswordWithNUL(t *testing.T) {
	inBubble(t, func(t *testing.T, n *fakeNet) {
		n.at[dc1].ldapServer(personEntry("uid=ivan", "ivan", "1"))
		d := withRemotes(t, n, []agent.DirectorySettings{{ID: 1, Name: "example.test", Default: true}}, "dc1.example.test")
		for _, login := range []string{"ivan", "nobody"} {
			for _, password := range []string{"\x00", "a\x00b"} {
				account, err := d.Find(t.Context(), login)
				equal(t, "error", err, nil)
				_, err = account.Authenticate(t.Context(), agent.Credentials{Login: login, Password: password})
				equal(t, "refusal", agent.AsError(err).Code, agent.CodeBadCredentials)
			}
		}
		equal(t, "passwords sent", len(n.at[dc1].binds)-n.at[dc1].bindsOf("search"), 0)
	})
}
