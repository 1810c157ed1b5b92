package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ideco-agent/agent"
	"ideco-agent/agent/firewall"
	"ideco-agent/agent/needs"
	"ideco-agent/agent/netlab"
	"ideco-agent/agent/store"
	"ideco-agent/templates/locale"
)

// plainConfig is for a gateway on free ports of loopback, without a tunnel and a firewall.
func plainConfig(t *testing.T) Config {
	t.Helper()
	free := []string{"127.0.0.1:0"}
	return Config{Data: filepath.Join(t.TempDir(), "data"), PortalListen: free, AgentListen: free, HTTPListen: free, Tunnel: TunnelOff, Firewall: firewall.ModeOff,
		Log: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// serveUntil runs a gateway in this process until stop is called.
func serveUntil(t *testing.T, c Config) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	running, ended := make(chan struct{}), make(chan error, 1)
	c.Announce = func(string, []string) { close(running) }
	go func() { ended <- Serve(ctx, c) }()
	select {
	case <-running:
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		}
	}
	t.Cleanup(stop)
	return stop
}

// contents returns a digest of each file of a directory, with its mode and time.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var b []byte
		if info.Mode().IsRegular() {
			b, err = os.ReadFile(path)
		}
		files[path] = fmt.Sprintf("%v %v %x", info.Mode(), info.ModTime(), sha256.Sum256(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// codesOf returns the results of a report by their names.
func codesOf(r agent.CheckReport) map[string]agent.Check {
	codes := map[string]agent.Check{}
	for _, c := range r.Checks {
		codes[c.Name()] = c
	}
	return codes
}

// TestDoctorBesideGateway: beside a running gateway all its ports answer, and nothing of its own fails. After it has stopped, that is
// said first, and the ports are free. The doctor changes no file.
func TestDoctorBesideGateway(t *testing.T) {
	c := plainConfig(t)
	stop := serveUntil(t, c)
	d, done := openDoctor(t.Context(), c)
	report, err := d.Check(t.Context())
	done()
	if err != nil {
		t.Fatal(err)
	}
	codes := codesOf(report)
	ports := 0
	for _, one := range report.Checks {
		if one.Code == agent.CheckPort {
			ports++
		}
		if one.State == agent.StepFailed && one.Name() != string(agent.ConditionAgentOff) {
			t.Errorf("%s: %s", one.Name(), locale.For("en").Check(one))
		}
	}
	for _, code := range []agent.CheckCode{agent.CheckRunning, agent.CheckRoot, agent.CheckFiles, agent.CheckDatabase, agent.CheckTunnelOff, agent.CheckNoDirectories} {
		if _, ok := codes[string(code)]; !ok {
			t.Errorf("no %s", code)
		}
	}
	if ports != 3 || codes["running"].Args["Process"] != fmt.Sprint(os.Getpid()) {
		t.Errorf("%d ports, %v", ports, codes["running"])
	}

	stop()
	before := contents(t, c.Data)
	var out bytes.Buffer
	err = Doctor(t.Context(), c, DoctorOutput{To: &out, Lang: "en"})
	if err == nil || !strings.Contains(err.Error(), "checks that failed: ") {
		t.Error(err)
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(out.String(), "Gateway\n"), "\n"); !strings.Contains(first, "The gateway is not running") || strings.Count(out.String(), "is free, so the gateway can use it") != 3 ||
		strings.Contains(out.String(), "no value") {
		t.Errorf("%s", out.String())
	}
	for path, was := range before {
		if now := contents(t, c.Data)[path]; now != was {
			t.Errorf("%s: %s, before %s", path, now, was)
		}
	}
	if n := len(contents(t, c.Data)); n != len(before) {
		t.Errorf("%d files, before %d", n, len(before))
	}

	out.Reset()
	var got struct {
		Failed int
		Checks []struct{ Group, Code, State, Text, Cure string }
	}
	_ = Doctor(t.Context(), c, DoctorOutput{To: &out, Lang: "ru", JSON: true})
	if err := json.Unmarshal(out.Bytes(), &got); err != nil || got.Failed == 0 || len(got.Checks) < 15 {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestDoctorWithoutData: without a data directory nothing is made.
func TestDoctorWithoutData(t *testing.T) {
	c := plainConfig(t)
	var out bytes.Buffer
	if err := Doctor(t.Context(), c, DoctorOutput{To: &out, Lang: "en"}); err == nil || !strings.Contains(out.String(), "There is no data directory") {
		t.Errorf("%v\n%s", err, out.String())
	}
	if _, err := os.Stat(c.Data); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// TestDoctorAfterCrash: a database with a write-ahead log that a killed gateway has left is read, and not changed.
func TestDoctorAfterCrash(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "crashed")
	from := t.TempDir()
	db, err := store.Open(t.Context(), databaseIn(from))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.UpdateSettings(t.Context(), func(s *agent.Settings) error { s.Domain = "gw.company.ru"; return nil }); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil { // as after kill -9
		t.Fatal(err)
	}
	before := contents(t, dir)
	for range 2 {
		d, done := openDoctor(t.Context(), Config{Data: dir})
		if d.db == nil || d.settings().Domain != "gw.company.ru" {
			t.Fatal(d.unread)
		}
		done()
	}
	if after := contents(t, dir); fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("%v\nbefore %v", after, before)
	}
}

// newDoctor returns the doctor of a stopped gateway whose settings a test changes.
func newDoctor(t *testing.T, change func(*agent.Settings)) *doctor {
	t.Helper()
	c := plainConfig(t)
	if err := os.Mkdir(c.Data, 0o700); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), databaseIn(c.Data))
	if err == nil {
		_, err = db.UpdateSettings(t.Context(), func(s *agent.Settings) error { change(s); return nil })
		err = errors.Join(err, db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	d, done := openDoctor(t.Context(), c)
	t.Cleanup(done)
	if d.unread != nil {
		t.Fatal(d.unread)
	}
	return d
}

// expectOnly checks that the results have one that is not fine: that with the code. Its cure must have the words.
func expectOnly(t *testing.T, list []agent.Check, code agent.CheckCode, cure string) {
	t.Helper()
	found := false
	for _, c := range list {
		switch {
		case c.Code == code:
			found = true
			if got := locale.For("en").Check(c) + " " + locale.For("en").CheckCure(c); !strings.Contains(got, cure) || strings.Contains(got, "—") {
				t.Errorf("%s: %q lacks %q", code, got, cure)
			}
		case c.State == agent.StepFailed || c.State == agent.StepWarning:
			t.Errorf("also %s: %s", c.Name(), locale.For("en").Check(c))
		}
	}
	if !found {
		t.Errorf("no %s in %v", code, list)
	}
}

// TestDoctorFindsPorts breaks one port at a time.
func TestDoctorFindsPorts(t *testing.T) {
	d := newDoctor(t, func(*agent.Settings) {})
	other, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	taken := other.Addr().String()
	d.start.PortalListen = []string{taken}
	list := d.ports(t.Context())
	expectOnly(t, list, agent.CheckPortTaken, "--portal-listen (in /etc/default/ideco-portal)")
	if program := list[0].Args["Program"]; !strings.Contains(program, fmt.Sprintf("(%d)", os.Getpid())) {
		t.Errorf("taken by %q", program)
	}

	d.start.PortalListen = []string{"192.0.2.77:8443"}
	expectOnly(t, d.ports(t.Context()), agent.CheckPortNoAddress, "192.0.2.77")

	child := startSleeper(t) // stands for a gateway that runs and has opened nothing
	d.pid, d.start.AgentListen, d.start.HTTPListen = child, nil, nil
	d.start.PortalListen = []string{taken}
	expectOnly(t, d.ports(t.Context()), agent.CheckPortTaken, "in use by another program")
	other.Close()
	expectOnly(t, d.ports(t.Context()), agent.CheckPortClosed, "systemctl restart ideco-agent-backend")

	silent, err := net.Listen("tcp", taken) // accepts, and does not speak TLS
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	go closeAccepted(silent)
	d.pid = os.Getpid()
	expectOnly(t, d.ports(t.Context()), agent.CheckPortUnreachable, "127.0.0.1")
}

// TestDoctorFindsName: a name that leads elsewhere, to another server, or nowhere.
func TestDoctorFindsName(t *testing.T) {
	c := plainConfig(t)
	serveUntil(t, c)
	d, done := openDoctor(t.Context(), c)
	defer done()
	agents := tcpPort(d.start.AgentListen)
	listen := func(address string, answer func(net.Conn)) {
		t.Helper()
		l, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr(address), agents).String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go answer(conn)
			}
		}()
	}
	listen("127.0.0.2", func(conn net.Conn) { // a router that forwards to the gateway
		defer conn.Close()
		to, err := net.Dial("tcp", d.start.AgentListen[0])
		if err != nil {
			return
		}
		defer to.Close()
		go func() { _, _ = io.Copy(to, conn) }()
		_, _ = io.Copy(conn, to)
	})
	listen("127.0.0.3", func(conn net.Conn) { // another server
		defer conn.Close()
		_ = tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{*issue(t, "localhost", day)}}).Handshake()
	})
	for _, one := range []struct {
		domain string
		code   agent.CheckCode
		cure   string
	}{
		{"127.0.0.1", agent.CheckName, "127.0.0.1"},
		{"127.0.0.2", agent.CheckNameForwarded, "127.0.0.2"},
		{"127.0.0.3", agent.CheckNameOther, "agents connect to the wrong place"},
		{"127.0.0.4", agent.CheckNameElsewhere, "correct the DNS record"},
		{"no-such-name.invalid", agent.CheckNameUnresolved, "Add an A record"},
	} {
		d.settings = func() agent.Settings { return agent.Settings{Domain: one.domain} }
		list := d.name(t.Context())
		if len(list) != 1 || list[0].Code != one.code {
			t.Errorf("%s: %v", one.domain, list)
			continue
		}
		if got := locale.For("en").Check(list[0]) + locale.For("en").CheckCure(list[0]); !strings.Contains(got, one.cure) {
			t.Errorf("%s: %q", one.domain, got)
		}
	}
}

