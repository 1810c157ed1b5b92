//go:build linux

package lab

import (
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/go-ldap/ldap/v3"
	"github.com/google/uuid"
)

var (
	ds389Dir      = filepath.Join(root, "389")
	ds389Template = filepath.Join(root, "389.template")
	ds389Config   = "/etc/dirsrv/slapd-lab"
	ds389CA       *Authority
	ds389Ready    once
	ds389Held     sync.Mutex

	//go:embed ds389.inf
	ds389Inf string
	//go:embed ds389.schema.ldif
	ds389Schema string
)

// New389 starts a 389 Directory Server for the test at IPA, with the tree and the attributes of FreeIPA. It is not FreeIPA: nothing
// enforces krbPrincipalExpiration and krbPasswordExpiration at a login. Three wrong passwords within 30 minutes lock an account
// for 30 minutes, by the policy of 389. The one of FreeIPA, cn=global_policy, says the same.
//
// People are uid=login,cn=users,cn=accounts with ipaUniqueID and nsUniqueId, and groups are cn=name,cn=groups,cn=accounts. The people
// alice, bob and petrov (Иван Петров, because a uid must be ASCII) and their groups are those of AD, and memberOf has indirect
// groups too. More people:
//
//	disabled     nsAccountLock
//	locked       by wrong passwords
//	expired      krbPrincipalExpiration is over
//	pwexpired    krbPasswordExpiration is over
//	oldpassword  passwordExpirationTime of 389 is over
//
// Nothing is readable without a login.
func New389(tb testing.TB) *Directory {
	tb.Helper()
	require(tb, [2]string{"ns-slapd", "389-ds-base"}, [2]string{"dscreate", "python3-lib389"}, [2]string{"pk12util", "libnss3-tools"},
		[2]string{"openssl", "openssl"})
	hold(tb, &ds389Held)
	d := &Directory{
		DNS: DNS(tb), Host: IPA,
		AdminDN:  "cn=Directory Manager",
		SearchDN: "uid=svc-ldap,cn=sysaccounts,cn=etc," + BaseDN,
		PeopleDN: "cn=users,cn=accounts," + BaseDN,
		GroupsDN: "cn=groups,cn=accounts," + BaseDN,
		rdn:      "uid",
		ports:    []string{"389", "636"},
		log:      filepath.Join(root, "389.output"),
		command:  []string{"ns-slapd", "-D", ds389Config, "-d", "0"},
	}
	first := false
	ds389Ready.do(tb, func() error {
		first = true
		return create389()
	})
	d.CA = ds389CA
	if first {
		d.Start(tb)
		fill389(tb, d)
		d.admin = nil
		d.server.end(syscall.SIGTERM)
		if err := run("cp", "-a", ds389Dir, ds389Template); err != nil {
			tb.Fatal(err)
		}
	}
	// The directories are mount points, so only their content can be replaced.
	if err := run("sh", "-c", "rm -rf "+ds389Dir+"/*/slapd-lab && cp -a "+ds389Template+"/. "+ds389Dir); err != nil {
		tb.Fatal(err)
	}
	d.Start(tb)
	return d
}

// create389 makes an instance. Its system paths are bind mounts of copies in ds389Dir.
func create389() (err error) {
	for from, to := range map[string]string{"etc": "/etc/dirsrv", "lib": "/var/lib/dirsrv", "log": "/var/log/dirsrv", "run": "/run/dirsrv"} {
		from = filepath.Join(ds389Dir, from)
		if err := errors.Join(os.MkdirAll(from, 0o755), os.MkdirAll(to, 0o755), run("cp", "-a", to+"/.", from), bindMount(from, to)); err != nil {
			return err
		}
	}
	defaults := "/usr/share/dirsrv/inf/defaults.inf"
	text, err := os.ReadFile(defaults)
	if err != nil {
		return err
	}
	if err := cover(defaults, strings.Replace(string(text), "with_systemd = 1", "with_systemd = 0", 1)); err != nil {
		return err
	}
	inf := filepath.Join(root, "389.inf")
	if err := os.WriteFile(inf, []byte(ds389Inf), 0o600); err != nil {
		return err
	}
	// dscreate starts a server. The shell stops it, and as the init of a PID namespace waits for orphans, unlike this program.
	cmd := exec.Command("sh", "-ec", `mount -t proc proc /proc; dscreate -v from-file "$1"; pid=$(cat /run/dirsrv/slapd-lab.pid)
kill $pid; while kill -0 $pid; do sleep 0.05; done`, "sh", inf)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("dscreate: %w\n%s", err, out)
	}

	if ds389CA, err = newAuthority("Lab FreeIPA CA"); err != nil {
		return err
	}
	pair, err := ds389CA.issue(nil, IPA)
	if err != nil {
		return err
	}
	tls := filepath.Join(ds389Dir, "tls")
	if err := writePair(tls, ds389CA, pair); err != nil {
		return err
	}
	if err := run("sh", "-ec", `cd "$1"; openssl pkcs12 -export -name Server-Cert -in cert.pem -inkey key.pem -passout pass: -out pair.p12
pk12util -i pair.p12 -d "$2" -k "$2/pwdfile.txt" -W ''`, "sh", tls, ds389Config); err != nil {
		return err
	}

	kerberos, err := os.ReadFile("/usr/share/dirsrv/data/60kerberos.ldif")
	if err != nil {
		return err
	}
	if err := errors.Join(
		os.WriteFile(filepath.Join(ds389Config, "schema", "60kerberos.ldif"), kerberos, 0o600),
		os.WriteFile(filepath.Join(ds389Config, "schema", "61ipa.ldif"), []byte(ds389Schema), 0o600),
	); err != nil {
		return err
	}
	file := filepath.Join(ds389Config, "dse.ldif")
	dse, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, after, found := strings.Cut(string(dse), "dn: cn=MemberOf Plugin,cn=plugins,cn=config\n")
	if !found {
		return errors.New("no MemberOf plugin in dse.ldif")
	}
	address := Address(IPA).String()
	before = strings.Replace(before, "\nnsslapd-port: 389\n", "\nnsslapd-port: 389\nnsslapd-security: on\nnsslapd-require-secure-binds: on\n"+
		"nsslapd-allow-anonymous-access: rootdse\nnsslapd-listenhost: "+address+"\nnsslapd-securelistenhost: "+address+"\n"+
		"passwordLockout: on\npasswordMaxFailure: 3\npasswordLockoutDuration: 1800\npasswordResetFailureCount: 1800\npasswordExp: on\n", 1)
	after = strings.Replace(after, "nsslapd-pluginEnabled: off", "nsslapd-pluginEnabled: on", 1)
	return os.WriteFile(file, []byte(before+"dn: cn=MemberOf Plugin,cn=plugins,cn=config\n"+after), 0o600)
}

