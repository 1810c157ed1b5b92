//go:build ad

package directory

import (
	"context"
	"crypto/x509"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-ldap/ldap/v3"

	"ideco-agent/agent"
	"ideco-agent/agent/directory/lab"
)

// adServers makes servers for the lab's domain.
func adServers(t testing.TB, ad *lab.AD, change func(*agent.DirectorySettings)) *servers {
	settings := agent.DirectorySettings{Kind: agent.DirectoryAD, Name: lab.Domain, DNS: []netip.Addr{lab.DNSServer.Addr()}, Transport: agent.TransportLDAPS,
		CA: string(ad.CA.PEM()), User: "svc-ldap@" + lab.Domain, Password: lab.SearchPassword}
	if change != nil {
		change(&settings)
	}
	s := newServers(settings, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(s.close)
	return s
}

// findDN returns the DN of a login.
func findDN(ctx context.Context, s *servers, login string) (dn string, err error) {
	err = s.search(ctx, func(c *ldap.Conn) error {
		r, err := c.Search(ldap.NewSearchRequest(lab.BaseDN, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, 5, false,
			"(sAMAccountName="+ldap.EscapeFilter(login)+")", []string{"1.1"}, nil))
		if err == nil && len(r.Entries) == 1 {
			dn = r.Entries[0].DN
		}
		return err
	})
	return dn, err
}

func TestADConnections(t *testing.T) {
	ad := lab.NewAD(t)
	ctx := t.Context()
	for _, transport := range []agent.DirectoryTransport{agent.TransportLDAPS, agent.TransportStartTLS} {
		s := adServers(t, ad, func(s *agent.DirectorySettings) { s.Transport = transport })
		port := ":636"
		if transport == agent.TransportStartTLS {
			port = ":389"
		}
		hosts, err := s.discover(ctx)
		if err != nil || !slices.Equal(hosts, []string{lab.DC1 + port, lab.DC2 + port}) {
			t.Errorf("%q, %v", hosts, err)
		}
		sent, err := reach(t, s, hosts[0])
		if err != nil || len(sent) == 0 || !sent[0].Trusted || !slices.Contains(sent[0].Names, lab.DC1) {
			t.Fatalf("%+v, %v", sent, err)
		}
		before := ad.BadPasswords(t, "alice")
		for range 2 { // the second one on kept connections
			dn, err := findDN(ctx, s, "alice")
			if err != nil || dn != ad.PersonDN("alice") {
				t.Fatalf("%q, %v", dn, err)
			}
			_, err = s.bind(ctx, dn, "wrong")
			if !ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials) || !strings.Contains(err.Error(), "data 52e") {
				t.Errorf("wrong password: %v", err)
			}
			before++
			equal(t, "wrong passwords", ad.BadPasswords(t, "alice"), before)
			if _, err := s.bind(ctx, dn, lab.Password); err != nil {
				t.Errorf("right password: %v", err)
			}
			before = 0
			equal(t, "wrong passwords", ad.BadPasswords(t, "alice"), before)
		}
		if status := s.status(); len(status) != 2 || !status[0].Reachable || !status[1].Reachable || status[0].Latency <= 0 {
			t.Errorf("status: %+v", status)
		}
	}
}

// TestADSite: the controllers of the gateway's site come first.
func TestADSite(t *testing.T) {
	ad := lab.NewAD(t)
	s := adServers(t, ad, nil)
	site, err := s.pingSite(t.Context(), lab.DC1)
	if err != nil || site != "Default-First-Site-Name" {
		t.Errorf("%q, %v", site, err)
	}
	ad.DNS.Set(t, "_ldap._tcp.Default-First-Site-Name._sites.dc._msdcs.example.test. SRV 0 100 389 dc2.example.test.")
	hosts, err := s.discover(t.Context())
	if err != nil || !slices.Equal(hosts, []string{lab.DC2 + ":636", lab.DC1 + ":636"}) {
		t.Errorf("%q, %v", hosts, err)
	}
	if _, err := findDN(t.Context(), s, "alice"); err != nil {
		t.Error(err)
	}
	equal(t, "connections at the controller of the site", ad.Second.Connections(), 1)
}