// TestDoctorFindsCertificates: what is served for the name ends soon, has ended, or is from a CA that nobody knows.
func TestDoctorFindsCertificates(t *testing.T) {
	d := newDoctor(t, func(s *agent.Settings) { s.Domain = "gw.company.ru" })
	for _, one := range []struct {
		life time.Duration
		code agent.CheckCode
		cure string
	}{
		{5*day + time.Hour, agent.CheckCertificateEnding, "days left: 5. Upload a new one"},
		{-time.Minute, agent.CheckCertificateExpired, "Check the clock"},
		{90 * day, agent.CheckCertificateUntrusted, "with its intermediates"},
	} {
		address, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*issue(t, "gw.company.ru", one.life)}})
		d.start.PortalListen = []string{address}
		c := d.served(t.Context(), "gw.company.ru", nil)
		got := locale.For("en").Check(c) + " " + locale.For("en").CheckCure(c)
		if c.Code != one.code || !strings.Contains(got, one.cure) {
			t.Errorf("%s: %s, %q", one.life, c.Code, got)
		}
	}
	d.start.PortalListen = []string{"127.0.0.1:1"}
	if c := d.served(t.Context(), "gw.company.ru", nil); c.Code != agent.CheckCertificateUnknown || c.State != agent.StepSkipped {
		t.Errorf("%v", c)
	}
	future := issue(t, "root", day)
	write := func(der []byte) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(d.data, "root.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(future.Certificate[0])
	expectOnly(t, []agent.Check{d.ownRoot(t.Context(), d.root())}, agent.CheckRootEnding, "Announce its change")
	address, _ := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{*issue(t, "localhost", day)}})
	d.pid, d.start.AgentListen = os.Getpid(), []string{address}
	expectOnly(t, []agent.Check{d.ownRoot(t.Context(), d.root())}, agent.CheckRootOther, "from the same backup")
}

