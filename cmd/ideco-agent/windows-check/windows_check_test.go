package main

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// wide encodes a file as reg export and msiexec do.
func wide(s string) []byte {
	b := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}

func TestParseRegistry(t *testing.T) {
	tree := parseRegistry(wide("Windows Registry Editor Version 5.00\r\n\r\n" +
		`[HKEY_LOCAL_MACHINE\SOFTWARE\X]` + "\r\n" +
		`@="default"` + "\r\n" +
		`"Publisher"="Ideco"` + "\r\n" +
		`"DisplayName"="Айдеко Агент"` + "\r\n" +
		`"Run"="\"C:\\Program Files\\a.exe\" --hidden"` + "\r\n" +
		`"Start"=dword:0000001f` + "\r\n" +
		`"ImagePath"=hex(2):22,00,43,00,3a,00,\` + "\r\n" + `  22,00,00,00` + "\r\n" +
		`"Name"=hex(7):2e,00,61,00,00,00,2e,00,62,00,00,00,00,00` + "\r\n" +
		`"Actions"=hex:01,02` + "\r\n\r\n" +
		`[HKEY_LOCAL_MACHINE\SOFTWARE\X\Y]` + "\r\n"))
	k := tree.key(`hkey_local_machine\software\X`)
	for name, want := range map[string]string{"@": "default", "publisher": "Ideco", "DisplayName": "Айдеко Агент",
		"Run": `"C:\Program Files\a.exe" --hidden`, "ImagePath": `"C:"`, "Name": ".a\n.b", "missing": ""} {
		if got := k.text(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	if k.number("start") != 31 || !reflect.DeepEqual(k["actions"].Bytes, []byte{1, 2}) || k.has("missing") {
		t.Errorf("%+v", k)
	}
	if tree.key(`HKEY_LOCAL_MACHINE\SOFTWARE\X\Y`) == nil || tree.key("Z") != nil || tree.key("Z").text("a") != "" {
		t.Error("a key without values exists, an unknown key does not")
	}
}

func TestParseQuery(t *testing.T) {
	text := "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\X\r\n    ProductName    REG_SZ    Windows 10 Pro\r\n    UBR    REG_DWORD    0x1f\r\n\r\n"
	if v, found := parseQuery(text, "productname"); !found || v.Text != "Windows 10 Pro" {
		t.Errorf("%+v %v", v, found)
	}
	if v, found := parseQuery(text, "UBR"); !found || v.Number != 31 {
		t.Errorf("%+v %v", v, found)
	}
	if _, found := parseQuery("ОШИБКА: не удаётся найти раздел", "UBR"); found {
		t.Error("an error message has no value")
	}
}

func TestParseServiceState(t *testing.T) {
	english := "\r\nSERVICE_NAME: IdecoAgent \r\n        TYPE               : 10  WIN32_OWN_PROCESS  \r\n        STATE              : 4  RUNNING \r\n        WIN32_EXIT_CODE    : 0  (0x0)\r\n"
	russian := "\r\nИмя_службы: IdecoAgent \r\n        Тип                : 10  WIN32_OWN_PROCESS  \r\n        Состояние          : 1  STOPPED \r\n        Код_выхода_Win32   : 1077  (0x435)\r\n"
	for text, want := range map[string]int{english: serviceRunning, russian: serviceStopped, "[SC] OpenService 1060": 0} {
		if got := parseServiceState(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

func TestReadInstallLog(t *testing.T) {
	common := "MSI (s) (A0:B4) [12:00:00:123]: Note: 1: 2205 2:  3: Error \r\n" +
		"MSI (s) (A0:B4) [12:00:00:123]: Note: 1: 2203 2: C:\\Windows\\Installer\\inprogressinstallinfo.ipi 3: -2147287038 \r\n" +
		"Info 2898. For TextFont textstyle\r\nDEBUG: Error 2826:  Control Line on dialog X extends beyond the boundaries\r\n" +
		"Property(S): PresetAddress = gw.example.test\r\n"
	for name, c := range map[string]struct {
		log    []byte
		failed []string
		errors []string
	}{
		"well": {wide(common + "Action ended 9:42:01: INSTALL. Return value 1.\r\n"), nil, nil},
		"english": {wide(common + "DEBUG: Error 2219:  Invalid Installer database format. Table: File\r\nAction ended 12:00:01: CostInitialize. Return value 3.\r\nAction ended 12:00:01: INSTALL. Return value 3.\r\n"),
			[]string{"CostInitialize", "INSTALL"}, []string{"error 2219"}},
		"russian": {wide(common + "Действие завершено 12:00:01: InstallFiles. Возвращаемое значение 3.\r\nMSI (s) (A0:B4) [12:00:00:123]: Note: 1: 2715 2: IdecoAgent.exe \r\n"),
			[]string{"InstallFiles"}, []string{"error 2715"}},
		"Wine": {[]byte(common + "Action ended 12:00:01: LaunchConditions. Return value 3.\n"), []string{"LaunchConditions"}, nil},
	} {
		l := readInstallLog(c.log)
		if !reflect.DeepEqual(l.Failed, c.failed) || !reflect.DeepEqual(l.Errors, c.errors) || l.Properties["PresetAddress"] != "gw.example.test" {
			t.Errorf("%s: %+v", name, l)
		}
	}
}

func TestJudgeInstall(t *testing.T) {
	for _, c := range []struct {
		code int
		log  installLog
		want status
		says string
	}{
		{0, installLog{}, statusOK, "no error"},
		{3010, installLog{}, statusOK, "a restart is required"},
		{1603, installLog{}, statusFailed, "a fatal error"},
		{1620, installLog{}, statusFailed, "not an installer"},
		{0, installLog{Errors: []string{"error 2219"}}, statusFailed, "error 2219"},
		{0, installLog{Failed: []string{"InstallFiles"}}, statusFailed, "InstallFiles"},
	} {
		r := judgeInstall(c.code, c.log, "the log")
		if r.Status != c.want || !strings.Contains(r.Seen, c.says) || (r.Status == statusFailed) != (r.LookAt != "") {
			t.Errorf("%d %+v: %+v", c.code, c.log, r)
		}
	}
	for _, code := range []int{1601, 1602, 1603, 1618, 1619, 1620, 1625, 1627, 1633, 1638, 1641, 3010} {
		if r := judgeInstall(code, installLog{}, "the log"); !strings.HasPrefix(r.Seen, fmt.Sprintf("exit code %d, ", code)) {
			t.Errorf("the exit code %d has no text: %q", code, r.Seen)
		}
	}
}

// ourProducts returns product codes in upper case, as msiexec needs them. The keys of parseRegistry are in lower case.
func TestOurProducts(t *testing.T) {
	ours := regKey{"publisher": {Text: publisher}, "displayname": {Text: strings.TrimSuffix(linkName, ".lnk")}, "displayversion": {Text: "1.0.0"}}
	tree := regTree{strings.ToLower(keyPrograms + `\{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A01}`): ours, `x\other`: {"publisher": {Text: "X"}}}
	if got, want := ourProducts(tree), []product{{"{6D2A3C1E-52C4-4C8E-9D5E-3B0A7E5D9A01}", "1.0.0"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// The installer's gateway is used without --login too; --gateway replaces it.
func TestPresetGateway(t *testing.T) {
	preset := regKey{"utmaddress": {Text: "gw.test"}, "utmpin": {Text: "p"}}
	s := &suite{}
	s.usePreset(preset)
	if s.gateway != "gw.test" || s.gatewayPin != "p" || s.missing(needGateway) != "" || s.missing(needLogin) != "no --login" {
		t.Errorf("%q %q, %q, %q", s.gateway, s.gatewayPin, s.missing(needGateway), s.missing(needLogin))
	}
	noName := &net.OpError{Op: "dial", Err: &net.DNSError{Name: "gw.test", IsNotFound: true}}
	if r := s.noAnswer(noName); r.Status != statusNotTried {
		t.Errorf("an unknown name under .test: %+v", r)
	}
	if r := s.noAnswer(errors.New("refused")); r.Status != statusFailed {
		t.Errorf("a gateway under .test that refuses: %+v", r)
	}
	s = &suite{options: options{gateway: "other.test"}, gateway: "other.test"}
	s.usePreset(preset)
	if r := s.noAnswer(noName); s.gateway != "other.test" || s.gatewayPin != "" || r.Status != statusFailed {
		t.Errorf("%q %q %+v", s.gateway, s.gatewayPin, r)
	}
}

func TestReadPassword(t *testing.T) {
	long := strings.Repeat("x", maxPassword)
	for _, c := range []struct{ text, want, wrong string }{
		{"secret\r\nmore\n", "secret", ""},
		{"secret", "secret", ""},
		{"\xff\xfes\x00\r\x00\n\x00", "s", ""}, // as Windows PowerShell pipes it
		{"\xef\xbb\xbfs\r\n", "s", ""},
		{long + "\r\n", long, ""},
		{long + "x\n", "", "longer than 1024 bytes"},
		{strings.Repeat(long, 260) + "\n", "", "longer than 1024 bytes"},
		{"\xff\n", "", "UTF-8"},
		{"\n", "", "no password"},
	} {
		got, err := readPassword(strings.NewReader(c.text))
		var usage errUsage
		if got != c.want || c.wrong == "" && err != nil || c.wrong != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%.10q, %d bytes: %.10q, %v", c.text, len(c.text), got, err)
		}
	}
}

// askPassword returns after the limit, or when it is interrupted.
func TestAskPassword(t *testing.T) {
	keyboard, typist := io.Pipe()
	defer typist.Close()
	if _, err := askPassword(context.Background(), keyboard, time.Millisecond); err == nil || !strings.Contains(err.Error(), "within 1ms") {
		t.Error(err)
	}
	interrupted, interrupt := context.WithCancel(context.Background())
	interrupt()
	if _, err := askPassword(interrupted, keyboard, time.Hour); err == nil || err.Error() != "interrupted" {
		t.Error(err)
	}
}

// fakeAgent is an environment variable. With it the test binary is a program that does not read its standard input.
const fakeAgent = "WINDOWS_CHECK_TEST_AGENT"

func TestMain(m *testing.M) {
	switch os.Getenv(fakeAgent) {
	case "fail":
		fmt.Fprintln(os.Stderr, "The password is too long.\nMore.")
		os.Exit(3)
	case "hang":
		<-time.After(time.Minute)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// launch does not wait for an agent that does not read the password. wait returns the standard error of an agent that failed.
func TestLaunch(t *testing.T) {
	for _, c := range []struct{ does, want string }{
		{"fail", "the program has ended with exit code 3: The password is too long."},
		{"hang", context.Canceled.Error()},
	} {
		t.Setenv(fakeAgent, c.does)
		dir := t.TempDir()
		s := &suite{stateDir: dir}
		log := filepath.Join(dir, "stderr.txt")
		var parentStdin *os.File
		start := func(program string, args []string, dir string, stdin, stdout *os.File) (*os.Process, error) {
			parentStdin = stdin
			return startWithLog(program, args, dir, log, stdin, stdout)
		}
		a, err := s.launch(start, os.Args[0], nil, strings.Repeat("x", 1<<20), filepath.Join(dir, "events.txt"), log)
		if err != nil {
			t.Fatal(err)
		}
		if err := parentStdin.Close(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: the program's standard input is still open here: %v", c.does, err)
		}
		ctx, interrupt := context.WithCancel(context.Background())
		if c.does == "hang" {
			interrupt()
		}
		if _, err := a.wait(ctx, stateAuthorized); err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.does, err, c.want)
		}
		interrupt()
		a.kill()
		if !a.ended(answerTimeout) {
			t.Errorf("%s: the program still runs", c.does)
		}
	}
}

// cfb makes a compound file with this many sectors after the header, all in use.
func cfb(sectors int) []byte {
	const size, perFAT = 512, 128 // bytes of a sector; entries of a sector of the allocation table
	fats := 1
	for fats*perFAT < sectors {
		fats++
	}
	b := make([]byte, size*(1+sectors))
	copy(b, cfbMagic)
	binary.LittleEndian.PutUint16(b[30:], 9)
	binary.LittleEndian.PutUint32(b[44:], uint32(fats))
	difat := sectors - 1 // the sector that lists the allocation sectors for which the header has no room
	binary.LittleEndian.PutUint32(b[68:], uint32(difat))
	for i := 0; i < fats; i++ {
		if i < cfbInHeader {
			binary.LittleEndian.PutUint32(b[76+4*i:], uint32(i))
		} else {
			binary.LittleEndian.PutUint32(b[size*(1+difat)+4*(i-cfbInHeader):], uint32(i))
		}
		for j := 0; j < perFAT; j++ {
			if i*perFAT+j >= sectors {
				binary.LittleEndian.PutUint32(b[size*(1+i)+4*j:], cfbFree)
			}
		}
	}
	return b
}

func TestCheckComplete(t *testing.T) {
	for _, sectors := range []int{10, 128, 129, 128*cfbInHeader + 500} {
		b := cfb(sectors)
		if err := checkComplete(bytes.NewReader(b), int64(len(b))); err != nil {
			t.Errorf("%d sectors: %v", sectors, err)
		}
		for _, n := range []int{len(b) - 512, len(b) * 2 / 3, 600} {
			if err := checkComplete(bytes.NewReader(b[:n]), int64(n)); err == nil || !strings.Contains(err.Error(), "cut off") {
				t.Errorf("%d sectors, %d of %d bytes: %v", sectors, n, len(b), err)
			}
		}
	}
	for _, b := range [][]byte{nil, []byte("<!DOCTYPE html>" + strings.Repeat(" ", 600)), make([]byte, 600)} {
		if err := checkComplete(bytes.NewReader(b), int64(len(b))); err == nil {
			t.Errorf("%.20q counts as an installer", b)
		}
	}
}

func TestJudgeWindows(t *testing.T) {
	windows := func(build, name string) regKey {
		return regKey{"currentbuild": {Text: build}, "productname": {Text: name}, "ubr": {Number: 7}}
	}
	for _, c := range []struct {
		k    regKey
		want status
		says string
	}{
		{windows("26100", "Windows 10 Pro"), statusOK, "Windows 11 Pro, build 26100.7, AMD64, language Russian"},
		{windows("19045", "Windows 10 Pro"), statusOK, "Windows 10 Pro, build 19045.7"},
		{windows("26100", "Windows Server 2025 Standard"), statusOK, "Windows Server 2025 Standard, build"},
		{windows("9200", "Windows 8"), statusOK, "Windows 8, build"},
		{windows("7601", "Windows 7"), statusFailed, "Windows 7"},
		{regKey{}, statusFailed, "does not say"},
	} {
		if r := judgeWindows(c.k, "AMD64", "0419", false); r.Status != c.want || !strings.Contains(r.Seen, c.says) {
			t.Errorf("%+v, want %s %q", r, c.want, c.says)
		}
	}
}

func TestJudgements(t *testing.T) {
	const program = `C:\Program Files\Ideco\Agent\IdecoAgent.exe`
	recovery := func(numbers ...uint32) regKey {
		var b []byte
		for _, n := range numbers {
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return regKey{"failureactions": {Bytes: b}, "failureactionsonnoncrashfailures": {Number: 1}}
	}
	up := adapter{Name: "Ideco agent", InterfaceOperationalStatus: 1}
	ipv4 := []settings{{NlMtu: 1380, InterfaceMetric: 5}}
	own := []address{{"10.128.0.2", "4"}}
	servers := []string{"10.0.0.53", "10.0.0.54"}
	ruleFor := func(names string) regKey {
		return regKey{"name": {Text: names}, "genericdnsservers": {Text: "10.0.0.53;10.0.0.54"}}
	}
	policyFor := func(names ...string) []namePolicy {
		var list []namePolicy
		for _, name := range names {
			list = append(list, namePolicy{name, "10.0.0.53 10.0.0.54"})
		}
		return list
	}
	llmnrOff, netBT := regKey{"enablemulticast": {Number: 0}}, func(n uint32) regKey { return regKey{"netbiosoptions": {Number: n}} }
	routes := func(list ...string) result {
		var all []route
		for _, one := range list {
			all = append(all, route{one})
		}
		r, _ := judgeRoutes(all, "10.128.0.2")
		return r
	}
	for name, c := range map[string]struct {
		got  result
		want status
	}{
		"one product":                   {judgeProducts([]product{{"{1}", "1.0.0"}}), statusOK},
		"two products":                  {judgeProducts([]product{{"{1}", "1.0.0"}, {"{2}", "1.0.0"}}), statusFailed},
		"no product":                    {judgeProducts(nil), statusFailed},
		"build for 10":                  {judgeProgram("Айдеко Агент 1.0.0 (go1.26.8, windows/amd64)", "1.0.0", true), statusOK},
		"build for 8":                   {judgeProgram("Ideco Agent 1.0.0 (go1.20.14, windows/amd64)", "1.0.0", false), statusOK},
		"build for 8 on 10":             {judgeProgram("Ideco Agent 1.0.0 (go1.20.14, windows/amd64)", "1.0.0", true), statusFailed},
		"build for 10 on 8":             {judgeProgram("Ideco Agent 1.0.0 (go1.26.8, windows/amd64)", "1.0.0", false), statusFailed},
		"another version":               {judgeProgram("Ideco Agent 1.0.1 (go1.26.8, windows/amd64)", "1.0.0", true), statusFailed},
		"program without output":        {judgeProgram("", "1.0.0", true), statusFailed},
		"preset":                        {judgePreset(regKey{"utmaddress": {Text: "gw"}, "utmpin": {Text: "p"}}, map[string]string{"PresetAddress": "gw", "PresetPin": "p"}), statusOK},
		"no preset":                     {judgePreset(regKey{}, map[string]string{"PresetAddress": "?", "PresetPin": "="}), statusOK},
		"another preset":                {judgePreset(regKey{"utmaddress": {Text: "gw"}}, map[string]string{"PresetAddress": "other"}), statusFailed},
		"another pin":                   {judgePreset(regKey{"utmaddress": {Text: "gw"}}, map[string]string{"PresetPin": "p"}), statusFailed},
		"no key":                        {judgePreset(nil, nil), statusFailed},
		"service":                       {judgeService(regKey{"start": {Number: 2}, "objectname": {Text: "LocalSystem"}}), statusOK},
		"service by hand":               {judgeService(regKey{"start": {Number: 3}, "objectname": {Text: "LocalSystem"}}), statusFailed},
		"service of a person":           {judgeService(regKey{"start": {Number: 2}, "objectname": {Text: `.\ivan`}}), statusFailed},
		"no service":                    {judgeService(nil), statusFailed},
		"quoted":                        {judgePath(regKey{"imagepath": {Text: `"` + program + `" service`}}, program), statusOK},
		"unquoted":                      {judgePath(regKey{"imagepath": {Text: program + ` service`}}, program), statusFailed},
		"recovery":                      {judgeRecovery(recovery(86400, 0, 0, 3, 20, 1, 1000, 1, 5000, 1, 30000)), statusOK},
		"recovery by a program":         {judgeRecovery(recovery(86400, 0, 0, 1, 20, 3, 1000)), statusFailed},
		"recovery cut off":              {judgeRecovery(recovery(86400, 0, 0, 3, 20, 1, 1000)), statusFailed},
		"no recovery":                   {judgeRecovery(regKey{}), statusFailed},
		"valid signature":               {judgeSignature("0", "CN=WireGuard LLC", false), statusOK},
		"unsigned installer":            {judgeSignature("2", "", true), statusOK},
		"unsigned driver":               {judgeSignature("2", "", false), statusFailed},
		"broken signature":              {judgeSignature("3", "CN=X", true), statusFailed},
		"refusal":                       {judgeRefusal(event{State: "error", Code: "bad_credentials", Message: "Wrong login or password."}), statusOK},
		"refusal without a message":     {judgeRefusal(event{State: "error", Code: "bad_credentials"}), statusFailed},
		"unreachable":                   {judgeRefusal(event{State: "error", Code: "unreachable", Message: "No answer."}), statusFailed},
		"SSO":                           {judgeSSO(event{State: "authorized", Mode: "lan", Address: "10.0.0.5"}), statusOK},
		"SSO refused":                   {judgeSSO(event{State: "error", Code: "sso_unavailable", Message: "No."}), statusFailed},
		"wrong password accepted":       {judgeRefusal(event{State: "authorized"}), statusFailed},
		"interface":                     {judgeInterface(up, ipv4, own, "10.128.0.2"), statusOK},
		"interface down":                {judgeInterface(adapter{InterfaceOperationalStatus: 2}, ipv4, own, "10.128.0.2"), statusFailed},
		"large MTU":                     {judgeInterface(up, []settings{{NlMtu: 65535, InterfaceMetric: 5}}, own, "10.128.0.2"), statusFailed},
		"tentative address":             {judgeInterface(up, ipv4, []address{{"10.128.0.2", "1"}}, "10.128.0.2"), statusFailed},
		"another address":               {judgeInterface(up, ipv4, own, "10.128.0.3"), statusFailed},
		"no IPv4":                       {judgeInterface(up, nil, own, "10.128.0.2"), statusFailed},
		"all routes":                    {routes("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1", "10.128.0.2/32", "224.0.0.0/4"), statusOK},
		"both halves without 0.0.0.0/0": {routes("0.0.0.0/1", "128.0.0.0/1", "10.128.0.2/32", "224.0.0.0/4"), statusFailed},
		"0.0.0.0/0 without the halves":  {routes("0.0.0.0/0", "10.128.0.2/32"), statusFailed},
		"one half of IPv4":              {routes("0.0.0.0/1", "10.128.0.2/32"), statusFailed},
		"some routes":                   {routes("10.0.0.0/8", "10.128.0.2/32", "255.255.255.255/32"), statusOK},
		"no routes":                     {routes("10.128.0.2/32", "224.0.0.0/4"), statusFailed},

		"DNS of a full tunnel":                              {judgeDNS(servers, ruleFor("."), policyFor("."), true, false), statusOK},
		"DNS of a full tunnel, suffix rule":                 {judgeDNS(servers, ruleFor(".corp.test"), policyFor(".corp.test"), true, false), statusFailed},
		"DNS of a full tunnel, no rule":                     {judgeDNS(servers, nil, nil, true, false), statusFailed},
		"DNS of a full tunnel, rule not followed":           {judgeDNS(servers, ruleFor("."), nil, true, false), statusFailed},
		"DNS of a full tunnel, no servers on the interface": {judgeDNS(nil, ruleFor("."), policyFor("."), true, false), statusFailed},
		"DNS of a full tunnel, other servers":               {judgeDNS([]string{"10.0.0.5"}, ruleFor("."), policyFor("."), true, false), statusFailed},
		"no DNS in a full tunnel, and the agent says so":    {judgeDNS(nil, nil, nil, true, true), statusOK},
		"no DNS in a full tunnel":                           {judgeDNS(nil, nil, nil, true, false), statusFailed},
		"DNS for all names":                                 {judgeDNS(servers, ruleFor("."), policyFor("."), false, false), statusOK},
		"DNS for all names, no rule":                        {judgeDNS(servers, nil, nil, false, false), statusFailed},
		"DNS for suffixes":                                  {judgeDNS(nil, ruleFor(".corp.test\n.a.test"), policyFor(".corp.test", ".a.test"), false, false), statusOK},
		"DNS for suffixes, servers for all":                 {judgeDNS(servers, ruleFor(".corp.test"), policyFor(".corp.test"), false, false), statusFailed},
		"DNS for suffixes, one not followed":                {judgeDNS(nil, ruleFor(".corp.test\n.a.test"), policyFor(".corp.test"), false, false), statusFailed},
		"DNS for suffixes, other server followed":           {judgeDNS(nil, ruleFor(".corp.test"), []namePolicy{{".corp.test", "10.0.0.5"}}, false, false), statusFailed},
		"DNS rule without names":                            {judgeDNS(nil, ruleFor(""), nil, false, false), statusFailed},
		"no DNS in a split tunnel":                          {judgeDNS(nil, nil, nil, false, false), statusNotTried},

		"nothing announced":         {judgeNoRegistration(llmnrOff, llmnrOff, netBT(2), false), statusOK},
		"LLMNR not set":             {judgeNoRegistration(regKey{}, llmnrOff, netBT(2), false), statusFailed},
		"LLMNR on by IPv6":          {judgeNoRegistration(llmnrOff, regKey{"enablemulticast": {Number: 1}}, netBT(2), false), statusFailed},
		"NetBIOS on":                {judgeNoRegistration(llmnrOff, llmnrOff, netBT(0), false), statusFailed},
		"address registered in DNS": {judgeNoRegistration(llmnrOff, llmnrOff, netBT(2), true), statusFailed},
		"no keys of the interface":  {judgeNoRegistration(nil, nil, nil, false), statusFailed},

		"gateway outside": {judgeOutside([]connection{{"10.128.0.2", "203.0.113.1", 1}, {"192.168.1.5", "203.0.113.1", 7}}, 7, "10.128.0.2"), statusOK},
		"gateway inside":  {judgeOutside([]connection{{"10.128.0.2", "203.0.113.1", 7}}, 7, "10.128.0.2"), statusFailed},
		"no connection":   {judgeOutside(nil, 7, "10.128.0.2"), statusFailed},
	} {
		if c.got.Status != c.want || c.got.Seen == "" || (c.want == statusFailed) != (c.got.LookAt != "") {
			t.Errorf("%s: %+v, want %s", name, c.got, c.want)
		}
	}
	for prefix, want := range map[string]bool{"0.0.0.0/0": true, "0.0.0.0/1": true, "10.0.0.0/8": false} {
		if _, takesAll := judgeRoutes([]route{{prefix}}, "10.128.0.2"); takesAll != want {
			t.Errorf("a tunnel with the route %s takes all traffic: %v", prefix, takesAll)
		}
	}
}

func TestAppLocker(t *testing.T) {
	if got := appLocker(nil); got != "off" {
		t.Error(got)
	}
	tree := regTree{`x\srpv2\msi`: {"enforcementmode": {Number: 1}}, `x\srpv2\exe`: {"enforcementmode": {Number: 1}}, `x\srpv2\dll`: {"enforcementmode": {Number: 0}}}
	if got := appLocker(tree); got != "on for exe msi" {
		t.Error(got)
	}
}

func TestInternet(t *testing.T) {
	var list []profile
	if err := parseObjects([]byte("\xef\xbb\xbf"+`[{"InterfaceAlias":"Ethernet","IPv4Connectivity":1},{"InterfaceAlias":"Ideco agent","IPv4Connectivity":4}]`), &list); err != nil {
		t.Fatal(err)
	}
	if connected, seen := internet(list); !connected || seen != "Ethernet: 1, Ideco agent: 4" {
		t.Error(connected, seen)
	}
	list = nil
	if err := parseObjects([]byte(`{"value":[{"InterfaceAlias":"Ethernet","IPv4Connectivity":"LocalNetwork"}],"Count":1}`), &list); err != nil {
		t.Fatal(err)
	}
	if connected, seen := internet(list); connected || seen != "Ethernet: LocalNetwork" {
		t.Error(connected, seen)
	}
}

func TestReportPath(t *testing.T) {
	for text, want := range map[string]string{
		`Сведения для поддержки собраны в файл C:\Users\Иван Петров\Desktop\IdecoAgent-20261127-120000.zip. Паролей в нём нет.`: `C:\Users\Иван Петров\Desktop\IdecoAgent-20261127-120000.zip`,
		`The file could not be made.`: "",
	} {
		if got := reportPath.FindString(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPointsTo(t *testing.T) {
	for link, want := range map[string]bool{"L\x00..\\IdecoAgent.exe\x00": true, string(wide("C:\\IdecoAgent.exe")): true, "other.exe": false} {
		if got := pointsTo([]byte(link), "IdecoAgent.exe"); got != want {
			t.Errorf("%q: %v", link, got)
		}
	}
}

func TestParseOptions(t *testing.T) {
	for _, c := range []struct{ line, wrong string }{
		{"--msi a.msi", ""},
		{"--msi a.msi --gateway gw.test --pin p --login n --password-stdin --url http://x/ --out . --keep --force", ""},
		{"--msi a.msi --gateway gw.test:443", ""},
		{"--msi a.msi --login n --password-stdin", ""},
		{"--manual", ""},
		{"", "--msi is missing"},
		{"--msi a.msi extra", "extra"},
		{"--msi a.msi --nonsense", "nonsense"},
		{"--msi a.msi --login n", "--password-stdin"},
		{"--msi a.msi --password-stdin", "--login"},
		{"--msi a.msi --pin p", "--gateway"},
		{"--msi a.msi --gateway http://gw.test/", "HOST"},
	} {
		_, err := parseOptions(strings.Fields(c.line))
		var usage errUsage
		if c.wrong == "" && err != nil || c.wrong != "" && (!errors.As(err, &usage) || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", c.line, err, c.wrong)
		}
	}
	if _, err := parseOptions([]string{"--help"}); !errors.Is(err, flag.ErrHelp) {
		t.Error(err)
	}
	if host, port := splitGateway("gw.test"); host != "gw.test" || port != defaultPort {
		t.Error(host, port)
	}
}

func TestTable(t *testing.T) {
	rows := []row{{"first", ok("all  is\nwell")}, {"the second", failed("the log", "exit code %d", 1603)}, {"third", notTried("no gateway")}}
	want := "ok         first       all is well\n" +
		"failed     the second  exit code 1603\n" +
		"                       look at: the log\n" +
		"not tried  third       no gateway\n\n1 ok, 1 failed, 1 not tried\n"
	if got := table(rows); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	if exitCode(rows) != exitFailed || exitCode(rows[:1]) != exitOK || exitCode(rows[2:]) != exitOK {
		t.Error("the exit code is 1 when a row failed, and only then")
	}
	if b := tableJSON(rows[1:2]); !bytes.Contains(b, []byte(`"look_at": "the log"`)) || !bytes.Contains(b, []byte(`"status": "failed"`)) {
		t.Errorf("%s", b)
	}
}

// After an interruption only the checks of the removal run.
func TestInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(context.Background())
	s := &suite{computer: computer{ctx: ctx}}
	tried := func(s *suite) result { return ok("tried, error %v", s.ctx.Err()) }
	checks := []check{{"one", nil, func(*suite) result { interrupt(); return ok("tried") }}, {"two", nil, tried}, {"three", []*need{needInstalled}, tried}}
	s.tryAll(checks, []check{{"end", nil, tried}}, io.Discard)
	want := []row{{"one", ok("tried")}, {"two", notTried("interrupted")}, {"three", notTried("the product is not installed")}, {"end", ok("tried, error <nil>")}}
	if !reflect.DeepEqual(s.rows, want) {
		t.Errorf("%+v, want %+v", s.rows, want)
	}
}

// Row names are unique, because results are compared by them, and the README lists each.
func TestRowNames(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	var names []string
	for _, c := range append(checksBeforeRemoval(), removalChecks...) {
		names = append(names, c.name)
	}
	for _, m := range manual {
		names = append(names, m.name)
	}
	for _, name := range names {
		if seen[name] {
			t.Errorf("two rows have the name %s", name)
		}
		seen[name] = true
		if !bytes.Contains(readme, []byte("`"+name+"`")) {
			t.Errorf("README.md does not name the row %s", name)
		}
	}
}

// The README states how many rows are ok in a good run.
func TestReadmeCounts(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	neverMet := map[*need]bool{needForce: true, needOtherInstaller: true, needSSO: true} // none of these runs has one of their flags
	for _, c := range []struct {
		run   string
		unmet []*need
		other int // rows that are not tried although their needs are met
	}{
		{"| without a login, the gateway can be reached | %d ok |", []*need{needLogin}, 0},
		{"| with a login inside the local network, with `--url` | %d ok |", []*need{needVPN}, 0},
		{"| with a login outside, with `--url`, a VPN that takes all traffic, and IPv6 | %d ok |", nil, 1}, // page in the local network
	} {
		count := -c.other
		for _, one := range append(checksBeforeRemoval(), removalChecks...) {
			met := true
			for _, n := range one.needs {
				met = met && !neverMet[n]
				for _, u := range c.unmet {
					met = met && n != u
				}
			}
			if met {
				count++
			}
		}
		if want := fmt.Sprintf(c.run, count); !bytes.Contains(readme, []byte(want)) {
			t.Errorf("README.md does not say: %s", want)
		}
	}
}

// noSecrets names each file that has the password in any encoding, or a key, also in diagnose's zip. The saved zip has no password.
func TestNoSecrets(t *testing.T) {
	const password = `кот "на" окне 7`
	quoted := `{"password":"кот \"на\" окне 7"}`
	s := &suite{computer: computer{work: t.TempDir()}}
	s.password = password
	inner, err := pack([]collectedFile{{"agent.log", []byte("text " + password)}}, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{"a.txt": []byte("x" + password + "y"), "b.log": wide(password), "c.json": []byte(quoted), "d-diagnose.zip": inner,
		"e.txt": []byte("preshared_key: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")} {
		if err := os.WriteFile(filepath.Join(s.work, name), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := s.noSecrets()
	for _, name := range []string{"a.txt", "b.log", "c.json", "d-diagnose.zip/agent.log", "e.txt"} {
		if r.Status != statusFailed || !strings.Contains(r.Seen, name+" has") {
			t.Errorf("%s is not named: %+v", name, r)
		}
	}
	s.out = t.TempDir()
	path, err := s.save(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	archive, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer archive.Close()
	count := 0
	for _, f := range archive.File {
		member, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(member)
		if err != nil {
			t.Fatal(err)
		}
		if hasPassword(b, password) {
			t.Errorf("%s has the password", f.Name)
		}
		count += bytes.Count(b, []byte("[password]"))
	}
	if count != 4 {
		t.Errorf("the password was replaced %d times, want 4", count)
	}
}

// The names that this program looks for exist in the agent's code, which it does not import.
func TestNamesOfTheAgent(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	for file, names := range map[string][]string{
		"agent/client/tunnel/nrpt.go":             {nameRule, `"."`},
		"agent/client/tunnel/interface.go":        {`"EnableMulticast"`, `"NetbiosOptions"`},
		"agent/client/tunnel/filter.go":           {filterIPv6, filterDNS},
		"agent/client/tunnel/wintun.go":           {wintunSHA256},
		"agent/client/tunnel/tun_windows.go":      {"Data1: 0x6c1d2a94, Data2: 0x3b7e, Data3: 0x4f0d", "0xa1, 0x5e, 0x27, 0xd9, 0x80, 0x4c, 0x6b, 0x13"},
		"agent/client/locale/tunnel.go":           {`"dns_outside"`},
		"agent/client/pipe/name_windows.go":       {`\\.\pipe\` + pipeName},
		"cmd/ideco-agent/installer.wxs":           {serviceName, `Manufacturer="` + publisher + `"`, `Id="PresetAddress" Value="?"`, `Id="PresetPin" Value="="`, `Software\Ideco\Agent`, "--hidden"},
		"cmd/ideco-agent/installer.sh":            {"|" + strings.TrimSuffix(linkName, ".lnk")},
		"cmd/ideco-agent/windows-check/README.md": {"windows-check.exe"},
	} {
		b, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file)))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, name := range names {
			if !bytes.Contains(b, []byte(name)) {
				t.Errorf("%s has no %s any more", file, name)
			}
		}
	}
	if !strings.EqualFold(adapterGUID, "{6c1d2a94-3b7e-4f0d-a15e-27d9804c6b13}") {
		t.Error(adapterGUID)
	}
}