// fill389 adds people and groups.
func fill389(tb testing.TB, d *Directory) {
	tb.Helper()
	add := func(dn string, attributes map[string][]string) {
		r := ldap.NewAddRequest(dn, nil)
		for name, values := range attributes {
			r.Attribute(name, values)
		}
		if err := d.Admin(tb).Add(r); err != nil {
			tb.Fatalf("add %s: %v", dn, err)
		}
	}
	for _, container := range []string{"cn=accounts,", "cn=users,cn=accounts,", "cn=groups,cn=accounts,", "cn=etc,", "cn=sysaccounts,cn=etc,",
		"cn=kerberos,", "cn=EXAMPLE.TEST,cn=kerberos,"} {
		add(container+BaseDN, map[string][]string{"objectClass": {"nsContainer"}})
	}
	add("cn=global_policy,cn=EXAMPLE.TEST,cn=kerberos,"+BaseDN, map[string][]string{
		"objectClass":      {"nsContainer", "krbPwdPolicy", "extensibleObject"},
		"krbPwdMaxFailure": {"3"}, "krbPwdFailureCountInterval": {"1800"}, "krbPwdLockoutDuration": {"1800"},
	})
	d.Set(tb, BaseDN, "aci", `(targetattr != "userPassword || krbPrincipalKey")(version 3.0; acl "people read"; allow (read, search, compare) userdn = "ldap:///all";)`,
		`(targetattr = "userPassword")(version 3.0; acl "own password"; allow (write) userdn = "ldap:///self";)`)
	add(d.SearchDN, map[string][]string{"objectClass": {"account", "simpleSecurityObject"}, "userPassword": {SearchPassword}})
	const past = "20200101000000Z"
	for i, p := range []struct{ login, name, attribute, value string }{
		{"alice", "alice Test", "", ""}, {"bob", "bob Test", "", ""}, {"petrov", "Иван Петров", "", ""},
		{"disabled", "disabled Test", "nsAccountLock", "TRUE"},
		{"locked", "locked Test", "", ""},
		{"expired", "expired Test", "krbPrincipalExpiration", past},
		{"pwexpired", "pwexpired Test", "krbPasswordExpiration", past},
		{"oldpassword", "oldpassword Test", "passwordExpirationTime", past},
	} {
		add(d.PersonDN(p.login), map[string][]string{
			"objectClass": {"inetOrgPerson", "inetUser", "posixAccount", "krbPrincipalAux", "ipaObject"},
			"cn":          {p.name}, "sn": {"Test"}, "displayName": {p.name}, "mail": {p.login + "@" + Domain},
			"uidNumber": {fmt.Sprint(10000 + i)}, "gidNumber": {"10000"}, "homeDirectory": {"/home/" + p.login},
			"ipaUniqueID": {uuid.NewString()}, "krbPrincipalName": {p.login + "@EXAMPLE.TEST"}, "userPassword": {Password},
		})
		if p.attribute != "" {
			d.Set(tb, d.PersonDN(p.login), p.attribute, p.value)
		}
	}
	for _, g := range groupsOf(d, "petrov") {
		add(d.GroupDN(g.Name), map[string][]string{"objectClass": {"ipaUserGroup", "ipaObject"}, "ipaUniqueID": {uuid.NewString()}, "member": g.Members})
	}
	for range 3 {
		c := d.dial(tb)
		_ = c.Bind(d.PersonDN("locked"), "wrong")
	}
}