// TestDoctorClock: a clock that cannot be judged is not called right.
func TestDoctorClock(t *testing.T) {
	now := time.Now()
	for _, one := range []struct {
		made  time.Time
		right bool
		err   error
		code  agent.CheckCode
		state agent.StepState
	}{
		{now.Add(-time.Hour), true, nil, agent.CheckClock, agent.StepOK},
		{now.Add(-time.Hour), false, nil, agent.CheckClockUnsynced, agent.StepWarning},
		{time.Time{}, false, unix.EPERM, agent.CheckClockUnknown, agent.StepSkipped},
		{now.Add(time.Hour), true, nil, agent.CheckClockPast, agent.StepFailed},
	} {
		if c := judgeClock(now, one.made, one.right, one.err); c.Code != one.code || c.State != one.state {
			t.Errorf("%v %v: %s %s", one.right, one.err, c.Code, c.State)
		}
	}
}

// TestDoctorFindsFiles breaks one file at a time, and nothing is mended.
func TestDoctorFindsFiles(t *testing.T) {
	d := newDoctor(t, func(*agent.Settings) {})
	key := filepath.Join(d.data, "root.key")
	for _, one := range []struct {
		make func() error
		code agent.CheckCode
		cure string
	}{
		{func() error { return os.WriteFile(key, nil, 0o600) }, agent.CheckFiles, "are right"},
		{func() error { return os.Chmod(key, 0o644) }, agent.CheckFileOpen, "chmod 600 " + key},
		{func() error { return os.Chmod(key, 0o666) }, agent.CheckFileWritable, "chmod 600 " + key},
		{func() error { return errors.Join(os.Remove(key), os.Symlink("/dev/null", key)) }, agent.CheckFileKind, "from a backup"},
		{func() error { return errors.Join(os.Remove(key), os.Mkdir(key, 0o700)) }, agent.CheckFileKind, "from a backup"},
	} {
		if err := one.make(); err != nil {
			t.Fatal(err)
		}
		mode := modeOf(t, key)
		expectOnly(t, d.files(os.Getuid()), one.code, one.cure)
		if after := modeOf(t, key); after != mode {
			t.Errorf("mode %v, before %v", after, mode)
		}
	}
	if err := os.Remove(key); err != nil {
		t.Fatal(err)
	}
	for _, c := range d.files(os.Getuid() + 1) {
		if c.Code != agent.CheckFileOwner || !strings.Contains(locale.For("en").CheckCure(c), "chown ") {
			t.Errorf("%v", c)
		}
	}
}