func TestADFindings(t *testing.T) {
	ad := lab.NewAD(t)
	other := lab.NewAuthority(t, "Other CA")
	none := netip.MustParseAddr("10.77.5.9") // drops all packets
	selfSigned, own := lab.SelfSigned(t, lab.DC2), ad.CA.Issue(t, nil, lab.DC2)
	for _, c := range []struct {
		name   string
		change func(*agent.DirectorySettings)
		want   agent.DirectoryFinding
		args   map[string]string
	}{
		{"wrong CA", func(s *agent.DirectorySettings) { s.CA = string(other.PEM()) }, agent.FindingUnknownCA, map[string]string{"Host": lab.DC1, "Issuer": "Lab AD CA"}},
		{"wrong CA, StartTLS", func(s *agent.DirectorySettings) { s.CA, s.Transport = string(other.PEM()), agent.TransportStartTLS }, agent.FindingUnknownCA, map[string]string{"Host": lab.DC1}},
		{"system's CAs", func(s *agent.DirectorySettings) { s.CA = "" }, agent.FindingUnknownCA, nil},
		{"wrong name", func(s *agent.DirectorySettings) { s.TLSName = "dc3.example.test" }, agent.FindingWrongName, map[string]string{"Host": "dc3.example.test", "Names": "dc1.example.test, dc2.example.test, example.test"}},
		{"address instead of a name", func(s *agent.DirectorySettings) { s.Controllers = []string{"10.77.5.1"} }, agent.FindingWrongName, map[string]string{"Host": "10.77.5.1"}},
		{"silent", func(s *agent.DirectorySettings) { s.Controllers = []string{lab.Silent} }, agent.FindingNoAnswer, map[string]string{"Host": lab.Silent + ":636"}},
		{"other port", func(s *agent.DirectorySettings) { s.Controllers = []string{lab.DC1 + ":637"} }, agent.FindingConnRefused, map[string]string{"Host": lab.DC1 + ":637"}},
		{"plain LDAP at the port for TLS", func(s *agent.DirectorySettings) { s.Controllers = []string{lab.DC1 + ":389"} }, agent.FindingNoTLS, nil},
		{"unknown name", func(s *agent.DirectorySettings) { s.Controllers = []string{"dc9.example.test"} }, agent.FindingUnresolved, map[string]string{"Host": "dc9.example.test"}},
		{"no SRV records", func(s *agent.DirectorySettings) { s.Name = "other.example.test" }, agent.FindingNoSRV, map[string]string{"Name": "_ldap._tcp.dc._msdcs.other.example.test"}},
		{"no DNS server", func(s *agent.DirectorySettings) { s.DNS = []netip.Addr{none} }, agent.FindingNoDNS, map[string]string{"Server": none.String()}},
		{"second DNS server", func(s *agent.DirectorySettings) { s.DNS = []netip.Addr{none, lab.DNSServer.Addr()} }, "", nil},
		{"wrong password", func(s *agent.DirectorySettings) { s.Password = "wrong" }, agent.FindingSearchCredential, nil},
		{"disabled search account", func(s *agent.DirectorySettings) { s.User, s.Password = ad.PersonDN("disabled"), lab.Password }, agent.FindingSearchAccount, nil},
		{"self-signed", func(s *agent.DirectorySettings) { s.Controllers = []string{lab.DC2}; ad.Second.Present(&selfSigned) }, agent.FindingSelfSigned, nil},
		{"self-signed and trusted", func(s *agent.DirectorySettings) {
			s.Controllers, s.CA = []string{lab.DC2}, pemOf(selfSigned.Certificate[0])
		}, "", nil},
		{"pinned", func(s *agent.DirectorySettings) {
			s.Controllers, s.CA = []string{lab.DC2}, pemOf(own.Certificate[0])
			ad.Second.Present(&own)
		}, "", nil},
		{"SHA-1", func(s *agent.DirectorySettings) {
			s.Controllers = []string{lab.DC2}
			pair := ad.CA.Issue(t, lab.SHA1, lab.DC2)
			ad.Second.Present(&pair)
		}, agent.FindingSHA1, nil},
		{"no names", func(s *agent.DirectorySettings) {
			s.Controllers = []string{lab.DC2}
			pair := ad.CA.Issue(t, lab.NoNames, lab.DC2)
			ad.Second.Present(&pair)
		}, agent.FindingNoSAN, nil},
		{"expired", func(s *agent.DirectorySettings) {
			s.Controllers = []string{lab.DC2}
			pair := ad.CA.Issue(t, func(c *x509.Certificate) { c.NotAfter = time.Now().AddDate(0, 0, -1) }, lab.DC2)
			ad.Second.Present(&pair)
		}, agent.FindingExpiredCert, map[string]string{"Until": time.Now().AddDate(0, 0, -1).UTC().Format(time.DateOnly)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := adServers(t, ad, c.change)
			_, err := findDN(t.Context(), s, "alice")
			if c.want == "" {
				equal(t, "error", err, nil)
				return
			}
			f := asFinding(err, "")
			if f.Finding != c.want {
				t.Fatalf("%v, want %s", err, c.want)
			}
			for name, value := range c.args {
				equal(t, name, f.Args[name], value)
			}
		})
	}
}

