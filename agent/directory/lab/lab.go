//go:build linux

// Package lab runs real directories for tests: a Samba domain controller, OpenLDAP and 389 Directory Server. Only tests may
// import it.
//
// A package that uses it calls Main in its TestMain. Main starts the test program again in network, mount and PID namespaces of
// its own, where all addresses and ports below are free. When that process ends, also by a signal, the kernel kills all servers
// and removes all files of the lab.
//
//	//go:build ad
//
//	func TestMain(m *testing.M) { os.Exit(lab.Main(m)) }
//
//	func TestLogin(t *testing.T) {
//		ad := lab.NewAD(t) // new for this test
//		... ldaps://dc1.example.test, ad.CA.PEM(), ad.SearchDN, lab.SearchPassword
//	}
//
// NewAD, NewOpenLDAP and New389 start a server for one test, with the same data each time. The first call in a process
// prepares the files, which takes seconds. One server of each kind runs at a time; further calls wait for the end of its
// test. Subtests share the server of their test. Such tests do not run in parallel, because there is one DNS server.
//
// The names below are resolved by the lab's own DNS server (see DNS), which is also the system's in /etc/resolv.conf.
//
//	dc1.example.test     10.77.5.1    Samba: LDAP 389, LDAPS 636, global catalog 3268 and 3269, Kerberos 88, CLDAP 389/udp
//	dc2.example.test     10.77.5.2    a TCP relay to the same Samba (see Relay)
//	silent.example.test  10.77.5.9    drops all packets
//	ldap.example.test    10.77.5.11   OpenLDAP: 389 with StartTLS, and 636
//	ipa.example.test     10.77.5.12   389 Directory Server with the tree of FreeIPA: 389 with StartTLS, and 636
//	portal.example.test  10.77.5.20   free for the test, like portal2 at 10.77.5.21
//	                     10.77.5.53   DNS server, port 53
package lab

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"ideco-agent/agent/needs"
)

const (
	Domain  = "example.test"
	NetBIOS = "EXAMPLE"
	BaseDN  = "DC=example,DC=test"
	DC1     = "dc1.example.test"
	DC2     = "dc2.example.test"
	LDAP    = "ldap.example.test"
	IPA     = "ipa.example.test"
	Silent  = "silent.example.test"

	Password       = "Us3r-Passw0rd!"    // of all people
	SearchPassword = "S3rvice-Passw0rd!" // of the search account
	AdminPassword  = "Adm1n-Passw0rd!"
)

// DNSServer is the address of the DNS server of the lab.
var DNSServer = netip.MustParseAddrPort("10.77.5.53:53")

var addresses = map[string]netip.Addr{
	DC1:                    netip.MustParseAddr("10.77.5.1"),
	DC2:                    netip.MustParseAddr("10.77.5.2"),
	Silent:                 netip.MustParseAddr("10.77.5.9"),
	LDAP:                   netip.MustParseAddr("10.77.5.11"),
	IPA:                    netip.MustParseAddr("10.77.5.12"),
	"portal.example.test":  netip.MustParseAddr("10.77.5.20"),
	"portal2.example.test": netip.MustParseAddr("10.77.5.21"),
}

// Address returns the address of a host of the lab.
func Address(host string) netip.Addr { return addresses[host] }

const (
	// stageVariable is the environment variable with the stage of the test program, see Main.
	stageVariable = "IDECO_DIRECTORY_LAB"

	// root is where the files of the lab are, in memory. /run and /dev/shm are the lab's own.
	root = "/run/lab"

	patience = 30 * time.Second // for a server to start or to answer
)

var (
	inLab       bool
	whyNotInLab = "the TestMain of this package does not call lab.Main"
)

// Main runs the tests of a package in the lab and returns the exit code. Without root the tests run without the lab, and those
// that need it are skipped.
func Main(m *testing.M) int {
	switch os.Getenv(stageVariable) {
	case "prepare":
		if err := errors.Join(prepare(), os.Setenv(stageVariable, "test")); err != nil {
			fmt.Fprintln(os.Stderr, "prepare the lab:", err)
			return 1
		}
		inLab = true
		return m.Run()
	case "test":
		// A test in the lab has started this program again.
		whyNotInLab = "this process was started by a test in the lab"
		return m.Run()
	}
	if os.Geteuid() != 0 {
		whyNotInLab = "the lab needs root"
		return m.Run()
	}
	runtime.LockOSThread() // the kernel sends Pdeathsig when this thread ends
	cmd := exec.Command(os.Args[0], os.Args[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), stageVariable+"=prepare")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWNET | syscall.CLONE_NEWNS | syscall.CLONE_NEWPID,
		Pdeathsig:  syscall.SIGKILL,
	}
	if err := cmd.Start(); err != nil {
		whyNotInLab = "the lab needs namespaces: " + err.Error()
		return m.Run()
	}
	if err := cmd.Wait(); err != nil {
		return max(cmd.ProcessState.ExitCode(), 1)
	}
	return 0
}

// require skips a test that does not run in the lab, or that lacks a program. Each of programs is a name and its Debian package.
func require(tb testing.TB, programs ...[2]string) {
	tb.Helper()
	if !inLab {
		needs.Skip(tb, "%s", whyNotInLab)
	}
	for _, p := range programs {
		needs.Program(tb, p[0], p[1])
	}
}