// TestDoctorFindsForwarding: forwarding counts once interfaces are chosen. An orphaned table is said to close the way.
func TestDoctorFindsForwarding(t *testing.T) {
	netlab.InNewNamespace(t, func(t *testing.T) {
		netlab.Run(t, "sh", "-c", "ip link add lan0 type veth peer name wan0; ip link set lan0 up; ip link set wan0 up; echo 0 >"+forwarding4)
		s := gatewaySettings()
		s.LANInterfaces = []string{"lan0"}
		d := newDoctor(t, func(now *agent.Settings) { *now = s })
		d.start.Firewall = firewall.ModeAuto
		has := func(name string) bool {
			t.Helper()
			report, err := d.Check(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			c, ok := codesOf(report)[name]
			if ok && c.State != agent.StepOK && locale.For("ru").CheckAdvice(c) == "" && c.Condition == nil {
				t.Errorf("%s: no cure", name)
			}
			return ok
		}
		if !has("forwarding") || has("forwarding_4") {
			t.Error("forwarding is off")
		}
		if err := switchOn(forwarding4, "1"); err != nil {
			t.Fatal(err)
		}
		if d.conditions = d.site(&directories{store: d.db, log: d.log}).Conditions; has("forwarding") || !has("forwarding_4") {
			t.Error("forwarding is on")
		}
		if has("table_orphan") {
			t.Error("there is no table")
		}
		w := testFirewall(t, d.data, &s)
		w.begin(t.Context())
		w.Close()
		if !has("table_orphan") {
			t.Error("the table is there without a gateway")
		}
		d.pid, d.start.PortalListen, d.start.AgentListen, d.start.HTTPListen = os.Getpid(), nil, nil, nil
		d.conditions = d.site(&directories{store: d.db, log: d.log}).Conditions
		if has("table_orphan") || !has("table") || has("enforcement") {
			t.Error("a gateway keeps the table")
		}
		if err := firewall.Clear(); err != nil {
			t.Fatal(err)
		}
		if d.conditions = d.site(&directories{store: d.db, log: d.log}).Conditions; !has("enforcement") {
			t.Error("a gateway runs without its table")
		}
	})
}

// TestDoctorFindsDisk: a disk without room, and one without inodes.
func TestDoctorFindsDisk(t *testing.T) {
	needs.Root(t)
	for options, want := range map[string]agent.CheckCode{"size=1m": agent.CheckDiskFull, "size=64g,nr_inodes=20": agent.CheckInodesLow} {
		dir := t.TempDir()
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, options); err != nil {
			needs.Skip(t, "no tmpfs here: %v", err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		expectOnly(t, diskOf(dir, 0), want, "du ")
	}
	if c := diskOf(filepath.Join(t.TempDir(), "none"), 0); len(c) != 1 || c[0].Code != agent.CheckDiskUnknown || c[0].State != agent.StepSkipped {
		t.Errorf("%v", c)
	}
}

// TestDoctorFindsDatabase: a damaged database, and that of a newer version.
func TestDoctorFindsDatabase(t *testing.T) {
	d := newDoctor(t, func(*agent.Settings) {})
	file := databaseIn(d.data)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	broken := slices.Clone(b)
	for i := 4096 * 3; i < len(broken); i++ {
		broken[i] ^= 0x5a
	}
	for _, one := range []struct {
		what    string
		content []byte
		code    agent.CheckCode
	}{{"damaged", broken, agent.CheckDatabaseDamaged}, {"not a database", bytes.Repeat([]byte("no"), 5000), agent.CheckDatabaseDamaged}} {
		if err := os.WriteFile(file, one.content, 0o600); err != nil {
			t.Fatal(err)
		}
		again, done := openDoctor(t.Context(), Config{Data: d.data})
		codes := codesOf(agent.CheckReport{Checks: again.disk(t.Context())})
		done()
		if c, ok := codes[string(one.code)]; !ok || !strings.Contains(locale.For("en").CheckCure(c), "ideco-portal restore") {
			t.Errorf("%s: %v", one.what, codes)
		}
	}
}

// TestDoctorFindsDirectories: a directory that does not answer has the cure of its test.
func TestDoctorFindsDirectories(t *testing.T) {
	d := newDoctor(t, func(*agent.Settings) {})
	down := agent.DirectorySettings{ID: 1, Kind: agent.DirectoryAD, Name: "company.local", Controllers: []string{"127.0.0.1:1"}, User: "search@company.local", Password: "secret"}
	d.directories = func(context.Context) ([]agent.DirectorySettings, error) { return []agent.DirectorySettings{down}, nil }
	list := d.directory(t.Context())
	expectOnly(t, list, agent.CheckDirectoryFailed, "company.local")
	if list[0].Step == nil || locale.For("en").CheckCure(list[0]) == "" {
		t.Errorf("%+v", list[0])
	}
}

// TestDoctorFindsLimits: a full table of connections and little memory.
func TestDoctorFindsLimits(t *testing.T) {
	dir := t.TempDir()
	count, most := filepath.Join(dir, "count"), filepath.Join(dir, "max")
	for _, one := range []struct {
		count, most string
		code        agent.CheckCode
	}{{"10\n", "1000\n", agent.CheckConntrack}, {"800\n", "1000\n", agent.CheckConntrackFull}, {"", "1000\n", agent.CheckConntrackUnknown}} {
		if err := errors.Join(os.WriteFile(count, []byte(one.count), 0o600), os.WriteFile(most, []byte(one.most), 0o600)); err != nil {
			t.Fatal(err)
		}
		if c := conntrack(count, most); c.Code != one.code {
			t.Errorf("%q of %q: %s", one.count, one.most, c.Code)
		}
	}
	for free, code := range map[uint64]agent.CheckCode{1 << 30: agent.CheckMemory, 1 << 20: agent.CheckMemoryLow} {
		if c := memoryCheck(free, 0, true); c.Code != code {
			t.Errorf("%d: %s", free, c.Code)
		}
	}
}

// TestDoctorRunsOnce: people who ask at the same time share a run, and one who gives up does not end it.
func TestDoctorRunsOnce(t *testing.T) {
	d := newDoctor(t, func(*agent.Settings) {})
	began, goOn := make(chan struct{}, 9), make(chan struct{})
	d.conditions = func(context.Context) ([]agent.Condition, error) {
		began <- struct{}{}
		<-goOn
		return nil, nil
	}
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { _, err := d.Check(impatient); gaveUp <- err }()
	<-began
	giveUp()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	reports := make(chan agent.CheckReport, 3)
	for range cap(reports) {
		go func() { r, _ := d.Check(t.Context()); reports <- r }()
	}
	close(goOn)
	first := <-reports
	for range cap(reports) - 1 {
		<-reports
	}
	if first.At.IsZero() || d.Last().At.IsZero() {
		t.Errorf("%v, %v", first.At, d.Last().At)
	}
}

// TestDoctorGivesUp: checks that hang do not keep the others from answering.
func TestDoctorGivesUp(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	list := inTime(ctx, agent.ChecksDisk, func(context.Context) []agent.Check { select {} })
	if len(list) != 1 || list[0].Code != agent.CheckTimeout || list[0].Group != agent.ChecksDisk || list[0].State != agent.StepSkipped {
		t.Errorf("%v", list)
	}
}

// startSleeper starts a process that does nothing until the end of the test.
func startSleeper(t *testing.T) (pid int) {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process.Pid
}