// TestADFailover pauses one controller with logins in flight, and has it drop connections.
func TestADFailover(t *testing.T) {
	ad := lab.NewAD(t)
	s := adServers(t, ad, func(s *agent.DirectorySettings) { s.Controllers = []string{lab.DC2, lab.DC1} })
	logins := func(n int) (failed int, slowest time.Duration) {
		var group sync.WaitGroup
		var mu sync.Mutex
		for range n {
			group.Go(func() {
				began := time.Now()
				dn, err := findDN(t.Context(), s, "alice")
				if err == nil {
					_, err = s.bind(t.Context(), dn, lab.Password)
				}
				mu.Lock()
				defer mu.Unlock()
				slowest = max(slowest, time.Since(began))
				if err != nil {
					failed++
					t.Log(err)
				}
			})
		}
		group.Wait()
		return failed, slowest
	}
	if failed, slowest := logins(50); failed > 0 {
		t.Fatalf("%d failed, the slowest took %v", failed, slowest)
	}
	ad.Second.Drop()
	if failed, _ := logins(20); failed > 0 {
		t.Errorf("%d failed after the controller closed the connections", failed)
	}
	time.AfterFunc(20*time.Millisecond, ad.Second.Pause)
	failed, slowest := logins(50)
	t.Logf("paused: %d failed, the slowest took %v", failed, slowest)
	if failed > bindSize || slowest > 3*time.Second {
		t.Errorf("paused: %d failed, the slowest took %v", failed, slowest)
	}
	if failed, slowest := logins(50); failed > 0 || slowest > 3*time.Second {
		t.Errorf("afterwards: %d failed, the slowest took %v", failed, slowest)
	}
	if status := s.status(); status[0].Reachable || !status[1].Reachable {
		t.Errorf("status: %+v", status)
	}
}

func TestOpenLDAPConnections(t *testing.T) {
	testConnections(t, lab.NewOpenLDAP(t, true), agent.DirectoryOpenLDAP)
}

func Test389Connections(t *testing.T) { testConnections(t, lab.New389(t), agent.DirectoryFreeIPA) }

// testConnections searches and binds several times on connections that are kept.
func testConnections(t *testing.T, d *lab.Directory, kind agent.DirectoryKind) {
	d.DNS.Set(t, "_ldap._tcp.example.test. SRV 0 100 389 "+d.Host+".", "_ldaps._tcp.example.test. SRV 0 100 636 "+d.Host+".")
	for transport, port := range map[agent.DirectoryTransport]string{agent.TransportLDAPS: ":636", agent.TransportStartTLS: ":389"} {
		s := newServers(agent.DirectorySettings{Kind: kind, Name: lab.Domain, DNS: []netip.Addr{lab.DNSServer.Addr()}, Transport: transport,
			CA: string(d.CA.PEM()), User: d.SearchDN, Password: lab.SearchPassword}, slog.New(slog.NewTextHandler(t.Output(), nil)))
		t.Cleanup(s.close)
		hosts, err := s.discover(t.Context())
		if err != nil || !slices.Equal(hosts, []string{d.Host + port}) {
			t.Errorf("%q, %v", hosts, err)
		}
		for range 3 {
			err = s.search(t.Context(), func(c *ldap.Conn) error {
				_, err := c.Search(ldap.NewSearchRequest(d.PersonDN("alice"), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 5, false, "(objectClass=*)", []string{"1.1"}, nil))
				return err
			})
			equal(t, "error of a search", err, nil)
			_, err = s.bind(t.Context(), d.PersonDN("alice"), lab.Password, ldap.NewControlBeheraPasswordPolicy())
			equal(t, "error of a bind", err, nil)
		}
		_, err = s.bind(t.Context(), d.PersonDN("bob"), "wrong", ldap.NewControlBeheraPasswordPolicy())
		equal(t, "refused", ldap.IsErrorWithCode(err, ldap.LDAPResultInvalidCredentials), true)
		_, err = s.bind(t.Context(), d.PersonDN("bob"), lab.Password)
		equal(t, "error of a bind after a refusal", err, nil)
	}
}