// prepare sets up the namespaces that Main has created.
func prepare() error {
	resolv, err := filepath.EvalSymlinks("/etc/resolv.conf")
	if err != nil {
		return err
	}
	for _, m := range []struct {
		source, target, kind string
		flags                uintptr
	}{
		{"", "/", "", syscall.MS_REC | syscall.MS_PRIVATE},
		{"proc", "/proc", "proc", 0},
		{"tmpfs", "/run", "tmpfs", 0},
		{"tmpfs", "/dev/shm", "tmpfs", 0},
	} {
		if err := syscall.Mount(m.source, m.target, m.kind, m.flags, ""); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
	}
	for _, dir := range []string{root, "/run/lock"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := cover(resolv, "nameserver "+DNSServer.Addr().String()+"\n"); err != nil {
		return err
	}
	if err := cover("/etc/hosts", "127.0.0.1 localhost\n"); err != nil {
		return err
	}
	krb5Conf := filepath.Join(root, "krb5.conf")
	if err := errors.Join(os.WriteFile(krb5Conf, []byte(krb5), 0o644), os.Setenv("KRB5_CONFIG", krb5Conf)); err != nil {
		return err
	}
	if err := network(); err != nil {
		return fmt.Errorf("network: %w", err)
	}
	return nameServer.start()
}

const krb5 = `[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_realm = false
	dns_lookup_kdc = true
	dns_canonicalize_hostname = false
	rdns = false
[domain_realm]
	.example.test = EXAMPLE.TEST
	example.test = EXAMPLE.TEST
`

// cover replaces the content of a file, in the mount namespace of the lab only.
func cover(file, content string) error {
	if strings.HasPrefix(file, "/run/") {
		return errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(content), 0o644))
	}
	own := filepath.Join(root, filepath.Base(file))
	if err := os.WriteFile(own, []byte(content), 0o644); err != nil {
		return err
	}
	return bindMount(own, file)
}

func bindMount(from, to string) error {
	if err := syscall.Mount(from, to, "", syscall.MS_BIND, ""); err != nil {
		return fmt.Errorf("mount %s: %w", to, err)
	}
	return nil
}

// network gives all addresses to one end of a veth pair. Samba does not accept addresses of lo.
func network() error {
	pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "lab"}, PeerName: "labpeer"}
	if err := netlink.LinkAdd(pair); err != nil {
		return err
	}
	for _, name := range []string{"lo", "lab", "labpeer"} {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(link); err != nil {
			return err
		}
	}
	link, err := netlink.LinkByName("lab")
	if err != nil {
		return err
	}
	all := []netip.Addr{DNSServer.Addr()}
	for host, a := range addresses {
		if host != Silent {
			all = append(all, a)
		}
	}
	for _, a := range all {
		if err := netlink.AddrAdd(link, &netlink.Addr{IPNet: &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(24, 32)}}); err != nil {
			return err
		}
	}
	// Without this the kernel would answer "no route to host" after three seconds.
	return netlink.NeighAdd(&netlink.Neigh{LinkIndex: link.Attrs().Index, IP: addresses[Silent].AsSlice(), State: netlink.NUD_PERMANENT,
		HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}})
}

// server is a child process that listens.
type server struct {
	cmd   *exec.Cmd
	log   string // file
	ended chan struct{}
}

// start runs a server until the end of the test and waits until it listens on its TCP addresses.
func start(tb testing.TB, log string, listening []string, program string, args ...string) *server {
	tb.Helper()
	s := &server{cmd: exec.Command(program, args...), log: log, ended: make(chan struct{})}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		tb.Fatal(err)
	}
	defer out.Close()
	s.cmd.Stdout, s.cmd.Stderr = out, out
	if err := s.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	go func() {
		_ = s.cmd.Wait()
		close(s.ended)
	}()
	tb.Cleanup(func() { s.end(syscall.SIGKILL) })
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for _, address := range listening {
		for {
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
				break
			}
			select {
			case <-tick.C:
			case <-s.ended:
				tb.Fatalf("%s ended: %s", program, s.output())
			case <-deadline:
				tb.Fatalf("%s does not listen at %s: %s", program, address, s.output())
			}
		}
	}
	return s
}

func (s *server) output() string {
	out, _ := os.ReadFile(s.log)
	return string(out[max(0, len(out)-4000):])
}

// end sends a signal and waits for the end of the process.
func (s *server) end(signal os.Signal) {
	_ = s.cmd.Process.Signal(signal)
	<-s.ended
}

// once prepares the files of a kind of server in the first test that needs them.
type once struct {
	sync.Once
	err error
}

func (o *once) do(tb testing.TB, prepare func() error) {
	tb.Helper()
	o.Do(func() { o.err = prepare() })
	if o.err != nil {
		tb.Fatal(o.err)
	}
}

// run runs a program that must succeed.
func run(program string, args ...string) error {
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", program, err, out)
	}
	return nil
}

// hold locks m until the end of the test, because only one server of a kind runs at a time.
func hold(tb testing.TB, m *sync.Mutex) {
	m.Lock()
	tb.Cleanup(m.Unlock)
}

// writePair writes ca.pem, cert.pem and key.pem into a directory.
func writePair(dir string, ca *Authority, pair tls.Certificate) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	certificate, key, err := encode(pair)
	if err != nil {
		return err
	}
	for name, content := range map[string][]byte{"ca.pem": ca.PEM(), "cert.pem": certificate, "key.pem": key} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}
